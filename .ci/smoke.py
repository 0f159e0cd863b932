#!/usr/bin/env python3
"""Does the installed package work here? python .ci/smoke.py [--short] [BIN]

BIN is the folder of an environment's programs (default: that of this Python). Works in a temporary folder, on files
that it makes itself. The whole form imports everything and sends a few mp4 files through train, eval, predict and
stream. The short form is for systems that are slow to set up: it imports everything, runs `adafocus_demo --short`,
and trains with two workers. Last line: "N passed, M failed".
"""
import argparse, json, os, subprocess, sys, sysconfig, tempfile, time
from pathlib import Path

VERSIONS = '''
import platform
from importlib.metadata import version
import adafocus_nb.all, adafocus_nb.commands
names = 'torch torchvision fastai fastcore av numpy pillow matplotlib scikit-learn safetensors ipywidgets'.split()
print('Python', platform.python_version(), *[f'{o} {version(o)}' for o in names], sep=', ')
'''
VIDEOS = '''
from pathlib import Path
from adafocus_nb.made_videos import MovingDigits
from adafocus_nb.decoding import save_clip
clips = MovingDigits().clips(16)
for i, (x, y) in enumerate(zip(clips.x, clips.y)):
    folder = Path('videos', 'odd' if y%2 else 'even')
    folder.mkdir(parents=True, exist_ok=True)
    save_clip(folder/f'{i}.mp4', x)
'''
SMALL = ('--preset tiny --device cpu --n-frames 3 --batch-size 4 --epochs0 1 --epochs1 1 --epochs2 1 --epochs3 1 '
         '--no-flip').split()

class Checks:
    "Runs programs of one environment, and counts"
    def __init__(self, programs, folder):
        self.programs = Path(programs).absolute()
        self.folder = folder
        self.passed = 0
        self.failed = 0

    def program(self, name):
        path = self.programs/name
        return str(path.with_suffix('.exe') if os.name=='nt' else path)

    def check(self, what, name, *args, shows=None, fails=False):
        "One program: does it end as it should, and does it print what it should?"
        start = time.time()
        env = {**os.environ, 'MPLBACKEND': 'Agg', 'PYTHONIOENCODING': 'utf-8'}
        command = [self.program(name), *args]
        done = subprocess.run(command, cwd=self.folder, env=env, capture_output=True, text=True,
                              encoding='utf-8')
        right = (done.returncode!=0)==fails and (shows is None or shows(done.stdout))
        took = time.time()-start
        self.count(right, f'{what} ({took:.0f} s)')
        if not right: print(done.stdout[-2000:], done.stderr[-4000:], sep='\n', flush=True)
        return done.stdout

    def count(self, right, what):
        self.passed += right
        self.failed += not right
        print('  passed' if right else '  FAILED', what, flush=True)

def has(key):
    "Is the output JSON with something under this key?"
    def shows(text):
        try: return bool(json.loads(text.strip().splitlines()[-1]).get(key))
        except (ValueError, IndexError): return False
    return shows

def says(words):
    "Does it print these words?"
    return lambda text: words in text

def whole(c):
    c.check('train', 'adafocus_train', 'videos', '--out', 'run', *SMALL, '--workers', '2', shows=says('Top-1'))
    c.check('eval', 'adafocus_eval', 'run', 'videos', '--json', shows=has('videos'))
    files = sorted(str(o.relative_to(c.folder)) for o in (c.folder/'videos').rglob('*.mp4'))[:3]
    c.check('predict', 'adafocus_predict', 'run', *files, '--annotate', 'drawn', shows=says('%'))
    c.check('predict names a file that is no video', 'adafocus_predict', 'run', 'text.mp4', fails=True,
            shows=says('text.mp4: not read'))
    c.check('stream', 'adafocus_stream', 'run', files[0], '--every', '0', '--annotate', 'stream.mp4', shows=says('%'))
    drawn = list((c.folder/'drawn').glob('*.mp4'))
    c.count(len(drawn)==len(files) and (c.folder/'stream.mp4').exists(), 'annotated copies')

def short(c):
    c.check('demo --short', 'adafocus_demo', '--short', '--device', 'cpu', '--out', 'demo', '--json', shows=has('top1'))
    c.check('train with two workers', 'adafocus_train', 'videos', '--out', 'run', *SMALL, '--workers', '2', '--json',
            shows=has('top1'))

def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('bin', nargs='?')
    parser.add_argument('--short', action='store_true')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        folder = Path(tmp).resolve()
        (folder/'text.mp4').write_text('no video\n'*50)
        c = Checks(args.bin or sysconfig.get_path('scripts'), folder)
        python = 'python'
        if not args.bin: python = sys.executable       # outside of environments Windows has it elsewhere
        said = c.check('import of everything', python, '-c', VERSIONS)
        print(said.strip())
        c.check('mp4 files are written', python, '-c', VIDEOS)
        if args.short: short(c)
        else: whole(c)
    print(f'{c.passed} passed, {c.failed} failed')
    return c.failed>0

if __name__=='__main__': sys.exit(main())
