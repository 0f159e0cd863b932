#!/usr/bin/env python3
"""Kill a training at random moments: python .ci/kills.py [N] [SEED]   (default 20 kills; ten minutes on two cores)

Trains a small model once without disturbance; then N times again, each killed with SIGKILL at a random moment between its start and its end and taken up
with --resume. Every one must end with the very same weights. Last line: "N passed, M failed".
"""
import hashlib, random, signal, subprocess, sys, tempfile, time
from pathlib import Path

data = 'builtin:digits,n=64,n_valid=32'
options = '--preset tiny --n-stills 256 --epochs0 2 --epochs1 3 --epochs2 4 --epochs3 3 --device cpu --seed 3 --json'.split()

def start(out, *more): return subprocess.Popen(['adafocus_train', data, '--out', str(out), *options, *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
def weights(out): return hashlib.sha256((out/'last'/'model.safetensors').read_bytes()).hexdigest()[:16]
def reached(out):
    rows = (out/'log.csv').read_text().splitlines() if (out/'log.csv').exists() else []
    return ','.join(rows[-1].split(',')[:2]) if rows else 'nothing yet'

def main():
    n, rng = int((sys.argv[1:2] or [20])[0]), random.Random(int((sys.argv[2:3] or [0])[0]))
    passed = failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        whole, begin = Path(tmp)/'whole', time.time()
        assert start(whole).wait()==0
        seconds, want = time.time()-begin, weights(whole)
        print(f'undisturbed: {want}, {seconds:.0f} s', flush=True)
        for i in range(n):
            out, moment = Path(tmp)/str(i), rng.uniform(.15, 1)*seconds
            p = start(out)
            try: p.wait(moment); was = 'already finished'
            except subprocess.TimeoutExpired: p.send_signal(signal.SIGKILL); p.wait(); was = f'killed after {moment:.0f} s in {reached(out)}'
            again = start(out, '--resume'); _, err = again.communicate()
            good = again.returncode==0 and weights(out)==want and (out/'results.json').exists() and not list(out.rglob('*.tmp'))
            passed, failed = passed+good, failed+(not good)
            print(f"{'passed' if good else 'FAILED'} {i}: {was}; then {weights(out) if again.returncode==0 else err[-500:]}", flush=True)
    print(f'{passed} passed, {failed} failed')
    return failed>0

if __name__ == '__main__': sys.exit(main())
