#!/usr/bin/env python3
"""Kill a training at random moments: python .ci/kills.py [N] [SEED]   (default 20 kills; ten minutes on two cores)

Trains a small model once without disturbance; then N times again. Each is killed with SIGKILL at a random moment of a random epoch, over all stages,
and taken up with --resume. Every one must end with the very same weights. Last line: "N passed, M failed".
"""
import hashlib, random, signal, subprocess, sys, tempfile, time
from pathlib import Path

data = 'builtin:digits,n=64,n_valid=32'
options = '--preset tiny --n-stills 256 --epochs0 2 --epochs1 3 --epochs2 4 --epochs3 3 --device cpu --seed 3 --json'.split()

def start(out, *more): return subprocess.Popen(['adafocus_train', data, '--out', str(out), *options, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
def weights(out): return hashlib.sha256((out/'last'/'model.safetensors').read_bytes()).hexdigest()[:16]
def log(out): return (out/'log.csv').read_text().splitlines()[1:] if (out/'log.csv').exists() else []

def kill_in(epoch, rows, out, rng):
    "Start a run and kill it within the epoch of this number; where that was"
    p, seconds = start(out), float(rows[epoch].split(',')[2])
    while len(log(out))<epoch and p.poll() is None: time.sleep(.01)
    try: p.wait(rng.uniform(0, 1.5*seconds) + (rng.uniform(0, 8) if epoch==0 else 0))   # the first comes after imports and the making of videos
    except subprocess.TimeoutExpired: p.send_signal(signal.SIGKILL); p.wait()
    return 'finished before the kill' if p.returncode==0 else 'killed after '+(','.join(log(out)[-1].split(',')[:2]) if log(out) else 'nothing')

def main():
    n, rng = int((sys.argv[1:2] or [20])[0]), random.Random(int((sys.argv[2:3] or [0])[0]))
    passed = failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        whole = Path(tmp)/'whole'
        assert start(whole).wait()==0
        want, rows = weights(whole), log(whole)
        print(f'undisturbed: {want}, {len(rows)} epochs', flush=True)
        for i in range(n):
            out, epoch = Path(tmp)/str(i), rng.randrange(len(rows)) if n<len(rows) else i*len(rows)//n
            was = kill_in(epoch, rows, out, rng)
            again = start(out, '--resume'); _, err = again.communicate()
            good = again.returncode==0 and weights(out)==want and (out/'results.json').exists() and not list(out.rglob('*.tmp'))
            passed, failed = passed+good, failed+(not good)
            print(f"{'passed' if good else 'FAILED'} {i}: {was}; then {weights(out) if again.returncode==0 else err[-500:]}", flush=True)
    print(f'{passed} passed, {failed} failed')
    return failed>0

if __name__ == '__main__': sys.exit(main())
