#!/usr/bin/env python3
"""Weak scaling of Stages I and II: `python .ci/scaling.py [--preset paper] [--batch 64] [--gpus 1,2,4] [--cpu]`

In-memory clips, `batch` videos on each process, bf16 on GPUs. Epochs of eight steps through the very loops that `adafocus_train` runs (spread learner, spread PPO);
the first epoch warms up, the median of the next ones counts. Efficiency: time of a step on one GPU over time of a step on N. Prints JSON at the end.
"""
import argparse, json, os, statistics, subprocess, sys, time, warnings
warnings.filterwarnings('ignore')
parser = argparse.ArgumentParser(); add = parser.add_argument
add('--preset', default='paper'); add('--batch', type=int, default=64); add('--gpus', default='1,2'); add('--cpu', action='store_true'); add('--epochs', type=int, default=4); add('--worker', action='store_true')
args = parser.parse_args()

if args.worker:
    import torch
    from fastai.callback.core import Callback, CancelValidException
    from fastai.callback.progress import ProgressCallback
    from fastai.torch_core import num_distrib, rank_distrib
    from adafocus_nb.all import *

def worker():
    device = join_world('cpu' if args.cpu else 'cuda')
    if num_distrib()<=1 and not args.cpu: device = 'cuda:0'
    world, steps = max(num_distrib(), 1), 8
    c = preset_config(args.preset); n = args.batch*world*steps
    few = torch.randint(256, (args.batch, c['n_frames'], 3, c['frame_size'], c['frame_size']), dtype=torch.uint8)
    class Many(Clips):
        "The same few clips, again and again"
        def __init__(self, x, n): self.few, self.n = x, n
        def __len__(self): return self.n
        def __getitem__(self, i): return TensorVideo(self.few[i%len(self.few)]), torch.tensor(i%10)
    class Loader(ClipLoader):
        def create_item(self, i): return i
        def do_batch(self, ids): return ids
        def after_batch(self, ids):
            x = TensorVideo(resident[torch.tensor(ids)%len(resident)]); x.draws = self.draws(torch.tensor(ids))
            return x, torch.tensor(ids, device=resident.device)%10
    resident = few.to(device)
    loader = lambda n, shuffle: Loader(Many(few, n), bs=args.batch*world, shuffle=shuffle, n_classes=10, device=torch.device(device))
    dls = VideoDataLoaders(loader(n, True), loader(args.batch*world, False), [str(i) for i in range(10)], None, torch.device(device))
    torch.manual_seed(0); model = AdaFocus.from_preset(args.preset, n_classes=10).to(device); model.pretrained = dict(glance=True, local=True)
    wait = (lambda: None) if args.cpu else torch.cuda.synchronize
    res = {}

    class Clock(Callback):
        order = 100
        def before_fit(self): self.took = []
        def before_train(self): wait(); self.start = time.perf_counter()
        def after_train(self): wait(); self.took.append(time.perf_counter()-self.start)
        def before_validate(self): raise CancelValidException
    clock, learn = Clock(), stage1_learner(dls, model); learn.add_cb(clock); learn.remove_cb(ProgressCallback)
    if not args.cpu: learn.to_bf16()
    with learn.no_logging(), spread(learn): learn.fit_stage(args.epochs)
    res['stage1_ms'] = 1000*statistics.median(clock.took[1:])/steps

    trainer = SpreadPPO(dls, model, bf16=not args.cpu, progress=False); took = []
    for e in range(args.epochs):
        begin_epoch(dls, 2, e); wait(); start = time.perf_counter()
        for x, y in dls.train: trainer.step(x, y)
        wait(); took.append(time.perf_counter()-start)
    res['stage2_ms'] = 1000*statistics.median(took[1:])/steps
    if rank_distrib()==0: print('RESULT', json.dumps(res | dict(gpus=world, device=device_name(device), torch=torch.__version__)), flush=True)

def main():
    rows = []
    for n in map(int, args.gpus.split(',')):
        how = [sys.executable, '-W', 'ignore', '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(n)] if n>1 else [sys.executable, '-W', 'ignore']
        done = subprocess.run([*how, __file__, '--worker', '--preset', args.preset, '--batch', str(args.batch), '--epochs', str(args.epochs), *(['--cpu'] if args.cpu else [])], capture_output=True, text=True)
        got = [json.loads(l.split('RESULT ')[1]) for l in done.stdout.splitlines() if 'RESULT ' in l]
        if not got: print(done.stdout[-1500:], done.stderr[-3000:]); return 1
        rows.append(got[0])
        r = rows[-1] | {f'{k}_efficiency': round(rows[0][f'{k}_ms']/got[0][f'{k}_ms'], 4) for k in ('stage1', 'stage2')}
        rows[-1] = r; print(r, flush=True)
    print(json.dumps(dict(preset=args.preset, batch=args.batch, commit=os.environ.get('ADAFOCUS_COMMIT'), rows=rows)))

if __name__ == '__main__': sys.exit(worker() if args.worker else main())
