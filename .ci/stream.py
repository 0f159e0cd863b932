#!/usr/bin/env python3
"""Does a stream of 100,000 frames need more and more memory or time? `python .ci/stream.py [OUT.json] [--frames N]`

AdaFocus, AdaFocus+ and TSM with causal shifts, preset tiny, random weights, one frame after the other through a `StreamRecognizer`.
Memory is the process's resident memory, in MiB, after each tenth of the stream (the first one is warm-up); times are in ms a frame.
"""
import gc, json, os, sys, time
from pathlib import Path

import numpy as np, torch

from adafocus_nb.all import *

n = int(sys.argv[sys.argv.index('--frames')+1]) if '--frames' in sys.argv else 100_000
out = Path(sys.argv[1]) if len(sys.argv)>1 and not sys.argv[1].startswith('--') else None
device = 'cuda' if torch.cuda.is_available() else 'cpu'

def resident():
    gc.collect()
    return int(Path('/proc/self/statm').read_text().split()[1])*os.sysconf('SC_PAGE_SIZE')/2**20

def watch(name, model, frames):
    stream, times, memory = StreamRecognizer(model.to(device)), np.zeros(n), []
    for i in range(n):
        start = time.perf_counter()
        seen = stream.push(frames[i%len(frames)])
        times[i] = 1000*(time.perf_counter()-start)
        if (i+1)%(n//10)==0: memory.append(resident())
    assert seen.n==n
    p50, p99 = np.percentile(times[n//10:], (50, 99))
    row = dict(name=name, frames=n, memory=memory, growth=memory[-1]/memory[0]-1, p50=p50, p99=p99, ratio=p99/p50)
    print(f"{name:10} {n} frames: memory {memory[0]:.1f} -> {memory[-1]:.1f} MiB ({row['growth']:+.2%}); {p50:.3f} ms a frame, p99 {p99:.3f} ({row['ratio']:.2f}x)", flush=True)
    return row

torch.manual_seed(0); torch.set_num_threads(1)
frames = MovingDigits().clips(20).x.flatten(0, 1)
plus = AdaFocusPlus.from_preset('tiny', n_classes=10).eval()
with torch.no_grad(): plus.set_threshold(plus.keep_probs(plus.glance(frames.unflatten(0, (20, 6)))[0]), .5)
rows = [watch('AdaFocus', AdaFocus.from_preset('tiny', n_classes=10), frames), watch('AdaFocus+', plus, frames),
        watch('TSM', TSM.from_preset('tiny', n_classes=10, causal=True), frames)]
if out: out.write_text(json.dumps(dict(device=device_name(device), versions=versions(), rows=rows)) + '\n')
