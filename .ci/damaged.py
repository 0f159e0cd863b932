#!/usr/bin/env python3
"""300 damaged files through `decode_frames`, training epochs and adafocus_predict: python .ci/damaged.py

No crash, no hang (10 seconds a file), nothing but `VideoError`, and each bad file named once. Some damaged files can
still be decoded; that is fine. Everything is made from seeds, so a failure can be repeated.
Last line: "N passed, M failed".
"""
import contextlib, io, json, os, random, signal, subprocess, sys, tempfile, time, warnings
from collections import Counter
from pathlib import Path
import torch
from torch.nn.functional import cross_entropy
from adafocus_nb.all import AdaFocus, MovingDigits, VideoDataLoaders, save_clip
from adafocus_nb.decoding import VideoError, decode_frames, frame_indices
from adafocus_nb.sources import VideoSource, check_source

warnings.filterwarnings('ignore')
N = 300
LIMIT = 10                                                                 # seconds for a file
KINDS = {'h264.mp4': {}, 'mpeg4.avi': dict(codec='mpeg4', options=dict(bf='2')), 'vp9.webm': dict(codec='libvpx-vp9'),
         'mjpeg.mkv': dict(codec='mjpeg', pix_fmt='yuvj420p'), 'ffv1.mkv': dict(codec='ffv1', pix_fmt='bgra'),
         'h264.ts': dict(options=dict(g='8')), 'qtrle.mov': dict(codec='qtrle', pix_fmt='rgb24'), 'h264.flv': {},
         'hevc.mp4': dict(codec='libx265', options={'x265-params': 'log-level=none'}),
         'mpeg2.mpg': dict(codec='mpeg2video'), 'vp8.webm': dict(codec='libvpx'), 'raw.h264': {}}
TEXTS = ['no video\n'*50, '#EXTM3U\n#EXTINF:1,\nsecret.mp4\n', '<html><body>404 not found</body></html>',
         '{"error": "rate limit"}', 'ffconcat version 1.0\nfile secret.mp4\n',
         'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 9 RTP/AVP 96\n']
counts = Counter()

def check(ok, what):
    counts[bool(ok)] += 1
    if not ok: print('FAILED', what)

# ---------- damage

def scribbled(r, raw, times, places):
    "Some bytes among these places are others"
    for _ in range(times): raw[r.choice(places)] = r.randrange(256)
    return raw

def flipped(r, raw):
    for _ in range(r.choice([1, 10, 100, 1000])): raw[r.randrange(len(raw))] ^= 1<<r.randrange(8)
    return raw

