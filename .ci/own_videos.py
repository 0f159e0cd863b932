#!/usr/bin/env python3
"""Does training from video files reach what training from memory does? python .ci/own_videos.py [SEED ...]   (default 0 1 2; eight minutes a seed on two cores)

For each seed: Stage 0 on the built-in stills once; then `adafocus_train --preset tiny` from those weights, once on the built-in videos in memory and once
on the same videos written as H.264 mp4 files, a folder for each class. Writes nbs/results/own_videos.json; exits 1 if the means differ by more than 3 points.
"""
import json, statistics, subprocess, sys, tempfile, time
from pathlib import Path
import torch
from safetensors.torch import save_file
from adafocus_nb.all import AdaFocus, MovingDigits, save_clip, stage0_learner

root = Path(__file__).resolve().parent.parent

def start(seed, folder):
    "Stage 0, as adafocus_demo does it; weights of both networks as files"
    data = MovingDigits(seed=seed); dls = data.dataloaders(device='cpu')
    torch.manual_seed(seed)
    model = AdaFocus.from_preset('tiny', n_classes=data.c)
    for part in ('glance', 'local'):
        learn = stage0_learner(dls, model, part, quiet=True)
        with learn.no_bar(), learn.no_logging(): learn.fit_stage()
        save_file({k: v.contiguous() for k, v in getattr(model, f'{part}_net').state_dict().items()}, folder/f'{part}.safetensors')
    for name, clips in dict(train=dls.train.dataset, valid=dls.valid.dataset).items():
        for i, (x, y) in enumerate(zip(clips.x, clips.y)):
            (folder/'videos'/name/str(y.item())).mkdir(parents=True, exist_ok=True)
            save_clip(folder/'videos'/name/str(y.item())/f'{i:04}.mp4', x, options={})

def train(data, folder, name, seed):
    begin = time.time()
    text = subprocess.run(['adafocus_train', str(data), '--out', str(folder/name), '--preset', 'tiny', '--frame-size', '64', '--no-flip', '--epochs0', '0', '--weights-glance', str(folder/'glance.safetensors'),
        '--weights-local', str(folder/'local.safetensors'), '--seed', str(seed), '--device', 'cpu', '--json'], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {**json.loads(text), 'wall_seconds': round(time.time()-begin, 1)}

def main():
    rows = []
    for seed in [int(o) for o in sys.argv[1:]] or [0, 1, 2]:
        with tempfile.TemporaryDirectory() as tmp:
            folder = Path(tmp); start(seed, folder)
            both = dict(memory=train('builtin:digits', folder, 'memory', seed), files=train(folder/'videos', folder, 'files', seed))
        rows.append(dict(seed=seed, **{k: {o: r[o] for o in ('top1', 'wall_seconds')} for k, r in both.items()}, **{o: both['files'][o] for o in ('versions', 'device')}))
        print(seed, {k: (r['top1']['adafocus'], r['top1']['adafocus_stage3'], r['wall_seconds']) for k, r in both.items()}, flush=True)
    (root/'nbs'/'results'/'own_videos.json').write_text(json.dumps(rows, indent=1)+'\n')
    mean = {k: statistics.mean(r[k]['top1']['adafocus_stage3'] for r in rows) for k in ('memory', 'files')}
    print(f"after Stage III, mean of {len(rows)} seeds: in memory {mean['memory']:.2f}, from files {mean['files']:.2f}")
    return abs(mean['memory']-mean['files'])>3

if __name__ == '__main__': sys.exit(main())
