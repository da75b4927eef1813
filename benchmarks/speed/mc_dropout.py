"""How much draws cost beside one deterministic pass, by masks and by moments, and beside baal.

python benchmarks/speed/mc_dropout.py [--n 10000] [--k 20 100] [--peer]

The deterministic pass is a well-batched one: channels last, 64 images at a time, whole network. `--peer` wants
`.venv-peers`: python -m venv .venv-peers && uv pip install --python .venv-peers/bin/python baal==2.1.0
"""

import argparse
import copy
import gzip
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchvision
from _measure import MNIST, PEER, ROOT, deterministic, interleaved, least, ratio, said_by, write
from safetensors.torch import load_file, save_file
from scipy.stats import spearmanr
from torch import Tensor, nn

from askance.acquisition import bald
from askance.maths import Draws
from askance.networks.model import build
from askance.tasks.classification.objective import CrossEntropy
from askance.training.devices import OneDevice
from askance.training.steps import Examples, Recipe, minimise
from askance.uncertainty import DropoutMoments, DropoutPosterior, SplitNet, mc_dropout, split
from askance.vocab.config import ModelConfig, TrainConfig

IMAGES = MNIST / "MNIST/raw/train-images-idx3-ubyte.gz"
CHUNK = 512
"""Images scored at a time: [512, K, C] is all that is alive."""


def gal_net() -> nn.Sequential:
    """Gal, Islam & Ghahramani 2017."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 32, 4), nn.ReLU(), nn.Conv2d(32, 32, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(3872, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    ).eval()  # fmt: skip


def digits(n: int) -> tuple[Tensor, str]:
    """MNIST where it is beside the checkout, else noise; `[n, 1, 28, 28]` in [0, 1]."""
    if not IMAGES.exists():
        return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0)), "random pixels"
    with gzip.open(IMAGES) as file:
        pixels = np.frombuffer(file.read(16 + n * 784)[16:], np.uint8).reshape(-1, 1, 28, 28)
    return torch.from_numpy(pixels.astype(np.float32) / 255), "MNIST, train, in order"


def score(net: SplitNet, images: Tensor, draw: Callable[[Tensor], Draws]) -> Tensor:
    """BALD over a pool, streamed: one posterior, chunk after chunk."""
    scores = []
    for chunk in images.split(CHUNK):
        features = torch.cat([net.features(batch) for batch in chunk.split(64)])
        scores.append(bald(draw(features)))
    return torch.cat(scores)


def trained(seed: int = 0) -> nn.Sequential:
    """Gal's network, in the order of the paper, trained by the product on ten images a class; kept in work/."""
    net = gal_net()
    kept = ROOT / "work" / f"gal-mnist-100-{seed}.safetensors"
    if IMAGES.exists() and not kept.exists():
        own = build(ModelConfig(name="gal-cnn", size=28, channels=1), 10, seed)
        images, _ = digits(60_000)
        with gzip.open(IMAGES.with_name("train-labels-idx1-ubyte.gz")) as file:
            labels = torch.from_numpy(np.frombuffer(file.read()[8:], np.uint8).astype(np.int64))
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        of_class = [order[labels[order] == digit][:10] for digit in range(10)]
        images, labels = images[torch.cat(of_class)], labels[torch.cat(of_class)]
        recipe = Recipe(TrainConfig(device="cpu"), OneDevice(torch.device("cpu")), CrossEntropy(), "all", False)
        minimise(own, Examples(lambda some: images[some], labels), recipe, decay=0.5, seed=seed)
        kept.parent.mkdir(exist_ok=True)
        save_file({name: weight.contiguous() for name, weight in own.state_dict().items()}, kept)
    if kept.exists():
        places = {"trunk.0": "0", "trunk.2": "2", "head.1": "7", "head.4": "10"}
        stored = {name.rpartition("."): weight for name, weight in load_file(kept).items()}
        net.load_state_dict({f"{places[layer]}.{kind}": weight for (layer, _, kind), weight in stored.items()})
    return net


