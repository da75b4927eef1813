"""How much K = 100 draws cost beside one deterministic pass, by architecture.

python benchmarks/speed/architectures.py [--n 128] [--k 100] [--only vgg16,resnet50]

The pass is a well-batched one of the same network: channels last, 64 images at a time. A Transformer that drops
attention has nothing before its first random number: it is measured with 3 draws, and K of them extrapolated.
"""

import argparse
import statistics

import torch
from _measure import deterministic, interleaved, ratio, write
from torch import Tensor

from askance.acquisition import bald
from askance.networks.model import build
from askance.training.posteriors import drawing
from askance.uncertainty import StochasticNet, is_plain, work_of
from askance.vocab.config import ModelConfig

FEW = 3
"""Draws that are run where every draw is a pass."""

MODELS = {
    "vgg16": ("VGG16, its own two dropouts", "torchvision/vgg16", "own", {}, 1.1),
    "resnet18": ("ResNet-18, Bayesian head", "torchvision/resnet18", "bayesian", {}, 1.03),
    "resnet50": ("ResNet-50, Bayesian head", "torchvision/resnet50", "bayesian", {}, 1.03),
    "convnext": ("ConvNeXt-T, Bayesian head", "torchvision/convnext_tiny", "bayesian", {}, 1.03),
    "vit": ("ViT-B/16, Bayesian head", "torchvision/vit_b_16", "bayesian", {}, None),
    "vit-attention": (
        "ViT-B/16, dropout in attention and MLPs",
        "torchvision/vit_b_16",
        "own",
        {"dropout": 0.1, "attention_dropout": 0.1},
        None,
    ),
}


def row(title: str, config: ModelConfig, goal: float | None, n: int, k: int, repetitions: int) -> str:
    """One architecture."""
    net = build(config, 10, 0)
    images = torch.rand(n, 3, config.size, config.size, generator=torch.Generator().manual_seed(0))
    if is_plain(net.head):

        def score() -> Tensor:
            draws = drawing(net, k, 0)
            return bald(draws(torch.cat([net.features(batch) for batch in images.split(64)])))

        times = interleaved({"pass": lambda: deterministic(net, images), "score": score}, repetitions)
        cost, counted = ratio(times, "score", "pass"), work_of(net, images).passes(k)
    else:
        whole = StochasticNet(net.head, net.features(images[:2]))
        flat = net.features(images)
        times = interleaved(
            {"pass": lambda: deterministic(net, images), "score": lambda: whole.draws(flat, k=FEW, seed=0)},
            repetitions,
        )
        each = statistics.median(a / b for a, b in zip(times["score"], times["pass"], strict=True)) / FEW
        cost, counted = f"{each:.3g} a draw, {k * each:.0f} extrapolated", whole.work.passes(k)
    own = statistics.median(times["pass"]) / n * 1e3
    return f"| {title} | {own:.1f} | {cost} | {counted:.4g} | {goal or 'none'} |"


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=128)
    parser.add_argument("--k", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--only", default=",".join(MODELS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = [
        f"{options.n} random images of 224 x 224 (16 where a draw is a pass), K = {options.k}, 10 classes, BALD"
        f" included, weights at random, {options.repetitions} repetitions.",
        "",
        "| network | one pass, CPU ms an image | scoring / one pass | by multiplications | goal |",
        "|---|---|---|---|---|",
    ]
    for name in options.only.split(","):
        title, model, head, more, goal = MODELS[name]
        config = ModelConfig.model_validate({"name": model, "head": head, "size": 224, "options": more})
        n = 16 if name == "vit-attention" else options.n
        lines.append(row(title, config, goal, n, options.k, options.repetitions))
        print(lines[-1], flush=True)
    print(write("architectures", lines))


if __name__ == "__main__":
    main()
