#!/usr/bin/env python3
"""AdaFocus+ on the built-in videos: accuracy for frames kept, what π' sees, and prices. python .ci/plus.py SEED OUT   (a GPU; --tiny: small networks on the CPU)

Runs the demo of AdaFocus+, then asks the trained networks further questions, and writes OUT/plus_SEED.json as it goes:
- how well π' ranks frames by whether the digit is visible, overall and before the classifier is sure (p_y below 0.9);
- for each price, a new π' (four epochs) beside the same networks: what is kept, and the accuracy.
`python .ci/plus.py time OUT` times f_L's part with all and with half of the frames (batch 64).
"""
import copy, json, sys, time
from pathlib import Path
import torch
from sklearn.metrics import roc_auc_score
from adafocus_nb.all import *
from adafocus_nb.tasks import DEMO_VIDEOS, demo

def ranking(model, dl, bf16):
    "π' against visibility and against the gain of a patch; `unsure`: the confidence in the true label before the frame is below 0.9"
    model.eval(); rows = []
    with torch.no_grad(), torch.autocast(dl.device.type, torch.bfloat16, enabled=bf16):
        for x, y in dl:
            roll = model.rollout(x, Draws(x.draws.ids, seed=9)); kept, skipped = model.branches(roll, y)
            p = prob_of(model(x).logits.float(), y).cpu()
            rows.append((model.keep_probs(roll.glance_map).cpu(), dl.dataset.shown[x.draws.ids.cpu()], torch.cat([torch.zeros_like(p[:, :1]), p[:, :-1]], 1) < .9, (kept-skipped).float().cpu()))
    p, shown, unsure, gain = (torch.cat(o) for o in zip(*rows))
    auc = lambda on: round(roc_auc_score(shown[on], p[on]), 4)
    mean = lambda o: round(o.float().mean().item(), 4)
    return dict(auc=auc(shown == shown), auc_unsure=auc(unsure), unsure=mean(unsure), visible=mean(shown), kept=mean(p > .5), kept_visible=mean(p[shown] > .5), kept_empty=mean(p[~shown] > .5),
                gain_visible=mean(gain[shown]), gain_empty=mean(gain[~shown]))

def main(seed, out, preset='quick', device='cuda', short=False):
    gpu, out = device != 'cpu', Path(out); out.mkdir(parents=True, exist_ok=True)
    res = demo(out=out/f'run{seed}', preset=preset, device=device, seed=seed, quiet=True, plus=True, short=short)
    write = lambda: (out/f'plus_{seed}.json').write_text(json.dumps(res, indent=1)+'\n')
    write(); print(seed, res['top1'], flush=True)
    data = MovingDigits(**DEMO_VIDEOS[preset] | dict(visible=.35) | (dict(n=48, n_valid=32) if short else {}), seed=seed)
    dls, model = data.dataloaders(device=device), AdaFocus.load(out/f'run{seed}'/'last').to(device)
    res['ranking'] = ranking(model, dls.valid, gpu); write(); print(seed, res['ranking'], flush=True)
    res['keep'] = {}
    for keep in (.2, .3, .4, .5, .7, .9, 1.):
        model.set_keep(keep); row = {}
        for name, frames in (('plus', None), ('random', random_frames(keep))):
            logits, y, kept, cost = evaluate_kept(model, dls.valid, frames, gpu)
            row[name] = dict(top1=top1(logits, y), kept=round(kept.mean().item(), 4), gflops=round(cost.mean().item(), 4))
        res['keep'][str(keep)] = row
    write(); print(seed, {k: (v['plus']['top1'], v['random']['top1'], v['plus']['kept']) for k, v in res['keep'].items()}, flush=True)
    res['prices'] = {}
    for price in (0., .05, 1.1, .02, .1, .2, .5, .01):
        m = copy.deepcopy(model); m.price, m.threshold = price, None
        torch.manual_seed(seed); m.skip_policy = Policy(m.glance_net.n_features, m.glance(next(iter(dls.valid))[0][:1])[0].shape[-2:], 2, m.config['hidden']).to(device)
        trainer = PPOTrainer(dls, m, bf16=gpu, progress=False).fit(1 if short else 4)
        logits, y, kept, cost = evaluate_kept(m, dls.valid, None, gpu)
        res['prices'][str(price)] = dict(top1=top1(logits, y), gflops=round(cost.mean().item(), 4), finite=all(v == v and abs(v) < 1e9 for r in trainer.rows for v in r.values()), **ranking(m, dls.valid, gpu))
        write(); print(seed, price, res['prices'][str(price)], flush=True)

def time_look(out, device='cuda'):
    "Milliseconds of `look` (crop, gather, f_L, scatter) at batch 64, bf16"
    rows = []
    for preset in ('quick', 'paper'):
        model = AdaFocusPlus.from_preset(preset, n_classes=10).to(device).eval()
        t, s = model.config['n_frames'], model.frame_size
        x = torch.randint(0, 256, (64, t, 3, s, s), dtype=torch.uint8, device=device); corners = model.random_corners(x, Draws(torch.arange(64, device=device)))
        ms = {}
        for keep in (1., .5):
            mask = torch.zeros(64*t, device=device); mask[torch.randperm(64*t)[:int(64*t*keep)]] = 1; mask = mask.view(64, t)
            with torch.no_grad(), torch.autocast('cuda', torch.bfloat16, enabled=device != 'cpu'):
                for _ in range(5): model.look(x, corners, mask)
                all_ms = []
                for _ in range(20):
                    torch.cuda.synchronize(); start = time.perf_counter(); model.look(x, corners, mask); torch.cuda.synchronize(); all_ms.append(1e3*(time.perf_counter()-start))
            ms[keep] = sorted(all_ms)[10]
        rows.append(dict(preset=preset, batch=64, n_frames=t, patch_size=model.patch_size, all_ms=round(ms[1.], 3), half_ms=round(ms[.5], 3), ratio=round(ms[.5]/ms[1.], 3), device=torch.cuda.get_device_name(), torch=torch.__version__))
        print(f'{preset}: batch 64, T={t}, P={model.patch_size}: all {ms[1.]:.2f} ms, half {ms[.5]:.2f} ms, ratio {ms[.5]/ms[1.]:.3f} (bar 0.6)', torch.cuda.get_device_name(), flush=True)
    Path(out).mkdir(parents=True, exist_ok=True); (Path(out)/'plus_time.json').write_text(json.dumps(rows, indent=1)+'\n')

if __name__ == '__main__':
    if sys.argv[1] == 'time': time_look(sys.argv[2])
    else:
        args = [o for o in sys.argv[1:] if not o.startswith('--')]
        main(int(args[0]), args[1], **({'preset': 'tiny', 'device': 'cpu'} if '--tiny' in sys.argv else {}), short='--short' in sys.argv)
