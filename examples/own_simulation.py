"""Would a strategy have paid on your images? Known labels behind an oracle, strategies side by side.

Run it: python examples/own_simulation.py
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import askance as ak


def problem() -> ak.Problem:
    """600 digits, a third of them for testing. Put your own arrays here, uint8 [N, H, W] or [N, 3, H, W]."""
    digits = load_digits(n_class=5)
    pixels = (digits.images[:600] * (255 / 16)).astype(np.uint8)
    ids = tuple(f"digit-{i:03d}" for i in range(600))
    targets = tuple(int(t) for t in digits.target[:600])
    return ak.Problem(
        images=ak.ArrayImages(pixels, ids),
        classes=("0", "1", "2", "3", "4"),
        pool=ak.Labelled(ids[:400], targets[:400]),
        test=ak.Labelled(ids[400:], targets[400:]),
    )


def experiment(seeds: int) -> ak.Experiment:
    """Three strategies from 10 labels to 40, ten a round."""
    return ak.Experiment(
        strategies=("margin", "power:bald", "random"),
        seeds=tuple(range(seeds)),
        start=10,
        batch=10,
        until=40,
        draws=20,
        model=ak.ModelConfig(name="gal-cnn", size=8, channels=1, mean=0.0, std=1.0),
        train=ak.TrainConfig(batch=16, learning_rate=3e-3, weight_decay=(0.1,), min_steps=40, max_steps=80),
    )


def main(out: str = "own-simulation", seeds: int = 3) -> list[ak.Curve]:
    """Run it, or go on with it, and draw the curves."""
    lab = ak.Lab(experiment(seeds), problem, ak.classification, Path(out))
    curves = ak.simulate(lab, workers=1)
    for curve in curves:
        print(curve.strategy, curve.seed, [f"{error:.2f}" for error in curve.metrics["error"]])
    ak.plot_curves(curves, Path(out) / "curves.png", metric="error", reference="random")
    return curves


if __name__ == "__main__":
    main(*sys.argv[1:2])
