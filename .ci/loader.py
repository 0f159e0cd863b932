#!/usr/bin/env python3
"""How fast the loader is against bare PyAV, and whether memory stays flat: python .ci/loader.py [--decodes 20000] [--spawn]

1. 16 even frames of each of 48 H.264 files (10 s, 320 x 240, 25 frames a second), scaled to a shorter side of 128: two bare PyAV processes
   that decode from the start and take the frames, against `VideoDataLoaders` with two workers. Alternating rounds, medians, processes started
   anew in every round on both sides. The loader's work on the device is left out (and timed in a line of its own), since it is the device's.
2. 20,000 decodes of short clips in one process: resident memory after a warm-up, and at the end.

With --spawn these instead, in about two minutes:
3. Epochs (training and validation) with two new Pythons as workers against epochs with two forks, from the second epoch on, in alternation.
4. What is said where the memory that processes share is too small (a tmpfs of 64 KB in a mount space of its own; needs root and unshare).
5. No process is left when a Python with such workers ends in the middle of an epoch, by itself or killed.
"""
import multiprocessing as mp, os, shutil, signal, statistics, subprocess, sys, tempfile, time, warnings
warnings.filterwarnings('ignore')
from pathlib import Path
import av, torch
from adafocus_nb.decoding import *
from adafocus_nb.sources import *
from adafocus_nb.video_data import *
from adafocus_nb.patches import Draws

T, SIDE, FILES, REPEAT, ROUNDS = 16, 128, 48, 4, 3                           # every file REPEAT times a round: rounds of some ten seconds

def make(folder, n=FILES, t=250, h=240, w=320):
    "Files of drifting photographs with moving noise, all different"
    for k in range(n):
        x = backgrounds(Draws([k]), t, 320)[0][:, :, :h, :w]
        x = x + .03*torch.rand(t, 1, h, w, generator=torch.Generator().manual_seed(k))
        (folder/'ab'[k%2]).mkdir(exist_ok=True)
        save_clip(folder/'ab'[k%2]/f'{k}.mp4', (x.clamp(0,1)*255).byte(), fps=25, options=dict(crf='23', preset='veryfast', g='100', bf='3'))

def bare(paths, out):
    "The usual loop: decode from the start, keep the frames that are wanted"
    torch.set_num_threads(1)
    for p in paths:
        with av.open(str(p)) as box: n = box.streams.video[0].frames
        want = set(frame_indices(T, n).tolist()); res = []
        with av.open(str(p)) as box:
            for i,f in enumerate(box.decode(video=0)):
                if i in want: res.append(torch.from_numpy(f.reformat(width=round(f.width*SIDE/f.height), height=SIDE, format='rgb24', interpolation='AREA').to_ndarray()).permute(2,0,1))
                if len(res)==len(want): break
        x = torch.stack(res)
        assert x.shape==(T,3,SIDE,171)
    out.put(len(paths))

def time_bare(paths):
    start,out = time.perf_counter(),mp.Queue()
    ps = [mp.Process(target=bare, args=(paths[i::2], out)) for i in range(2)]
    for p in ps: p.start()
    n = sum(out.get() for _ in ps)
    for p in ps: p.join()
    return n/(time.perf_counter()-start)

def time_loader(dl):
    start = time.perf_counter()
    n = sum(len(x) for x,_ in dl)
    return n/(time.perf_counter()-start)

def rss(): return int(open('/proc/self/statm').read().split()[1])*os.sysconf('SC_PAGE_SIZE')/2**20

