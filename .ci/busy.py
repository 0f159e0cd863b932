#!/usr/bin/env python3
"""How much slower is the demo beside other work? python .ci/busy.py [--short] [--rounds 3]

Runs `adafocus_demo` (or its short form) alone, then beside a second process that keeps every core busy. Prints both
times, their ratio, and the CPU time of `adafocus_train --help`. It judges nothing, because times depend on the
machine: the demo should take at most 2.5 times as long, and the help at most 1 s of CPU time. Nothing else should
run meanwhile. The commands keep a GOMP_SPINCOUNT that is set: `GOMP_SPINCOUNT=300000 python .ci/busy.py` measures
threads that wait by spinning, as libgomp's do by themselves. Needs Linux or macOS.
"""
import argparse, os, statistics, subprocess, sys, sysconfig, tempfile, time
from contextlib import contextmanager, nullcontext
from pathlib import Path

CORES = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()

NEIGHBOUR = '''
import hashlib, os, sys, threading
block = bytes(2**22)                                # while one is hashed, Python's lock is free for other threads
def work():
    while True: hashlib.sha256(block).digest()
for _ in range(int(sys.argv[1])): threading.Thread(target=work, daemon=True).start()
sys.stdin.read()                                    # until whoever started this process ends
os._exit(0)
'''

@contextmanager
def neighbour():
    "Meanwhile a second process keeps every core busy"
    with subprocess.Popen([sys.executable, '-c', NEIGHBOUR, str(CORES)], stdin=subprocess.PIPE) as p:
        try: yield
        finally: p.kill()

def measured(command, folder):
    "Wall time and CPU time of one command with all its processes, in seconds"
    env = {k:v for k,v in os.environ.items() if k!='OMP_NUM_THREADS'}       # as many threads as a user gets
    program = Path(sysconfig.get_path('scripts'), command[0])
    with tempfile.TemporaryFile('w+', dir=folder) as said:
        start = time.time()
        p = subprocess.Popen([program, *command[1:]], cwd=folder, env=env, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(p.pid, 0)
        wall = time.time()-start
        p.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if p.returncode: sys.exit(f"{' '.join(command)} ended with {p.returncode}:\n{said.read()[-4000:]}")
    return wall, used.ru_utime+used.ru_stime

def median(command, rounds, folder, beside=nullcontext):
    "Medians of wall time and CPU time over some rounds, each in a folder of its own"
    times = []
    for _ in range(rounds):
        with beside(): times.append(measured(command, tempfile.mkdtemp(dir=folder)))
    return [statistics.median(o) for o in zip(*times)]

def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--short', action='store_true', help='the short form of the demo')
    parser.add_argument('--rounds', type=int, default=1, help='of the demo, alone and beside other work')
    args = parser.parse_args()
    demo = ['adafocus_demo', '--device', 'cpu', '--out', 'demo']
    if args.short: demo.append('--short')
    with tempfile.TemporaryDirectory() as folder:
        measured(['adafocus_train', '--help'], folder)                      # once, so that files are read and compiled
        cpu = median(['adafocus_train', '--help'], 5, folder)[1]
        print(f'adafocus_train --help: {cpu:.2f} s of CPU time', flush=True)
        alone = median(demo, args.rounds, folder)
        print(f"{' '.join(demo)}, {CORES} cores")
        print(f'alone                  {alone[0]:7.1f} s, {alone[1]:7.1f} s of CPU time', flush=True)
        beside = median(demo, args.rounds, folder, neighbour)
        print(f'beside a busy process  {beside[0]:7.1f} s, {beside[1]:7.1f} s of CPU time')
        print(f'ratio                  {beside[0]/alone[0]:7.2f}')

if __name__=='__main__': main()
