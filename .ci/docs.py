#!/usr/bin/env python3
"""The site, in _docs/: `nbdev_docs` (needs Quarto), then what nbdev's links to names leave behind is put right.
Then `python .ci/links.py`. With --sidebar only nbs/sidebar.yml is written, as after a new notebook.

nbdev turns each name in backticks into a link to its place in the documentation. It does so (1) in the comments of
signatures as well, where a page shows code and no link: the Markdown would stand there letter by letter; it becomes a
link in the page and the bare name in the search; (2) for private helpers, which have no place of their own: these links
are taken away again. A function without a docstring is said to "Call self as a function.": that sentence goes as well.
And `nbdev_docs` writes README.md anew: `.ci/readme.py`'s last step follows.
"""
import json, re, subprocess, sys
from pathlib import Path
from readme import relative, root

LINK = r'\[`([^`\]]+)`\]\(([^)\s]+)\)'                                   # in Markdown

def sidebar():
    "All notebooks but the experiments, which are pages that the sidebar does not list (custom_sidebar in settings.ini)"
    subprocess.run(['nbdev_sidebar', '--force', '--skip_folder_re', '^[_.]|^experiments$'], cwd=root, check=True)

def links_right(page, file, ids):
    "The HTML of a page with (1) Markdown links inside <pre> as links, (2) links to no place taken away"
    def leads(to):
        path, _, anchor = to.partition('#')
        target = file
        if path: target = (file.parent/path).resolve()
        return target not in ids or not anchor or anchor in ids[target]
    def as_html(m):
        if leads(m[2]): return f'<a href="{m[2]}">{m[1]}</a>'
        return m[1]
    def in_pre(m): return re.sub(LINK, as_html, m[0])
    def kept(m): return m[0] if leads(m[1]) else m[2]
    page = re.sub(r'<pre.*?</pre>', in_pre, page, flags=re.S)
    page = re.sub(r'<p><em>Call self as a function\.</em></p>\s*', '', page)
    return re.sub(r'<a href="([^":]*#[^"]+)"[^>]*>(<code>[^<]*</code>)</a>', kept, page)

def mend(site):
    pages = {f.resolve(): f.read_text() for f in site.rglob('*.html') if 'site_libs' not in f.parts}
    ids = {f: set(re.findall(r'\sid="([^"]+)"', text)) for f, text in pages.items()}
    for f, text in pages.items():
        new = links_right(text, f, ids)
        if new!=text: f.write_text(new)
    index = site/'search.json'
    known = json.loads(index.read_text())
    for o in known: o['text'] = re.sub(LINK, r'\1', o['text']).replace('Call self as a function. ', '')
    index.write_text(json.dumps(known, ensure_ascii=False))

if __name__=='__main__':
    if sys.argv[1:]==['--sidebar']: sys.exit(sidebar())
    if sys.argv[1:]!=['--mend']: subprocess.run(['nbdev_docs'], cwd=root, check=True)
    mend(root/'_docs')
    relative()
