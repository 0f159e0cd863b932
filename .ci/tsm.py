#!/usr/bin/env python3
"""What temporal shift and a chosen place are worth on MovingMotions: `python .ci/tsm.py SEED OUT [--part ada|rest] [--per-frame] [--short]`, results in OUT/tsm_SEED.json.

TSM's Stage 0 is the start of TSM+ and of AdaFocus-TSM; both then go through the same stages. TSN is trained like TSM.
With --per-frame the opponent is AdaFocus-TSM with a place for every frame (results in OUT/places_SEED.json). Preset quick on a GPU, tiny elsewhere.
Two processes may share the work: `--part ada` trains TSM and AdaFocus-TSM, `--part rest` TSN, then TSM+ as soon as the other one has trained the networks it starts from.
"""
import fcntl, json, os, sys, tempfile, time, types
from pathlib import Path

import torch

from adafocus_nb.all import *
from adafocus_nb.tasks import DEMO_MOTIONS

seed, out, short, per_frame = int(sys.argv[1]), Path(sys.argv[2]), '--short' in sys.argv, '--per-frame' in sys.argv
part = sys.argv[sys.argv.index('--part')+1] if '--part' in sys.argv else 'all'
gpu = torch.cuda.is_available()
preset, device = ('quick', 'cuda') if gpu else ('tiny', 'cpu')
out.mkdir(parents=True, exist_ok=True)
start, shared = time.time(), Path(tempfile.gettempdir())/f'adafocus_tsm_{seed}_{preset}'     # where the two processes meet
about = dict(seed=seed, preset=preset, device=device_name(device), versions=versions())

def say(key, value):
    "Print, and write beside what the other process has written"
    print(f'seed {seed}, {time.time()-start:4.0f} s: {key} {value}', flush=True)
    path = out/f'{"places" if per_frame else "tsm"}_{seed}.json'
    with open(path, 'a+') as f:
        fcntl.flock(f, fcntl.LOCK_EX); f.seek(0)
        new = about | json.loads(f.read() or '{}') | {key:value}
        f.truncate(0); f.write(json.dumps(new | dict(seconds=max(new.get('seconds', 0), round(time.time()-start)))) + '\n')

class Part(torch.utils.data.Dataset):
    "The first frames of clips that are in memory"
    def __init__(self, clips, n): self.clips, self.n = clips, n
    def __len__(self): return len(self.clips)
    def __getitem__(self, i): x, y = self.clips[i]; return x[:self.n], y

class Motions(MovingMotions):
    "`MovingMotions`, made by several processes"
    def clips(self, n, valid=False, kind='video', frame_size=None, disc=None, still=False, plain=False):
        how = (valid, kind, frame_size or self.frame_size, disc or (self.disc_size,)*2, still, plain)
        return Clips(*map(torch.cat, zip(*pool.starmap(self._some, [(ids, *how) for ids in torch.arange(n).split(20)]))))

pool = torch.multiprocessing.get_context('fork').Pool(max(1, (os.cpu_count() or 1)//6), torch.set_num_threads, (1,))   # before torch starts threads
pair = AdaFocusTSM.sizes_of(preset)['n_frames']
data = Motions(**DEMO_MOTIONS[preset] | dict(n_frames=pair, seed=seed) | (dict(n=32, n_valid=16) if short else {}))
both = data.dataloaders(device=device)
one = VideoDataLoaders.from_clips(Part(both.train.dataset, pair[0]), Part(both.valid.dataset, pair[0]), data.vocab, bs=16, seed=seed,
                                  augment=both.train.augment, source=data, device=device)
say('data', data.settings)

def new(cls, **kwargs): torch.manual_seed(seed); return cls.from_preset(preset, n_classes=data.c, labels=data.vocab, **kwargs)
def train(model, dls, skip=()):
    "All stages of the model but those in `skip`; after each epoch a line"
    epochs = dict.fromkeys(skip, 0) | (dict.fromkeys(set(model.stages)-set(skip), 1) if short else {})
    log = types.SimpleNamespace(state=None, rows=[], keep=lambda *a: None, save_state=lambda *a, **k: None,
        log=lambda stage, epoch, seconds, **row: print(f'seed {seed} {type(model).__name__} {stage} {epoch} {seconds:.0f} s', {k: round(v, 3) for k, v in row.items() if k in ('train_loss', 'valid_loss', 'top1', 'reward', 'entropy')}, flush=True))
    return TrainingTSM(dls, model, epochs, log, False, 64 if short else 3000, gpu).fit()['top1']

def keep(net, name):
    "Weights for models that start from them, also in the other process"
    shared.mkdir(exist_ok=True); torch.save(net.state_dict(), shared/f'{name}.tmp'); os.replace(shared/f'{name}.tmp', shared/name)
def start_from(net, name):
    while not (shared/name).exists(): time.sleep(1)
    net.load_state_dict(torch.load(shared/name, weights_only=True))

class KeepGlance(TrainingTSM):
    def after_glance(self): keep(self.model.glance_net, 'glance'); super().after_glance()

if part != 'rest':
    for o in ('local', 'glance'): (shared/o).unlink(missing_ok=True)
    tsm = new(TSM)
    say('TSM', train(tsm, one)); keep(tsm.local_net, 'local')
    ada = new(AdaFocusTSM); start_from(ada.local_net, 'local')
    TrainingTSM, usual = KeepGlance, TrainingTSM
    say('AdaFocusTSM', train(ada, both, ['local']))
    TrainingTSM = usual
    if per_frame:
        each = new(AdaFocusTSM, per_frame=True); start_from(each.local_net, 'local'); start_from(each.glance_net, 'glance')
        say('per_frame', train(each, both, ['glance', 'local']))
if part != 'ada' and not per_frame:
    say('TSN', train(new(TSN), one))
    plus = new(TSMPlus); start_from(plus.local_net, 'local'); start_from(plus.glance_net, 'glance')
    say('TSMPlus', train(plus, one, ['glance', 'local']))
