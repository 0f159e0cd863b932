#!/usr/bin/env python3
"""Every link and anchor within the site and the README: nbdev_docs && python .ci/links.py [SITE] [--search TEXT …]

Reads the finished pages (SITE is `_docs` unless given). A link counts as ours when it is relative, begins with the
site's own address, or names a file of this repository on GitHub or in Colab; links to others are counted, not
followed. Then looks whether the site's search knows some words. Closes with "N passed, M failed", one check a page.
"""
import argparse, json, re, sys
from configparser import ConfigParser
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

root = Path(__file__).resolve().parent.parent
settings = ConfigParser(delimiters=['='])
settings.read(root/'settings.ini')
cfg = settings['DEFAULT']
SITE = cfg['doc_host'] + cfg['doc_baseurl'] + '/'
GIT = cfg['git_url']
COLAB = GIT.replace('https://github.com', 'https://colab.research.google.com/github')
REPO = [f"{GIT}/blob/{cfg['branch']}/", f"{COLAB}/blob/{cfg['branch']}/", f"{GIT}/tree/{cfg['branch']}/"]

class Page(HTMLParser):
    "The ids of a page and what it links to"
    def __init__(self, text):
        super().__init__()
        self.ids = set()
        self.duplicate = set()
        self.links = []
        self.feed(text)
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        names = {a.get('id')}
        if tag=='a': names.add(a.get('name'))
        names.discard(None)
        self.duplicate |= names & self.ids
        self.ids |= names
        self.links += [a[k] for k in ('href', 'src', 'srcset', 'poster', 'data-src') if a.get(k)]

def slug(heading):
    "The anchor that GitHub gives a heading"
    words = re.sub(r'[`*]', '', heading).strip().lower()
    return re.sub(r'[^\w\- ]', '', words).replace(' ', '-')

def markdown(text):
    "The same of a Markdown file"
    text = re.sub(r'^```.*?^```', '', text, flags=re.M|re.S)
    page = Page(text)
    page.ids |= {slug(o) for o in re.findall(r'^#+ (.+)$', text, re.M)}
    page.links += re.findall(r'\]\(([^)\s]+)', text)
    return page

def in_repository(link):
    "The path that a link to GitHub or Colab names here, or None"
    for o in REPO:
        if link.startswith(o): return root/unquote(urldefrag(link)[0][len(o):])

def target(path, file, base):
    "The file that a relative address in `file` means, where absolute ones begin at `base`"
    to = file
    if path.startswith('/'): to = base/path.lstrip('/')
    elif path: to = file.parent/unquote(path)
    to = to.resolve()
    return to/'index.html' if to.is_dir() else to

def broken(link, file, base, site, pages):
    "Why the link leads nowhere, or None; 'outside' if it is not ours"
    there = in_repository(link)
    if there is not None: return None if there.exists() else 'no such file in the repository'
    if link.startswith(SITE):
        link = link[len(SITE):] or 'index.html'
        file = site/'index.html'
    parts = urlsplit(link)
    if parts.scheme in ('data', 'javascript'): return None
    if parts.scheme or parts.netloc: return 'outside'
    to = target(parts.path, file, base)
    if not to.exists(): return 'no such file'
    if parts.fragment and to in pages and unquote(parts.fragment) not in pages[to].ids: return 'no such anchor'

def follow(pages, base, site, known):
    "Print what is wrong with each of the pages: (passed, failed, links, links to others)"
    passed = n = outside = 0
    for f, page in pages.items():
        whys = [(broken(link, f, base, site, known), link) for link in page.links]
        n += len(whys)
        outside += sum(why=='outside' for why, _ in whys)
        said = sorted({o for o in whys if o[0] not in (None, 'outside')})
        twice = f"; ids that stand twice: {', '.join(sorted(page.duplicate))}" if page.duplicate else ''
        print(f"{'FAILED' if said else 'passed'} {f.relative_to(base)}: {len(page.links)} links{twice}")
        for o in said: print('    ', *o)
        passed += not said
    return passed, len(pages)-passed, n, outside

def search(index, words):
    "Print where the site's search finds some words: (passed, failed)"
    known = json.loads(index.read_text()) if index.exists() else []
    passed = 0
    for word in words:
        hits = [o['href'] for o in known if word in o.get('text', '')+o.get('title', '')+o.get('section', '')]
        print(f"{'passed' if hits else 'FAILED'} search for {word!r}: {len(hits)} places, first {', '.join(hits[:3])}")
        passed += bool(hits)
    return passed, len(words)-passed

def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('site', nargs='?', type=Path, default=root/cfg['doc_path'])
    parser.add_argument('--search', nargs='*', default=['Eq. 7', 'Eq. 10', 'TensorVideo', 'adafocus_train'])
    args = parser.parse_intermixed_args()
    site = args.site.resolve()
    pages = {f: Page(f.read_text()) for f in sorted(site.rglob('*.html')) if 'site_libs' not in f.parts}
    docs = {root/f: markdown((root/f).read_text()) for f in ('README.md', 'CONTRIBUTING.md')}
    if not pages: print(f'no pages in {site}: run nbdev_docs first')
    told = [follow(pages, site, site, pages|docs), follow(docs, root, site, pages|docs)]
    told.append((*search(site/'search.json', args.search), 0, 0))
    passed, failed, n, outside = map(sum, zip(*told))
    print(f'{n} links, {outside} of them to others and not followed')
    print(f'{passed} passed, {failed} failed')
    return failed>0 or not pages

if __name__=='__main__': sys.exit(main())
