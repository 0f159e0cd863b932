#!/usr/bin/env python3
"""Two processes on the CPU: python .ci/distributed.py   (a minute on two cores)

Trains through `adafocus_train` started by torchrun, as `accelerate launch` does it on a machine with GPUs. One of
the two is then killed in the middle of Stage II: the launch has to end within a minute and say why, the run has to
be whole, and --resume with one process has to go on to the end. The undisturbed run's accuracies are compared with
one process' (same batches; they may differ by rounding). Last line: "N passed, M failed".
"""
import json, os, re, shutil, signal, subprocess, sys, tempfile, time
from pathlib import Path

TRAIN = shutil.which('adafocus_train')
DATA = 'builtin:digits,n=48,n_valid=33'
SHORT = '--preset tiny --n-stills 128 --epochs0 1 --epochs1 2 --epochs3 1 --device cpu --seed 3'.split()
TORCHRUN = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node']
results = []

def check(name, good, more=''):
    results.append(bool(good))
    print('passed' if good else 'FAILED', name, more, flush=True)

def launch(out, *more, processes=2, epochs2=2):
    command = [TRAIN, DATA, *SHORT, '--epochs2', str(epochs2), '--out', str(out), *more]
    if processes>1: command = [*TORCHRUN, str(processes), *command]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            start_new_session=True, env={**os.environ, 'OMP_NUM_THREADS': '1'})

def ended(p, seconds=300):
    "What a launch has said; one that does not end is killed"
    try: return p.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired: os.killpg(p.pid, signal.SIGKILL)
    return p.communicate()[0]

def workers(p):
    "The launched processes"
    kids = subprocess.run(['ps', '-o', 'pid=,args=', '--ppid', str(p.pid)], capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in kids.splitlines() if 'adafocus_train' in line]

def epochs_of(out):
    "(stage, epoch) of each row of the log"
    path = out/'log.csv'
    if not path.exists(): return []
    return [tuple(line.split(',')[:2]) for line in path.read_text().splitlines()[1:]]

def one_killed(out):
    p = launch(out, epochs2=8)
    while p.poll() is None and not any(stage.startswith('stage2') for stage, _ in epochs_of(out)): time.sleep(.1)
    victim = workers(p)[-1]
    start = time.time()
    os.kill(victim, signal.SIGKILL)
    text = ended(p, 90)
    took = time.time()-start
    check('a process is killed: the launch ends within a minute', took<60 and p.returncode!=0,
          f'({took:.0f} s, after {epochs_of(out)[-1]})')
    check('and says why', re.search(r'Signal 9|SIGKILL|exitcode *: *-9', text))
    check('nothing half-written is left', not list(out.rglob('.*.tmp')))

def taken_up(out):
    again = launch(out, '--resume', processes=1, epochs2=8)
    text = ended(again)
    whole = again.returncode==0 and (out/'results.json').exists()
    check('--resume with one process goes on to the end', whole, '' if whole else text[-400:])
    rows = epochs_of(out)
    once = len(rows)==len(set(rows))
    check('every epoch is there once', once and len(rows)==2+2+8+1, f'({len(rows)})')

def compared(folder):
    both = launch(folder/'two')
    text = ended(both)
    good = both.returncode==0 and text.count('Results:')==1
    check('two processes', good, '' if good else text[-400:])
    ended(launch(folder/'one', processes=1))
    a, b = (json.loads((folder/o/'results.json').read_text())['top1'] for o in ('two', 'one'))
    near = a.keys()==b.keys() and all(abs(a[k]-b[k])<=100*3/33 for k in a)
    check('their accuracies are near those of one process', near, f'{a} {b}')

def refused(name, sentence, out, *more):
    p = launch(out, *more)
    text = ended(p, 120)
    check(f'{name} is refused with a sentence', p.returncode!=0 and sentence in text)

def main():
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        one_killed(folder/'killed')
        taken_up(folder/'killed')
        compared(folder)
        refused('a folder in use', 'already holds a run', folder/'two')
        refused('a batch that cannot be shared', 'choose a batch size that is a multiple of 2', folder/'odd',
                '--batch-size', '15')
    print(f'{sum(results)} passed, {len(results)-sum(results)} failed')
    return not all(results)

if __name__=='__main__': sys.exit(main())
