#!/usr/bin/env python3
"""Screenshots of every page at two widths, desktop and phone: nbdev_docs && python .ci/pages.py OUT [PAGE …]

Needs a Chromium (chromium, chromium-browser or google-chrome on PATH) and Pillow; where there is none it says so and ends well. Each page is
laid into a frame of exactly that width, measured, and photographed in slices, which are put side by side: OUT/PAGE-WIDTH.png. What sticks out on the
right without a scroll bar of its own is listed, since it makes the whole page scroll sideways; so are pictures shown at less than half their size.
Closes with "N passed, M failed", one check a page and width.
"""
import argparse, html, http.server, json, re, shutil, subprocess, sys, tempfile, threading
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

root, WIDTHS, COLUMN = Path(__file__).resolve().parent.parent, (1280, 390), 3000

FRAME = '''<!doctype html><style>html,body{margin:0;overflow:hidden;background:#fff}iframe{border:0;display:block;width:WIDTHpx;height:HEIGHTpx;margin-top:-TOPpx}</style>
<iframe id="f" src="/PAGE" scrolling="no"></iframe><pre id="out"></pre><script>
const f = document.getElementById('f');
f.onload = () => setTimeout(() => {
  const d = f.contentDocument, w = d.documentElement.clientWidth, clipped = e => {
    for (let p = e.parentElement; p && p !== d.body; p = p.parentElement) if (/auto|scroll|hidden|clip/.test(f.contentWindow.getComputedStyle(p).overflowX)) return true;
    return false }
  const seen = [...d.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > w + 1 && e.getBoundingClientRect().width > 0);
  const wide = seen.filter(e => !clipped(e)), first = wide.filter(e => !wide.includes(e.parentElement));
  const name = e => e.tagName.toLowerCase() + (e.className.baseVal ?? e.className ? '.' + (e.className.baseVal ?? e.className).trim().split(/\\s+/).join('.') : '') + ' ' + JSON.stringify((e.textContent || e.src || '').trim().slice(0, 60));
  const small = [...d.querySelectorAll('main img')].filter(e => e.naturalWidth && e.clientWidth < e.naturalWidth/2).map(e => e.naturalWidth + ' px shown at ' + e.clientWidth);
  const dead = [...d.querySelectorAll('main img')].filter(e => e.complete && !e.naturalWidth && e.src.startsWith(location.origin)).map(e => e.getAttribute('src').slice(0, 80));
  document.getElementById('out').textContent = 'MEASURED' + JSON.stringify({height: d.documentElement.scrollHeight, width: d.documentElement.scrollWidth, w, wide: first.slice(0, 12).map(name), small, dead}) + 'END'
}, 1500)</script>'''

class Pages(http.server.SimpleHTTPRequestHandler):
    "The site, and each of its pages in a frame of a given size"
    def log_message(self, *a): pass
    katex = None
    def do_GET(self):
        path = urlsplit(self.path).path
        if self.katex and path.endswith('.html'): return self.say(re.sub(r'https://cdn\.jsdelivr\.net/npm/katex@[^/]+/', '/__katex__/', Path(self.translate_path(path)).read_text()))
        if path != '/__frame__': return super().do_GET()
        q = {k: v[0] for k,v in parse_qs(urlsplit(self.path).query).items()}
        text = FRAME
        for k in ('WIDTH','HEIGHT','TOP','PAGE'): text = text.replace(k, html.escape(q[k.lower()]), 2 if k!='WIDTH' else -1)
        self.say(text)
    def translate_path(self, path):
        return str(Path(self.katex)/path.split('?')[0].removeprefix('/__katex__/')) if path.startswith('/__katex__/') else super().translate_path(path)
    def say(self, text):
        self.send_response(200); self.send_header('Content-Type', 'text/html; charset=utf-8'); self.end_headers(); self.wfile.write(text.encode())

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('out', type=Path); p.add_argument('pages', nargs='*'); p.add_argument('--site', type=Path, default=root/'_docs')
    p.add_argument('--katex', help='folder of the npm package katex, for formulas on a machine without network')
    args = p.parse_intermixed_args()
    chrome = next(filter(None, map(shutil.which, ('chromium','chromium-browser','google-chrome'))), None)
    if chrome is None: print('no Chromium on this machine: no screenshots'); return 0
    from PIL import Image
    Image.MAX_IMAGE_PIXELS = None
    Pages.katex = args.katex; site = args.site.resolve(); args.out.mkdir(parents=True, exist_ok=True)
    pages = args.pages or [str(f.relative_to(site)) for f in sorted(site.rglob('*.html')) if 'site_libs' not in f.parts]
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), partial(Pages, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    good = bad = 0
    with tempfile.TemporaryDirectory() as tmp:
        def chromium(width, height, top, page, window, *more):
            url = f'http://127.0.0.1:{server.server_port}/__frame__?width={width}&height={height}&top={top}&page={page}'
            return subprocess.run([chrome, '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', f'--user-data-dir={tmp}/profile', '--virtual-time-budget=8000',
                                   f'--window-size={max(width,500)},{window}', *more, url], capture_output=True, text=True, timeout=180).stdout
        for page in pages:
            for width in WIDTHS:
                found = re.search('MEASURED(.*)END', html.unescape(chromium(width, 800, 0, page, 800, '--dump-dom')))
                if not found: print(f'FAILED {page} at {width}: not measured'); bad += 1; continue
                m = json.loads(found[1]); n = -(-m['height']//COLUMN)
                sheet = Image.new('RGB', (n*(width+10)-10, min(COLUMN, m['height'])), '#888')
                for i in range(n):
                    shot = Path(tmp)/'shot.png'
                    chromium(width, m['height'], i*COLUMN, page, COLUMN, f'--screenshot={shot}')
                    sheet.paste(Image.open(shot).convert('RGB').crop((0, 0, width, min(COLUMN, m['height']-i*COLUMN))), (i*(width+10), 0))
                to = args.out/f"{page.removesuffix('.html').replace('/', '-')}-{width}.png"; sheet.save(to)
                wrong = m['width'] > m['w'] or m['dead']
                print(f"{'FAILED' if wrong else 'passed'} {to.name}: {m['height']} px high" + (f", {m['width']} wide" if m['width'] > m['w'] else ''), flush=True)
                for o in m['wide'] if wrong else []: print('     sticks out:', o)
                for o in m['dead']:  print('     no picture:', o)
                if m['small']: print('     small pictures:', ', '.join(m['small']))
                good, bad = good + (not wrong), bad + bool(wrong)
    server.shutdown()
    print(f'{good} passed, {bad} failed')
    return bad > 0

if __name__ == '__main__': sys.exit(main())
