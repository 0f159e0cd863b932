#!/usr/bin/env python3
"""Every link and anchor within the site and the README: nbdev_docs && python .ci/links.py [SITE] [--search TEXT …]

Reads the finished pages (SITE is `_docs` unless given). A link counts as ours when it is relative, begins with the site's own address, or names
a file of this repository on GitHub or in Colab; links to others are counted, not followed. Then looks whether the site's search knows some words.
Closes with "N passed, M failed", one check a page.
"""
import argparse, json, re, sys
from configparser import ConfigParser
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

root = Path(__file__).resolve().parent.parent
p = ConfigParser(delimiters=['=']); p.read(root/'settings.ini'); cfg = p['DEFAULT']
SITE = cfg['doc_host'] + cfg['doc_baseurl'] + '/'
REPO = [f"{o}/blob/{cfg['branch']}/" for o in (cfg['git_url'], cfg['git_url'].replace('https://github.com', 'https://colab.research.google.com/github'))]
REPO.append(f"{cfg['git_url']}/tree/{cfg['branch']}/")

class Page(HTMLParser):
    "The ids of a page and what it links to"
    def __init__(self, text): super().__init__(); self.ids, self.links, self.duplicate = set(), [], set(); self.feed(text)
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        for o in {a.get('id'), a.get('name') if tag=='a' else None} - {None}:
            if o in self.ids: self.duplicate.add(o)
            self.ids.add(o)
        self.links += [a[k] for k in ('href','src','srcset','poster','data-src') if a.get(k)]

def slug(heading):
    "The anchor that GitHub gives a heading"
    return re.sub(r'[^\w\- ]', '', re.sub(r'[`*]', '', heading).strip().lower()).replace(' ', '-')

def markdown(text):
    "The same of a Markdown file"
    text = re.sub(r'^```.*?^```', '', text, flags=re.M|re.S); page = Page(text)
    page.ids |= {slug(o) for o in re.findall(r'^#+ (.+)$', text, re.M)}
    page.links += re.findall(r'\]\(([^)\s]+)', text)
    return page

def broken(link, file, base, site, pages):
    "Why the link in `file`, whose absolute paths begin at `base`, leads nowhere, or None; 'outside' if it is not ours"
    for o in REPO:
        if link.startswith(o):
            path = unquote(urldefrag(link)[0][len(o):])
            return None if (root/path).exists() else 'no such file in the repository'
    if link.startswith(SITE): link, file = link[len(SITE):] or 'index.html', site/'index.html'
    parts = urlsplit(link)
    if parts.scheme or parts.netloc: return None if parts.scheme in ('data','javascript') else 'outside'
    to = file if not parts.path else (base/parts.path.lstrip('/') if parts.path.startswith('/') else file.parent/unquote(parts.path)).resolve()
    if to.is_dir(): to = to/'index.html'
    if not to.exists(): return 'no such file'
    if parts.fragment and to in pages and unquote(parts.fragment) not in pages[to].ids: return 'no such anchor'

def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument('site', nargs='?', type=Path, default=root/cfg['doc_path'])
    ap.add_argument('--search', nargs='*', default=['Eq. 7', 'Eq. 10', 'TensorVideo', 'adafocus_train'])
    args = ap.parse_intermixed_args(); site = args.site.resolve()
    pages = {f: Page(f.read_text()) for f in sorted(site.rglob('*.html')) if 'site_libs' not in f.parts}
    docs  = {root/f: markdown((root/f).read_text()) for f in ('README.md','CONTRIBUTING.md')}
    good = bad = n = outside = 0
    if not pages: print(f'no pages in {site}: run nbdev_docs first')
    for f,page in (pages | docs).items():
        said = []
        for link in page.links:
            why = broken(link, f, site if f in pages else root, site, pages | docs); n += 1
            if why=='outside': outside += 1
            elif why: said.append((why, link))
        said = sorted(set(said))
        print(f"{'FAILED' if said else 'passed'} {f.relative_to(site) if f in pages else f.name}: {len(page.links)} links"
              + (f"; ids that stand twice: {', '.join(sorted(page.duplicate))}" if page.duplicate else ''))
        for o in said: print('    ', *o)
        good, bad = good + (not said), bad + bool(said)
    index = site/'search.json'
    known = json.loads(index.read_text()) if index.exists() else []
    for word in args.search:
        hits = [o['href'] for o in known if word in o.get('text','') + o.get('title','') + o.get('section','')]
        print(f"{'passed' if hits else 'FAILED'} search for {word!r}: {len(hits)} places, first {', '.join(hits[:3])}")
        good, bad = good + bool(hits), bad + (not hits)
    print(f'{n} links, {outside} of them to others and not followed')
    print(f'{good} passed, {bad} failed')
    return bad > 0 or not pages

if __name__ == '__main__': sys.exit(main())
