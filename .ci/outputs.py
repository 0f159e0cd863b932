#!/usr/bin/env python3
"""Stored outputs, as readers see them: no path of a machine, no warning, no error, no bare progress bar, about 200 KB a
notebook.

python .ci/outputs.py [--limit KB] [NOTEBOOK …]     closes with "N passed, M failed", one check a notebook
"""
import argparse, json, re, sys
from pathlib import Path

root  = Path(__file__).resolve().parent.parent
LIMIT = 200                                        # KB of outputs in one notebook; more has to be meant:
# many pictures, most of photographs
ALLOWED = {'06_video_data.ipynb': 220, '17_explorers.ipynb': 290, 'reproduction.ipynb': 220}
WRONG = {
    'path of a machine':   r'(?<![\w.:/-])/(?:home|root|work|tmp|opt|usr|mnt|Users|content|var/folders)/[\w./-]*'
                           r'|[A-Z]:\\\\Users',
    'warning':             r':\d+: \w*Warning: ',             # as Python prints them; a page may well speak of one
    'memory address':      r' at 0x[0-9a-f]{6,}',
    'rest of a progress bar': r'Epoch \d+/\d+ : \||█{3,}|<progress',
    'coloured text':       r'\x1b\[',
}

def parts(cell):
    "What a cell has printed, and what it has shown as text"
    for o in cell.get('outputs', []):
        yield ''.join(o.get('text', []))
        for mime,d in o.get('data', {}).items():
            if mime.startswith('text/') : yield ''.join(d)

def complaints(cell):
    "(cell, kind, what) of one cell"
    for o in cell['outputs']:
        if o['output_type']=='error': yield cell['id'], 'error', f"{o['ename']}: {o['evalue']}"[:100]
    for text in parts(cell):
        for kind, r in WRONG.items():
            m = re.search(r, text)
            if m: yield cell['id'], kind, m[0][:100]

def look(nb):
    "`(KB, complaints)` of one notebook"
    cells = [c for c in nb['cells'] if c['cell_type']=='code']
    said = []
    for c in cells: said += complaints(c)
    if nb['metadata'].get('widgets'): said.append(('-', 'widget state in the metadata', ''))
    return sum(len(json.dumps(c['outputs'])) for c in cells)/1024, said

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('notebooks', nargs='*', type=Path)
    p.add_argument('--limit', type=int, default=LIMIT, help='KB')
    args = p.parse_args()
    files = args.notebooks
    if not files:
        for folder in ('', 'tutorials', 'experiments'): files += sorted((root/'nbs'/folder).glob('*.ipynb'))
    bad = 0
    for f in files:
        kb, said = look(json.loads(f.read_text()))
        if kb>max(args.limit, ALLOWED.get(f.name, 0)): said.append(('-', f'more than {args.limit} KB', ''))
        print(f"{'FAILED' if said else 'passed'} {f.name:26} {kb:5.0f} KB")
        bad += bool(said)
        for o in said: print('    ', *o)
    print(f'{len(files)-bad} passed, {bad} failed')
    return bad>0

if __name__=='__main__': sys.exit(main())
