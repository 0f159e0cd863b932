#!/usr/bin/env python3
"""Screenshots of every page at two widths, desktop and phone: nbdev_docs && python .ci/pages.py OUT [PAGE …]

Needs a Chromium (chromium, chromium-browser or google-chrome on PATH) and Pillow; where there is none it says so and
ends well. Each page is laid into a frame of exactly that width, measured, and photographed in slices, which are put
side by side: OUT/PAGE-WIDTH.png. What sticks out on the right without a scroll bar of its own is listed, since it
makes the whole page scroll sideways; so are pictures shown at less than half their size. Closes with "N passed, M
failed", one check a page and width.
"""
import argparse, html, http.server, json, re, shutil, subprocess, sys, tempfile, threading
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

root = Path(__file__).resolve().parent.parent
WIDTHS = (1280, 390)
COLUMN = 3000                                                              # height of a slice

FRAME = '''<!doctype html>
<style>
html, body { margin: 0; overflow: hidden; background: #fff }
iframe { border: 0; display: block; width: WIDTHpx; height: HEIGHTpx; margin-top: -TOPpx }
</style>
<iframe id="f" src="/PAGE" scrolling="no"></iframe><pre id="out"></pre>
<script>
const f = document.getElementById('f');
function measure() {
  const d = f.contentDocument, root = d.documentElement, w = root.clientWidth;
  const hides = e => /auto|scroll|hidden|clip/.test(f.contentWindow.getComputedStyle(e).overflowX);
  function clipped(e) {
    for (let p = e.parentElement; p && p !== d.body; p = p.parentElement) if (hides(p)) return true;
    return false;
  }
  const sticksOut = e => { const r = e.getBoundingClientRect(); return r.right > w + 1 && r.width > 0 };
  const wide = [...d.querySelectorAll('main *')].filter(e => sticksOut(e) && !clipped(e));
  const first = wide.filter(e => !wide.includes(e.parentElement));
  function name(e) {
    const classes = e.className.baseVal ?? e.className, words = (e.textContent || e.src || '').trim().slice(0, 60);
    const kind = classes ? '.' + classes.trim().split(/\\s+/).join('.') : '';
    return e.tagName.toLowerCase() + kind + ' ' + JSON.stringify(words);
  }
  const images = [...d.querySelectorAll('main img')];
  const small = images.filter(e => e.naturalWidth && e.clientWidth < e.naturalWidth/2);
  const dead = images.filter(e => e.complete && !e.naturalWidth && e.src.startsWith(location.origin));
  const told = {height: root.scrollHeight, width: root.scrollWidth, w, wide: first.slice(0, 12).map(name),
                small: small.map(e => e.naturalWidth + ' px shown at ' + e.clientWidth),
                dead: dead.map(e => e.getAttribute('src').slice(0, 80))};
  document.getElementById('out').textContent = 'MEASURED' + JSON.stringify(told) + 'END';
}
f.onload = () => setTimeout(measure, 1500);
</script>'''

class Pages(http.server.SimpleHTTPRequestHandler):
    "The site, and each of its pages in a frame of a given size"
    katex = None
    def log_message(self, *args): pass
    def do_GET(self):
        path = urlsplit(self.path).path
        if path=='/__frame__': return self.say(self.framed())
        if not self.katex or not path.endswith('.html'): return super().do_GET()
        page = Path(self.translate_path(path)).read_text()
        self.say(re.sub(r'https://cdn\.jsdelivr\.net/npm/katex@[^/]+/', '/__katex__/', page))
    def framed(self):
        asked = parse_qs(urlsplit(self.path).query)
        def word(m): return html.escape(asked[m[0].lower()][0])
        return re.sub('WIDTH|HEIGHT|TOP|PAGE', word, FRAME)
    def translate_path(self, path):
        if not path.startswith('/__katex__/'): return super().translate_path(path)
        return str(Path(self.katex)/path.split('?')[0].removeprefix('/__katex__/'))
    def say(self, text):
        self.send_response(200)
        self.send_header('Content-Type', 'text/html; charset=utf-8')
        self.end_headers()
        self.wfile.write(text.encode())

class Browser:
    "Chromium without a window, and the server that it asks"
    def __init__(self, program, site, profile):
        self.command = [program, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
                        f'--user-data-dir={profile}', '--virtual-time-budget=8000']
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), partial(Pages, directory=str(site)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def show(self, page, width, height, top, window, *more):
        "What Chromium says of a page in a frame of this size"
        query = f'width={width}&height={height}&top={top}&page={page}'
        url = f'http://127.0.0.1:{self.server.server_port}/__frame__?{query}'
        size = f'--window-size={max(width, 500)},{window}'
        return subprocess.run([*self.command, size, *more, url], capture_output=True, text=True, timeout=180).stdout

    def measure(self, page, width):
        found = re.search('MEASURED(.*)END', html.unescape(self.show(page, width, 800, 0, 800, '--dump-dom')))
        return found and json.loads(found[1])

    def photograph(self, page, width, height, tmp):
        "The page in slices, side by side"
        from PIL import Image
        Image.MAX_IMAGE_PIXELS = None
        n = -(-height//COLUMN)
        sheet = Image.new('RGB', (n*(width+10)-10, min(COLUMN, height)), '#888')
        shot = Path(tmp)/'shot.png'
        for i in range(n):
            self.show(page, width, height, i*COLUMN, COLUMN, f'--screenshot={shot}')
            slice_ = Image.open(shot).convert('RGB').crop((0, 0, width, min(COLUMN, height-i*COLUMN)))
            sheet.paste(slice_, (i*(width+10), 0))
        return sheet

def report(name, m):
    "Print what was measured; is all well?"
    wrong = m['width']>m['w'] or bool(m['dead'])
    wide = f", {m['width']} wide" if m['width']>m['w'] else ''
    print(f"{'FAILED' if wrong else 'passed'} {name}: {m['height']} px high{wide}", flush=True)
    for o in m['wide'] if wrong else []: print('     sticks out:', o)
    for o in m['dead']: print('     no picture:', o)
    if m['small']: print('     small pictures:', ', '.join(m['small']))
    return not wrong

def check(browser, page, width, out, tmp):
    m = browser.measure(page, width)
    if not m:
        print(f'FAILED {page} at {width}: not measured')
        return False
    to = out/f"{page.removesuffix('.html').replace('/', '-')}-{width}.png"
    browser.photograph(page, width, m['height'], tmp).save(to)
    return report(to.name, m)

def arguments():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('out', type=Path)
    p.add_argument('pages', nargs='*')
    p.add_argument('--site', type=Path, default=root/'_docs')
    p.add_argument('--katex', help='folder of the npm package katex, for formulas on a machine without network')
    return p.parse_intermixed_args()

def main():
    args = arguments()
    chrome = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
    if chrome is None: return print('no Chromium on this machine: no screenshots')
    Pages.katex = args.katex
    site = args.site.resolve()
    args.out.mkdir(parents=True, exist_ok=True)
    there = (f for f in sorted(site.rglob('*.html')) if 'site_libs' not in f.parts)
    pages = args.pages or [str(f.relative_to(site)) for f in there]
    with tempfile.TemporaryDirectory() as tmp:
        browser = Browser(chrome, site, f'{tmp}/profile')
        good = []
        for page in pages: good += [check(browser, page, width, args.out, tmp) for width in WIDTHS]
        browser.server.shutdown()
    print(f'{sum(good)} passed, {len(good)-sum(good)} failed')
    return not all(good)

if __name__=='__main__': sys.exit(main())
