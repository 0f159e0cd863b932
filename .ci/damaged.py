#!/usr/bin/env python3
"""300 damaged files through `decode_frames`, through training epochs and through adafocus_predict: python .ci/damaged.py

No crash, no hang (10 seconds a file), nothing but `VideoError`, and each bad file named once. Some damaged files can still be decoded; that is fine.
Everything is made from seeds, so a failure can be repeated. Last line: "N passed, M failed".
"""
import contextlib, io, json, os, random, signal, subprocess, sys, tempfile, time, warnings
warnings.filterwarnings('ignore')
from collections import Counter
from pathlib import Path
import torch
from adafocus_nb.decoding import *
from adafocus_nb.sources import *
from adafocus_nb.video_data import *
from adafocus_nb.policy_ppo import AdaFocus

N, LIMIT = 300, 10
KINDS = {'h264.mp4':{}, 'mpeg4.avi':dict(codec='mpeg4', options=dict(bf='2')), 'vp9.webm':dict(codec='libvpx-vp9'), 'mjpeg.mkv':dict(codec='mjpeg', pix_fmt='yuvj420p'),
         'ffv1.mkv':dict(codec='ffv1', pix_fmt='bgra'), 'h264.ts':dict(options=dict(g='8')), 'qtrle.mov':dict(codec='qtrle', pix_fmt='rgb24'), 'h264.flv':{},
         'hevc.mp4':dict(codec='libx265', options={'x265-params':'log-level=none'}), 'mpeg2.mpg':dict(codec='mpeg2video'), 'vp8.webm':dict(codec='libvpx'), 'raw.h264':{}}
TEXTS = ['no video\n'*50, '#EXTM3U\n#EXTINF:1,\nsecret.mp4\n', '<html><body>404 not found</body></html>', '{"error": "rate limit"}', 'ffconcat version 1.0\nfile secret.mp4\n',
         'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 9 RTP/AVP 96\n']

