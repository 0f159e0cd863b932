#!/usr/bin/env python3
"""Do the explorers of chapter 17 move in a browser? `python .ci/widgets.py [FOLDER [NAMES]]`: screenshots go to FOLDER

For each explorer a notebook of one cell is written to a temporary folder and served by Voilà; headless Chromium
opens the page, moves one control as a hand would, and waits for another picture. A page with a refusal shows its
sentence. Needs voila and selenium (`pip install voila selenium`), Chromium and its chromedriver; without one of them
nothing is checked, and the script says so.
"""
import contextlib, importlib.util, json, os, shutil, socket, subprocess, sys, tempfile, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 240                                            # seconds for a page: its kernel imports torch
CHROME = ['chromium', 'google-chrome', 'chromium-browser']

SETUP = '''
import torch
from adafocus_nb.all import *
torch.manual_seed(0)
dls = MovingDigits(n=8, n_valid=8).dataloaders(bs=4, device='cpu')
model = AdaFocusPlus.from_preset('tiny', n_classes=10, labels=dls.vocab)
model.set_threshold(dls.train, .5)
'''
# explorer: (code that makes it, control, keys, or the option to choose, or None for a checkbox; what is refused)
PAGES = {
    'patch':  (SETUP+'patch_explorer(model, dls)', 'policy', 'random', ''),
    'ppo':    ('from adafocus_nb.all import *\nppo_explorer()', 'advantage', 'LEFT', ''),
    'reward': (SETUP+'model.skipping = False\nreward_explorer(model, dls)', 'step', 'RIGHT', ''),
    'eta':    (SETUP+'eta_explorer(model, dls, (0,25,50,75,100))', 'keep, %', 'LEFT', ''),
    'shift':  ('from adafocus_nb.all import *\nshift_explorer()', 'from', 'previous only', ''),
    'online': ('from adafocus_nb.all import *\nshift_explorer()', 'online', None, 'which a stream does not have'),
    'video':  (SETUP+'video_explorer(model, dls.valid.dataset.x[0])', 'frame', 'RIGHT', ''),
}

def missing():
    "What is not there; '' if all is"
    modules = [o for o in ('voila', 'selenium') if importlib.util.find_spec(o) is None]
    programs = [names[0] for names in (CHROME, ['chromedriver']) if not any(map(shutil.which, names))]
    return ', '.join(modules+programs)

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]

@contextlib.contextmanager
def served(folder):
    "Voilà for the notebooks of a folder: the address"
    port = free_port()
    log = open(folder/'voila.log', 'w')
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
    env = {**os.environ, 'PYTHONPATH': path, 'OMP_NUM_THREADS': '1', 'PYTHONWARNINGS': 'ignore'}
    command = [sys.executable, '-m', 'voila', '--no-browser', f'--port={port}', '--Voila.ip=127.0.0.1', str(folder)]
    p = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=subprocess.STDOUT)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), 1): break
            if p.poll() is not None: raise RuntimeError('voila has ended: '+(folder/'voila.log').read_text()[-500:])
            time.sleep(.1)
        yield f'http://127.0.0.1:{port}/voila/render/'
    finally:
        p.terminate()
        p.wait(30)
        log.close()

@contextlib.contextmanager
def browser():
    "Headless Chromium"
    from selenium import webdriver
    options = webdriver.ChromeOptions()
    options.page_load_strategy = 'none'                # the page comes when its kernel is done: `until` waits
    options.binary_location = next(filter(None, map(shutil.which, CHROME)))
    for o in ('headless=new', 'no-sandbox', 'disable-dev-shm-usage', 'window-size=1100,900'):
        options.add_argument(f'--{o}')
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which('chromedriver')))
    driver.set_script_timeout(10)
    try: yield driver
    finally: driver.quit()

PIXELS = '''const done = arguments[0];
const i = document.querySelector('img.widget-image, .widget-image img, img.jupyter-widgets');
if (!i || !i.complete || !i.naturalWidth) done('');
else fetch(i.src).then(r => r.arrayBuffer()).then(b => crypto.subtle.digest('SHA-256', b)).then(
  h => done(i.naturalWidth + ' ' + [...new Uint8Array(h)].join(' ')), e => done(''));'''

SENTENCES = "return [...document.querySelectorAll('.widget-html')].map(o => o.innerText).join(' ')"

def until(f, what, seconds=LIMIT):
    "The first true value of `f()`"
    end = time.time()+seconds
    while time.time()<end:
        v = f()
        if v: return v
        time.sleep(.2)
    raise TimeoutError(f'{what} after {seconds} s')

def move(driver, name, to):
    "Move the control with this label"
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import Select
    if to is None: return driver.find_element(By.CSS_SELECTOR, '.widget-checkbox input').click()
    def is_named(row): return any(o.text==name for o in row.find_elements(By.CSS_SELECTOR, '.widget-label'))
    row = next(filter(is_named, driver.find_elements(By.CSS_SELECTOR, '.widget-inline-hbox')))
    if to in ('LEFT', 'RIGHT'): row.find_element(By.CSS_SELECTOR, '.noUi-handle').send_keys(getattr(Keys, 'ARROW_'+to))
    else: Select(row.find_element(By.TAG_NAME, 'select')).select_by_visible_text(to)

def check(driver, address, name, shots):
    "Open a page, move its control, and see another picture (or a refusal)"
    _, control, to, refusal = PAGES[name]
    driver.get('about:blank')
    driver.get(f'{address}{name}.ipynb')
    from selenium.common.exceptions import WebDriverException
    def pixels():
        try: return driver.execute_async_script(PIXELS)
        except WebDriverException: return ''               # the page may be on its way
    before = until(pixels, 'no picture')
    move(driver, control, to)
    def said(): return driver.execute_script(SENTENCES)
    if refusal: until(lambda: refusal in said(), f'no sentence with {refusal!r}', 60)
    else: until(lambda: pixels() not in ('', before), f'the same picture after moving {control!r}', 60)
    if shots: driver.save_screenshot(str(shots/f'{name}.png'))
    sentence = said().strip()
    assert refusal in sentence and bool(refusal)==bool(sentence), f'the page says: {sentence}'

def write_pages(folder):
    "A notebook of one cell for each explorer"
    kernel = dict(name='python3', display_name='Python 3', language='python')
    for name, (code, *_) in PAGES.items():
        cell = dict(cell_type='code', id=name, metadata={}, source=code, outputs=[], execution_count=None)
        nb = dict(cells=[cell], metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)
        (folder/f'{name}.ipynb').write_text(json.dumps(nb))

def passes(driver, address, name, shots):
    "Print how a page's check ends: did it pass?"
    start = time.time()
    try: check(driver, address, name, shots)
    except Exception as e:
        print(f'FAILED {name}: {type(e).__name__}:', *str(e).splitlines()[:1], flush=True)
        return False
    print(f'passed {name} ({time.time()-start:.0f} s)', flush=True)
    return True

def main():
    what = missing()
    if what: return print(f'skipped: {what} not found (pip install voila selenium; Chromium and chromedriver)')
    shots = None
    for o in sys.argv[1:2]:
        shots = Path(o).resolve()
        shots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as tmp:
        write_pages(Path(tmp))
        with served(Path(tmp)) as address, browser() as driver:
            good = [passes(driver, address, name, shots) for name in sys.argv[2:] or PAGES]
    print(f'{sum(good)} passed, {len(good)-sum(good)} failed')
    return not all(good)

if __name__=='__main__': sys.exit(main())
