#!/usr/bin/env python3
"""Run notebooks and store their outputs, small: python .ci/store_outputs.py nbs/00_patches.ipynb …   (then nbdev_clean)

Cells marked `slow`, `cuda` or `eval: false` are left as they are. Pictures are stored at 100 dpi with a palette of
128 colours, so that a chapter full of photographs stays a few hundred KB.
"""
import base64, io, os, re, sys, time, warnings
from itertools import chain
from pathlib import Path
from PIL import Image
from execnb.nbio import read_nb, write_nb
from execnb.shell import CaptureShell

def not_run(cell):
    "Is this no code, or a cell that is not executed?"
    if cell.cell_type != 'code': return True
    marks = dict(re.findall(r'^#[ \t]*\|[ \t]*([\w-]+)[ \t]*:?[ \t]*(.*)$', cell.source, re.M))
    return marks.get('eval', '').strip() == 'false' or bool({'slow', 'cuda'} & marks.keys())

def shrink(png):
    "A base64 PNG with a palette instead of full colours"
    out = io.BytesIO()
    picture = Image.open(io.BytesIO(base64.b64decode(''.join(png))))
    picture.convert('RGB').quantize(128).save(out, 'PNG', optimize=True)
    return base64.b64encode(out.getvalue()).decode()

def as_seen(text):
    "What a terminal still shows: progress bars overwrite their line"
    lines = [re.split(r'\r+', o)[-1].removeprefix('█') for o in ''.join(text).split('\n')]
    return '\n'.join(o for o in lines if not re.match(r'Epoch \d+/\d+ : ', o))

def run(nb, f):
    "Run the cells of a notebook in its folder"
    cwd = os.getcwd()
    sys.path.insert(0, cwd)
    os.chdir(f.parent)
    for c in nb.cells:
        if not not_run(c): c['outputs'] = []                               # what is not printed any more does not stay
    try:
        shell = CaptureShell(f, mpl_format='png')
        shell.run("import matplotlib as mpl; mpl.rcParams['figure.dpi'] = 100")
        shell.run_all(nb, exc_stop=True, preproc=not_run)
    finally: os.chdir(cwd)

def main(files):
    os.environ['PYTHONWARNINGS'] = 'ignore'
    warnings.filterwarnings('ignore')
    for f in map(Path, files):
        f = f.resolve()
        start = time.time()
        nb = read_nb(f)
        run(nb, f)
        for o in chain.from_iterable(c.get('outputs', []) for c in nb.cells):
            if 'text' in o: o['text'] = as_seen(o['text']).splitlines(keepends=True)
            if 'image/png' in o.get('data', {}): o['data']['image/png'] = shrink(o['data']['image/png'])
        nb.metadata.pop('widgets', None)                                   # nbdev 2.4 cannot read a widget state back
        write_nb(nb, f)
        print(f.name, f'{time.time()-start:.1f} s, {f.stat().st_size/1024:.0f} KB')

if __name__=='__main__': main(sys.argv[1:])
