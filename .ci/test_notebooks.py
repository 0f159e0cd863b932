#!/usr/bin/env python3
"""The README's test command, with one count a notebook. Run from the project's root: `python .ci/test_notebooks.py`

`nbdev_test` says "Success." or names the notebooks that failed; here each notebook that it really runs counts as one
check. Left out are folders with a `.notest` file and notebooks with `skip_exec: true`, which is forbidden where a
notebook exports.
"""
import os, re, subprocess, sys

COMMAND = 'nbdev_test --n_workers 2'

def is_skipped(f, nb):
    "Does `nbdev_test` pass over it?"
    return (f.parent/'.notest').exists() or str(nb.frontmatter_.get('skip_exec', False)).lower() in ('true', '1', 'yes')

def exports(nb):
    "Does a cell go into a module?"
    marks = [set(c.directives_ or {}) for c in nb.cells if c.cell_type=='code']
    return any(o & {'export', 'exports', 'exporti'} for o in marks)

def notebooks():
    "`(run, not_run, wrong)`: the notebooks that `nbdev_test` runs, those that it passes over, those that it must not"
    from nbdev.doclinks import nbglob
    from nbdev.frontmatter import FrontmatterProc
    from nbdev.process import NBProcessor
    run = []
    not_run = []
    wrong = []
    for f in sorted(nbglob(as_path=True)):
        nb = NBProcessor(f, procs=FrontmatterProc, process=True).nb
        if not is_skipped(f, nb): run.append(f)
        elif exports(nb): wrong.append(f)
        else: not_run.append(f)
    return run, not_run, wrong

def spinning():
    "Chapters that do not set GOMP_SPINCOUNT in their first cell, so that threads of notebooks side by side would wait"
    from execnb.nbio import read_nb
    from nbdev.doclinks import nbglob
    res = []
    for f in sorted(nbglob(as_path=True)):
        first = next((c.source for c in read_nb(f).cells if c.source.startswith('#| default_exp')), None)
        if first and "setdefault('GOMP_SPINCOUNT'" not in first: res.append(f.name)
    return res

def failing(run):
    "Names of the notebooks that the command says have failed; all of them where it says nothing"
    env = {k: v for k, v in os.environ.items() if k!='OMP_NUM_THREADS'}    # the command as a reader types it
    p = subprocess.run(['bash', '-c', COMMAND], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       env={**env, 'COLUMNS': '120'})
    print(p.stdout, end='')
    tail = p.stdout.partition('nbdev Tests Failed On The Following Notebooks:')[2]
    bad = set(re.findall(r'^\t(\S.*)$', tail, re.M)) & {f.name for f in run}
    if bad or (p.returncode==0 and 'Success.' in p.stdout): return bad
    print(f'`{COMMAND}` ended with {p.returncode} and without a verdict')
    return {f.name for f in run} or {'none'}

def main():
    run, not_run, wrong = notebooks()
    bad = failing(run)
    for f in run:     print(f'{"FAILED" if f.name in bad else "passed"} {f.name}')
    for f in wrong:   print(f'FAILED {f.name}: it exports, so it may not be passed over')
    for f in not_run: print(f'not run: {f.name}')
    spin = spinning()
    if spin: print(f"FAILED threads spin in {', '.join(spin)}: set GOMP_SPINCOUNT below default_exp, as the others do")
    else:    print('passed threads wait without spinning')
    passed = sum(f.name not in bad for f in run) + (not spin)
    failed = len(run)+1-passed + len(wrong) + (not run)
    print(f'{passed} passed, {failed} failed')
    return failed>0

if __name__=='__main__': sys.exit(main())