def gal(n: int, ks: list[int], moments_k: int, repetitions: int) -> list[str]:
    images, what = digits(n)
    net = trained()
    fast = copy.deepcopy(net).to(memory_format=torch.channels_last)
    cut = split(net)
    quick = nn.Sequential(cut.trunk, cut.head).eval()
    rows = {f"K = {k} draws and BALD": partial(_drawn, cut, images, k) for k in ks}
    rows["moments and BALD"] = partial(_by_moments, cut, images, moments_k)
    goals = dict(zip(rows, ["1.1", *["1.7"] * (len(ks) - 1), "1.15"], strict=True))
    times = interleaved(
        {"pass": lambda: deterministic(fast, images), "lean": lambda: deterministic(quick, images), **rows},
        repetitions,
    )
    each = {name: statistics.median(values) / len(images) * 1e6 for name, values in times.items()}
    lines = [
        "## Gal's network",
        "",
        f"{len(images):,} images ({what}), trained on 100 labels, BALD included, {repetitions} repetitions. "
        f"Moments: {moments_k} draws of the Gaussian logits. The lean pass is the same network with rectifiers in "
        "place and behind the pooling, as scoring runs it.",
        "",
        "| | CPU us / image, median | to one pass | of the least times | to the lean pass | goal |",
        "|---|---|---|---|---|---|",
        f"| one pass (channels last, batch 64) | {each['pass']:.0f} | 1 | 1 | | |",
        f"| one lean pass | {each['lean']:.0f} | {ratio(times, 'lean', 'pass')} | {least(times, 'lean', 'pass')} "
        "| 1 | |",
    ]
    lines += [
        f"| {name} | {each[name]:.0f} | **{ratio(times, name, 'pass')}** | {least(times, name, 'pass')} | "
        f"{ratio(times, name, 'lean')} | {goals[name]} |"
        for name in rows
    ]
    floor = "Floor by operation count: 1.02 at K = 20, 1.24 at K = 100; with independent masks 1.14 and 1.71."
    return [*lines, "", floor, ""]


def _drawn(net: SplitNet, images: Tensor, k: int, seed: int = 0) -> Tensor:
    return score(net, images, DropoutPosterior(net.head, k=k, seed=seed))


def _by_moments(net: SplitNet, images: Tensor, k: int, seed: int = 0) -> Tensor:
    return score(net, images, partial(DropoutMoments(net.head).draws, k=k, seed=seed))


def ranks(n: int, moments_k: int) -> list[str]:
    """How each ranks a pool beside K = 1,000 masks."""
    images, what = digits(50_000 + n)
    images = images[50_000:]
    lines = [
        "## Ranks",
        "",
        f"Spearman's correlation of BALD with that of K = 1,000 masks, {n:,} images ({what}, from 50,000 on), "
        "three networks, three seeds each: the mean, and the least. Goal 0.97 by moments.",
        "",
        "| | network 0 | network 1 | network 2 |",
        "|---|---|---|---|",
    ]
    ways: dict[str, Callable[[SplitNet, int], Tensor]] = {
        "K = 1,000, other masks": lambda net, seed: _drawn(net, images, 1000, seed),
        "K = 100": lambda net, seed: _drawn(net, images, 100, seed),
        "K = 20": lambda net, seed: _drawn(net, images, 20, seed),
    }
    for k in (20, moments_k, 100):
        ways[f"moments, {k} draws"] = lambda net, seed, k=k: _by_moments(net, images, k, seed)
    cells: dict[str, list[str]] = {name: [] for name in ways}
    for start in range(3):
        net = split(trained(start))
        due = _drawn(net, images, 1000, 99)
        for name, way in ways.items():
            found = [float(spearmanr(due, way(net, seed)).statistic) for seed in range(3)]
            cells[name].append(f"{statistics.mean(found):.3f} ({min(found):.3f})")
    return [*lines, *(f"| {name} | {' | '.join(row)} |" for name, row in cells.items()), ""]


