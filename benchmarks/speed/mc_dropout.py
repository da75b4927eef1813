"""How much K = 100 draws cost beside one deterministic pass, and beside baal.

python benchmarks/speed/mc_dropout.py [--n 10000] [--k 100] [--peer]

The deterministic pass is a well-batched one: channels last, 64 images at a time, whole network. `--peer` wants
`.venv-peers`: python -m venv .venv-peers && uv pip install --python .venv-peers/bin/python baal==2.1.0
"""

import argparse
import copy
import gzip
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
import torchvision
from _measure import interleaved, ratio, write
from torch import Tensor, nn

from askance.acquisition import bald
from askance.uncertainty import DropoutPosterior, SplitNet, mc_dropout, split

ROOT = Path(__file__).resolve().parents[2]
MNIST = ROOT.parent / "shared/data/mnist/MNIST/raw/train-images-idx3-ubyte.gz"
PEER = ROOT / ".venv-peers/bin/python"
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
    if not MNIST.exists():
        return torch.rand(n, 1, 28, 28, generator=torch.Generator().manual_seed(0)), "random pixels"
    with gzip.open(MNIST) as file:
        pixels = np.frombuffer(file.read(16 + n * 784)[16:], np.uint8).reshape(-1, 1, 28, 28)
    return torch.from_numpy(pixels.astype(np.float32) / 255), "MNIST, train, in order"


@torch.no_grad()
def deterministic(net: nn.Module, images: Tensor) -> None:
    for batch in images.split(64):
        net(torch.empty_like(batch, memory_format=torch.channels_last).copy_(batch))


def score(net: SplitNet, images: Tensor, k: int) -> Tensor:
    """BALD over a pool, streamed: one posterior, chunk after chunk."""
    posterior = DropoutPosterior(net.head, k=k, seed=0)
    scores = []
    for chunk in images.split(CHUNK):
        features = torch.cat([net.features(batch) for batch in chunk.split(64)])
        scores.append(bald(posterior(features)))
    return torch.cat(scores)


def gal(n: int, k: int, repetitions: int) -> list[str]:
    images, what = digits(n)
    net = gal_net()
    fast = copy.deepcopy(net).to(memory_format=torch.channels_last)
    cut = split(net)
    times = interleaved(
        {"one pass": lambda: deterministic(fast, images), "scoring": lambda: score(cut, images, k)}, repetitions
    )
    each = {name: statistics.median(values) / len(images) * 1e6 for name, values in times.items()}
    return [
        "## Gal's network",
        "",
        f"{len(images):,} images ({what}), K = {k}, BALD included, weights at random, {repetitions} repetitions.",
        "",
        "| | CPU us / image, median |",
        "|---|---|",
        f"| one deterministic pass (channels last, batch 64) | {each['one pass']:.0f} |",
        f"| K = {k} draws and BALD | {each['scoring']:.0f} |",
        "",
        f"**Ratio {ratio(times, 'scoring', 'one pass')}**; goal 2.5, floor by operation count 1.7.",
        "",
    ]


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

    def ours() -> float:
        return min(interleaved({"ours": lambda: score(cut, images, k)}, 3)["ours"])

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, images.numpy())
        before = ours()
        script = Path(__file__).with_name("peers") / "baal_mc_dropout.py"
        done = subprocess.run([PEER, script, path, str(k)], check=True, capture_output=True, text=True)
        after = ours()
    baal = json.loads(done.stdout.splitlines()[-1])
    versions = ", ".join(f"{name} {number}" for name, number in baal["versions"].items())
    mine = (before + after) / 2
    return [
        "## Beside baal",
        "",
        f"baal's default (`ModelWrapper.predict_on_dataset`, batch 32, replicate_in_memory="
        f"{baal['replicate_in_memory']}) then its BALD, in its own process ({versions}), one run; ours on "
        f"the same {n} images and network, best of 3 before and best of 3 after it, their mean.",
        "",
        "| | CPU s |",
        "|---|---|",
        f"| baal, {n} images, K = {k} | {baal['cpu']:.1f} (peak memory {baal['rss_mb']:+.0f} MB) |",
        f"| ours, the same | {mine:.3f} (before {before:.3f}, after {after:.3f}) |",
        f"| baal, {pool:,} images, **extrapolated** linearly, not run | {baal['cpu'] * pool / n:.0f} |",
        "",
        f"**baal / ours {baal['cpu'] / mine:.0f}x**; goal 50.",
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--resnet-n", type=int, default=32)
    parser.add_argument("--peer", action="store_true", help="also baal, on a part of the images")
    parser.add_argument("--peer-n", type=int, default=256)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = gal(options.n, options.k, options.repetitions)
    lines += resnet(options.resnet_n, options.k, options.repetitions)
    if options.peer:
        lines += peer(options.peer_n, options.k, options.n)
    print("\n".join(lines))
    print(write("mc-dropout", lines))


if __name__ == "__main__":
    main()
