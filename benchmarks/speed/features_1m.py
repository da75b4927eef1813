"""Scoring a million cached features: images a second, and memory that does not grow with the pool.

python benchmarks/speed/features_1m.py [--n 100000 300000 1000000] [--two-layers] [--folder DIR]

Rows lie on disk in a FeatureCache (about 1 GB for a million, removed after); BALD is streamed and the best 1,000
picked. Each pool size runs in a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import sys
import tempfile
import time
from hashlib import blake2b
from pathlib import Path

import numpy as np
import torch
from _measure import said_by, write
from peers.memory import mib
from torch import nn

from askance.acquisition import bald
from askance.pool import FeatureCache
from askance.selection import select
from askance.uncertainty import DropoutPosterior

WIDTH, CLASSES, CHUNK = 512, 10, 4096


def image_id(i: int) -> str:
    return blake2b(str(i).encode(), digest_size=16).hexdigest()


def fill(cache: FeatureCache, n: int) -> None:
    for start in range(len(cache), n, 10_000):
        rng = np.random.default_rng(start)
        rows = np.maximum(rng.standard_normal((min(10_000, n - start), WIDTH), np.float32), 0)
        cache.append([image_id(i) for i in range(start, start + len(rows))], rows.astype(np.float16))


def head(two_layers: bool) -> tuple[nn.Sequential, int]:
    """A Bayesian head and how many draws it is asked for."""
    torch.manual_seed(0)
    if two_layers:
        layers = [nn.Dropout(0.5), nn.Linear(WIDTH, 256), nn.ReLU(), nn.Dropout(0.5), nn.Linear(256, CLASSES)]
        return nn.Sequential(*layers), 20
    return nn.Sequential(nn.Dropout(0.5), nn.Linear(WIDTH, CLASSES)), 100


def one_pool(folder: Path, n: int, two_layers: bool) -> dict[str, float]:
    """Score the first n rows and pick; run in a process of its own."""
    torch.set_num_threads(1)
    layers, k = head(two_layers)
    bald(DropoutPosterior(layers, k=k, seed=0)(torch.rand(CHUNK, WIDTH)))  # what libraries allocate once
    before = mib("VmHWM")
    cpu, wall = time.process_time(), time.perf_counter()
    cache = FeatureCache(folder, WIDTH)
    opened = mib("VmHWM")
    ids = [image_id(i) for i in range(n)]
    posterior = DropoutPosterior(layers, k=k, seed=0)
    scores = np.empty(n)
    for start in range(0, n, CHUNK):
        rows = torch.from_numpy(cache.read(ids[start : start + CHUNK]))
        scores[start : start + len(rows)] = bald(posterior(rows)).numpy()
    picks = select("top-k", scores=scores, ids=ids, n=1000, seed=0, groups=None)
    assert len(set(picks.ids)) == 1000
    return {
        "n": n,
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "cache_mb": opened - before,
        "above_mb": mib("VmHWM") - before,
    }


def row(found: dict[str, float]) -> str:
    n = int(found["n"])
    speed = f"{n / found['cpu']:,.0f} | {n / found['wall']:,.0f}"
    return f"| {n:,} | {found['cpu']:.1f} | {speed} | {found['above_mb']:.0f} | {found['cache_mb']:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    parser.add_argument("--two-layers", action="store_true", help="a hidden layer of 256 and K = 20")
    parser.add_argument("--folder", type=Path, default=None, help="where the temporary rows go")
    parser.add_argument("--one", type=Path, default=None, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one_pool(options.one, options.n[0], options.two_layers)))
        return
    torch.set_num_threads(1)
    layers, k = head(options.two_layers)
    kinds = " -> ".join(type(layer).__name__ for layer in layers)
    lines = [
        f"{WIDTH} float16 features a row on disk, head {kinds}, K = {k}, C = {CLASSES}; BALD streamed in chunks "
        f"of {CHUNK:,}, top 1,000 picked. One run each, each in its own process. Memory is the peak above "
        "a process that has scored one chunk already; it holds the cache's index, ids and scores of the pool.",
        "",
        "| N | CPU s | images / CPU s | images / s, wall | peak above start, MB | of it opening the cache |",
        "|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for n in sorted(options.n):
            fill(FeatureCache(folder, WIDTH), n)
            flags = ["--two-layers"] if options.two_layers else []
            command = [sys.executable, __file__, "--one", folder, "--n", str(n), *flags]
            lines.append(row(said_by(command)))
            print(lines[-1])
    print(write("features-1m-two-layers" if options.two_layers else "features-1m", lines))


if __name__ == "__main__":
    main()
