#!/usr/bin/env python3
"""Is the frame that is asked for the frame that comes? python .ci/frames.py [--sample SECONDS] [--draws N] [--seed N] [--only WORD]

Writes clips whose frames show their own number, in every pair of codec, container and kind of timestamps that this FFmpeg can write, and asks
`decode_frames` for random frames and sets of them, with packets kept in memory and without. The truth is what plain sequential decoding
shows, read here without the package. A file passes if no frame is another one, none is refused, and all ways of reading agree.
The full run makes 3,000 draws; --sample stops drawing after some seconds. An encoder that is not there is named, and counts as nothing.
Last line: "N passed, M failed".
"""
import argparse, os, random, struct, sys, tempfile, time
from fractions import Fraction
from pathlib import Path
os.environ.setdefault('SVT_LOG', '1')
import av, numpy as np
from PIL import Image
from adafocus_nb import decoding

BITS, H, W = 10, 64, 160
av.logging.set_level(av.logging.PANIC)

# ---------- frames that show their number

def paint(i, h=H, w=W):
    "Frame i (h,w,3): the bits of its number as 2 x 5 blocks, and a line that moves"
    x, half = np.zeros((h, w, 3), np.uint8), BITS//2
    for b in range(BITS):
        row, column = divmod(b, half)
        x[row*h//2:(row+1)*h//2, column*w//half:(column+1)*w//half] = 225 if i>>b & 1 else 30
    x[3*i%h, :, 1] = 128
    return x

def read(x):
    "The number that a frame (h,w,3) shows; None where a block is neither black nor white"
    grey = np.asarray(x).astype(float).mean(-1)
    h, w = grey.shape
    half, number = BITS//2, 0
    for b in range(BITS):
        row, column = divmod(b, half)
        top, left, tall, wide = row*h//2, column*w//half, h//2, w//half
        level = grey[top+tall//4:top+3*tall//4, left+wide//4:left+3*wide//4].mean()
        if 105<level<150: return None
        number |= int(level>127)<<b
    return number

def write(path, codec='libx264', n=60, first=0, times=None, tick=1000, options=None, pix='yuv420p', size=(H, W), fps=25, form=None, muxer=None, interlaced=False):
    "Encode frames first … first+n-1"
    with av.open(str(path), 'w', format=form, options=muxer or {}) as out:
        s = out.add_stream(codec, rate=fps)
        s.height, s.width, s.pix_fmt, s.options = *size, pix, options or {}
        if times is not None: s.codec_context.time_base = Fraction(1, tick)
        for i in range(n):
            f = av.VideoFrame.from_ndarray(paint(first+i, *size), 'rgb24')
            if times is not None: f.pts, f.time_base = round(times[i]*tick), Fraction(1, tick)
            for p in s.encode(f): out.mux(p)
        for p in s.encode(None): out.mux(p)

def sequential(path):
    "What a player shows: the numbers, by plain decoding from the start"
    with av.open(str(path)) as box:
        stream = box.streams.best('video')
        return [read(f.to_ndarray(format='rgb24')) for f in box.decode(stream) if not f.is_corrupt]

# ---------- the files

B = dict(g='12', bf='2', sc_threshold='0')
def x264(**params): return {'x264-params': ':'.join(f"{k.replace('_', '-')}={v}" for k,v in params.items())}
def times_of(kind, n=60, seed=0):
    r = np.random.RandomState(seed)
    if kind=='vfr': return np.cumsum(r.uniform(.02, .3, n))
    if kind=='pauses': return np.arange(n)/25 + 5*(np.arange(n)//20)
    return np.arange(n)/25 + dict(offset=1000., wrap=2**33/90000-1)[kind]

PLAIN = {                                                                    # name -> arguments of `write`
    'h264.mp4': dict(options=B), 'h264.mkv': dict(options=B), 'h264.mov': dict(options=B), 'h264.ts': dict(options=B), 'h264.flv': dict(options=B),
    'h264.m4v': dict(options=B, form='mp4'), 'h264.3gp': dict(options=B), 'h264.MTS': dict(options=B, form='mpegts'), 'h264.m2ts': dict(options=B, form='mpegts', muxer=dict(mpegts_m2ts_mode='1')),
    'h264 stored order.avi': dict(options=B), 'h264 three B.avi': dict(options=dict(g='15', bf='3', sc_threshold='0')), 'h264 no B.avi': dict(options=dict(bf='0', g='10')),
    'h264 raw.h264': dict(options=B), 'h264 one keyframe.mp4': dict(options=dict(g='1000', bf='3')), 'h264 all keyframes.mp4': dict(options=dict(g='1')),
    'h264 open.mp4': dict(options=x264(open_gop=1, keyint=8, bframes=3)), 'h264 open.mkv': dict(options=x264(open_gop=1, keyint=8, bframes=3)), 'h264 open.ts': dict(options=x264(open_gop=1, keyint=8, bframes=3)),
    'h264 pyramid.mp4': dict(options=x264(b_pyramid='normal', bframes=7, keyint=30)), 'h264 refresh.mkv': dict(options=x264(intra_refresh=1, keyint=10)), 'h264 refresh.mp4': dict(options=x264(intra_refresh=1, keyint=10)),
    'h264 interlaced.mp4': dict(options=x264(interlaced=1, keyint=12)), 'h264 interlaced.ts': dict(options=x264(interlaced=1, keyint=12)), 'h264 no delay.mp4': dict(options=dict(tune='zerolatency')),
    'h264 ten bits.mkv': dict(pix='yuv420p10le', options=B), 'h264 odd sides.mp4': dict(pix='yuv444p', size=(63, 155), options=B), 'h264 fragments.mp4': dict(options=B, muxer=dict(movflags='frag_keyframe+empty_moov')),
    'h264 fragments.mov': dict(options=B, muxer=dict(movflags='frag_every_frame+empty_moov+default_base_moof')), 'h264 header first.mp4': dict(options=B, muxer=dict(movflags='faststart')), 'h264 negative shifts.mp4': dict(options=B, muxer=dict(movflags='negative_cts_offsets')),
    'h264 live.mkv': dict(options=B, form='matroska', muxer=dict(live='1')), 'h264.nut': dict(options=B), 'h264.asf': dict(options=B), 'h264 one frame.mp4': dict(n=1), 'h264 two frames.mp4': dict(n=2, options=dict(bf='1')),
    'h264 vfr.mp4': dict(times=times_of('vfr'), options=B), 'h264 vfr.mkv': dict(times=times_of('vfr'), options=B), 'h264 vfr.ts': dict(times=times_of('vfr'), tick=90000, options=B), 'h264 pauses.mp4': dict(times=times_of('pauses'), options=B),
    'h264 offset.ts': dict(times=times_of('offset'), tick=90000, options=B), 'h264 offset.mkv': dict(times=times_of('offset'), options=B), 'h264 clock wraps.ts': dict(times=times_of('wrap', 60), tick=90000, options=B),
    'hevc.mp4': dict(codec='libx265', options={'x265-params': 'log-level=none:keyint=12'}), 'hevc.mkv': dict(codec='libx265', options={'x265-params': 'log-level=none:keyint=12:open-gop=1'}), 'hevc.ts': dict(codec='libx265', options={'x265-params': 'log-level=none:keyint=12'}),
    'hevc ten bits.mp4': dict(codec='libx265', pix='yuv420p10le', options={'x265-params': 'log-level=none:keyint=20:bframes=4'}),
    'vp8.webm': dict(codec='libvpx'), 'vp8 hidden.webm': dict(codec='libvpx', options={'auto-alt-ref': '1', 'lag-in-frames': '16'}), 'vp9.webm': dict(codec='libvpx-vp9', options={'auto-alt-ref': '1', 'lag-in-frames': '16'}),
    'vp9.mp4': dict(codec='libvpx-vp9', options=dict(g='15')), 'vp9.ivf': dict(codec='libvpx-vp9'), 'vp8.ivf': dict(codec='libvpx'),
    'av1 svt.mp4': dict(codec='libsvtav1', options=dict(preset='10', g='10')), 'av1 svt.webm': dict(codec='libsvtav1', options=dict(preset='10')), 'av1 svt low delay.mkv': dict(codec='libsvtav1', options={'preset': '10', 'svtav1-params': 'pred-struct=1'}), 'av1 svt.ivf': dict(codec='libsvtav1', options=dict(preset='10')),
    'av1 aom.mp4': dict(codec='libaom-av1', n=30, options={'cpu-used': '8', 'g': '12'}), 'av1 aom.webm': dict(codec='libaom-av1', n=30, options={'cpu-used': '8', 'lag-in-frames': '10'}),
    'mpeg4.avi': dict(codec='mpeg4', options=dict(bf='2', q='3')), 'mpeg4.mp4': dict(codec='mpeg4', options=dict(bf='2')), 'mpeg4.mkv': dict(codec='mpeg4', options=dict(bf='2')), 'mpeg4 divx.avi': dict(codec='mpeg4', options=dict(bf='0')),
    'mpeg2.mpg': dict(codec='mpeg2video', options=dict(g='12', bf='2')), 'mpeg2.ts': dict(codec='mpeg2video', options=dict(g='12', bf='2')), 'mpeg2.vob': dict(codec='mpeg2video', options=dict(g='12', bf='2')), 'mpeg2 raw.m2v': dict(codec='mpeg2video', options=dict(g='12', bf='2')), 'mpeg2 interlaced.ts': dict(codec='mpeg2video', options=dict(g='12', bf='2', flags='+ildct+ilme')),
    'mpeg2.mxf': dict(codec='mpeg2video', options=dict(g='12', bf='2')), 'mpeg1.mpg': dict(codec='mpeg1video', options=dict(g='12', bf='2')),
    'mjpeg.avi': dict(codec='mjpeg', pix='yuvj420p'), 'mjpeg.mov': dict(codec='mjpeg', pix='yuvj420p'), 'mjpeg.mkv': dict(codec='mjpeg', pix='yuvj420p'), 'wmv2.wmv': dict(codec='wmv2'), 'wmv2.asf': dict(codec='wmv2'), 'flv1.flv': dict(codec='flv1'), 'h263.3gp': dict(codec='h263', size=(144, 176)),
    'prores.mov': dict(codec='prores_ks', pix='yuv422p10le'), 'dnxhd.mov': dict(codec='dnxhd', pix='yuv422p', size=(1080, 1920), n=8, options=dict(b='120M')), 'ffv1.mkv': dict(codec='ffv1', pix='bgr0'), 'ffv1.avi': dict(codec='ffv1', pix='bgr0'), 'huffyuv.avi': dict(codec='huffyuv', pix='rgb24'), 'raw.avi': dict(codec='rawvideo', pix='bgr24'), 'qtrle.mov': dict(codec='qtrle', pix='rgb24'),
    'png.mov': dict(codec='png', pix='rgb24'), 'gif.gif': dict(codec='gif', pix='rgb8'), 'apng.apng': dict(codec='apng', pix='rgb24', form='apng'), 'theora.ogv': dict(codec='libtheora'), 'dv.dv': dict(codec='dvvideo', size=(480, 720), pix='yuv411p', fps=Fraction(30000, 1001), n=20)}

def joined(folder, name, *parts, ext='ts'):
    "Parts of 30 frames, one behind the other: (first number, when their clock begins)"
    path, raw = folder/f'{name}.{ext}', b''
    for k,(first,start) in enumerate(parts):
        one = folder/f'part.{ext}'
        write(one, n=30, first=first, times=start+np.arange(30)/25, tick=90000, options=B, form='mpegts')
        raw += one.read_bytes()
    path.write_bytes(raw)
    (folder/f'part.{ext}').unlink()
    return path

JOINED = {'joined restarted': [(0, 10.), (30, 5.)], 'joined same times': [(0, 10.), (30, 10.)], 'joined other phase': [(0, 10.), (30, 10.013)], 'joined half': [(0, 10.), (30, 10.6)], 'joined pause': [(0, 10.), (30, 1000.)],
          'joined three': [(0, 20.), (30, 15.), (60, 3.)], 'joined backwards by little': [(0, 10.), (30, 9.9)], 'joined and reordered': [(30, 10.), (0, 8.)]}

def cut_in_the_middle(folder):
    path = folder/'cut in a group.ts'
    write(path, options=B)
    raw = path.read_bytes()
    path.write_bytes(raw[len(raw)//3//188*188:])
    return path

MATRICES = {'rotated 90': (0,1,-1,0), 'rotated 180': (-1,0,0,-1), 'rotated 270': (0,-1,1,0), 'mirrored': (-1,0,0,1), 'upside down mirror': (1,0,0,-1), 'transposed': (0,1,1,0), 'anti-transposed': (0,-1,-1,0)}
BACK = {'rotated 90': lambda x: np.rot90(x, 1), 'rotated 180': lambda x: x[::-1, ::-1], 'rotated 270': lambda x: np.rot90(x, -1), 'mirrored': lambda x: x[:, ::-1],
        'upside down mirror': lambda x: x[::-1], 'transposed': lambda x: x.transpose(1, 0, 2), 'anti-transposed': lambda x: x[::-1, ::-1].transpose(1, 0, 2)}     # what a player did, undone

def turned(folder, name):
    path, (a, b, c, d) = folder/f'{name}.mp4', MATRICES[name]
    write(path, options=B)
    raw = bytearray(path.read_bytes())
    at = raw.index(b'tkhd')+4+40
    raw[at:at+36] = b''.join(struct.pack('>i', v) for v in (a<<16, b<<16, 0, c<<16, d<<16, 0, 0, 0, 1<<30))
    path.write_bytes(raw)
    return path

def pictures(folder, name):
    "A folder of numbered pictures"
    path = folder/f'frames {name}'
    path.mkdir()
    for i in range(30):
        x = paint(i)
        if name=='16 bits': Image.fromarray(x[..., 0].astype(np.uint16)*256).save(path/f'{i+1}.png')
        elif name=='jpg': Image.fromarray(x).save(path/f'img_{i+1:05}.jpg', quality=95)
        elif name=='palette': Image.fromarray(x).quantize(16).save(path/f'{i+1}.png')
        else: Image.fromarray(x).convert(name).save(path/f'{i+1}.png')
    return path

def files(folder, only):
    "(name, path, numbers in order, function that undoes a rotation)"
    same = lambda x: x
    for name,how in PLAIN.items():
        if only not in name: continue
        try: write(folder/name, **how)
        except Exception as e: print(f'not written here: {name} ({type(e).__name__}: {str(e)[:80]})'); continue
        yield name, folder/name, sequential(folder/name), same
    for name,parts in JOINED.items():
        if only in name: path = joined(folder, name, *parts); yield path.name, path, sequential(path), same
    if only in 'cut in a group.ts': path = cut_in_the_middle(folder); yield path.name, path, sequential(path), same
    for name in MATRICES:
        if only in name: path = turned(folder, name); yield path.name, path, sequential(path), BACK[name]
    for name in ('16 bits', 'jpg', 'palette', 'RGB', 'RGBA', 'LA', 'L'):
        if only in name: path = pictures(folder, name); yield path.name, path, list(range(30)), same

# ---------- asking

def ask(path, ids, back):
    "The numbers that the frames `ids` show, or the sentence that refuses them"
    try: return [read(back(x.permute(1, 2, 0).numpy())) for x in decoding.decode_frames(path, ids)]
    except (ValueError, IndexError) as e: return str(e)

def whole(path, truth, back):
    "What is wrong with all frames together, counted and in order; None if nothing is"
    n = decoding.video_info(path).n_frames
    if n!=len(truth): return f'{n} frames are counted, {len(truth)} are there'
    got = ask(path, range(n), back)
    if got!=truth: return f'all frames at once: {got if isinstance(got, str) else "others"}'
    times, shown = zip(*[(t, read(back(x.permute(1, 2, 0).numpy()))) for t,x in decoding.iter_frames(path)])
    if list(shown)!=truth: return 'iter_frames shows others'
    if not np.allclose(times, decoding.video_info(path).times, atol=1e-6): return 'iter_frames tells other times'
    return None

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--sample', type=float, default=float('inf'), help='seconds after which no more frames are drawn')
    parser.add_argument('--draws', type=int, default=3000)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--only', default='', help='files with this word in their names')
    args = parser.parse_args()
    start, r, wrong, drawn = time.time(), random.Random(args.seed), {}, 0
    usual = decoding._scan.__defaults__
    with tempfile.TemporaryDirectory() as tmp:
        made = list(files(Path(tmp), args.only))
        for name,path,truth,back in made:
            if None in truth or not truth: wrong.setdefault(name, []).append('its own frames cannot be told apart'); continue
            try: why = whole(path, truth, back)
            except (ValueError, IndexError) as e: why = str(e)
            if why: wrong.setdefault(name, []).append(why)
        print(f'{len(made)} files written and read whole in {time.time()-start:.0f} s', flush=True)
        order = [made[k%len(made)] for k in range(args.draws)]
        for k,(name,path,truth,back) in enumerate(order):
            if time.time()-start>args.sample: break
            n = len(truth)
            ids = [r.randrange(n)] if k%3 else [r.randrange(n) for _ in range(r.randint(2, 8))]
            decoding._scan.__defaults__ = (0,) if r.random()<.3 else usual        # as with a file too large to keep in memory
            got = ask(path, ids, back)
            drawn += 1
            if got!=[truth[i] for i in ids]: wrong.setdefault(name, []).append(f'{ids}: {got}')
    decoding._scan.__defaults__ = usual
    for name,whys in wrong.items(): print(f'FAILED {name}: {len(whys)} times, first {str(whys[0])[:300]}')
    print(f'{drawn} draws, PyAV {av.__version__}, {time.time()-start:.0f} s')
    print(f'{len(made)-len(wrong)} passed, {len(wrong)} failed')
    return bool(wrong) or not made

if __name__=='__main__': sys.exit(main())