def resnet(n: int, k: int, repetitions: int) -> list[str]:
    torch.manual_seed(0)
    trunk = torchvision.models.resnet18(weights=None)
    trunk.fc = nn.Identity()
    net = SplitNet(trunk, nn.Sequential(nn.Dropout(0.5), nn.Linear(512, 10))).eval()
    fast = copy.deepcopy(net).to(memory_format=torch.channels_last)
    images = torch.rand(n, 3, 224, 224)
    features = net.features(images)
    posterior = DropoutPosterior(net.head, k=k, seed=0)
    times = interleaved(
        {
            "one pass": lambda: deterministic(fast, images),
            "scoring": lambda: bald(mc_dropout(net, images, k=k, seed=0)),
            "head": lambda: bald(posterior(features)),
        },
        repetitions,
    )
    each = {name: statistics.median(values) / n * 1e3 for name, values in times.items()}
    return [
        "## ResNet-18 at 224, dropout -> linear",
        "",
        f"{n} random images, K = {k}, 10 classes, BALD included, weights at random, {repetitions} repetitions.",
        "",
        "| | CPU ms / image, median |",
        "|---|---|",
        f"| one deterministic pass (channels last, batch 64) | {each['one pass']:.2f} |",
        f"| K = {k} draws and BALD, masks made anew | {each['scoring']:.2f} |",
        f"| of that the head and BALD alone, a block of 128 filled with {n} images | {each['head']:.3f} |",
        "",
        f"**Ratio {ratio(times, 'scoring', 'one pass')}**; goal 1.05. The trunk's own noise is in it.",
        "",
    ]


def peer(n: int, k: int, pool: int) -> list[str]:
    """Baal on a part of the pool, ours on the same images before and after."""
    images, _ = digits(n)
    cut = split(gal_net())
    lines = [
        "## Beside baal",
        "",
        f"`ModelWrapper.predict_on_dataset`, batch 32, then its BALD, in its own process, one run each; ours on "
        f"the same {n} images and network, K = {k}, best of 3 before and best of 3 after it, their mean.",
        "",
        f"| | baal, CPU s | ours | baal / ours | goal | baal's peak memory | {pool:,} images, extrapolated |",
        "|---|---|---|---|---|---|---|",
    ]
    for mode, goal in (("default", 120), ("loop", 60)):
        before = _best(cut, images, k)
        baal = _baal(images, k, mode)
        mine = (before + _best(cut, images, k)) / 2
        versions = ", ".join(f"{name} {number}" for name, number in baal["versions"].items())
        lines.append(
            f"| {mode}, replicate_in_memory={baal['replicate_in_memory']} ({versions}) | {baal['cpu']:.1f} "
            f"| {mine:.3f} | **{baal['cpu'] / mine:.0f}** | {goal} | {baal['rss_mb']:+.0f} MB "
            f"| {baal['cpu'] * pool / n:.0f} s |"
        )
    return [*lines, ""]


def _best(net: SplitNet, images: Tensor, k: int) -> float:
    return min(interleaved({"ours": lambda: _drawn(net, images, k)}, 3)["ours"])


def _baal(images: Tensor, k: int, mode: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, images.numpy())
        script = Path(__file__).with_name("peers") / "baal_mc_dropout.py"
        return said_by([PEER, script, path, str(k), mode])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--k", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--moments-k", type=int, default=60)
    parser.add_argument("--ranks-n", type=int, default=2000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--resnet-n", type=int, default=32)
    parser.add_argument("--peer", action="store_true", help="also baal, on a part of the images")
    parser.add_argument("--peer-n", type=int, default=256)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = gal(options.n, options.k, options.moments_k, options.repetitions)
    lines += ranks(options.ranks_n, options.moments_k)
    lines += resnet(options.resnet_n, options.k[-1], options.repetitions)
    if options.peer:
        lines += peer(options.peer_n, options.k[-1], options.n)
    print("\n".join(lines))
    print(write("mc-dropout", lines))


if __name__ == "__main__":
    main()
