#!/usr/bin/env python3
"""Does every module stand by itself? Run from the project's root: `python .ci/check_globals.py`

A notebook can pass while its module is broken, when an exported cell reads a name that only an unexported cell
defines. So each module is imported alone in a fresh process, and there:
- every global name that a function, method, class body or comprehension reads exists in the module or in builtins;
- every name of `__all__` exists, and no other module has it in its own: `from adafocus_nb.all import *` would hide
  one of them; and, from the sources: each import points to a room further down (`ROOMS`).
"""
import ast, builtins, configparser, dis, importlib, json, os, subprocess, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType

ROOT = Path(__file__).resolve().parent.parent

# From the ground floor to the roof; modules of one line are neighbours. A module imports from lower lines only.
ROOMS = ['patches metrics files decoding', 'streams sources tables', 'video_data', 'made_videos backbones', 'rewards',
         'policy_ppo', 'memory runs', 'pictures evaluation', 'training_stages', 'recall', 'training',
         'adafocus_plus tsm stills', 'fast official', 'programs', 'export distributed plan reproduction', 'inference',
         'speed explorers', 'tasks', 'using', 'measuring', 'commands', 'all']
FLOOR = {name: i for i, row in enumerate(ROOMS) for name in row.split()}

def package():
    cfg = configparser.ConfigParser(delimiters=['='])
    cfg.read(ROOT/'settings.ini', encoding='utf-8')
    return cfg['DEFAULT']['lib_path']

def code_objects(code, name=''):
    "`code` and all code objects inside it, with their dotted names"
    yield name, code
    for c in code.co_consts:
        if isinstance(c, CodeType): yield from code_objects(c, f'{name}.{c.co_name}'.lstrip('.'))

def global_reads(source, filename):
    "Names that functions declare `global` and set; `(name, where, line)` of each global name read below the top level"
    names = set()
    reads = []
    for where, code in code_objects(compile(source, filename, 'exec', dont_inherit=True)):
        set_here = set()
        line = code.co_firstlineno
        for i in dis.get_instructions(code):
            if i.starts_line: line = getattr(i, 'line_number', i.starts_line)
            if i.opname=='STORE_GLOBAL': names.add(i.argval)
            if i.opname=='STORE_NAME':   set_here.add(i.argval)
            is_read = i.opname in ('LOAD_GLOBAL', 'LOAD_FROM_DICT_OR_GLOBALS')
            is_read |= i.opname=='LOAD_NAME' and i.argval not in set_here
            if where and is_read: reads.append((i.argval, where, line))    # the top level itself ran at import
    return names, reads

OF_CLASSES = {'__module__', '__qualname__', '__annotations__', '__classdict__', '__firstlineno__'}

def check_module(name):
    "In a fresh process: import `name`, then `{check: [failures]}`"
    try: mod = importlib.import_module(name)
    except BaseException as e: return {'imports alone': [f'{type(e).__name__}: {e}']}
    res = {'imports alone': []}
    path = Path(mod.__file__)
    names, reads = global_reads(path.read_text(encoding='utf-8'), str(path))
    known = names | set(vars(mod)) | set(dir(builtins)) | OF_CLASSES
    missing = {}
    for nm, where, line in reads:
        if nm not in known: missing.setdefault((nm, where), line)
    res['global names exist'] = [f'`{nm}`, read by `{where}` (line {line})' for (nm, where), line in missing.items()]
    res['__all__'] = list(getattr(mod, '__all__', []))
    res['__all__ exists'] = [f'`{nm}`' for nm in getattr(mod, '__all__', []) if not hasattr(mod, nm)]
    return res

def fresh(name):
    "What `check_module` finds"
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    p = subprocess.run([sys.executable, '-W', 'ignore', __file__, '--module', name], cwd=ROOT,
                       env={**os.environ, 'PYTHONPATH': path}, capture_output=True, text=True)
    for line in reversed(p.stdout.splitlines()):
        if line.startswith('{'): return json.loads(line)
    return {'imports alone': [f'the process ended with {p.returncode}: {p.stderr.strip()[-300:]}']}

def modules_of(node, pkg):
    "The modules that an import names"
    if isinstance(node, ast.Import): return [a.name for a in node.names]
    base = '.'.join(filter(None, [pkg if node.level else '', node.module]))
    return [f'{base}.{a.name}' for a in node.names] if base==pkg else [base]

def imported(path, pkg):
    "Sibling modules that the source at `path` imports anywhere, functions included: `(name, line)`"
    for n in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if not isinstance(n, (ast.Import, ast.ImportFrom)): continue
        for f in modules_of(n, pkg):
            if f.startswith(pkg+'.'): yield f.split('.')[1], n.lineno

def check_twice(results):
    "Names that two modules export"
    owners = {}
    for path, res in results:
        for nm in res.pop('__all__', []): owners.setdefault(nm, []).append(path.stem)
    return [f'`{nm}` in {" and ".join(o)}' for nm, o in owners.items() if len(o)>1]

def check_arrows(path, pkg):
    "Failures of the one-way rule in the module at `path`"
    me = path.stem
    if me not in FLOOR: return ['has no room: give it one in ROOMS of .ci/check_globals.py']
    there = {p.stem for p in path.parent.glob('*.py')}
    return [f'imports `{nm}` (line {line}), which is not below it' for nm, line in imported(path, pkg)
            if nm in there and not nm.startswith('_') and FLOOR.get(nm, len(ROOMS)) >= FLOOR[me]]

def main():
    pkg = package()
    paths = [p for p in (ROOT/pkg).glob('*.py') if not p.stem.startswith('_')]
    paths.sort(key=lambda p: (FLOOR.get(p.stem, 99), p.stem))
    with ThreadPoolExecutor(2) as pool: results = dict(zip(paths, pool.map(lambda p: fresh(f'{pkg}.{p.stem}'), paths)))
    found = {f'{pkg}, exported once': check_twice([(p, r) for p, r in results.items() if p.stem!='all'])}
    if not paths: found[pkg] = ['no modules']
    for path, res in results.items():
        res.pop('__all__', None)
        res['imports point down'] = check_arrows(path, pkg)
        found |= {f'{pkg}.{path.stem}, {check}': bad for check, bad in res.items()}
    for what, bad in found.items():
        for o in bad: print(f'FAILED {what}: {o}')
    failed = sum(map(bool, found.values()))
    print(f'{len(found)-failed} passed, {failed} failed')
    return failed>0

if __name__=='__main__':
    if sys.argv[1:2]==['--module']: print(json.dumps(check_module(sys.argv[2])))
    else: sys.exit(main())
