#!/usr/bin/env python3
"""Kill a training at random moments: python .ci/kills.py [N] [SEED]   (default 20 kills; ten minutes on two cores)

Trains a small model once without disturbance; then N times again. Each is killed with SIGKILL at a random moment of
a random epoch, over all stages, and taken up with --resume. Every one must end with the very same weights. Last
line: "N passed, M failed".
"""
import hashlib, random, signal, subprocess, sys, tempfile, time
from pathlib import Path

DATA = 'builtin:digits,n=64,n_valid=32'
SHORT = ('--preset tiny --n-stills 256 --epochs0 2 --epochs1 3 --epochs2 4 --epochs3 3 --device cpu --seed 3 '
         '--json').split()

def start(out, *more):
    command = ['adafocus_train', DATA, '--out', str(out), *SHORT, *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

def weights(out): return hashlib.sha256((out/'last'/'model.safetensors').read_bytes()).hexdigest()[:16]

def rows_of(out):
    "The lines of the log as fields"
    path = out/'log.csv'
    if not path.exists(): return []
    return [line.split(',') for line in path.read_text().splitlines()[1:]]

def kill_in(epoch, seconds, out, rng):
    "Start a run and kill it within the epoch of this number, which takes so many seconds; where that was"
    p = start(out)
    while len(rows_of(out))<epoch and p.poll() is None: time.sleep(.01)
    wait = rng.uniform(0, 1.5*seconds)
    if epoch==0: wait += rng.uniform(0, 8)                                 # after imports and the making of videos
    try: p.wait(wait)
    except subprocess.TimeoutExpired:
        p.send_signal(signal.SIGKILL)
        p.wait()
    if p.returncode==0: return 'finished before the kill'
    done = rows_of(out)
    return f"killed after {','.join(done[-1][:2]) if done else 'nothing'}"

def taken_up(out, want):
    "What is wrong with a run that goes on; None if nothing is"
    again = start(out, '--resume')
    err = again.communicate()[1]
    if again.returncode: return err[-500:]
    if weights(out)!=want: return f'other weights: {weights(out)}'
    if list(out.rglob('*.tmp')): return 'something half-written is left'
    if not (out/'results.json').exists(): return 'no results.json'

def main():
    n = int((sys.argv[1:2] or [20])[0])
    rng = random.Random(int((sys.argv[2:3] or [0])[0]))
    failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        whole = Path(tmp)/'whole'
        assert start(whole).wait()==0
        want = weights(whole)
        rows = rows_of(whole)
        print(f'undisturbed: {want}, {len(rows)} epochs', flush=True)
        for i in range(n):
            out = Path(tmp)/str(i)
            epoch = i*len(rows)//n
            if n<len(rows): epoch = rng.randrange(len(rows))
            was = kill_in(epoch, float(rows[epoch][2]), out, rng)
            why = taken_up(out, want)
            failed += why is not None
            print(f"{'FAILED' if why else 'passed'} {i}: {was}; then {why or want}", flush=True)
    print(f'{n-failed} passed, {failed} failed')
    return failed>0

if __name__=='__main__': sys.exit(main())
