#!/usr/bin/env python3
"""Has every number its maker? python .ci/makers.py

Holds the table of nbs/experiments/README.md beside nbs/results/: each file stands there once, with a maker that
exists. And the first code cell of every experiment is run (its imports), so that a function that was moved or renamed
is noticed although nobody runs the experiments. Last line: "N passed, M failed".
"""
import json, os, re, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
folder = root/'nbs'/'experiments'
ELSEWHERE = {'a command', 'chapter 09', 'none any more'}

def table():
    "(file, maker) of each row"
    text = (folder/'README.md').read_text(encoding='utf-8')
    return re.findall(r'^\| `([\w.]+)` \| ([^|]+) \|', text, re.M)

def wrong_in_table():
    rows = table()
    listed = [file for file, _ in rows]
    there = {o.name for o in (root/'nbs'/'results').iterdir()}
    for file in sorted(there-set(listed)): yield f'{file} has no row'
    for file, maker in rows:
        name = maker.strip('`')
        if file not in there: yield f'{file} is not in nbs/results'
        if listed.count(file)>1: yield f'{file} stands there twice'
        known = maker in ELSEWHERE or (folder/f'{name}.ipynb').exists()
        if not known: yield f'{file}: there is no experiment {name}'

def wrong_imports(path):
    "What the first code cell of a notebook raises"
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    source = next(''.join(c['source']) for c in cells if c['cell_type']=='code')
    try: exec(compile(source, path.name, 'exec'), {})
    except Exception as e: yield f'{type(e).__name__}: {e}'

def main():
    os.chdir(folder)
    sys.path[:0] = [str(folder), str(root)]
    found = {'README.md': list(wrong_in_table())}
    for path in sorted(folder.glob('*.ipynb')): found[path.name] = list(wrong_imports(path))
    for name, wrong in found.items():
        print('FAILED' if wrong else 'passed', name)
        for o in wrong: print('    ', o)
    failed = sum(map(bool, found.values()))
    print(f'{len(found)-failed} passed, {failed} failed')
    return failed>0

if __name__=='__main__': sys.exit(main())
