#!/usr/bin/env python3
"""Run an experiment without a browser: python nbs/experiments/run.py NAME [KEY=VALUE …]

The code cells of nbs/experiments/NAME.ipynb are run one after the other in this process and in that folder, as in
Jupyter. An error ends it and names the cell.
KEY=VALUE replaces a variable of the cell that begins with "# Settings"; a VALUE that Python cannot read is text.
"""
import ast
import json
import linecache
import os
import sys
import traceback
import types
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
SETTINGS = '# Settings'                                                     # how that cell begins

def code_cells(name):
    "The sources of the code cells, with their numbers in the notebook"
    path = FOLDER/f'{name}.ipynb'
    if not path.exists():
        known = ', '.join(sorted(f.stem for f in FOLDER.glob('*.ipynb')))
        sys.exit(f'There is no experiment {name!r}: choose one of {known}.')
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    return {i: ''.join(c['source']) for i, c in enumerate(cells) if c['cell_type']=='code'}

def value_of(text):
    try: return ast.literal_eval(text)
    except (ValueError, SyntaxError): return text

def settings_of(cells, given):
    "What the settings cell says, and what the command line says instead"
    known = {}
    exec(next(source for source in cells.values() if source.startswith(SETTINGS)), known)
    known.pop('__builtins__')
    for o in given:
        key, is_set, text = o.partition('=')
        if not is_set or key not in known:
            sys.exit(f'{o!r} is no setting: write KEY=VALUE, with a key among {", ".join(known)}.')
        known[key] = value_of(text)
    return known

def run(name, given):
    cells = code_cells(name)
    here = types.ModuleType('__main__')                                    # what the cells define can be pickled
    os.chdir(FOLDER)
    settings = settings_of(cells, given)
    sys.modules['__main__'] = here
    for number, source in cells.items():
        file = f'{name}.ipynb, cell {number}'
        linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
        try:
            if source.startswith(SETTINGS): vars(here).update(settings)
            else: exec(compile(source, file, 'exec'), vars(here))
        except Exception:
            traceback.print_exc()
            sys.exit(f'{name}.ipynb: cell {number} failed.')

if __name__=='__main__':
    if len(sys.argv)<2: sys.exit(__doc__)
    run(sys.argv[1], sys.argv[2:])
