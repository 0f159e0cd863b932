#!/usr/bin/env python3
"""The wheel on every Python: python .ci/pythons.py WHEEL [--donor PYTHON] [--but 3.11] [--only lowest]

For each Python from 3.10 to 3.13 that is found (`python3.X` on the PATH, or pyenv's), and once more for the lowest
versions that settings.ini declares: a fresh environment, `pip install` of the wheel, `pip check`, `.ci/smoke.py`;
then the environment is deleted. What torch needs (CUDA, several GB) and fits any Python is linked from DONOR's
environment instead of being unpacked again. Last line: "N passed, M failed".
"""
import argparse, configparser, os, re, shutil, subprocess, sys, tempfile, time
from pathlib import Path

root = Path(__file__).resolve().parent.parent
PYTHONS = ['3.10', '3.11', '3.12', '3.13']
VERSION = f'{sys.version_info[0]}.{sys.version_info[1]}'

LINK = '''
import os, sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from packaging.requirements import Requirement
new = Path(sys.argv[1])
same_python = sys.argv[2]==f'{sys.version_info[0]}.{sys.version_info[1]}'
todo = ['torch', 'torchvision']
done = set()
def fits(dist):
    tags = [l.split(':')[1].strip() for l in (dist.read_text('WHEEL') or '').splitlines() if l.startswith('Tag:')]
    return same_python or (tags and all(t.split('-')[:2]==['py3','none'] or 'abi3' in t for t in tags))
while todo:
    name = todo.pop()
    if name in done or name in ('pip', 'setuptools'): continue
    done.add(name)
    try: dist = distribution(name)
    except PackageNotFoundError: continue
    needs = [Requirement(r) for r in dist.requires or []]
    todo += [r.name for r in needs if r.marker is None or r.marker.evaluate({'extra': ''})]
    if not fits(dist): continue
    for f in dist.files or []:
        if '..' in f.parts or not dist.locate_file(f).exists(): continue
        to = new/f
        to.parent.mkdir(parents=True, exist_ok=True)
        if not to.exists(): os.link(dist.locate_file(f), to)
'''

def found(version):
    "The path of a Python, or None"
    name = f'python{version}'
    pyenv = sorted(Path.home().glob(f'.pyenv/versions/{version}.*/bin/{name}'))
    paths = [*filter(None, [shutil.which(name)]), *map(str, reversed(pyenv))]
    ask = 'import sys; print("%d.%d" % sys.version_info[:2])'
    for p in paths:                                    # a shim of pyenv is there even where its Python is not
        if subprocess.run([p, '-c', ask], capture_output=True, text=True).stdout.strip()==version: return p

def lowest():
    "The versions that settings.ini declares as the lowest, as pip takes them"
    cfg = configparser.ConfigParser(delimiters=['='])
    cfg.read(root/'settings.ini', encoding='utf-8')
    asked = cfg['DEFAULT']['requirements'].split()
    bounds = [re.fullmatch(r'([\w-]+)>=([\d.]+)', o) for o in asked]
    if None in bounds: sys.exit(f'settings.ini: {asked[bounds.index(None)]} has no lower bound.')
    return [f'{m[1]}=={m[2]}' for m in bounds]

def programs(env): return env/('Scripts' if os.name=='nt' else 'bin')

def run(what, *command, quiet=True):
    "One step: (did it work?, its last line)"
    start = time.time()
    done = subprocess.run([str(o) for o in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    good = done.returncode==0
    print(f"  {'passed' if good else 'FAILED'} {what} ({time.time()-start:.0f} s)", flush=True)
    if not good or not quiet: print(done.stdout[-6000:], flush=True)
    return good, (done.stdout.strip().splitlines() or [''])[-1]

def site_packages(python):
    return run_text(python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))')

def run_text(*command):
    return subprocess.run([str(o) for o in command], capture_output=True, text=True, check=True).stdout.strip()

def trial(version, python, wheel, donor, pins=()):
    "A fresh environment, the wheel in it, the smoke run: (passed, failed)"
    with tempfile.TemporaryDirectory(prefix='adafocus-py') as tmp:
        env = Path(tmp)/'env'
        mine = programs(env)/'python'
        steps = [run('virtual environment', python, '-m', 'venv', env)[0]]
        if donor and not pins:
            steps.append(run('links to what fits any Python', donor, '-c', LINK, site_packages(mine), version)[0])
        steps.append(run('pip install', mine, '-m', 'pip', 'install', '-q', wheel, *pins)[0])
        steps.append(run('pip check', mine, '-m', 'pip', 'check')[0])
        if not all(steps): return sum(steps), len(steps)-sum(steps)
        last = run('smoke run', sys.executable, root/'.ci'/'smoke.py', programs(env), quiet=False)[1]
        counts = re.fullmatch(r'(\d+) passed, (\d+) failed', last)
        if counts is None: return len(steps), 1
        return len(steps)+int(counts[1]), int(counts[2])

def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('wheel', type=Path, nargs='?')
    parser.add_argument('--link', type=Path, help='only link torch and what it needs into this environment')
    parser.add_argument('--donor', help='a Python in whose environment torch is installed')
    parser.add_argument('--but', action='append', default=[], help='a version that is tested elsewhere')
    parser.add_argument('--only', help='one version, or lowest')
    args = parser.parse_args()
    if args.wheel is None and args.link is None: parser.error('name the wheel')
    return args

def trials(args):
    "(name, version, path of the Python, versions to install) of each trial"
    there = {v: found(v) for v in PYTHONS}
    for v, p in there.items():
        if p is None: print(f'Python {v}: not found, skipped')
        if v in args.but: print(f'Python {v}: tested elsewhere')
    known = {v: p for v, p in there.items() if p is not None}
    res = [(v, v, p, ()) for v, p in known.items() if v not in args.but]
    for v in list(known)[:1]: res.append(('lowest', v, known[v], lowest()))
    return [o for o in res if args.only in (None, o[0])]

def main():
    args = arguments()
    if args.link is not None:
        python = programs(args.link)/'python'
        return not run('links', sys.executable, '-c', LINK, site_packages(python), VERSION)[0]
    told = []
    for name, version, python, pins in trials(args):
        start = time.time()
        words = f" with the lowest versions: {', '.join(pins)}" if pins else ''
        print(f'Python {version}{words}', flush=True)
        passed, failed = trial(version, python, args.wheel.resolve(), args.donor, pins)
        told.append((passed, failed))
        print(f'  {name}: {passed} passed, {failed} failed in {time.time()-start:.0f} s', flush=True)
    if not told:
        told.append((0, 1))
        print('FAILED: no Python was found')
    passed, failed = map(sum, zip(*told))
    print(f'{passed} passed, {failed} failed')
    return failed>0

if __name__=='__main__': sys.exit(main())
