#!/usr/bin/env python3
"""Chapters as a reader meets them who has only the package: python .ci/outside.py [nbs/02_policy_ppo.ipynb …]

Builds the wheel, installs it in a fresh environment, copies each chapter alone into an empty folder outside the repository and runs
it there with Jupyter's own kernel (nbclient and ipykernel, what Jupyter and Colab use), going on after errors so that each is seen.
Cells marked `eval: false`, `slow` or `cuda` are passed over as `nbdev_test` does; `--all` runs those, too. Extras (`[export]`, `[distributed]`)
are installed for the chapters whose own install cell names them, after the others have run without. torch, torchvision and what they
need are linked from the environment that runs this file, where it has them, because unpacking them again takes minutes.
`--env DIR` keeps the environment there and uses it again (the wheel is installed anew).
"""
import argparse, json, os, re, subprocess, sys, tempfile, time
from pathlib import Path

root = Path(__file__).resolve().parent.parent

LINK = '''
import os, sys
from importlib.metadata import distribution, PackageNotFoundError
from pathlib import Path
from packaging.requirements import Requirement
new, todo, done = Path(sys.argv[1]), ['torch','torchvision'], set()
while todo:
    name = todo.pop()
    if name in done or name in ('pip','setuptools'): continue
    done.add(name); dist = distribution(name)
    for f in dist.files:
        if '..' in f.parts: continue
        to = new/f; to.parent.mkdir(parents=True, exist_ok=True)
        if not to.exists() and dist.locate_file(f).exists(): os.link(dist.locate_file(f), to)
    todo += [r.name for r in map(Requirement, dist.requires or []) if r.marker is None or r.marker.evaluate({'extra': ''})]
'''

RUN = '''
import json, re, sys, time, nbformat
from nbclient import NotebookClient
name, every = sys.argv[1], sys.argv[2] == 'all'
nb = nbformat.read(name, 4)
def not_run(cell):
    marks = dict(re.findall(r'^#[ \\t]*\\|[ \\t]*([\\w-]+)[ \\t]*:?[ \\t]*(.*)$', cell.source, re.M))
    return marks.get('eval', '').strip() == 'false' or bool({'slow','cuda'} & marks.keys())
client, found, over = NotebookClient(nb, timeout=1800, allow_errors=True, kernel_name='python3'), [], 0
with client.setup_kernel():
    for i,cell in enumerate(nb.cells):
        if cell.cell_type != 'code': continue
        cell.outputs = []
        if not every and not_run(cell): over += 1; continue
        client.execute_cell(cell, i)
        for o in cell.outputs:
            if o.output_type == 'error': found.append(('error', cell.id, f'{o.ename}: {o.evalue}'.splitlines()[0][:300]))
            if o.get('name') == 'stderr' and 'Warning' in o.text: found.append(('warning', cell.id, o.text.strip().splitlines()[0][:300]))
    nb.cells.append(nbformat.v4.new_code_cell('import adafocus_nb; assert "site-packages" in adafocus_nb.__file__, adafocus_nb.__file__'))
    client.execute_cell(nb.cells[-1], len(nb.cells)-1)
    if any(o.output_type == 'error' for o in nb.cells[-1].outputs): found.append(('error', '-', 'not the installed package'))
print(json.dumps(dict(found=found, over=over)))
'''

def extras(nb):
    "The extras that the notebook's own install cell asks for"
    text = '\n'.join(''.join(c['source']) for c in nb['cells'] if c['cell_type']=='code')
    return sorted(set(re.findall(r"pip install [^\n]*adafocus-nb\[([\w,-]+)\]'[^\n]*on Colab", text)))

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('notebooks', nargs='*', type=Path)
    p.add_argument('--all', action='store_true', help='also cells marked eval: false, slow or cuda')
    p.add_argument('--env', type=Path, help='keep the environment here')
    args = p.parse_intermixed_args()
    todo = [f.resolve() for f in args.notebooks] or sorted((root/'nbs').glob('[0-9]*.ipynb'))
    env = {k:v for k,v in os.environ.items() if k not in ('PYTHONPATH','PYTHONHOME','VIRTUAL_ENV','JUPYTER_PATH')}
    env |= dict(PIP_DISABLE_PIP_VERSION_CHECK='1', JUPYTER_PREFER_ENV_PATH='1')
    env.setdefault('OMP_NUM_THREADS', '1')
    def do(*cmd, **kw): return subprocess.run([str(o) for o in cmd], check=True, env=env, **kw)
    with tempfile.TemporaryDirectory(prefix='adafocus-outside.') as tmp:
        tmp = Path(tmp); home = args.env or tmp/'env'; python = home/'bin/python'
        # a copy of what git knows: building leaves nothing in the repository
        files = do('git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard', cwd=root, capture_output=True, text=True).stdout.split('\0')
        for f in filter(None, files):
            if f.startswith('nbs/') or not (root/f).is_file(): continue
            (tmp/'src'/f).parent.mkdir(parents=True, exist_ok=True); (tmp/'src'/f).write_bytes((root/f).read_bytes())
        do(sys.executable, '-m', 'pip', 'wheel', '-qq', '--no-deps', '-w', tmp/'dist', tmp/'src'); wheel, = (tmp/'dist').glob('*.whl')
        if not python.exists():
            do(sys.executable, '-m', 'venv', home)
            purelib = do(python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))', capture_output=True, text=True).stdout.strip()
            subprocess.run([sys.executable, '-c', LINK, purelib], env=env, stderr=subprocess.DEVNULL)
        do(python, '-m', 'pip', 'install', '-qq', wheel, 'nbclient', 'ipykernel')
        do(python, '-m', 'pip', 'install', '-qq', '--no-deps', '--force-reinstall', wheel)
        do(python, '-m', 'pip', 'list', '--format', 'freeze', stdout=open(tmp/'list','w'))
        print(wheel.name, *[l for l in (tmp/'list').read_text().split() if re.match(r'(torch|torchvision|fastai|fastcore|nbclient|ipykernel)==', l)])
        jobs = [(extras(json.loads(f.read_text())), f) for f in todo]
        good, bad, have = 0, 0, set()
        for needs,f in sorted(jobs):                     # without extras first
            if new := set(needs) - have:
                do(python, '-m', 'pip', 'install', '-qq', f"adafocus-nb[{','.join(new)}] @ file://{wheel}"); have |= new
            alone = Path(tempfile.mkdtemp(dir=tmp)); (alone/f.name).write_bytes(f.read_bytes()); start = time.time()
            r = subprocess.run([python, '-c', RUN, f.name, 'all' if args.all else ''], cwd=alone, env=env, capture_output=True, text=True)
            if r.returncode: found, over = [('error', '-', ' / '.join(l for l in r.stderr.splitlines() if re.match(r'[\w.]+(Error|Interrupt)', l))[-500:] or r.stderr[-500:])], 0
            else: said = json.loads(r.stdout.splitlines()[-1]); found, over = said['found'], said['over']
            errors = sum(o[0]=='error' for o in found)
            left = sorted(o.name for o in alone.iterdir() if o.name != f.name)
            print(f"{'FAILED' if errors else 'passed'} {f.name} ({time.time()-start:.0f} s, {over} cells passed over"
                  + (f", with [{','.join(needs)}]" if needs else '') + (f"; leaves {', '.join(left)}" if left else '') + ')', flush=True)
            for o in found: print('    ', *o, flush=True)
            good, bad = good + (not errors), bad + bool(errors)
    print(f'{good} passed, {bad} failed')
    return bad > 0

if __name__ == '__main__': sys.exit(main())
