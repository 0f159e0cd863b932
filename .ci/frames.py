#!/usr/bin/env python3
"""Is the frame that is asked for the frame that comes?

    python .ci/frames.py [--sample SECONDS] [--draws N] [--seed N] [--only WORD]

Writes clips whose frames show their own number, in every pair of codec, container and kind of timestamps that this
FFmpeg can write, and asks `decode_frames` for random frames and sets of them, with packets kept in memory and
without. The truth is what was painted, and what plain sequential decoding shows, read here without the package. A
file passes if no frame is another one, none is refused, and all ways of reading agree. The full run draws 3,000
times; with --sample it stops after some seconds and tells which files it did not reach. An encoder that is not there
is named, and its files count as skipped. Last line: "N passed, M failed".
"""
import argparse, os, random, struct, sys, tempfile, time
from collections import namedtuple
from fractions import Fraction
from functools import partial
from pathlib import Path
os.environ.setdefault('SVT_LOG', '1')
import av, numpy as np
from PIL import Image, features
from adafocus_nb import decoding, streams

BITS = 10
H = 64
W = 160
av.logging.set_level(None)                             # else FFmpeg's threads wait for Python, which waits for them

class Skipped(Exception): "This FFmpeg, or this Pillow, cannot write such a file"

# ---------- frames that show their number

