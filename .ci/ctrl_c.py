#!/usr/bin/env python3
"""Ctrl-C at random moments of a training: python .ci/ctrl_c.py [N] [SEED]   (default 20 times; three minutes)

Trains a small model on a few mp4 files once without disturbance; then N times again, and each time SIGINT comes at a
random moment between 0.05 s and the end: to all processes, as a terminal sends it, or to the command alone. Every
one must end with 130, one line and no traceback, and go on with --resume if it had begun (one of them is taken up).
Last line: "N passed, M failed".
"""
import os, random, signal, subprocess, sys, tempfile, time
from pathlib import Path

SHORT = ('--preset tiny --n-frames 3 --epochs0 1 --epochs1 1 --epochs2 1 --epochs3 1 --batch-size 8 --workers 2 '
         '--device cpu').split()
VIDEOS = '''
import sys
from pathlib import Path
from adafocus_nb.all import MovingDigits, save_clip
clips = MovingDigits(n=24).clips(24)
for i, (x, y) in enumerate(zip(clips.x, clips.y)):
    folder = Path(sys.argv[1])/('odd' if y%2 else 'even')
    folder.mkdir(parents=True, exist_ok=True)
    save_clip(folder/f'{i}.mp4', x)
'''
counts = dict(passed=0, failed=0)

def check(what, why, said=''):
    "Count, and print why something went wrong; None: nothing did"
    verdict = 'FAILED' if why else 'passed'
    counts[verdict.lower()] += 1
    print(f"{verdict} {what}: {why or ''} {said}", flush=True)

def start(videos, out, *more):
    command = ['adafocus_train', str(videos), '--out', str(out), *SHORT, *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            start_new_session=True)

def wrong_with(code, said):
    "Why this end is not as it should be; None: it is"
    lines = [o for o in said.splitlines() if o.strip() and 'arn' not in o]
    if code==0: return 'swallowed, or lines after the end' if lines else None
    if code!=130: return f'exit code {code}'
    if 'Traceback' in said or 'Exception ignored' in said: return 'a traceback'
    if len(lines)!=1 or not lines[0].startswith('Stopped. '): return 'more than one line'

def interrupted(videos, out, after, everyone):
    "Why this stop was not as it should be; None: it was. And what was said"
    p = start(videos, out)
    time.sleep(after)
    try:
        if everyone: os.killpg(p.pid, signal.SIGINT)
        else: os.kill(p.pid, signal.SIGINT)
    except ProcessLookupError: pass
    try: said = p.communicate(timeout=30)[1]
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        return 'it went on for 30 s', ''
    return wrong_with(p.returncode, said), said or 'it had ended'

def undisturbed(videos, out):
    "Seconds of a whole training"
    begin = time.time()
    p = start(videos, out)
    said = p.communicate()[1]
    assert p.returncode==0, said
    return time.time()-begin

def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)               # a shell lets its background jobs ignore it
    n = int((sys.argv[1:2] or [20])[0])
    rng = random.Random(int((sys.argv[2:3] or [0])[0]))
    with tempfile.TemporaryDirectory() as tmp:
        videos = Path(tmp)/'videos'
        subprocess.run([sys.executable, '-c', VIDEOS, str(videos)], check=True)   # this process stays small
        whole = undisturbed(videos, Path(tmp)/'whole')
        print(f'undisturbed: {whole:.1f} s', flush=True)
        begun = None
        for i in range(n):
            out = Path(tmp)/str(i)
            after = rng.uniform(.05, whole)
            why, said = interrupted(videos, out, after, i%2==0)
            if (out/'last').exists() and not (out/'results.json').exists(): begun = out
            check(f'{i}, after {after:.2f} s', why, said.strip().replace(tmp, '…'))
        if begun:
            p = start(videos, begun, '--resume')
            said = p.communicate()[1]
            whole = p.returncode==0 and (begun/'results.json').exists()
            check('--resume', None if whole else said.strip() or 'no results')
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return counts['failed']>0

if __name__=='__main__': sys.exit(main())
