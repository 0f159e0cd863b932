#!/usr/bin/env python3
"""Is "learned" said where nothing can have been learned? Trainings on shuffled labels, with the verdict on videos whose labels are true.

  python verdicts.py SET [--seeds 20] [--part 2] [--out FILE.json] [--cache FOLDER]

SET is what `foreign_videos.py` wrote. The preset is `tiny` from random weights, with few epochs (the table EPOCHS below), once with e^G
and once without for each seed in turn. Every --part-th validation video is judged.
"""
import argparse, json
from pathlib import Path

import torch
from foreign import loaders
from adafocus_nb.policy_ppo import AdaFocus
from adafocus_nb.runs import device_name, versions
from adafocus_nb.training_stages import Training

EPOCHS = dict(glance=3, local=3) | {'1':6, '2':3, '3':1}

def shuffled(o, seed):
    "The verdict on one training"
    size = AdaFocus.sizes_of('tiny')
    config = dict(n_frames=size['n_frames'], frame_size=size['frame_size'], prepare=dict(resize=size['frame_size'], square=False))
    dls = loaders(o.set, config, 16, o.workers, 'cpu', part=o.part, seed=seed, cache=o.cache)
    y = dls.train.dataset.labels
    dls.train.dataset.labels = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]
    torch.manual_seed(seed)
    model = AdaFocus.from_preset('tiny', n_classes=dls.c, glance_res=None, reuse_glance=seed%2==0)
    told = Training(dls, model, EPOCHS, progress=False).fit()
    return dict(seed=seed, reuse_glance=seed%2==0, top1=told['top1']['adafocus_stage3'], **told['verdict'])

if __name__=='__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('set', type=Path); parser.add_argument('--seeds', type=int, default=20); parser.add_argument('--part', type=int, default=2)
    parser.add_argument('--out'); parser.add_argument('--cache'); parser.add_argument('--workers', type=int, default=1)
    o = parser.parse_args()
    runs = []
    for seed in range(o.seeds):
        runs.append(shuffled(o, seed)); r = runs[-1]
        print(seed, r['policy'], r['top1'], r['over_random'], r['over_shuffled'], flush=True)
        if o.out: Path(o.out).write_text(json.dumps(dict(set=o.set.name, epochs=EPOCHS, device=device_name('cpu'), versions=versions(), runs=runs), indent=1))
    print('learned:', sum(r['policy']=='learned' for r in runs), 'of', len(runs))