def damage(r, raw, kind):
    "Bytes of a damaged file"
    raw = bytearray(raw)
    if kind=='truncated': return raw[:r.randrange(1, len(raw))]
    if kind=='header':
        for _ in range(r.randrange(1, 30)): raw[r.randrange(min(800, len(raw)))] = r.randrange(256)
    if kind=='tail':
        for _ in range(r.randrange(1, 60)): raw[-r.randrange(1, min(2000, len(raw)))] = r.randrange(256)
    if kind=='flipped':
        for _ in range(r.choice([1,10,100,1000])): raw[r.randrange(len(raw))] ^= 1<<r.randrange(8)
    if kind=='hole': at = r.randrange(len(raw)); raw[at:at+len(raw)//5] = bytes(len(raw[at:at+len(raw)//5]))
    if kind=='cut out': at = r.randrange(len(raw)); del raw[at:at+r.randrange(1, len(raw)//3)]
    if kind=='doubled': raw = raw[:len(raw)//2]+raw
    if kind=='empty': return b''
    if kind=='text': return r.choice(TEXTS).encode()
    if kind=='noise': return r.randbytes(r.randrange(1, 20000))
    if kind=='noise after header': return raw[:64]+r.randbytes(8000)
    return raw                                                             # 'wrong extension': whole
DAMAGE = ['truncated','truncated','header','tail','flipped','flipped','hole','cut out','doubled','empty','text','noise','noise after header','wrong extension']

def decode(path):
    "0 decoded, 1 refused with a sentence that names the file, 2 anything else"
    try: x = decode_frames(path, lambda n: frame_indices(4, n), short_side=32); return 0 if x.shape[:2]==(4,3) and x.dtype==torch.uint8 else 2
    except VideoError as e: return 1 if path.name in str(e) and 'Traceback' not in str(e) and '\n' not in str(e) else 2
    except BaseException as e: print(f'{path.name}: {type(e).__name__}: {e}'); return 2

def watched(path):
    "The same in a process of its own, so that a crash or a hang is only this file's"
    pid = os.fork()
    if pid==0: torch.set_num_threads(1); os._exit(decode(path))
    end = time.time()+LIMIT
    while time.time()<end:
        done,status = os.waitpid(pid, os.WNOHANG)
        if done: return os.waitstatus_to_exitcode(status)
        time.sleep(.002)
    os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
    return 'hang'

def main():
    passed = failed = 0
    def check(ok, what):
        nonlocal passed, failed
        passed,failed = passed+bool(ok),failed+(not ok)
        if not ok: print('FAILED', what)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp); (tmp/'good').mkdir(); (tmp/'bad').mkdir()
        clips = MovingDigits().clips(len(KINDS), n_frames=24).x
        for (name,kw),x in zip(KINDS.items(), clips): save_clip(tmp/'good'/name, x, **kw)
        save_clip(tmp/'bad'/'secret.mp4', clips[0]); names = list(KINDS)
        bad = []
        for i in range(N):
            r = random.Random(i); name,kind = r.choice(names),DAMAGE[i%len(DAMAGE)]
            ending = r.choice(['.mp4','.avi','.webm','.mkv']) if kind=='wrong extension' else Path(name).suffix
            bad.append(tmp/'bad'/f'{i:03} {kind} {Path(name).stem}{ending}')
            bad[-1].write_bytes(damage(r, (tmp/'good'/name).read_bytes(), kind))
        start,codes = time.time(),{}
        for p in bad:
            codes[p] = watched(p); check(codes[p] in (0,1), f'{p.name}: {codes[p]}')
        for p in (tmp/'good').iterdir(): check(watched(p)==0, f'{p.name} is whole and is refused')
        by = Counter((p.name.split(' ',1)[1].rsplit(' ',1)[0], codes[p]) for p in bad)
        print(f'decode_frames: {sum(c==0 for c in codes.values())} of {N} damaged files can still be decoded, {sum(c==1 for c in codes.values())} are refused, {time.time()-start:.0f} s')
        print('  refused: '+', '.join(f'{k} {by[k,1]}/{by[k,0]+by[k,1]}' for k in dict.fromkeys(DAMAGE)))
        good = sorted((tmp/'good').iterdir())*5
        paths,labels = good+bad, [[i%2] for i in range(len(good)+N)]
        source = VideoSource(paths, labels, good[:2], [[0],[1]], 'ab')
        report = check_source(source, on_error='skip', quiet=True)
        check(set(report.bad)<=set(map(str, bad)), 'check_source names a whole file')
        dls = VideoDataLoaders.from_source(source, n_frames=4, frame_size=32, bs=8, num_workers=2, on_error='skip', device='cpu')
        model = torch.nn.Linear(3,2); opt = torch.optim.SGD(model.parameters(), .01)
        start = time.time()
        with contextlib.redirect_stdout(io.StringIO()) as said:
            for epoch in range(2):
                dls.set_epoch(0, epoch); seen = []
                for x,y in dls.train:
                    loss = torch.nn.functional.cross_entropy(model(x.as_subclass(torch.Tensor).float().mean((1,3,4))), y)
                    opt.zero_grad(); loss.backward(); opt.step(); seen += x.draws.ids.tolist()
                check(set(range(len(good)))<=set(seen) and len(seen)==len(set(seen)), f'epoch {epoch}: a whole file is missing, or a video comes twice')
        lines = said.getvalue().splitlines()
        print(f'two training epochs: {len(dls.train.damaged)} files left out, {len(lines)} lines, {time.time()-start:.0f} s')
        for p in bad:
            n = sum(p.name in o for o in lines)
            check(n==(str(p) in dls.train.damaged) and (n==1 or str(p) not in report.bad), f'{p.name} is named {n} times')
        check(len(lines)==len(dls.train.damaged), 'other lines were printed'); check(all(o.isfinite().all() for o in model.parameters()), 'weights')
        AdaFocus.from_preset('tiny', n_classes=2, labels=['a','b']).save(tmp/'model')
        command = ['adafocus_predict', str(tmp/'model'), *map(str, bad), '--json', '--annotate', str(tmp/'out'), '--device', 'cpu']
        p,said,slowest,last = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True),[],0,None
        for line in p.stdout:
            if last: slowest = max(slowest, time.time()-last)                  # the first line comes after the imports
            last = time.time(); said.append(json.loads(line))
        err = p.stderr.read()
        check(p.wait()==1, f'adafocus_predict ends with {p.returncode}: {err[-300:]}'); check('Traceback' not in err, err[-300:])
        check(slowest<LIMIT, f'adafocus_predict took {slowest:.1f} s for one file'); check(not list((tmp/'out').glob('.*')), 'half-written videos are left')
        for p in bad: check(sum(o['file']==str(p) for o in said)==1, f'adafocus_predict does not name {p.name} once')
        print(f"adafocus_predict: {sum('error' in o for o in said)} of {len(said)} files not read, {slowest:.1f} s for the slowest")
    print(f'{passed} passed, {failed} failed')
    return failed>0

if __name__ == '__main__': sys.exit(main())
