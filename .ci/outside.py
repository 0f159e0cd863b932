#!/usr/bin/env python3
"""Chapters as a reader meets them who has only the package: python .ci/outside.py [nbs/02_policy_ppo.ipynb …]

Builds the wheel, installs it in a fresh environment, copies each chapter alone into an empty folder outside the
repository and runs it there with Jupyter's own kernel (nbclient and ipykernel, what Jupyter and Colab use), going on
after errors so that each is seen. Cells marked `eval: false`, `slow` or `cuda` are passed over as `nbdev_test` does;
`--all` runs those, too. Extras (`[export]`, `[distributed]`) are installed for the chapters whose own install cell
names them, after the others have run without. torch, torchvision and what they need are linked from the environment
that runs this file, where it has them, because unpacking them again takes minutes. `--env DIR` keeps the environment
there and uses it again (the wheel is installed anew).
"""
import argparse, json, os, re, subprocess, sys, tempfile, time
from pathlib import Path

root = Path(__file__).resolve().parent.parent

LINK = '''
import os, sys
from importlib.metadata import distribution
from pathlib import Path
from packaging.requirements import Requirement
new = Path(sys.argv[1])
todo = ['torch', 'torchvision']
done = set()
while todo:
    name = todo.pop()
    if name in done or name in ('pip', 'setuptools'): continue
    done.add(name)
    dist = distribution(name)
    for f in dist.files:
        to = new/f
        if '..' in f.parts or to.exists() or not dist.locate_file(f).exists(): continue
        to.parent.mkdir(parents=True, exist_ok=True)
        os.link(dist.locate_file(f), to)
    needs = map(Requirement, dist.requires or [])
    todo += [r.name for r in needs if r.marker is None or r.marker.evaluate({'extra': ''})]
'''

RUN = '''
import json, re, sys, nbformat
from nbclient import NotebookClient
name, every = sys.argv[1:]
nb = nbformat.read(name, 4)
client = NotebookClient(nb, timeout=1800, allow_errors=True, kernel_name='python3')
INSTALLED = 'import adafocus_nb; assert "site-packages" in adafocus_nb.__file__, adafocus_nb.__file__'
def is_left_out(cell):
    marks = dict(re.findall(r'^#[ \\t]*\\|[ \\t]*([\\w-]+)[ \\t]*:?[ \\t]*(.*)$', cell.source, re.M))
    return marks.get('eval', '').strip()=='false' or bool({'slow', 'cuda'} & marks.keys())
def first_line(text): return text.strip().splitlines()[0][:300]
def wrong_in(cell):
    for o in cell.outputs:
        if o.output_type=='error': yield 'error', cell.id, first_line(f'{o.ename}: {o.evalue}')
        if o.get('name')=='stderr' and 'Warning' in o.text: yield 'warning', cell.id, first_line(o.text)
found = []
left_out = 0
with client.setup_kernel():
    for i, cell in enumerate(nb.cells):
        if cell.cell_type!='code': continue
        cell.outputs = []
        if every!='all' and is_left_out(cell):
            left_out += 1
            continue
        client.execute_cell(cell, i)
        found += wrong_in(cell)
    nb.cells.append(nbformat.v4.new_code_cell(INSTALLED))
    client.execute_cell(nb.cells[-1], len(nb.cells)-1)
    if list(wrong_in(nb.cells[-1])): found.append(('error', '-', 'not the installed package'))
print(json.dumps(dict(found=found, left_out=left_out)))
'''
FOREIGN = ('PYTHONPATH', 'PYTHONHOME', 'VIRTUAL_ENV', 'JUPYTER_PATH')
ENV = {k: v for k, v in os.environ.items() if k not in FOREIGN}
ENV |= dict(PIP_DISABLE_PIP_VERSION_CHECK='1', JUPYTER_PREFER_ENV_PATH='1')
ENV.setdefault('OMP_NUM_THREADS', '1')

def do(*command, **kwargs): return subprocess.run([str(o) for o in command], check=True, env=ENV, **kwargs)

def said_by(*command, **kwargs): return do(*command, capture_output=True, text=True, **kwargs).stdout

