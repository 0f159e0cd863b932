#!/usr/bin/env python3
"""What would Stage II learn from other rewards? Stages 0 and I once, one memory, then the policy again and again from the same start.

  python stage2.py SET OUT.json [--seed 0] [--patches-only] [--lite FOLDER] [--part 2] [--device cuda] [--cache FOLDER]

SET is what `foreign_videos.py` wrote; every --part-th validation video is measured. `shown` is the default. `hidden`: e^G is hidden from
f_C in the rewards of Stage II, which Eq. 7 does not say; `half`: the mean of both rewards; `epochs 3` (of ten)
and `entropy 0.1` (ten times the default) are tried on the rewards without e^G.
Measured with the policy's places: top-1, probability of the true class, hits of the object (frames that show it), looks at the sign (frames
in which the object is not to be seen, and all others), looks at one of the two (frames that show the object).
"""
import argparse, copy, json
from pathlib import Path

import torch
from foreign import Places, lite_model, loaders, looked
from adafocus_nb.evaluation import fixed_policies
from adafocus_nb.policy_ppo import AdaFocus
from adafocus_nb.runs import device_name, versions
from adafocus_nb.training_stages import MemoryTrainer, Training

def inside(corners, centres, size):
    y,x = (centres.flip(-1)-corners).unbind(-1)
    return (x>=0)&(x<size)&(y>=0)&(y<size)

def measured(model, clips, places, f, bf16):
    right,p,corners = looked(model, clips, f, bf16)
    mean,on = lambda o: 100*o.float().mean().item(),inside(corners, places.centres, model.patch_size)
    res = dict(top1=mean(right), p=mean(p), hits=mean(on[places.seen]))
    if places.signs is None: return res
    sign = inside(corners, places.signs, model.patch_size)
    return res | dict(sign_unseen=mean(sign[~places.seen]), sign_seen=mean(sign[places.seen]), either=mean((on|sign)[places.seen]))

def main(o):
    bf16 = o.device!='cpu'
    def made(c=10, labels=None):
        torch.manual_seed(o.seed)
        if o.lite: return lite_model(o.lite, c, labels, o.patches_only)
        size = AdaFocus.sizes_of('tiny')['frame_size']
        return AdaFocus.from_preset('tiny', n_classes=c, labels=labels, glance_res=None, prepare=dict(resize=size, square=False), reuse_glance=not o.patches_only)
    dls = loaders(o.set, made().config, 16, o.workers, o.device, part=40, seed=o.seed, cache=o.cache)
    model = made(dls.c, dls.vocab)
    training = Training(dls, model, None, None, False, bf16=bf16)
    for stage in ('glance','local','1'): training.supervised(stage)
    c = model.config; data = loaders(o.set, c, 32, o.workers, o.device, part=o.part, cache=o.cache).valid
    places = Places(o.set, data.dataset.paths, c['n_frames'], c['frame_size'], c['prepare']['resize'])
    data.dataset.true_corners,clips = places.true_corners,list(data)
    about = dict(set=Path(o.set).name, seed=o.seed, reuse_glance=not o.patches_only, videos=len(places.seen), device=device_name(o.device), versions=versions())
    rows = []
    def write(name, **numbers):
        rows.append(about|dict(what=name)|{k: round(v, 2) for k,v in numbers.items()}); print(rows[-1], flush=True)
        Path(o.out).write_text(json.dumps(rows, indent=1))
    for name,f in fixed_policies(model, data.dataset).items(): write(name, **measured(model, clips, places, f, bf16))
    start,kept,earnings = copy.deepcopy(model.policy.state_dict()),{},model.earnings
    def hidden(seen, path, y): return earnings(seen._replace(glance_feat=torch.zeros_like(seen.glance_feat)), path, y)
    def half(seen, path, y):
        shown,dark = earnings(seen, path, y),hidden(seen, path, y)
        return {k: (shown[k]+dark[k])/2 for k in shown}
    def learned(name, rewards, epochs=None, **kwargs):
        model.policy.load_state_dict(start); model.earnings = rewards; torch.manual_seed(o.seed)
        t = MemoryTrainer(dls, model, bf16=bf16, progress=False, **kwargs)
        vars(t).update(kept)                                               # the memory of the first one
        t.fit(epochs)
        kept.update({k: vars(t)[k] for k in ('memory','round','keys','room','slots','lies','views')})
        write(name, entropy=t.rows[-1]['entropy'], **measured(model, clips, places, None, bf16))
    learned('shown', earnings)
    if o.patches_only:
        learned('epochs 3', earnings, 3); learned('entropy 0.1', earnings, entropy_coef=.1)
    else:
        learned('hidden', hidden); learned('half', half)
        learned('hidden, epochs 3', hidden, 3); learned('hidden, entropy 0.1', hidden, entropy_coef=.1)

if __name__=='__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('set', type=Path); parser.add_argument('out', type=Path)
    for k,v in dict(seed=0, part=2, workers=2).items(): parser.add_argument('--'+k, type=int, default=v)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu'); parser.add_argument('--lite'); parser.add_argument('--cache')
    parser.add_argument('--patches-only', action='store_true')
    main(parser.parse_args())
