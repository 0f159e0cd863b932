#!/usr/bin/env python3
"""nbs/images/method.png, the method in one picture, with a made video: python .ci/method.py

Frames and patch are real; the patch is at the digit's true place, and the bars are drawn, not measured.
"""
import io, torch
from pathlib import Path
import matplotlib; matplotlib.use('Agg')
import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from PIL import Image
from torch.nn.functional import interpolate
from adafocus_nb.all import MovingDigits, crop_patches

root = Path(__file__).resolve().parent.parent
H, P, S = 224, 96, 28                                             # frame, patch, and what the glance sees of it, pixels
clips = MovingDigits(n=4, frame_size=H, digit_size=56, shirt_size=96, n_frames=6, seed=3).clips(4)
i     = 0
frames, corners = clips.x[i:i+1].float()/255, clips.true_corners(P)[i:i+1]
t = int(clips.shown[i].nonzero()[1])
patch, frame = crop_patches(frames, corners, P)[0,t], frames[0,t]
glance = interpolate(interpolate(frame[None], S, mode='area'), H, mode='nearest')[0]
r, c = corners[0,t].tolist()

fig = plt.figure(figsize=(7.6, 3.2)); ax = fig.add_axes([0,0,1,1]); ax.set(xlim=(0,7.6), ylim=(0,3.2)); ax.axis('off')
def picture(x, left, bottom, size): ax.imshow(x.permute(1,2,0).clamp(0,1), extent=(left, left+size, bottom, bottom+size), zorder=2)
def square(left, bottom, size): ax.add_patch(Rectangle((left, bottom), size, size, fill=False, ec='red', lw=2, zorder=3))
def words(text, x, y, **kw): ax.text(x, y, text, **dict(ha='center', va='center', fontsize=11, color='#444', zorder=3) | kw)
def arrow(a, b, curve=0, size=12):
    ax.add_patch(FancyArrowPatch(a, b, arrowstyle='-|>', mutation_scale=size, lw=1.3, color='#444', shrinkA=1, shrinkB=1, connectionstyle=f'arc3,rad={curve}', zorder=1))
def box(text, left, bottom, color='#eaf1f8', edge='#4477aa', w=.98, h=.68):
    ax.add_patch(FancyBboxPatch((left, bottom), w, h, boxstyle='round,pad=0,rounding_size=.08', fc=color, ec=edge, lw=1.3, zorder=2))
    words(text, left+w/2, bottom+h/2, fontsize=12, color='k', linespacing=1.2)
def memory(left, top): arrow((left+.85, top), (left+.15, top), .8); words('memory', left+.92, top+.17, ha='left', fontsize=10)

picture(frame, .08, .85, 1.4); square(.08 + 1.4*c/H, .85 + 1.4*(H-r-P)/H, 1.4*P/H); words('frame $v_t$', .78, 2.43, fontsize=12, color='k')
picture(glance, 1.8, 1.95, .9); arrow((1.48, 1.95), (1.8, 2.3)); words('whole, cheaply', 2.25, 3.0)
box('$f_G$\nglance', 2.98, 2.06); arrow((2.7, 2.4), (2.98, 2.4))
box('$\\pi$\npolicy', 4.45, 2.06, '#fdeeea', '#cc4433'); memory(4.45, 2.74)
arrow((3.96, 2.4), (4.45, 2.4)); words('$e^G_t$', 4.2, 2.56, fontsize=12, color='k')
picture(patch, 1.8, .34, .9); square(1.8, .34, .9); arrow((1.48, 1.2), (1.8, .85)); words('patch $\\tilde v_t$', 2.25, .15, fontsize=12, color='k')
arrow((4.94, 2.06), (2.5, 1.26), -.12); words('where to look', 3.22, 1.76, color='#cc4433')
box('$f_L$\nlocal', 2.98, .45); arrow((2.7, .79), (2.98, .79))
box('$f_C$\nclassifier', 5.1, 1.1); memory(5.1, 1.78)
arrow((3.96, .79), (5.1, 1.3), .08); words('$e^L_t$', 4.62, .78, fontsize=12, color='k'); arrow((3.96, 2.2), (5.1, 1.6))
arrow((6.08, 1.44), (6.36, 1.44))
label = int(clips.y[i]); bars = torch.full((10,), .04); bars[label] = .64; bars[(label+3)%10] = .1
for k,v in enumerate(bars.tolist()):
    ax.add_patch(Rectangle((6.4+.118*k, 1.1), .095, v*1.3, color='#228833' if k==label else '#bbbbbb', zorder=2)); words(str(k), 6.447+.118*k, 1.0, fontsize=8)
words('$p_t$ after\nevery frame', 6.98, .66, fontsize=12, color='k')
out = io.BytesIO(); fig.savefig(out, dpi=150, facecolor='white')
Image.open(out).convert('RGB').quantize(128).save(root/'nbs/images/method.png', optimize=True)
print((root/'nbs/images/method.png').stat().st_size//1024, 'KB')
