#!/usr/bin/env python3
"""The site, in _docs/: `nbdev_docs` (needs Quarto), then what nbdev's links to names leave behind is put right. Then `python .ci/links.py`.

nbdev turns each name in backticks into a link to its place in the documentation. It does so (1) in the comments of signatures as well, where a page
shows code and no link: the Markdown would stand there letter by letter; it becomes a link in the page and the bare name in the search; (2) for
private helpers, which have no place of their own: these links are taken away again. A function without a docstring is said to "Call self as a function.":
that sentence goes as well. And `nbdev_docs` writes README.md anew: `.ci/readme.py`'s last step follows.
"""
import json, re, subprocess, sys
from pathlib import Path
from readme import relative, root

def links_right(page, file, ids):
    "The page's HTML with (1) Markdown links inside <pre> as links and (2) links around a name whose anchor is nowhere taken away"
    def leads(to):
        path, _, anchor = to.partition('#'); target = (file.parent/path).resolve() if path else file
        return target not in ids or not anchor or anchor in ids[target]
    in_pre = lambda m: f'<a href="{m[2]}">{m[1]}</a>' if leads(m[2]) else m[1]
    page = re.sub(r'<pre.*?</pre>', lambda m: re.sub(r'\[`([^`\]]+)`\]\(([^)\s]+)\)', in_pre, m[0]), page, flags=re.S)
    page = re.sub(r'<p><em>Call self as a function\.</em></p>\s*', '', page)
    return re.sub(r'<a href="([^":]*#[^"]+)"[^>]*>(<code>[^<]*</code>)</a>', lambda m: m[0] if leads(m[1]) else m[2], page)

def mend(site):
    pages = {f.resolve(): f.read_text() for f in site.rglob('*.html') if 'site_libs' not in f.parts}
    ids   = {f: set(re.findall(r'\sid="([^"]+)"', t)) for f,t in pages.items()}
    for f,t in pages.items():
        new = links_right(t, f, ids)
        if new != t: f.write_text(new)
    index = site/'search.json'
    known = json.loads(index.read_text())
    for o in known: o['text'] = re.sub(r'\[`([^`\]]+)`\]\([^)\s]+\)', r'\1', o['text']).replace('Call self as a function. ', '')
    index.write_text(json.dumps(known, ensure_ascii=False))

if __name__ == '__main__':
    if sys.argv[1:] != ['--mend']: subprocess.run(['nbdev_docs'], cwd=root, check=True)
    mend(root/'_docs'); relative()
