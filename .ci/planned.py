#!/usr/bin/env python3
"""Is `adafocus_plan` right? `python .ci/planned.py [--preset paper] [--batch 64] [--videos 1024] [--valid 256] [--epochs 3] [--files SECONDS] [--cpu]`

Measures the rates as `adafocus_plan` does, plans the five stages, then trains them through `Training`, the engine of `adafocus_train`, and holds the seconds
of its log (all epochs with their validation, the first one too) beside the plan. Videos lie in the memory of the device; with --files they are mp4 files of so
many seconds, 320 x 240, decoded by --cores processes. Prints JSON at the end; exits 1 if a stage of more than a second is more than 25 % off.
"""
import argparse, csv, json, os, shutil, sys, tempfile, warnings
from pathlib import Path
warnings.filterwarnings('ignore')
import torch
from adafocus_nb.all import *

parser = argparse.ArgumentParser(); add = parser.add_argument
add('--preset', default='paper'); add('--batch', type=int, default=64); add('--videos', type=int, default=1024); add('--valid', type=int, default=256); add('--epochs', type=int, default=3)
add('--files', type=float); add('--cores', type=int, default=os.cpu_count()); add('--cpu', action='store_true')

def write_files(folder, n, n_valid, seconds):
    "Copies of eight videos of moving digits, `seconds` long"
    x = MovingDigits(n_frames=16, frame_size=240, digit_size=49, shirt_size=84).clips(8).x
    for i in range(n+n_valid):
        path = folder/('train' if i<n else 'valid')/str(i%2)/f'{i}.mp4'
        path.parent.mkdir(parents=True, exist_ok=True)
        if i>=8: shutil.copy(next(folder.rglob(f'{i%8}.mp4')), path); continue
        clip = x[i].repeat(round(seconds*25/16)+1, 1, 1, 1)[:round(seconds*25)]
        save_clip(path, torch.cat([clip, clip[...,:80]], -1), fps=25)

def main():
    args = parser.parse_args(); device, bf16 = torch.device('cpu' if args.cpu else 'cuda'), not args.cpu
    keep_memory(); c = preset_config(args.preset); t, s = c['n_frames'], c['frame_size']
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        if args.files:
            write_files(tmp/'videos', args.videos, args.valid, args.files)
            dls = VideoDataLoaders.from_folder(tmp/'videos', n_frames=t, frame_size=s, bs=args.batch, num_workers=args.cores, device=device)
        else:
            some = lambda n: Clips(torch.randint(256, (n,t,3,s,s), dtype=torch.uint8, device=device), torch.arange(n, device=device)%10, torch.full((n,t,2), s/2.))
            dls = VideoDataLoaders.from_clips(some(args.videos), some(args.valid), list(map(str, range(10))), bs=args.batch, device=device)
        torch.manual_seed(0)
        model = AdaFocus.from_preset(args.preset, n_classes=dls.c, labels=dls.vocab).to(device); model.pretrained = dict(glance=True, local=True)
        rates = bench_stages(model, args.batch, bf16)
        decode = decode_cost(next((tmp/'videos').rglob('*.mp4')), t, s, args.cores) if args.files else 0.
        facts = dict(train=args.videos, valid=args.valid, seconds=args.files or 0.)
        planned = plan(facts, rates, {k: dict(epochs=args.epochs) for k in ('glance','local',1,2,3)}, args.batch, 1, args.cores, decode, shared=args.cpu)
        run = Run(tmp/'run')
        Training(dls, model, args.epochs, run, progress=False, bf16=bf16).fit()
        took = {}
        for row in csv.DictReader(open(tmp/'run'/'log.csv')): took[row['stage']] = took.get(row['stage'], 0.)+float(row['seconds'])
    rows, wrong = [], 0
    for stage, (name, seconds) in zip(planned['stages'], took.items()):
        guess = stage['hours']*3600
        rows.append(dict(stage=stage['stage'], bound=stage['bound'], planned=round(guess, 2), took=round(seconds, 2), ratio=round(seconds/guess, 3)))
        wrong += seconds>1 and not .75<=guess/seconds<=1.25
        print(rows[-1], name, flush=True)
    print(json.dumps(vars(args) | dict(device=device_name(device), versions=versions(), commit=commit_of(), rates=rates, decode=decode, rows=rows)))
    return wrong

if __name__ == '__main__': sys.exit(main())
