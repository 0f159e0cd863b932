#!/usr/bin/env python3
"""Ctrl-C at random moments of a training: python .ci/ctrl_c.py [N] [SEED]   (default 20 times; three minutes on two cores)

Trains a small model on a few mp4 files once without disturbance; then N times again, and each time SIGINT comes at a random moment between
0.05 s and the end: to all processes, as a terminal sends it, or to the command alone. Every one must end with 130, one line and no traceback,
and go on with --resume if it had begun (one of them is taken up). Last line: "N passed, M failed".
"""
import os, random, signal, subprocess, sys, tempfile, time
from pathlib import Path

options = '--preset tiny --n-frames 3 --epochs0 1 --epochs1 1 --epochs2 1 --epochs3 1 --batch-size 8 --workers 2 --device cpu'.split()

def start(videos, out, *more):
    return subprocess.Popen(['adafocus_train', str(videos), '--out', str(out), *options, *more], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True, start_new_session=True)

def make_videos(folder):
    "In a process of its own, since this one stays small"
    code = '''
import sys
from pathlib import Path
from adafocus_nb.all import MovingDigits, save_clip
clips = MovingDigits(n=24).clips(24)
for i, (x, y) in enumerate(zip(clips.x, clips.y)):
    d = Path(sys.argv[1])/('odd' if y%2 else 'even'); d.mkdir(parents=True, exist_ok=True); save_clip(d/f'{i}.mp4', x)
'''
    subprocess.run([sys.executable, '-c', code, str(folder)], check=True)

def interrupted(videos, out, after, everyone):
    "Why this stop was not as it should be; None: it was. And what was said"
    p = start(videos, out); time.sleep(after)
    try: (os.killpg if everyone else os.kill)(p.pid, signal.SIGINT)
    except ProcessLookupError: pass
    try: said = p.communicate(timeout=30)[1]
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL); p.wait()
        return 'it went on for 30 s', ''
    lines = [o for o in said.splitlines() if o.strip() and 'arn' not in o]
    if p.returncode==0: return (None, 'it had ended') if not lines else ('swallowed, or lines after the end', said)
    if p.returncode!=130: return f'exit code {p.returncode}', said
    if 'Traceback' in said or 'Exception ignored' in said: return 'a traceback', said
    return (None, lines[-1]) if len(lines)==1 and lines[0].startswith('Stopped. ') else ('more than one line', said)

def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)                  # a shell lets its background jobs ignore it
    n, rng = int((sys.argv[1:2] or [20])[0]), random.Random(int((sys.argv[2:3] or [0])[0]))
    passed = failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        videos, begun = Path(tmp)/'videos', None
        make_videos(videos)
        begin = time.time(); p = start(videos, Path(tmp)/'whole'); _, said = p.communicate(); assert p.returncode==0, said
        whole = time.time()-begin
        print(f'undisturbed: {whole:.1f} s', flush=True)
        for i in range(n):
            out, after = Path(tmp)/str(i), rng.uniform(.05, whole)
            why, said = interrupted(videos, out, after, i%2==0)
            if (out/'last').exists() and not (out/'results.json').exists(): begun = out
            passed, failed = passed+(why is None), failed+(why is not None)
            print(f"{'passed' if why is None else 'FAILED'} {i}, after {after:.2f} s: {why or ''} {said.strip().replace(tmp, '…')}", flush=True)
        if begun:
            p = start(videos, begun, '--resume'); _, said = p.communicate()
            good = p.returncode==0 and (begun/'results.json').exists()
            passed, failed = passed+good, failed+(not good)
            print(f"{'passed' if good else 'FAILED'}: --resume {said.strip() if not good else ''}")
    print(f'{passed} passed, {failed} failed')
    return failed>0

if __name__ == '__main__': sys.exit(main())