def memory(n):
    "Resident memory before and after n decodes"
    kinds = [('a.mp4',{}), ('b.webm',dict(codec='libvpx-vp9')), ('c.avi',dict(codec='mpeg4')), ('d.mkv',dict(codec='mjpeg', pix_fmt='yuvj420p'))]
    with tempfile.TemporaryDirectory() as tmp:
        for (name,kw),x in zip(kinds, MovingDigits().clips(len(kinds), n_frames=12).x): save_clip(Path(tmp)/name, x, **kw)
        def decode(k):
            for i in range(k): decode_frames(Path(tmp)/kinds[i%len(kinds)][0], [0,3,5,11], short_side=(32,48)[i//4%2])
        decode(max(n//10, 200)); before = rss()
        start = time.perf_counter(); decode(n); after = rss()
    print(f'{n} decodes of short clips: {1000*(time.perf_counter()-start)/n:.2f} ms each, resident memory {before:.1f} MB after warm-up, {after:.1f} MB at the end: {100*(after/before-1):+.1f}% (bar 5%)')
    print('flat' if after<=1.05*before else 'growing')

def loaders(folder, start, t=T):
    return VideoDataLoaders.from_folder(folder, n_frames=t, frame_size=112, resize=SIDE, bs=4, num_workers=2, start_method=start, device='cpu', valid_fraction=.3)

def epoch(dls, k):
    "Seconds of an epoch of training and validation"
    dls.set_epoch(1, k)
    start = time.perf_counter()
    for dl in (dls.train, dls.valid):
        for _ in dl: pass
    return time.perf_counter()-start

def spawned(folder, rounds=3):
    "Median of the ratios of an epoch with new Pythons to one with forks, from the second on, and what the first one takes"
    new,forks = loaders(folder, 'spawn'),loaders(folder, 'fork')
    first = epoch(new, 0),epoch(forks, 0)
    later = [(epoch(new, k),epoch(forks, k)) for k in range(1, rounds+1)]
    return statistics.median(a/b for a,b in later), first, later

def small_memory(folder):
    "What a loader says where /dev/shm has 64 KB; None where that cannot be tried"
    if not shutil.which('unshare') or os.geteuid(): return None
    run = f'mount -t tmpfs -o size=64k tmpfs /dev/shm && exec {sys.executable} {__file__} --load {folder} {{}}'
    ps = [subprocess.run(['unshare', '-m', 'sh', '-c', run.format(o)], capture_output=True, text=True, timeout=200) for o in ('fork','spawn')]
    return [p.stdout.strip() for p in ps]

def load(folder, start):
    "Load, and print what goes wrong"
    try: epoch(loaders(folder, start), 0); print('nothing went wrong')
    except OSError as e: print(f'{type(e).__name__}: {e}')

def stay(folder, kill):
    "Print the workers' ids, and end in the middle of an epoch, or wait to be killed"
    dls = loaders(folder, 'spawn')
    next(it := iter(dls.train))
    print(*[p.pid for p in dls.train.workers.pool._iterator._workers], flush=True)
    if kill: time.sleep(100)

def left_over(folder, kill):
    "Workers that still run half a minute after their Python has ended"
    p = subprocess.Popen([sys.executable, __file__, '--stay', str(folder), *['kill']*kill], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    pids = [int(o) for o in p.stdout.readline().split()]
    if kill: p.send_signal(signal.SIGKILL)
    p.wait(60)
    for _ in range(300):                                                     # they look for it every five seconds
        alive = [o for o in pids if os.path.exists(f'/proc/{o}') and 'Z' not in open(f'/proc/{o}/stat').read().rpartition(')')[2].split()[0]]
        if not alive: break
        time.sleep(.1)
    return len(pids),alive

def spawn_main():
    with tempfile.TemporaryDirectory() as tmp:
        make(Path(tmp), 24, 100)
        ratio,(new,fork),later = spawned(tmp)
        print(f'an epoch with two new Pythons: the first {new:.1f} s (forks {fork:.1f} s), then {statistics.median(a for a,_ in later):.2f} s '
              f'(forks {statistics.median(b for _,b in later):.2f} s): ratio {ratio:.2f} (bar 1.5; rounds {", ".join(f"{a/b:.2f}" for a,b in later)})')
        said = small_memory(tmp)
        print('shared memory of 64 KB:', 'not tried (needs root and unshare)' if said is None else said[0])
        left = [left_over(tmp, kill) for kill in (False,True)]
        print('processes left by a Python that ends, and by one that is killed:', *[len(o) for _,o in left])
    checks = [ratio<=1.5, said is None or all('WorkerError' in o and '--shm-size' in o for o in said), all(n==2 and not o for n,o in left)]
    print(f'{sum(checks)} passed, {len(checks)-sum(checks)} failed')
    return not all(checks)

def main():
    if '--memory' in sys.argv: return memory(int(sys.argv[-1]))
    if '--load' in sys.argv: return load(*sys.argv[-2:])
    if '--stay' in sys.argv: return stay(sys.argv[2], 'kill' in sys.argv)
    if '--spawn' in sys.argv: return spawn_main()
    n = int(sys.argv[sys.argv.index('--decodes')+1]) if '--decodes' in sys.argv else 20000
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp); (tmp/'long').mkdir()
        make(tmp/'long')
        paths = sorted((tmp/'long').rglob('*.mp4'))
        many = paths*REPEAT
        src = VideoSource(many, [[i%2] for i in range(len(many))], paths[:2], [[0],[1]], 'ab')
        def loader(crop):
            dl = VideoDataLoaders.from_source(src, n_frames=T, frame_size=112, resize=SIDE, bs=8, num_workers=2, device='cpu').train
            dl.dataset.train = False                                         # the same frames as the bare processes
            if not crop: dl.augment = None
            return dl
        x = decode_frames(paths[0], range(0,250,16), short_side=SIDE); assert x.shape[1:]==(3,SIDE,171)
        time_bare(paths); time_loader(loader(False))                         # the disk's cache is warm
        rates = [(time_bare(many), time_loader(loader(False))) for _ in range(ROUNDS)]
        c = time_loader(loader(True))
        b,l = (statistics.median(o) for o in zip(*rates))
        ratio = statistics.median(l/b for b,l in rates)
        print(f'two bare processes {b:.1f} clips/s, loader with two workers {l:.1f} clips/s: ratio {ratio:.2f} (bar 0.85; rounds {", ".join(f"{l/b:.2f}" for b,l in rates)})')
        print(f'with random crops done on this CPU as well: {c:.1f} clips/s')
        p = subprocess.run([sys.executable, __file__, '--memory', str(n)], stdout=subprocess.PIPE, text=True, check=True)   # afresh: no freed memory to hide a leak in
        *said,flat = p.stdout.splitlines(); print(*said, sep='\n')
    checks = ratio>=.85, flat=='flat'
    print(f'{sum(checks)} passed, {len(checks)-sum(checks)} failed')
    return not all(checks)

if __name__ == '__main__': sys.exit(main())
