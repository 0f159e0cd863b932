#!/usr/bin/env python3
"""Groups of a reproduction on all GPUs at once: `python .ci/reproduce.py OUT --jobs 6 --minutes 8 [--data DATA] GROUP …`

Starts `jobs` processes for each GPU (small batches leave a GPU idle most of the time), which take groups one by one from the list until it is empty, or
until another one would not fit into the minutes. Groups whose rows are in OUT/rows.csv are skipped, so the next call goes on. (Eight processes fit on a GPU of 80 GB while none of them is at full frames, which take 15 GB each.) Made videos are drawn by many
processes at once and kept in memory for all. Prints what each group took, and copies rows.csv to $OUT, if that is set, as it grows.
"""
import argparse, hashlib, os, shutil, subprocess, sys, time, traceback, warnings
from pathlib import Path
warnings.filterwarnings('ignore')
import torch
from adafocus_nb.all import *
from adafocus_nb.tasks import STUDY_DIGITS, builtin_videos

parser = argparse.ArgumentParser(); add = parser.add_argument
add('out', type=Path); add('groups', nargs='+'); add('--jobs', type=int, default=6); add('--minutes', type=float, default=8.)
add('--data', default=STUDY_DIGITS); add('--preset', default='quick'); add('--short', action='store_true'); add('--work', default=None); add('--store', type=Path, default=Path('/dev/shm/adafocus'))
args = parser.parse_args()
start, pool = float(os.environ.setdefault('REPRODUCE_START', str(time.time()))), None
gpus = torch.cuda.device_count()
def say(*o): print(f'{time.time()-start:4.0f} s', *o, flush=True)

def stored(cls):
    "A class of made videos whose clips are kept in files; whoever needs some first makes them, with the pool if there is one"
    class Stored(cls):
        def clips(self, n, valid=False, kind='video', **how):
            path = args.store/(hashlib.md5(repr((cls.__name__, self.settings, n, valid, kind, sorted(how.items()))).encode()).hexdigest()+'.pt')
            if kind=='video' and args.work:
                while not path.exists(): time.sleep(.2)                          # the first process makes the videos
            with one_at_a_time(path.with_suffix('.lock')):
                if not path.exists():
                    clips = self.by_pool(n, valid) if kind=='video' and cls is MovingDigits else super().clips(n, valid, kind, **how)
                    torch.save([clips.x, clips.y, clips.centre, clips.shown], f'{path}.tmp'); os.replace(f'{path}.tmp', path)
            return Clips(*torch.load(path, weights_only=True))

        def by_pool(self, n, valid):
            jobs = [(ids, valid, 'video', self.n_frames, self.frame_size, (self.shirt_size,)*2, self.visible, self.cut) for ids in torch.arange(n).split(25)]
            return Clips(*[torch.cat(o) for o in zip(*pool.starmap(self._some, jobs))])
    Stored.__name__ = Stored.__qualname__ = cls.__name__
    globals()[cls.__name__] = Stored                                             # for pickle
    return Stored

classes = {cls: stored(cls) for cls in (MovingDigits, MovingMotions)}

def videos(seed, n_frames):
    kw = dict(n=32, n_valid=16) if args.short else {}
    made = builtin_videos(args.data, args.preset, n_frames=n_frames, frame_size=preset_config(args.preset)['frame_size'], seed=seed, **kw)
    made.__class__ = classes[type(made)]
    return made

def work(name):
    once = dict.fromkeys(('glance', 'local', '1', '2', '3', '2+', '3+'), 1) if args.short else None
    study = Study(lambda seed, n: videos(seed, n).dataloaders(device='cuda' if gpus else 'cpu'), args.preset, args.out, device='cuda' if gpus else 'cpu', epochs=once,
                  n_stills=64 if args.short else 5000, about=dict(data=args.data), say=lambda o: say(name, o))
    took = 0.
    for g in args.groups:
        if time.time()-start+took > args.minutes*60: say(name, 'no time for', g); break
        begin = time.time()
        try:
            if study.run_group(g): took = max(took, time.time()-begin)
        except Exception: traceback.print_exc(); say(name, 'FAILED', g)
        if gpus: torch.cuda.empty_cache()
    say(name, 'ends', f'{torch.cuda.max_memory_allocated()/2**30:.1f} GiB' if gpus else '')

def main():
    global pool
    pool = torch.multiprocessing.get_context('fork').Pool(max(1, os.cpu_count()-2), torch.set_num_threads, (1,))       # before torch starts threads
    args.out.mkdir(parents=True, exist_ok=True); args.store.mkdir(parents=True, exist_ok=True)
    env = dict(os.environ, PYTORCH_CUDA_ALLOC_CONF='expandable_segments:True', OMP_NUM_THREADS=str(max(1, os.cpu_count()//(args.jobs*max(gpus, 1)))))
    jobs = []
    for k in range(args.jobs):
        for gpu in range(max(gpus, 1)):
            log = open(args.out/f'log_{os.getpid()}_{gpu}_{k}.txt', 'w')
            jobs.append(subprocess.Popen([sys.executable, '-W', 'ignore', *sys.argv, '--work', f'{gpu}.{k}'], env=env | {'CUDA_VISIBLE_DEVICES': str(gpu)}, stdout=log, stderr=log))
            time.sleep(.3)
    for seed in dict.fromkeys(int(g.split('/')[1]) for g in args.groups):
        for n_frames in dict.fromkeys(n for g in args.groups for n in ([AdaFocusTSM.sizes_of(args.preset)['n_frames'], AdaFocusTSM.sizes_of(args.preset)['n_frames'][0]]
                                                                       if g.startswith('tsm') else [preset_config(args.preset)['n_frames']])):
            data = videos(seed, n_frames); data.clips(data.n); data.clips(data.n_valid, valid=True); say('videos of seed', seed)
    while any(j.poll() is None for j in jobs):
        time.sleep(5)
        if 'OUT' in os.environ and (args.out/'rows.csv').exists(): shutil.copy(args.out/'rows.csv', os.environ['OUT'])
    lines = [l.rstrip() for f in sorted(args.out.glob(f'log_{os.getpid()}_*.txt')) for l in open(f)]
    print('\n'.join(sorted((l for l in lines if ' s ' in l[:7]), key=lambda l: float(l[:4] or 0))))
    print('\n'.join(l for l in lines if 'Error' in l))
    say(len({r['group'] for r in read_rows(args.out/'rows.csv')}), 'groups in', args.out/'rows.csv')
    return any('FAILED' in l for l in lines)

if __name__ == '__main__': sys.exit(work(args.work) if args.work else main())
