#!/usr/bin/env python3
"""Updates of the policy a second: by playing (chapter 02's rollout), and from memory (chapter 21). One run, one GPU, prints JSON.

  python updates.py [--preset standard] [--videos 64]

Paper size: 64 videos, T=16, P=128, ResNet-50, MobileNet-V2, 200 classes. An update is what Stage II does with one fresh batch of
paths: by playing a rollout with its rewards and one step of Adam; from memory a path, its rewards and two clipped steps. `ratio` counts
rollouts a second, `steps_ratio` optimiser steps on fresh rollouts.
"""
import argparse, json
from functools import partial
from types import SimpleNamespace

import torch
from adafocus_nb.patches import Draws
from adafocus_nb.metrics import timed
from adafocus_nb.policy_ppo import AdaFocus
from adafocus_nb.memory import Memory, see_all
from adafocus_nb.runs import device_name, versions
from adafocus_nb.training_stages import MemoryTrainer, PPOTrainer

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument('--preset', default='standard'); parser.add_argument('--videos', type=int, default=64)
parser.add_argument('--device', default='cuda')
o = parser.parse_args()
res = dict(device=device_name(o.device), versions=versions(), preset=o.preset, videos=o.videos)
for bf16 in (False, True):
    torch.manual_seed(0)
    model = AdaFocus.from_preset(o.preset, n_classes=200).to(o.device)
    c,b = model.config,o.videos
    x = torch.randint(256, (b,c['n_frames'],3,c['frame_size'],c['frame_size']), dtype=torch.uint8, device=o.device)
    y = torch.randint(200, (b,), device=o.device)
    x.draws = Draws(torch.arange(b))
    dls = SimpleNamespace(device=o.device, train=SimpleNamespace(dataset=range(b), seed=0))
    playing,trainer = (kind(dls, model, bf16=bf16, progress=False) for kind in (PPOTrainer, MemoryTrainer))
    played = timed(lambda: playing.step(x, y), 5, device=o.device)
    model.freeze(2).eval()
    trainer.memory = Memory(b)
    with torch.no_grad(), torch.autocast(torch.device(o.device).type, torch.bfloat16, enabled=bf16):
        look = timed(lambda: see_all(model, x), 1, 1, device=o.device)
        trainer.memory.add(torch.arange(b), see_all(model, x), y)
    model.freeze(2).train()
    update = timed(lambda: trainer.learn_from(torch.arange(b), 0, 0), 10, 3, device=o.device)
    res['bfloat16' if bf16 else 'float32'] = dict(playing_ms=played, memory_ms=update, look_once_ms=look, ratio=played/update, steps_ratio=trainer.steps*played/update)
print(json.dumps(res, indent=1))
