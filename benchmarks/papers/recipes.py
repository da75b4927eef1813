"""How much of BALD's advantage hangs on how the networks are trained? The papers' recipes, and others.

MNIST to 200 labels, 10 a round, K = 50, 3,000 of the pool scored a round, the error on 3,000 training images that
are kept out of the pool: the test set has no part in the choice, nor have the seeds of the papers' runs. What is
looked for is the recipe with which BALD and random are both good, as all arms share one.

    python benchmarks/papers/recipes.py            # some hours of one core; what was stopped goes on
"""

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from askance.report.claims import Claim
from askance.simulation.experiment import Experiment, Problem
from askance.studies.papers.batchbald2019 import NETWORK
from askance.studies.papers.mnist import mnist_folder
from askance.studies.problems import mnist
from askance.studies.simulations import settings_for
from askance.studies.studies import Part, Study, run_study
from askance.studies.study_files import write_study
from askance.vocab import Labelled

HERE = Path(__file__).parent
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
HELD_OUT = 3000
GAL = {"name": "gal-cnn"}

SMALL = {"batch": 16, "learning_rate": 2e-3, "min_steps": 300, "max_steps": 700}
AUTHORS = {"batch": 128, "learning_rate": 1e-3, "min_steps": 50, "max_steps": 100, "weight_decay": [3.5]}
"""50 epochs of Keras' MNIST example, as Gal et al.'s published code has them: far from settled at 20 labels."""
LARGE = {"batch": 64, "learning_rate": 1e-3, "weight_decay": [0.0], "max_steps": 1500, "precision": "bf16-mixed"}
RECIPES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "authors": ("128 a step, rate 0.001, 50 to 100 steps, c = 3.5", GAL, AUTHORS),
    "small-c3": ("16 a step, rate 0.002, 300 to 700 steps, c = 3", GAL, {**SMALL, "weight_decay": [3.0]}),
    "small": ("16 a step, rate 0.002, 300 to 700 steps, no weight decay", GAL, {**SMALL, "weight_decay": [0.0]}),
    "large-short": ("64 a step, rate 0.001, 100 steps or more", GAL, {**LARGE, "min_steps": 100}),
    "large": ("64 a step, rate 0.001, 300 steps or more", GAL, {**LARGE, "min_steps": 300}),
    "large-c1": (
        "64 a step, rate 0.001, 300 steps, c = 1",
        GAL,
        {**LARGE, "min_steps": 300, "weight_decay": [1.0]},
    ),
    "kirsch": ("64 a step, 300 steps or more", NETWORK, {**LARGE, "min_steps": 300}),
    "kirsch-long": ("64 a step, 800 steps or more", NETWORK, {**LARGE, "min_steps": 800}),
}
"""Name -> what it is in words, the network, the training."""


def held_out(folder: str) -> Problem:
    """MNIST's training images alone: 3,000 at random to measure the error on, the others the pool."""
    whole = mnist(folder)
    order = np.random.default_rng(7).permutation(len(whole.pool.ids))
    test, pool = (_taken(whole.pool, sorted(places)) for places in (order[:HELD_OUT], order[HELD_OUT:]))
    return Problem(whole.images, whole.classes, pool, test)


def _taken(labelled: Labelled, places: list[int]) -> Labelled:
    return Labelled(tuple(labelled.ids[i] for i in places), tuple(labelled.targets[i] for i in places))


def study(folder: Path, seeds: int) -> Study:
    """A part a recipe."""
    wanted = [f"{name}: BALD is better than random" for name in RECIPES]
    return Study(
        "recipes",
        "Recipes of training on MNIST",
        (__doc__ or "").split("\n\n")[1],
        ("the test set is 3,000 of the training images, which are not in the pool",),
        tuple(_part(name, folder, seeds) for name in RECIPES),
        tuple(Claim(text, (name, "bald"), (name, "random")) for text, name in zip(wanted, RECIPES, strict=True)),
    )


def _part(name: str, folder: Path, seeds: int) -> Part:
    title, network, training = RECIPES[name]
    model, train = settings_for(str(folder), {"model": network, "train": training})
    experiment = Experiment(
        ("bald", "random"),
        tuple(range(100, 100 + seeds)),
        start=20,
        batch=10,
        until=200,
        draws=50,
        subset=3000,
        model=model,
        train=train,
    )
    said = f"{network['name'].rpartition(':')[2]}: {title}"
    return Part(name, said, "MNIST, 3,000 training images held out", partial(held_out, str(folder)), experiment)


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--parts", default=",".join(RECIPES))
    options = parser.parse_args()
    wanted = study(mnist_folder(options.data, download=False), options.seeds).only(options.parts.split(","))
    run_study(wanted, options.out, workers=options.workers)
    print(write_study(wanted, options.out, " ".join(["python", *sys.argv])).page)


if __name__ == "__main__":
    main()
