#!/usr/bin/env python3
"""Two processes on the CPU: python .ci/distributed.py   (a minute on two cores)

Trains through `adafocus_train` started by torchrun, as `accelerate launch` does it on a machine with GPUs. One of the two is then killed in the middle of
Stage II: the launch has to end within a minute and say why, the run has to be whole, and --resume with one process has to go on to the end. The undisturbed
run's accuracies are compared with one process' (same batches; they may differ by rounding). Last line: "N passed, M failed".
"""
import json, os, re, shutil, signal, subprocess, sys, tempfile, time
from pathlib import Path

train = shutil.which('adafocus_train')
options = 'builtin:digits,n=48,n_valid=33 --preset tiny --n-stills 128 --epochs0 1 --epochs1 2 --epochs2 8 --epochs3 1 --device cpu --seed 3'.split()
env = {**os.environ, 'OMP_NUM_THREADS': '1'}
results = []

def check(name, good, more=''):
    results.append(bool(good)); print(f"{'passed' if good else 'FAILED'} {name} {more}", flush=True)

def launch(out, *more, processes=2):
    how = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(processes), train] if processes>1 else [train]
    return subprocess.Popen([*how, *options, '--out', str(out), *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, start_new_session=True)

def workers(p):
    "The launched processes"
    kids = subprocess.run(['ps', '-o', 'pid=,args=', '--ppid', str(p.pid)], capture_output=True, text=True).stdout.splitlines()
    return [int(l.split()[0]) for l in kids if 'adafocus_train' in l]

def log(out): return (out/'log.csv').read_text().splitlines()[1:] if (out/'log.csv').exists() else []

with tempfile.TemporaryDirectory() as tmp:
    tmp = Path(tmp)
    p = launch(tmp/'killed')
    while p.poll() is None and not any(l.startswith('stage2') for l in log(tmp/'killed')): time.sleep(.1)
    victims = workers(p); start = time.time()
    os.kill(victims[-1], signal.SIGKILL)
    try: text, _ = p.communicate(timeout=90)
    except subprocess.TimeoutExpired: os.killpg(p.pid, signal.SIGKILL); text, _ = p.communicate()
    took = time.time()-start
    check('a process is killed: the launch ends within a minute', took<60 and p.returncode!=0, f'({took:.0f} s, after {log(tmp/"killed")[-1].split(",")[:2]})')
    check('and says why', re.search(r'Signal 9|SIGKILL|exitcode *: *-9', text))
    check('nothing half-written is left', not [f for f in (tmp/'killed').rglob('.*.tmp')])
    again = launch(tmp/'killed', '--resume', processes=1); text, _ = again.communicate(timeout=300)
    check('--resume with one process goes on to the end', again.returncode==0 and (tmp/'killed'/'results.json').exists(), text[-400:] if again.returncode else '')
    rows = [l.split(',')[:2] for l in log(tmp/'killed')]
    check('every epoch is there once', rows==[list(o) for o in dict.fromkeys(map(tuple, rows))] and len(rows)==2+2+8+1, f'({len(rows)})')
    options[options.index('--epochs2')+1] = '2'
    both = launch(tmp/'two'); text, _ = both.communicate(timeout=300)
    check('two processes', both.returncode==0 and text.count('Results:')==1, text[-400:] if both.returncode else '')
    one = launch(tmp/'one', processes=1); one.communicate(timeout=300)
    a, b = (json.loads((tmp/o/'results.json').read_text())['top1'] for o in ('two', 'one'))
    check('their accuracies are near those of one process', a.keys()==b.keys() and all(abs(a[k]-b[k])<=100*3/33 for k in a), f'{a} {b}')
    bad = launch(tmp/'two'); text, _ = bad.communicate(timeout=120)
    check('a folder in use is refused with a sentence', bad.returncode!=0 and 'already holds a run' in text)
    odd = launch(tmp/'odd', '--batch-size', '15'); text, _ = odd.communicate(timeout=120)
    check('a batch that cannot be shared is refused with a sentence', odd.returncode!=0 and 'choose a batch size that is a multiple of 2' in text)
print(f'{sum(results)} passed, {len(results)-sum(results)} failed')
sys.exit(not all(results))