def hole(r, raw):
    at = r.randrange(len(raw))
    size = len(raw[at:at+len(raw)//5])
    raw[at:at+size] = bytes(size)
    return raw

def cut_out(r, raw):
    at = r.randrange(len(raw))
    del raw[at:at+r.randrange(1, len(raw)//3)]
    return raw

def header(r, raw):
    times = r.randrange(1, 30)
    return scribbled(r, raw, times, range(min(800, len(raw))))

def tail(r, raw):
    times = r.randrange(1, 60)
    return scribbled(r, raw, times, range(-1, -min(2000, len(raw)), -1))

def truncated(r, raw):    return raw[:r.randrange(1, len(raw))]
def doubled(r, raw):      return raw[:len(raw)//2]+raw
def empty(r, raw):        return b''
def text(r, raw):         return r.choice(TEXTS).encode()
def noise(r, raw):        return r.randbytes(r.randrange(1, 20000))
def after_header(r, raw): return raw[:64]+r.randbytes(8000)
def whole(r, raw):        return raw

DAMAGE = {'truncated': truncated, 'header': header, 'tail': tail, 'flipped': flipped, 'hole': hole, 'cut out': cut_out,
          'doubled': doubled, 'empty': empty, 'text': text, 'noise': noise, 'noise after header': after_header,
          'wrong extension': whole}
OFTEN = ('truncated', 'flipped')
TURNS = []
for name in DAMAGE: TURNS += [name]*2 if name in OFTEN else [name]

def write_files(good, bad):
    "Whole files of every kind in one folder, and damaged ones in another: their paths"
    good.mkdir()
    bad.mkdir()
    clips = MovingDigits().clips(len(KINDS), n_frames=24).x
    for (name, how), x in zip(KINDS.items(), clips): save_clip(good/name, x, **how)
    save_clip(bad/'secret.mp4', clips[0])                                  # what some texts point to
    paths = []
    for i in range(N):
        r = random.Random(i)
        name = r.choice(list(KINDS))
        kind = TURNS[i%len(TURNS)]
        ending = Path(name).suffix
        if kind=='wrong extension': ending = r.choice(['.mp4', '.avi', '.webm', '.mkv'])
        paths.append(bad/f'{i:03} {kind} {Path(name).stem}{ending}')
        paths[-1].write_bytes(DAMAGE[kind](r, bytearray((good/name).read_bytes())))
    return sorted(good.iterdir()), paths

# ---------- decoding

def decode(path):
    "0 decoded, 1 refused with a sentence that names the file, 2 anything else"
    try: x = decode_frames(path, lambda n: frame_indices(4, n), short_side=32)
    except VideoError as e:
        said = str(e)
        return 1 if path.name in said and 'Traceback' not in said and '\n' not in said else 2
    except BaseException as e:
        print(f'{path.name}: {type(e).__name__}: {e}')
        return 2
    return 0 if x.shape[:2]==(4, 3) and x.dtype==torch.uint8 else 2

def watched(path):
    "The same in a process of its own, so that a crash or a hang is only this file's"
    pid = os.fork()
    if pid==0:
        torch.set_num_threads(1)
        os._exit(decode(path))
    end = time.time()+LIMIT
    while time.time()<end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done: return os.waitstatus_to_exitcode(status)
        time.sleep(.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return 'hang'

def kind_of(path): return path.name.split(' ', 1)[1].rsplit(' ', 1)[0]

def decode_all(good, bad):
    start = time.time()
    codes = {p: watched(p) for p in bad}
    for p, code in codes.items(): check(code in (0, 1), f'{p.name}: {code}')
    for p in good: check(watched(p)==0, f'{p.name} is whole and is refused')
    total = Counter(codes.values())
    by = Counter((kind_of(p), code) for p, code in codes.items())
    print(f'decode_frames: {total[0]} of {N} damaged files can still be decoded, {total[1]} are refused, '
          f'{time.time()-start:.0f} s')
    print('  refused:', ', '.join(f'{k} {by[k, 1]}/{by[k, 0]+by[k, 1]}' for k in DAMAGE))

# ---------- training

def epochs(dls, model, whole):
    "Two epochs of a model that looks at the mean colour"
    opt = torch.optim.SGD(model.parameters(), .01)
    for epoch in range(2):
        dls.set_epoch(0, epoch)
        seen = []
        for x, y in dls.train:
            seen += x.draws.ids.tolist()
            colour = x.as_subclass(torch.Tensor).float().mean((1, 3, 4))
            opt.zero_grad()
            cross_entropy(model(colour), y).backward()
            opt.step()
        once = len(seen)==len(set(seen))
        check(once and whole<=set(seen), f'epoch {epoch}: a whole file is missing, or a video comes twice')

def train(good, bad):
    paths = good*5+bad
    n = len(good)*5                                                        # whole ones come first
    labels = [[i%2] for i in range(len(paths))]
    source = VideoSource(paths, labels, good[:2], [[0], [1]], 'ab')
    report = check_source(source, on_error='skip', quiet=True)
    check(set(report.bad)<=set(map(str, bad)), 'check_source names a whole file')
    dls = VideoDataLoaders.from_source(source, n_frames=4, frame_size=32, bs=8, num_workers=2, on_error='skip',
                                       device='cpu')
    model = torch.nn.Linear(3, 2)
    start = time.time()
    with contextlib.redirect_stdout(io.StringIO()) as said: epochs(dls, model, set(range(n)))
    lines = said.getvalue().splitlines()
    damaged = dls.train.damaged
    print(f'two training epochs: {len(damaged)} files left out, {len(lines)} lines, {time.time()-start:.0f} s')
    for p in bad:
        named = sum(p.name in o for o in lines)
        known = named==1 or str(p) not in report.bad
        check(known and named==(str(p) in damaged), f'{p.name} is named {named} times')
    check(len(lines)==len(damaged), 'other lines were printed')
    check(all(o.isfinite().all() for o in model.parameters()), 'weights')
    dls.stop_workers()

# ---------- predicting

def predict(bad, folder):
    AdaFocus.from_preset('tiny', n_classes=2, labels=['a', 'b']).save(folder/'model')
    command = ['adafocus_predict', folder/'model', *bad, '--json', '--annotate', folder/'out', '--device', 'cpu']
    p = subprocess.Popen(map(str, command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = []
    times = []
    for line in p.stdout:
        times.append(time.time())
        said.append(json.loads(line))
    err = p.stderr.read()
    slowest = max(b-a for a, b in zip(times, times[1:]))                   # the first line comes after the imports
    check(p.wait()==1, f'adafocus_predict ends with {p.returncode}: {err[-300:]}')
    check('Traceback' not in err, err[-300:])
    check(slowest<LIMIT, f'adafocus_predict took {slowest:.1f} s for one file')
    check(not list((folder/'out').glob('.*')), 'half-written videos are left')
    named = Counter(o['file'] for o in said)
    for path in bad: check(named[str(path)]==1, f'adafocus_predict does not name {path.name} once')
    unread = sum('error' in o for o in said)
    print(f'adafocus_predict: {unread} of {len(said)} files not read, {slowest:.1f} s for the slowest')

def main():
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        good, bad = write_files(folder/'good', folder/'bad')
        decode_all(good, bad)
        train(good, bad)
        predict(bad, folder)
    print(f'{counts[True]} passed, {counts[False]} failed')
    return counts[False]>0

if __name__=='__main__': sys.exit(main())