def blocks(h, w, part=0.):
    "(bit, rows, columns) of the 2 x 5 blocks of a frame; `part` of each side is left out at each border"
    for b in range(BITS):
        row, column = divmod(b, BITS//2)
        tall = h/2
        wide = w/(BITS//2)
        rows = slice(int((row+part)*tall), int((row+1-part)*tall))
        yield b, rows, slice(int((column+part)*wide), int((column+1-part)*wide))

def paint(i, h=H, w=W):
    "Frame i (h,w,3): the bits of its number as black and white blocks, and a line that moves"
    x = np.zeros((h, w, 3), np.uint8)
    for b,rows,columns in blocks(h, w): x[rows, columns] = 225 if i>>b & 1 else 30
    x[3*i%h, :, 1] = 128
    return x

def read(x):
    "The number that a frame (h,w,3) shows; None where a block is neither black nor white"
    grey = np.asarray(x).astype(float).mean(-1)
    number = 0
    for b,rows,columns in blocks(*grey.shape, .25):
        level = grey[rows, columns].mean()
        if 105<level<150: return None
        number |= int(level>127)<<b
    return number

def sequential(path):
    "The numbers that a player shows: plain decoding from the start"
    with av.open(str(path)) as box:
        frames = box.decode(box.streams.best('video'))
        return [read(f.to_ndarray(format='rgb24')) for f in frames if not f.is_corrupt]

# ---------- writing

def write(path, codec='libx264', n=60, first=0, times=None, tick=1000, options=None, pix='yuv420p', size=(H, W),
          fps=25, form=None, muxer=None, only_p=0):
    "Encode frames first … first+n-1; the first `only_p` are P-pictures"
    try: av.Codec(codec, 'w')
    except ValueError: raise Skipped(f'no encoder {codec}') from None
    with av.open(str(path), 'w', format=form, options=muxer or {}) as out:
        s = out.add_stream(codec, rate=fps)
        s.height, s.width = size
        s.pix_fmt = pix
        s.options = options or {}
        s.codec_context.thread_count = 1               # libvpx's threads wait by spinning: beside others they never end
        if times is not None: s.codec_context.time_base = Fraction(1, tick)
        for i in range(n):
            f = av.VideoFrame.from_ndarray(paint(first+i, *size), 'rgb24')
            if times is not None:
                f.pts = round(times[i]*tick)
                f.time_base = Fraction(1, tick)
            if i<only_p: f.pict_type = av.video.frame.PictureType.P
            for p in s.encode(f): out.mux(p)
        for p in s.encode(None): out.mux(p)

def remux(source, path, change=None, form=None, muxer=None):
    "Copy the packets of a file into another one; `change(i, packet)` may alter them, False drops one"
    with av.open(str(source)) as box, av.open(str(path), 'w', format=form, options=muxer or {}) as out:
        stream = box.streams.best('video')
        copy = out.add_stream_from_template(stream, opaque=True)
        for i,p in enumerate(q for q in box.demux(stream) if q.size):
            if change and change(i, p) is False: continue
            p.stream = copy
            out.mux(p)

def parts_of(folder, *hows, ext):
    "The bytes of several files"
    raws = []
    for how in hows:
        part = folder/f'part.{ext}'
        write(part, **how)
        raws.append(part.read_bytes())
        part.unlink()
    return raws

Kind = namedtuple('Kind', 'name make back painted')                        # `painted`: the numbers in order, if known
def as_shown(x): return x
KINDS = []
def kind(name, make, back=None, painted=None, **how):
    "`make(folder, name, **how)` writes the file; `painted`: the numbers, or how many from 0"
    if isinstance(painted, int): painted = range(painted)
    KINDS.append(Kind(name, partial(make, **how), back or as_shown, painted))

# ---------- codecs and containers

def encoded(folder, name, **how):
    path = folder/name
    write(path, **how)
    return path

def typed(params): return ':'.join(f"{k.replace('_', '-')}={v}" for k,v in params.items())
def x264(**params): return {'x264-params': typed(params)}
def x265(**params): return {'x265-params': typed(dict(log_level='none', **params))}

def seconds(what, n=60):
    "When frames are shown"
    r = np.random.RandomState(0)
    even = np.arange(n)/25
    if what=='vfr':     return np.cumsum(r.uniform(.02, .3, n))
    if what=='pauses':  return even + 5*(np.arange(n)//20)
    if what=='hours':   return even*90000
    if what=='offset':  return even + 1000
    if what=='wraps':   return even + 2**33/90000 - 1
    if what=='crowded': return np.sort(r.randint(0, 40, n))/1000           # several in a millisecond
    raise KeyError(what)

GOP   = dict(g='12', bf='2', sc_threshold='0')
OPEN  = x264(open_gop=1, keyint=8, bframes=3)
PYRAMID = x264(b_pyramid='normal', bframes=7, keyint=30)
MPEG2 = dict(g='12', bf='2')
ALT   = {'auto-alt-ref': '1', 'lag-in-frames': '16'}
SVT   = dict(preset='10', g='10')
AOM   = {'cpu-used': '8', 'g': '12'}
M2TS  = dict(form='mpegts', muxer=dict(mpegts_m2ts_mode='1'))
TS    = dict(tick=90000, options=GOP)
FIELDS = dict(MPEG2, flags='+ildct+ilme')

PLAIN = {
    **{f'h264.{ext}': dict(options=GOP) for ext in 'mp4 mkv mov ts flv nut asf 3gp 3g2 f4v wtv'.split()},
    'h264.m4v':               dict(options=GOP, form='mp4'),
    'h264.MTS':               dict(options=GOP, form='mpegts'),
    'h264.m2ts':              dict(options=GOP, **M2TS),
    'h264.ismv':              dict(options=GOP, form='ismv'),
    'h264 raw.h264':          dict(options=GOP),
    'h264 one keyframe.mp4':  dict(options=dict(g='1000', bf='3')),
    'h264 all keyframes.mp4': dict(options=dict(g='1')),
    'h264 no B.mp4':          dict(options=dict(bf='0', g='10')),
    'h264 no B.avi':          dict(options=dict(bf='0', g='10')),
    'h264 one B.avi':         dict(options=dict(bf='1', g='12')),
    'h264 two B.avi':         dict(options=GOP),
    'h264 three B.avi':       dict(options=dict(bf='3', g='15', sc_threshold='0')),
    'h264 pyramid.avi':       dict(options=PYRAMID),
    'h264 open.avi':          dict(options=OPEN),
    'h264 late B.avi':        dict(n=150, options=x264(bframes=2, b_adapt=0), only_p=100),
    **{f'h264 open.{ext}': dict(options=OPEN) for ext in 'mp4 mkv ts flv h264'.split()},
    **{f'h264 pyramid.{ext}': dict(options=PYRAMID) for ext in 'mp4 mkv ts'.split()},
    **{f'h264 refresh.{ext}': dict(options=x264(intra_refresh=1, keyint=10)) for ext in 'mp4 mkv ts'.split()},
    **{f'h264 interlaced.{ext}': dict(options=x264(interlaced=1, keyint=12)) for ext in 'mp4 mkv ts avi'.split()},
    'h264 slices.ts':         dict(options=x264(slices=4, keyint=12)),
    'h264 no delay.mp4':      dict(options=dict(tune='zerolatency')),
    'h264 lossless.mp4':      dict(codec='libx264rgb', pix='rgb24', options=dict(qp='0', g='12')),
    'h264 ten bits.mkv':      dict(pix='yuv420p10le', options=GOP),
    'h264 odd sides.mp4':     dict(pix='yuv444p', size=(63, 155), options=GOP),
    'h264 fragments.mp4':     dict(options=GOP, muxer=dict(movflags='frag_keyframe+empty_moov')),
    'h264 fragments.mov':     dict(options=GOP, muxer=dict(movflags='frag_every_frame+empty_moov+default_base_moof')),
    'h264 dash.mp4':          dict(options=GOP, muxer=dict(movflags='dash+global_sidx', frag_duration='400000')),
    'h264 half fragments.mp4': dict(options=GOP, muxer=dict(movflags='frag_keyframe')),
    'h264 header first.mp4':  dict(options=GOP, muxer=dict(movflags='faststart')),
    'h264 negative.mp4':      dict(options=GOP, muxer=dict(movflags='negative_cts_offsets')),
    'h264 no edits.mp4':      dict(options=GOP, muxer=dict(use_editlist='0')),
    'h264 live.mkv':          dict(options=GOP, form='matroska', muxer=dict(live='1')),
    'h264 cues first.mkv':    dict(options=GOP, muxer=dict(reserve_index_space='4096')),
    'h264 small clusters.mkv': dict(options=GOP, muxer=dict(cluster_time_limit='100')),
    'h264 one frame.mp4':     dict(n=1),
    'h264 one frame.ts':      dict(n=1),
    'h264 two frames.mp4':    dict(n=2, options=dict(bf='1')),
    **{f'h264 vfr.{ext}': dict(times=seconds('vfr'), options=GOP) for ext in 'mp4 mkv mov flv nut'.split()},
    'h264 vfr.ts':            dict(times=seconds('vfr'), tick=90000, options=GOP),
    'h264 vfr.MTS':           dict(times=seconds('vfr'), **TS, **M2TS),
    'h264 pauses.mp4':        dict(times=seconds('pauses'), options=GOP),
    'h264 pauses.ts':         dict(times=seconds('pauses'), tick=90000, options=GOP),
    'h264 time lapse.mkv':    dict(times=seconds('hours'), options=GOP),
    'h264 a frame a minute.mp4': dict(fps=Fraction(1, 60), options=GOP),
    'h264 offset.ts':         dict(times=seconds('offset'), tick=90000, options=GOP),
    'h264 offset.mkv':        dict(times=seconds('offset'), options=GOP),
    'h264 offset.mp4':        dict(times=seconds('offset'), options=GOP),
    'h264 clock wraps.ts':    dict(times=seconds('wraps'), tick=90000, options=GOP),
    'h264 too fast.mkv':      dict(fps=2500, options=GOP),
    'h264 too fast.flv':      dict(fps=2500, options=GOP),
    'h264 fast.mp4':          dict(fps=2500, options=GOP),
    'h264 NTSC.mp4':          dict(fps=Fraction(30000, 1001), options=GOP),
    **{f'hevc.{ext}': dict(codec='libx265', options=x265(keyint=12)) for ext in 'mp4 mkv ts mov flv hevc avi'.split()},
    **{f'hevc open.{ext}': dict(codec='libx265', options=x265(keyint=12, open_gop=1)) for ext in 'mp4 mkv ts'.split()},
    'hevc radl.mp4':          dict(codec='libx265', options=x265(keyint=12, radl=2, no_open_gop=1)),
    'hevc ten bits.mp4':      dict(codec='libx265', pix='yuv420p10le', options=x265(keyint=20, bframes=4)),
    'hevc refresh.mp4':       dict(codec='libx265', options=x265(intra_refresh=1, keyint=10)),
    'hevc fields.ts':         dict(codec='libx265', options=x265(keyint=12, bframes=3, b_pyramid=1)),
    **{f'vp8.{ext}': dict(codec='libvpx', options=dict(g='15')) for ext in 'webm mkv avi ivf'.split()},
    **{f'vp8 hidden.{ext}': dict(codec='libvpx', options=ALT) for ext in 'webm ivf avi mkv'.split()},
    **{f'vp9.{ext}': dict(codec='libvpx-vp9', options=dict(g='15')) for ext in 'webm mp4 ivf mkv avi flv'.split()},
    **{f'vp9 hidden.{ext}': dict(codec='libvpx-vp9', options=ALT) for ext in 'webm mp4 ivf'.split()},
    'vp9 vfr.webm':           dict(codec='libvpx-vp9', times=seconds('vfr'), options=ALT),
    **{f'av1 svt.{ext}': dict(codec='libsvtav1', options=SVT) for ext in 'mp4 webm mkv ivf obu flv avi ts'.split()},
    'av1 svt one keyframe.mp4': dict(codec='libsvtav1', options=dict(preset='10')),
    'av1 svt low delay.mkv':  dict(codec='libsvtav1', options={'preset': '10', 'svtav1-params': 'pred-struct=1'}),
    'av1 svt vfr.mp4':        dict(codec='libsvtav1', times=seconds('vfr'), options=SVT),
    'av1 svt ten bits.mp4':   dict(codec='libsvtav1', pix='yuv420p10le', options=SVT),
    'av1 svt overlays.webm':  dict(codec='libsvtav1',
                                   options={'preset': '8', 'svtav1-params': 'enable-overlays=1:tune=0'}),
    'av1 svt fragments.mp4':  dict(codec='libsvtav1', options=SVT, muxer=dict(movflags='frag_keyframe+empty_moov')),
    **{f'av1 aom.{ext}': dict(codec='libaom-av1', n=30, options=AOM) for ext in 'mp4 webm'.split()},
    **{f'mpeg4 B.{ext}': dict(codec='mpeg4', options=dict(bf='2', q='3'))
       for ext in 'avi mp4 mkv ts mov nut m4v'.split()},
    'mpeg4 no B.avi':         dict(codec='mpeg4', options=dict(bf='0')),
    'mpeg4 rare keys.avi':    dict(codec='mpeg4', options=dict(bf='1', g='300')),
    'mpeg4 vfr.mkv':          dict(codec='mpeg4', times=seconds('vfr'), options=dict(bf='2')),
    'mpeg4 divx.divx':        dict(codec='mpeg4', form='avi'),
    **{f'mpeg2.{ext}': dict(codec='mpeg2video', options=MPEG2)
       for ext in 'mpg ts vob m2v mkv mxf mp4 avi mov gxf'.split()},
    **{f'mpeg2 interlaced.{ext}': dict(codec='mpeg2video', options=FIELDS) for ext in 'ts mpg'.split()},
    **{f'mpeg1.{ext}': dict(codec='mpeg1video', options=MPEG2) for ext in 'mpg m1v ts avi mkv'.split()},
    'mpeg1 small.mpg':        dict(codec='mpeg1video', n=200, options=dict(MPEG2, b='20k')),
    'mpeg2 small.mpg':        dict(codec='mpeg2video', n=200, options=dict(MPEG2, b='20k')),
    'vcd.mpg':                dict(codec='mpeg1video', form='vcd', options=MPEG2),
    'dvd.vob':                dict(codec='mpeg2video', form='dvd', options=MPEG2),
    **{f'mjpeg.{ext}': dict(codec='mjpeg', pix='yuvj420p') for ext in 'avi mov mkv mp4 mjpeg nut'.split()},
    'mjpeg vfr.mkv':          dict(codec='mjpeg', pix='yuvj420p', times=seconds('vfr')),
    **{f'wmv2.{ext}': dict(codec='wmv2') for ext in 'wmv asf avi'.split()},
    'wmv1.wmv':               dict(codec='wmv1'),
    'wmv2 vfr.wmv':           dict(codec='wmv2', times=seconds('vfr')),
    'msmpeg4 v2.avi':         dict(codec='msmpeg4v2'),
    'msmpeg4 v3.avi':         dict(codec='msmpeg4'),
    'flv1.flv':               dict(codec='flv1'),
    'flv1.avi':               dict(codec='flv1'),
    'flv1 vfr.flv':           dict(codec='flv1', times=seconds('vfr')),
    'flv1.swf':               dict(codec='flv1'),
    'h263.3gp':               dict(codec='h263', size=(144, 176)),
    'h263.avi':               dict(codec='h263', size=(144, 176)),
    'h263 plus.avi':          dict(codec='h263p', size=(144, 176)),
    'h261.h261':              dict(codec='h261', size=(144, 176)),
    'rv10.rm':                dict(codec='rv10'),
    'rv20.rm':                dict(codec='rv20', options=dict(g='12')),
    'roq.roq':                dict(codec='roqvideo', pix='yuvj444p', size=(64, 128), fps=30),
    'svq1.mov':               dict(codec='svq1', pix='yuv410p'),
    'snow.avi':               dict(codec='snow', options=dict(strict='-2')),
    'cinepak.avi':            dict(codec='cinepak', pix='rgb24'),
    'cinepak.mov':            dict(codec='cinepak', pix='rgb24'),
    'amv.amv':                dict(codec='amv', pix='yuvj420p', size=(64, 160)),
    'prores.mov':             dict(codec='prores_ks', pix='yuv422p10le'),
    'prores alpha.mov':       dict(codec='prores_ks', pix='yuva444p10le'),
    'prores.mkv':             dict(codec='prores', pix='yuv422p10le'),
    'dnxhd.mov':              dict(codec='dnxhd', pix='yuv422p', size=(1080, 1920), n=6, options=dict(b='120M')),
    'dnxhd.mxf':              dict(codec='dnxhd', pix='yuv422p', size=(1080, 1920), n=6, options=dict(b='120M')),
    'cineform.mov':           dict(codec='cfhd', pix='yuv422p10le'),
    'dirac.mkv':              dict(codec='vc2', pix='yuv422p10le'),
    'ffv1.mkv':               dict(codec='ffv1', pix='bgr0'),
    'ffv1.avi':               dict(codec='ffv1', pix='bgr0'),
    'ffv1 grey.mkv':          dict(codec='ffv1', pix='gray16le'),
    'ffv1 sixteen bits.mkv':  dict(codec='ffv1', pix='gbrp16le'),
    'huffyuv.avi':            dict(codec='huffyuv', pix='rgb24'),
    'ffvhuff.mkv':            dict(codec='ffvhuff', pix='yuv422p'),
    'utvideo.avi':            dict(codec='utvideo', pix='gbrp'),
    'magicyuv.avi':           dict(codec='magicyuv', pix='gbrp'),
    'zmbv.avi':               dict(codec='zmbv', pix='bgr0'),
    'flash screen.flv':       dict(codec='flashsv', pix='bgr24'),
    'raw.avi':                dict(codec='rawvideo', pix='bgr24'),
    'raw.mov':                dict(codec='rawvideo', pix='yuyv422'),
    'raw.nut':                dict(codec='rawvideo', pix='rgb24'),
    'raw.mkv':                dict(codec='rawvideo', pix='yuv420p'),
    'raw.y4m':                dict(codec='wrapped_avframe', form='yuv4mpegpipe'),
    'v210.mov':               dict(codec='v210', pix='yuv422p10le', size=(64, 192)),
    'qtrle.mov':              dict(codec='qtrle', pix='rgb24'),
    'msrle.avi':              dict(codec='msrle', pix='pal8'),
    'video1.avi':             dict(codec='msvideo1', pix='rgb555le'),
    'png.mov':                dict(codec='png', pix='rgb24'),
    'png sixteen bits.mov':   dict(codec='png', pix='rgb48be'),
    'png grey.mkv':           dict(codec='png', pix='gray16be'),
    'jpeg2000.mov':           dict(codec='jpeg2000', pix='rgb24'),
    'jpeg2000.mxf':           dict(codec='jpeg2000', pix='yuv422p10le'),
    'jpegls.avi':             dict(codec='jpegls', pix='bgr24'),
    'gif.gif':                dict(codec='gif', pix='rgb8'),
    'gif vfr.gif':            dict(codec='gif', pix='rgb8', times=np.round(seconds('vfr'), 2), tick=100),
    'apng.apng':              dict(codec='apng', pix='rgb24', form='apng'),
    'apng vfr.apng':          dict(codec='apng', pix='rgb24', form='apng', times=seconds('vfr')),
    'theora.ogv':             dict(codec='libtheora'),
    'vp8.ogv':                dict(codec='libvpx', form='ogg', options=ALT),
    'dv.dv':                  dict(codec='dvvideo', size=(480, 720), pix='yuv411p', fps=Fraction(30000, 1001), n=20),
    'dv.avi':                 dict(codec='dvvideo', size=(480, 720), pix='yuv411p', fps=Fraction(30000, 1001), n=20),
    'dv.mov':                 dict(codec='dvvideo', size=(576, 720), pix='yuv420p', fps=25, n=20)}
for name,how in PLAIN.items(): kind(name, encoded, **how, painted=how.get('n', 60))

def by_pillow(folder, name, n=40):
    "AV1 by libaom, which Pillow has and FFmpeg here has not"
    if not features.check('avif'): raise Skipped('this Pillow has no AVIF')
    path = folder/name
    pictures = [Image.fromarray(paint(i)) for i in range(n)]
    still = path.with_suffix('.avif')
    pictures[0].save(still, save_all=True, append_images=pictures[1:], codec='aom', duration=40, speed=9, quality=80)
    if path!=still: remux(still, path)
    return path

for ext in 'avif mp4 webm mkv'.split(): kind(f'av1 pillow.{ext}', by_pillow, painted=40)

# ---------- what lies about times or keyframes

def altered(folder, name, change, how=None, source='mp4', **out):
    "A copy of an encoded file whose packets are changed on the way"
    first = folder/f'whole.{source}'
    write(first, **(how or dict(options=GOP)))
    remux(first, folder/name, change, **out)
    first.unlink()
    return folder/name

def stored_order(i, p): p.pts = p.dts
def all_keys(i, p): p.is_keyframe = True
def no_keys(i, p): p.is_keyframe = False
def first_key(i, p): p.is_keyframe = i==0
def pairs(i, p): p.pts = p.pts//2*2                                        # in ticks: fits only where a tick is a frame

for ext in 'mp4 mkv mov flv nut asf'.split(): kind(f'times as stored.{ext}', altered, change=stored_order)
kind('pyramid, times as stored.mp4', altered, change=stored_order, how=PLAIN['h264 pyramid.mp4'])
kind('hevc, times as stored.mkv', altered, change=stored_order, how=PLAIN['hevc.mp4'])
kind('mpeg4 B, times as stored.mp4', altered, change=stored_order, how=PLAIN['mpeg4 B.mp4'])
kind('mpeg2 B, times as stored.mkv', altered, change=stored_order, how=PLAIN['mpeg2.ts'], source='ts')

FLAGS = dict(all=all_keys, no=no_keys, first=first_key)
STREAMS = dict(h264=(dict(options=GOP), 'mp4'), open=(dict(options=OPEN), 'mp4'), hevc=(PLAIN['hevc.mp4'], 'mp4'),
               vp9=(PLAIN['vp9.mp4'], 'mp4'), vp8=(PLAIN['vp8.webm'], 'webm'), av1=(PLAIN['av1 svt.mp4'], 'mp4'),
               mpeg4=(PLAIN['mpeg4 B.mp4'], 'mp4'), mpeg2=(PLAIN['mpeg2.ts'], 'ts'))
for codec,(how,source) in STREAMS.items():
    for word,change in FLAGS.items():
        for ext in ('mp4','mkv'):
            if (codec, ext)==('vp8', 'mp4'): continue
            kind(f'{codec}, {word} keyframes marked.{ext}', altered, change=change, how=how, source=source, painted=60)
for codec in ('wmv2.avi','flv1.flv','msmpeg4 v3.avi','h263.avi','svq1.mov','snow.avi','rv20.rm'):
    ext = codec.rpartition('.')[2]
    kind(f'{codec}, all keyframes marked.{ext}', altered, change=all_keys, how=PLAIN[codec], source=ext, painted=60)

# ---------- joined recordings

def joined(folder, name, hows):
    "Parts one behind the other"
    path = folder/name
    path.write_bytes(b''.join(parts_of(folder, *hows, ext=path.suffix[1:])))
    return path

def clocks(*parts, n=30, **how):
    "Parts of 30 frames: (first number, when their clock begins)"
    how = dict(form='mpegts', n=n, **TS, **how)
    return [dict(how, first=f, times=t+np.arange(n)/25) for f,t in parts]

CLOCKS = {'restarted': [(0, 10.), (30, 5.)], 'same times': [(0, 10.), (30, 10.)],
          'other phase': [(0, 10.), (30, 10.013)],
          'half': [(0, 10.), (30, 10.6)], 'pause': [(0, 10.), (30, 1000.)], 'three': [(0, 20.), (30, 15.), (60, 3.)],
          'little': [(0, 10.), (30, 11.1)], 'touching': [(0, 10.), (30, 11.15)],
          'phase at the end': [(0, 10.), (30, 11.14)], 'there and back': [(0, 10.), (30, 500.), (60, 11.2)]}
for word,parts in CLOCKS.items(): kind(f'joined, {word}.ts', joined, hows=clocks(*parts), painted=30*len(parts))
kind('joined, other order.ts', joined, hows=clocks((30, 10.), (0, 8.)), painted=[*range(30, 60), *range(30)])
kind('joined.m2ts', joined, hows=clocks((0, 10.), (30, 5.), muxer=M2TS['muxer']), painted=60)
FIRST = clocks((0, 10.))[0]
NO_B = [FIRST, dict(clocks((30, 11.14))[0], options=dict(bf='0', g='10'))]
SIZES = [FIRST, dict(clocks((30, 20.))[0], size=(96, 128))]
kind('joined, then without B.ts', joined, hows=NO_B, painted=60)
kind('joined, sizes.ts', joined, hows=SIZES, painted=60)
for codec in ('hevc.ts','mpeg2.ts','mpeg4 B.ts','mpeg1.ts'):
    for word,start in {'restarted':5., 'touching':11.2, 'pause':60.}.items():
        when = ((0, 10.), (30, start))
        two = [dict(PLAIN[codec], n=30, first=f, muxer=dict(output_ts_offset=str(t))) for f,t in when]
        kind(f'joined, {word} {codec}', joined, hows=two, painted=60)
for name in ('mpeg2.mpg', 'mpeg1.mpg', 'mpeg2.vob', 'mpeg2.m2v', 'h264 raw.h264', 'h264.flv', 'h264.mkv', 'vp9.webm',
             'mjpeg.mjpeg', 'hevc.hevc', 'dv.dv'):
    n = 20 if 'dv' in name else 30
    kind(f'joined {name}', joined, hows=[dict(PLAIN[name], n=n), dict(PLAIN[name], n=n, first=n)])

def spliced(folder, name, hows, source):
    "Packets of several encodings in one stream, each from its keyframe on: the size may change"
    path = folder/name
    parts = [folder/f'part {k}.{source}' for k in range(len(hows))]
    for part,how in zip(parts, hows): write(part, **how)
    with av.open(str(parts[0])) as box, av.open(str(path), 'w') as out:
        copy = out.add_stream_from_template(box.streams.video[0], opaque=True)
        begin = Fraction(0)
        for part in parts:
            with av.open(str(part)) as more:
                last = 0
                for p in (q for q in more.demux(video=0) if q.size):
                    last = max(last, p.pts*p.time_base)
                    shift = int(begin/p.time_base)
                    p.pts += shift
                    p.dts += shift
                    p.stream = copy
                    out.mux(p)
            begin += last + Fraction(1, 25)
    for part in parts: part.unlink()
    return path

INTO = {'vp9.webm':'webm mp4 ivf mkv', 'vp8.webm':'webm ivf', 'av1 svt.webm':'webm mp4 ivf', 'mjpeg.mkv':'mkv avi',
        'mpeg2.ts':'ts mkv', 'png.mov':'mov', 'h264.ts':'ts', 'hevc.ts':'ts'}
for codec,exts in INTO.items():
    source = codec.rpartition('.')[2]
    for word,size in {'again':(H, W), 'larger':(96, 240), 'on its side':(W, H)}.items():
        hows = [dict(PLAIN[codec], n=30), dict(PLAIN[codec], n=30, first=30, size=size)]
        if 'mpeg2' in codec and size!=(H, W): continue                     # the decoder loses the frame that it holds
        for ext in exts.split():
            kind(f'spliced, {word}, {codec} in {ext}.{ext}', spliced, hows=hows, source=source)

def cut(folder, name, how, at=1/3, step=1):
    "What is left when a recording begins, or ends, anywhere"
    raw = parts_of(folder, how, ext=Path(name).suffix[1:])[0]
    path = folder/name
    path.write_bytes(raw[int(len(raw)*abs(at))//step*step:])
    return path

for k,at in enumerate((.2, .35, .5, .65)):
    kind(f'cut {k}.ts', cut, how=dict(options=GOP, n=90), at=at, step=188)
    kind(f'cut open {k}.ts', cut, how=dict(options=OPEN, n=90), at=at, step=188)
    kind(f'cut hevc open {k}.ts', cut, how=dict(PLAIN['hevc open.ts'], n=90), at=at, step=188)
    kind(f'cut mpeg2 {k}.ts', cut, how=dict(PLAIN['mpeg2.ts'], n=90), at=at, step=188)
    kind(f'cut {k}.mpg', cut, how=dict(PLAIN['mpeg2.mpg'], n=90), at=at, step=2048)
    kind(f'cut {k}.m2v', cut, how=dict(PLAIN['mpeg2.m2v'], n=90), at=at)
    kind(f'cut {k}.h264', cut, how=dict(options=GOP, n=90), at=at)

def begins_late(folder, name, how, drop, source='mp4', **out):
    return altered(folder, name, lambda i,p: i>=drop, how, source, **out)
for drop in (3, 12, 14):
    for ext in 'mp4 mkv flv ts'.split():
        kind(f'first {drop} left out.{ext}', begins_late, how=dict(options=GOP), drop=drop)
    kind(f'first {drop} left out of hevc.mp4', begins_late, how=PLAIN['hevc open.mp4'], drop=drop)
for drop in (8, 9):
    for ext in 'mp4 mkv'.split():
        kind(f'first {drop} left out, open.{ext}', begins_late, how=dict(options=OPEN), drop=drop)

# ---------- an mp4's list of edits

def tables(raw, name): return raw.index(name.encode())-4

def edited(folder, name, pieces, how=None):
    "(frames, from which frame on) shown one after the other; frame None is a pause"
    path = folder/name
    write(path, **(how or dict(options=GOP)))
    raw = bytearray(path.read_bytes())
    if b'elst' not in raw: raise Skipped('no list of edits was written')
    start = struct.unpack_from('>i', raw, raw.index(b'elst')+16)[0]        # of the first picture
    rows = b''
    for n,frame in pieces: rows += struct.pack('>iii', n*40, -1 if frame is None else start+512*frame, 1<<16)
    elst = struct.pack('>I4sII', 16+len(rows), b'elst', 0, len(pieces)) + rows
    new = struct.pack('>I4s', 8+len(elst), b'edts') + elst
    at = tables(raw, 'edts')
    old = struct.unpack_from('>I', raw, at)[0]
    raw[at:at+old] = new
    for box in ('moov', 'trak'):
        where = tables(raw, box)
        struct.pack_into('>I', raw, where, struct.unpack_from('>I', raw, where)[0] + len(new)-old)
    path.write_bytes(raw)
    return path

EDITS = {'from 5': [(55, 5)], 'from 12': [(48, 12)], 'from 13 to 40': [(27, 13)], 'middle out': [(20, 0), (20, 40)],
         'pause first': [(25, None), (60, 0)], 'twice': [(20, 0), (20, 0)], 'back': [(20, 30), (20, 0)],
         'pause between': [(20, 0), (25, None), (20, 20)], 'nothing left out': [(30, 0), (30, 30)], 'to 30': [(30, 0)]}
for word,pieces in EDITS.items():
    kind(f'edits, {word}.mp4', edited, pieces=pieces)
    kind(f'edits, {word}, open.mp4', edited, pieces=pieces, how=dict(options=OPEN))

def no_table(folder, name, table, how=None):
    "Without one of the tables of the header: its letters are changed"
    path = folder/name
    write(path, **(how or dict(options=GOP)))
    raw = bytearray(path.read_bytes())
    at = raw.index(table.encode())
    raw[at:at+4] = b'free'
    path.write_bytes(raw)
    return path
for table in ('stss','ctts','edts'):
    for word,name in dict(h264='h264', mpeg4='mpeg4 B', vp9='vp9', av1='av1 svt', hevc='hevc').items():
        if table!='stss' and word in ('vp9','av1'): continue
        kind(f'no {table}, {word}.mp4', no_table, table=table, how=PLAIN[name+'.mp4'])

# ---------- how the picture is held

MATRICES = {'rotated 90': (0,1,-1,0), 'rotated 180': (-1,0,0,-1), 'rotated 270': (0,-1,1,0), 'mirrored': (-1,0,0,1),
            'upside down': (1,0,0,-1), 'transposed': (0,1,1,0), 'anti-transposed': (0,-1,-1,0)}
BACK = {'rotated 90':      lambda x: np.rot90(x, 1),                       # what a player did, undone
        'rotated 180':     lambda x: x[::-1, ::-1],
        'rotated 270':     lambda x: np.rot90(x, -1),
        'mirrored':        lambda x: x[:, ::-1],
        'upside down':     lambda x: x[::-1],
        'transposed':      lambda x: x.transpose(1, 0, 2),
        'anti-transposed': lambda x: x[::-1, ::-1].transpose(1, 0, 2)}

def turned(folder, name, matrix, how=None, scale=1<<16):
    path = folder/name
    a, b, c, d = matrix
    write(path, **(how or dict(options=GOP)))
    raw = bytearray(path.read_bytes())
    at = raw.index(b'tkhd')+4+40
    nine = (a*scale, b*scale, 0, c*scale, d*scale, 0, 0, 0, 1<<30)
    raw[at:at+36] = b''.join(struct.pack('>i', v) for v in nine)
    path.write_bytes(raw)
    return path

for word,matrix in MATRICES.items():
    kind(f'{word}.mp4', turned, matrix=matrix, back=BACK[word], painted=60)
    kind(f'{word} hevc.mov', turned, matrix=matrix, how=PLAIN['hevc.mov'], back=BACK[word], painted=60)
    kind(f'{word} av1.mp4', turned, matrix=matrix, how=PLAIN['av1 svt.mp4'], back=BACK[word], painted=60)
    kind(f'{word} mjpeg.mov', turned, matrix=matrix, how=PLAIN['mjpeg.mov'], back=BACK[word], painted=60)

# ---------- more than one stream

def silence(out, codec='aac'):
    stream = out.add_stream(codec, rate=48000)
    frames = []
    for i in range(120):
        f = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), 'fltp', 'mono')
        f.sample_rate = 48000
        f.pts = 1024*i
        frames += stream.encode(f)
    return frames + stream.encode(None)

def small(i): return np.full((32, 32, 3), 200, np.uint8)
Other = namedtuple('Other', 'size pix paint frames', defaults=((32, 32), 'yuv420p', small, 60))
OTHERS = dict(video=Other((H, W), paint=paint), small=Other(), cover=Other(pix='yuvj420p', frames=1))

def shown_beside(out, what, codec, options):
    "The packets of a new stream of pictures"
    is_cover = what=='cover'
    o = OTHERS[what]
    s = out.add_stream('mjpeg' if is_cover else codec, rate=25)
    s.height, s.width = o.size
    s.pix_fmt = o.pix
    if is_cover: s.disposition = av.stream.Disposition.attached_pic
    else: s.options = options
    packets = []
    for i in range(o.frames): packets += s.encode(av.VideoFrame.from_ndarray(o.paint(i), 'rgb24'))
    return packets + s.encode(None)

def beside(folder, name, others, codec='libx264', options=GOP, sound='aac'):
    "A video among other streams, in this order: 'sound', 'cover', 'small', 'video'"
    path = folder/name
    with av.open(str(path), 'w') as out:
        packets = []
        for o in others.split():
            if o=='sound': packets += silence(out, sound)
            else: packets += shown_beside(out, o, codec, options)
        for p in sorted((p for p in packets if p.size), key=lambda p: p.dts*p.time_base): out.mux(p)
    return path

for ext in 'mp4 mkv mov ts flv avi'.split():
    sound = 'mp3' if ext=='avi' else 'aac'
    kind(f'sound first.{ext}', beside, others='sound video', sound=sound, painted=60)
for ext in 'mp4 mkv ts avi'.split():
    kind(f'small video first.{ext}', beside, others='small video')
    kind(f'small video second.{ext}', beside, others='video small', painted=60)
kind('cover first.mp4', beside, others='cover video', painted=60)
kind('cover last.mp4', beside, others='video sound cover', painted=60)
PLAIN_MPEG2 = dict(codec='mpeg2video', options=MPEG2)
kind('sound and mpeg2.mpg', beside, others='sound video', **PLAIN_MPEG2, sound='mp2', painted=60)
kind('sound and mpeg4.avi', beside, others='video sound', codec='mpeg4', options=dict(bf='2'), sound='mp3', painted=60)
kind('sound and mpeg2.vob', beside, others='video sound', **PLAIN_MPEG2, sound='ac3', painted=60)

# ---------- DivX's packed bitstream

def packed(folder, name, n=41):
    "Each B-picture rides in the chunk of the picture after it, and an empty chunk stands in its place"
    first = folder/'whole.avi'
    path = folder/name
    write(first, codec='mpeg4', n=n, options=dict(bf='1', g='20', b_strategy='0', q='3'))
    with av.open(str(first)) as box: raw = [bytes(p) for p in box.demux(video=0) if p.size]
    at = raw[0].index(b'\0\0\1\xb2')
    end = raw[0].index(b'\0\0\1\xb6')
    raw[0] = raw[0][:at] + b'\0\0\1\xb2DivX503b1393p' + raw[0][end:]
    kinds = [r[r.index(b'\0\0\1\xb6')+4]>>6 for r in raw]                  # 0 I, 1 P, 2 B
    chunks = []
    for r,what in zip(raw, kinds):
        if what!=2: chunks.append(r)
        else:
            chunks[-1] += r                                                # it rides
            chunks.append(b'\0\0\1\xb6\x51\0\x7f')
    with av.open(str(first)) as box, av.open(str(path), 'w') as out:
        copy = out.add_stream_from_template(box.streams.video[0])
        for i,raw in enumerate(chunks):
            p = av.Packet(raw)
            p.pts = p.dts = i
            p.time_base = Fraction(1, 25)
            p.stream = copy
            p.is_keyframe = i==0
            out.mux(p)
    first.unlink()
    return path
kind('packed.avi', packed)

# ---------- folders of pictures

def pictures(folder, name, save, n=30):
    path = folder/name
    path.mkdir()
    for i in range(n): save(paint(i), path, i)
    return path

def deep_rgb(x, path, i):
    with av.open(str(path/f'{i+1}.png'), 'w', format='image2', options=dict(update='1')) as out:
        s = out.add_stream('png', rate=1)
        s.height, s.width = x.shape[:2]
        s.pix_fmt = 'rgb48be'
        for p in s.encode(av.VideoFrame.from_ndarray(x, 'rgb24'))+s.encode(None): out.mux(p)

def saved(ending, mode=None, **options):
    "Saves frames with Pillow in a mode; `ending` of their names, with the number"
    def save(x, path, i):
        im = Image.fromarray(x)
        if mode=='deep': im = Image.fromarray(x[..., 0].astype(np.uint16)*256)
        elif mode: im = im.convert(mode)
        im.save(path/ending.format(i+1), **options)
    return save

for mode in 'RGB RGBA LA L 1 P'.split(): kind(f'pictures {mode}', pictures, save=saved('{}.png', mode), painted=30)
kind('pictures 16 bits', pictures, save=saved('{}.png', 'deep'), painted=30)
kind('pictures 16 bits RGB', pictures, save=deep_rgb, painted=30)
kind('pictures jpg', pictures, save=saved('img_{:05}.jpg', quality=95), painted=30)
kind('pictures cmyk', pictures, save=saved('{}.jpg', 'CMYK', quality=95), painted=30)
kind('pictures grey jpg', pictures, save=saved('{:04}.JPEG', 'L', quality=95), painted=30)

# ---------- asking

def in_memory(yes):
    "Are packets kept in memory? If not, files are read as those that are too large for it."
    decoding._scan.__defaults__ = (2**25 if yes else 0,)

def ask(path, ids, back, **scaled):
    "The numbers that the frames `ids` show, or the sentence that refuses them"
    try: x = decoding.decode_frames(path, ids, **scaled)
    except (ValueError, IndexError) as e: return str(e)
    return [number(o, back) for o in x]

def number(x, back): return read(back(x.permute(1, 2, 0).numpy()))         # that a frame (3,h,w) shows

def same(got, truth): return len(got)==len(truth) and all(b is None or a==b for a,b in zip(got, truth))

def whole(path, truth, back):
    "What is wrong with all frames together, counted and in order; None if nothing is"
    info = decoding.video_info(path)
    n = len(truth)
    if info.n_frames!=n: return f'{info.n_frames} frames are counted, {n} are there'
    for kept in (True, False):
        in_memory(kept)
        got = ask(path, range(n), back)
        if not same(got, truth): return f'all frames at once: {got}'
        for i in (0, n//2, n-1):
            got = ask(path, [i], back)
            if not same(got, truth[i:i+1]): return f'frame {i} alone is refused or another: {got}'
    if isinstance(ask(path, [n], back), list): return f'there is a frame {n}'
    return wrong_in_order(path, truth, back, info) or wrong_live(path, truth, back)

def wrong_in_order(path, truth, back, info):
    "What is wrong with `iter_frames` and `probe_video`"
    times, frames = zip(*decoding.iter_frames(path))
    if not same([number(x, back) for x in frames], truth): return 'iter_frames shows others'
    if not np.allclose(times, info.times, atol=1e-6): return 'iter_frames tells other times'
    look = decoding.probe_video(path)
    if look.n_frames not in (None, len(truth)): return f'probe_video counts {look.n_frames} frames of {len(truth)}'
    size = look.height, look.width
    if size!=tuple(frames[0].shape[1:]): return f'probe_video tells a size of {size[0]} x {size[1]}'

def wrong_live(path, truth, back):
    "What is wrong with `iter_stream`"
    if path.is_dir(): return
    live = list(streams.iter_stream(path))
    if not same([number(f.whole, back) for f in live], truth): return 'iter_stream shows others'
    if any(b.seconds<a.seconds for a,b in zip(live, live[1:])): return 'the clock of iter_stream goes back'

def truth_of(k, path):
    "The numbers of a file's frames in order, or a sentence"
    if path.is_dir(): return list(k.painted)
    shown = sequential(path)
    if k.painted is not None and shown!=list(k.painted): return f'plain decoding shows others than painted: {shown}'
    if sum(i is not None for i in shown)<max(1, len(shown)/2): return 'its own frames cannot be told apart'
    return shown

def draw(r, path, truth, back):
    "Ask for random frames; what is wrong, or None"
    n = len(truth)
    several = r.choice((1, 1, r.randint(2, 8)))
    ids = [r.randrange(n) for _ in range(several)]
    scaled = r.choice(({}, {}, dict(short_side=r.randint(40, 64)), dict(square=r.randint(50, 80))))
    in_memory(r.random()<.7)
    how = dict(scaled, threads=r.choice((1, 1, 3)))
    got = ask(path, r.choice((ids, lambda n: ids)), back, **how)
    if not same(got, [truth[i] for i in ids]): return f'{ids} {how}: {got}'

def wrongs(k, path, truth, r, draws):
    "All that is wrong with a file"
    if isinstance(truth, str): return [truth]
    try: whys = [whole(path, truth, k.back)]
    except (ValueError, IndexError) as e: whys = [f'refused: {e}']
    whys += [draw(r, path, truth, k.back) for _ in range(draws)]
    return [why for why in whys if why]

class Count:
    "What has come of the files so far"
    def __init__(self):
        self.failed = {}
        self.skipped = []
        self.passed = 0
        self.drawn = 0

    def file(self, k, folder, r, draws):
        "Write one, ask for its frames, and count"
        in_memory(True)
        try:
            path = k.make(folder, k.name)
            truth = truth_of(k, path)
        except Exception as e:                         # of the encoder or of plain decoding, which is the measure
            return self.skipped.append(f'{k.name} ({type(e).__name__}: {str(e)[:60]})')
        whys = wrongs(k, path, truth, r, draws)
        if whys: self.failed[k.name] = whys
        else: self.passed += 1
        if isinstance(truth, str): return
        self.drawn += draws
        if path.is_file(): path.unlink()

def arguments():
    parser = argparse.ArgumentParser(description='Is the frame that is asked for the frame that comes?')
    parser.add_argument('--sample', type=float, default=float('inf'), help='stop after so many seconds')
    parser.add_argument('--draws', type=int, default=3200)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--only', default='', help='files with this word in their names')
    return parser.parse_args()

def main():
    args = arguments()
    start = time.time()
    r = random.Random(args.seed)
    kinds = [k for k in KINDS if args.only in k.name]
    r.shuffle(kinds)
    count = Count()
    reached = 0
    with tempfile.TemporaryDirectory() as tmp:
        for k in kinds:
            if time.time()-start>args.sample: break
            draws = (reached+1)*args.draws//len(kinds) - reached*args.draws//len(kinds)
            count.file(k, Path(tmp), r, draws)
            reached += 1
    if count.skipped: print('skipped, since they cannot be written here:', ', '.join(sorted(count.skipped)))
    for name,whys in sorted(count.failed.items()): print(f'FAILED {name}: {len(whys)} times, first {whys[0][:300]}')
    print(f'{count.drawn} draws from {count.passed+len(count.failed)} files, {len(count.skipped)} skipped, '
          f'{len(kinds)-reached} not reached, PyAV {av.__version__}, {time.time()-start:.0f} s')
    print(f'{count.passed} passed, {len(count.failed)} failed')
    return bool(count.failed) or not count.passed

if __name__=='__main__': sys.exit(main())
