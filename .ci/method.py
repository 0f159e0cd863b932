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

fig = plt.figure(figsize=(9.6, 3.1)); ax = fig.add_axes([0,0,1,1]); ax.set(xlim=(0,9.6), ylim=(0,3.1)); ax.axis('off')
def picture(x, left, bottom, size, **kw): ax.imshow(x.permute(1,2,0).clamp(0,1), extent=(left, left+size, bottom, bottom+size), zorder=2, **kw)
def box(text, left, bottom, w=1.02, h=.62, color='#eaf1f8', edge='#4477aa'):
    ax.add_patch(FancyBboxPatch((left, bottom), w, h, boxstyle='round,pad=0,rounding_size=.08', fc=color, ec=edge, lw=1.2, zorder=2))
    ax.text(left+w/2, bottom+h/2, text, ha='center', va='center', fontsize=10, zorder=3, linespacing=1.25)
def arrow(a, b, text='', at=None, curve=0, **kw):
    ax.add_patch(FancyArrowPatch(a, b, arrowstyle='-|>', mutation_scale=11, lw=1.2, color='#444', shrinkA=1, shrinkB=1, connectionstyle=f'arc3,rad={curve}', zorder=1, **kw))
    if text: ax.text(*(at or ((a[0]+b[0])/2, (a[1]+b[1])/2+.12)), text, ha='center', va='center', fontsize=10)
def words(text, x, y, **kw): ax.text(x, y, text, **dict(ha='center', va='center', fontsize=8.5, color='#444') | kw)

picture(frame, .12, .82, 1.5)
ax.add_patch(Rectangle((.12 + 1.5*c/H, .82 + 1.5*(H-r-P)/H), 1.5*P/H, 1.5*P/H, fill=False, ec='red', lw=1.8, zorder=3))
words('frame $v_t$', .87, 2.47, fontsize=10, color='k')
picture(glance, 2.1, 1.95, .95); arrow((1.62, 1.95), (2.1, 2.35)); words('whole, cheaply', 2.57, 3.0)
box('$f_G$\nglance', 3.4, 2.1); arrow((3.05, 2.42), (3.4, 2.42))
box('$\\pi$\npolicy', 5.0, 2.1, color='#fdeeea', edge='#cc4433'); arrow((4.42, 2.42), (5.0, 2.42), '$e^G_t$')
ax.add_patch(FancyArrowPatch((5.85, 2.72), (5.2, 2.72), arrowstyle='-|>', mutation_scale=10, lw=1.2, color='#444', connectionstyle='arc3,rad=.9', zorder=1))
words('memory', 5.95, 2.93, ha='left')
picture(patch, 2.1, .28, .95); arrow((1.62, 1.2), (2.1, .8)); ax.add_patch(Rectangle((2.1, .28), .95, .95, fill=False, ec='red', lw=1.8, zorder=3))
words('patch $\\tilde v_t$', 2.57, .12, fontsize=10, color='k')
arrow((5.51, 2.1), (2.85, 1.25), curve=-.12); words('where to look', 3.7, 1.75, color='#cc4433')
box('$f_L$\nlocal', 3.4, .45); arrow((3.05, .76), (3.4, .76))
box('$f_C$\nclassifier', 6.6, 1.25); arrow((4.42, .76), (6.6, 1.45), '$e^L_t$', (5.5, .74), curve=.08)
arrow((4.42, 2.3), (6.6, 1.7), '', curve=-.0)
ax.add_patch(FancyArrowPatch((7.45, 1.87), (6.8, 1.87), arrowstyle='-|>', mutation_scale=10, lw=1.2, color='#444', connectionstyle='arc3,rad=.9', zorder=1))
words('memory', 7.5, 2.1, ha='left')
arrow((7.62, 1.56), (8.1, 1.56))
label = int(clips.y[i]); bars = torch.full((10,), .04); bars[label] = .64; bars[(label+3)%10] = .1
for k,v in enumerate(bars.tolist()): ax.add_patch(Rectangle((8.2+.125*k, 1.2), .1, v*1.4, color='#228833' if k==label else '#bbbbbb', zorder=2)); words(str(k), 8.25+.125*k, 1.08, fontsize=7)
words('$p_t$, after every frame', 8.82, .85, fontsize=10, color='k')
out = io.BytesIO(); fig.savefig(out, dpi=150, facecolor='white')
Image.open(out).convert('RGB').quantize(128).save(root/'nbs/images/method.png', optimize=True)
print((root/'nbs/images/method.png').stat().st_size//1024, 'KB')