def extras(f):
    "The extras that the notebook's own install cell asks for"
    cells = json.loads(f.read_text())['cells']
    text = '\n'.join(''.join(c['source']) for c in cells if c['cell_type']=='code')
    return sorted(set(re.findall(r"pip install [^\n]*adafocus-nb\[([\w,-]+)\]'[^\n]*on Colab", text)))

def built(tmp):
    "The wheel, from a copy of what git knows: building leaves nothing in the repository"
    files = said_by('git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard', cwd=root).split('\0')
    for f in filter(None, files):
        if f.startswith('nbs/') or not (root/f).is_file(): continue
        to = tmp/'src'/f
        to.parent.mkdir(parents=True, exist_ok=True)
        to.write_bytes((root/f).read_bytes())
    do(sys.executable, '-m', 'pip', 'wheel', '-qq', '--no-deps', '-w', tmp/'dist', tmp/'src')
    return next((tmp/'dist').glob('*.whl'))

def environment(home, wheel):
    "Its Python; the wheel and Jupyter's kernel are installed"
    python = home/'bin/python'
    if not python.exists():
        do(sys.executable, '-m', 'venv', home)
        purelib = said_by(python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))').strip()
        subprocess.run([sys.executable, '-c', LINK, purelib], env=ENV, stderr=subprocess.DEVNULL)
    do(python, '-m', 'pip', 'install', '-qq', wheel, 'nbclient', 'ipykernel')
    do(python, '-m', 'pip', 'install', '-qq', '--no-deps', '--force-reinstall', wheel)
    names = '(torch|torchvision|fastai|fastcore|nbclient|ipykernel)=='
    there = said_by(python, '-m', 'pip', 'list', '--format', 'freeze').split()
    print(wheel.name, *[o for o in there if re.match(names, o)])
    return python

def told(r):
    "What a notebook's process has printed, or its last error"
    if r.returncode==0: return json.loads(r.stdout.splitlines()[-1])
    errors = ' / '.join(o for o in r.stderr.splitlines() if re.match(r'[\w.]+(Error|Interrupt)', o))
    return dict(found=[('error', '-', errors[-500:] or r.stderr[-500:])], left_out=0)

def runs_alone(f, python, needs, every, tmp):
    "Run a chapter in an empty folder, and print what went wrong: did nothing?"
    alone = Path(tempfile.mkdtemp(dir=tmp))
    (alone/f.name).write_bytes(f.read_bytes())
    start = time.time()
    command = [python, '-c', RUN, f.name, 'all' if every else '']
    res = told(subprocess.run(command, cwd=alone, env=ENV, capture_output=True, text=True))
    bad = any(o[0]=='error' for o in res['found'])
    words = [f'{time.time()-start:.0f} s', f"{res['left_out']} cells passed over"]
    if needs: words.append(f"with [{','.join(needs)}]")
    left = sorted(o.name for o in alone.iterdir() if o.name!=f.name)
    if left: words.append(f"leaves {', '.join(left)}")
    print('FAILED' if bad else 'passed', f"{f.name} ({', '.join(words)})", flush=True)
    for o in res['found']: print('    ', *o, flush=True)
    return not bad

def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('notebooks', nargs='*', type=Path)
    p.add_argument('--all', action='store_true', help='also cells marked eval: false, slow or cuda')
    p.add_argument('--env', type=Path, help='keep the environment here')
    return p.parse_intermixed_args()

def main():
    args = arguments()
    todo = [f.resolve() for f in args.notebooks] or sorted((root/'nbs').glob('[0-9]*.ipynb'))
    good = []
    have = set()
    with tempfile.TemporaryDirectory(prefix='adafocus-outside.') as folder:
        tmp = Path(folder)
        wheel = built(tmp)
        python = environment(args.env or tmp/'env', wheel)
        for needs, f in sorted((extras(f), f) for f in todo):              # without extras first
            new = set(needs)-have
            have |= new
            if new: do(python, '-m', 'pip', 'install', '-qq', f"adafocus-nb[{','.join(new)}] @ file://{wheel}")
            good.append(runs_alone(f, python, needs, args.all, tmp))
    print(f'{sum(good)} passed, {len(good)-sum(good)} failed')
    return not all(good)

if __name__=='__main__': sys.exit(main())
