"""Each posterior over the same heads on TrashNet: is it right, does it know, and what does it cost?

A frozen ImageNet MobileNetV2 at 160 pixels, a linear head with dropout 0.5 trained as the product trains it, at 60
and at 310 labels (balanced, at random), 5 seeds. Of the mean of K = 100 draws (of ensembles all members): test
accuracy, negative log-likelihood, calibration error. Of 1,000 pool images: Spearman correlation of BALD with the
BALD of ten heads trained apart from other starts, which no row contains. Then the loop: power BALD from 60 to 310
labels, 50 a round, with three of them, against random.

    python benchmarks/posteriors/trashnet.py      # resumes; some twenty minutes on two cores
    python benchmarks/posteriors/trashnet.py --only mc-dropout,laplace --work DIR      # no loop
"""

import argparse
import datetime
import json
import os
import platform
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy.stats import spearmanr

from askance.acquisition import bald, novelty, predictive_entropy
from askance.loop.step import random_subset
from askance.maths import Draws
from askance.maths.curves import interval, paired_difference
from askance.networks.pixels import targets_of
from askance.report import plot_curves
from askance.simulation.experiment import Experiment, Problem, start_and_validation
from askance.simulation.simulate import Lab, simulate
from askance.studies.problems import classification, image_folder
from askance.tasks.classification import Classification
from askance.uncertainty import SplitNet, fit_density
from askance.vocab import Curve, Labelled
from askance.vocab.config import ModelConfig, TrainConfig

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
RESULTS = Path(__file__).parent / "results"
SIZES, K, POOL = (60, 310), 100, 1000
ROWS = (
    "softmax", "mc-dropout", "dropout-moments", "laplace-diag", "laplace", "swag", "snapshots", "ensemble",
)  # fmt: skip
LABELS = {"softmax": "softmax (its entropy)", "density": "density (novelty, pooled covariance)"}
TRAIN = TrainConfig(device="cpu", weight_decay=(10.0,))


def model(posterior: str, members: int = 5) -> ModelConfig:
    """The same network with another posterior."""
    return ModelConfig(
        name="mobilenetv2_100",
        weights=str(DATA / "weights" / "mobilenetv2_100_imagenet.safetensors"),
        size=160,
        options={"pad_type": "same"},
        posterior=posterior,  # type: ignore[arg-type]
        members=members,
    )


def problem() -> Problem:
    """All TrashNet photographs, 30 % of each class for testing."""
    return image_folder(str(DATA / "trashnet" / "images"))


def draws_of(task: Classification, net: SplitNet, ids: list[str], seed: int) -> Draws:
    """Draws of images, in the order of the ids."""
    return Draws.cat([chunk.units.draws for chunk in task.draws(net, ids, k=K, seed=seed)])


def one_seed(data: Problem, work: Path, n: int, seed: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """A row a posterior."""
    chosen, _ = start_and_validation(data.pool, n, 0, seed)
    known = dict(zip(data.pool.ids, data.pool.targets, strict=True))
    train = Labelled(tuple(chosen), tuple(known[name] for name in chosen))
    rest = random_subset([name for name in data.pool.ids if name not in set(chosen)], POOL, seed)
    make = partial(
        Classification, train=TRAIN, classes=data.classes, images=data.images, features=work / "features"
    )
    apart = make(model("ensemble", members=10))
    net = apart.fit(train, Labelled((), ()), warm=None, seed=1000 + seed).model
    reference = bald(draws_of(apart, net, rest, seed)).numpy()
    rows: list[dict[str, Any]] = []
    for name in names:
        task = make(model(name))
        began = time.process_time()
        net = task.fit(train, Labelled((), ()), warm=None, seed=seed).model
        fitted = time.process_time()
        draws = draws_of(task, net, rest, seed)
        scored = time.process_time()
        score = predictive_entropy(draws) if name == "softmax" else bald(draws)
        found = task.measure(net, data.test, k=K, seed=seed)
        rows.append(
            {"posterior": name, "labels": n, "seed": seed, "spearman": float(spearmanr(score, reference)[0])}
            | {key: found[key] for key in ("accuracy", "nll", "ece", "brier")}
            | {"fit": fitted - began, "score": scored - fitted}
        )
        if name == "softmax":
            near = task._extractor.of(net, train.ids)  # the density wants features, and no draws
            density = fit_density(
                [(near.rows, targets_of(train, len(data.classes))[near.places])],
                n_classes=len(data.classes),
                covariance="pooled",
            )
            new = novelty(density.log_density(task._extractor.of(net, rest).rows))
            rows.append({**rows[-1], "posterior": "density", "spearman": float(spearmanr(new, reference)[0])})
    return rows


def table(rows: list[dict[str, Any]], n: int) -> list[str]:
    """One training size."""
    lines = [
        f"## {n} labels",
        "",
        "| posterior | accuracy, % | NLL, nats | ECE | Brier | Spearman with ten heads' BALD | fit | score |",
        "|---|---|---|---|---|---|---|---|",
    ]
    base = {r["seed"]: r for r in rows if r["posterior"] == "mc-dropout" and r["labels"] == n}
    for name in ("softmax", "density", *ROWS[1:]):
        own = [r for r in rows if r["posterior"] == name and r["labels"] == n]
        if not own:
            continue

        def cell(key: str, digits: int, scale: float = 1.0, own: list[dict[str, Any]] = own) -> str:
            values = [scale * r[key] for r in own]
            return f"{mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"

        cost = [mean(r[key] / base[r["seed"]][key] for r in own) for key in ("fit", "score")]
        said = [cell("accuracy", 1, 100), cell("nll", 3), cell("ece", 3), cell("brier", 3)]
        if name == "density":
            said = ["", "", "", ""]
        times = ["", ""] if name == "density" else [f"{ratio:.1f}x" for ratio in cost]
        label = {"softmax": "softmax (its entropy)", "density": "density (novelty, pooled covariance)"}.get(
            name, name
        )
        lines.append(f"| {label} | " + " | ".join([*said, cell("spearman", 2), *times]) + " |")
    return [*lines, ""]


def loops(names: list[str], work: Path, seeds: int) -> list[Curve]:
    """Learning curves of power BALD with each posterior, and of random."""
    curves: list[Curve] = []
    for name in [*names, "random"]:
        experiment = Experiment(
            strategies=("random",) if name == "random" else ("power:bald",),
            seeds=tuple(range(seeds)),
            start=SIZES[0],
            batch=50,
            until=SIZES[1],
            draws=K,
            model=model("mc-dropout" if name == "random" else name),
            train=TRAIN,
        )
        lab = Lab(
            experiment, problem, partial(classification, features=str(work / "features")), work / f"loop-{name}"
        )
        for curve in simulate(lab, workers=1):
            label = name if name == "random" else f"power:bald, {name}"
            curves.append(Curve(label, curve.seed, curve.labels, curve.metrics))
        print(f"loop with {name}", flush=True)
    return curves


def loop_table(curves: list[Curve]) -> list[str]:
    """Accuracy by training size, and the gain on random."""
    by = {name: [c for c in curves if c.strategy == name] for name in dict.fromkeys(c.strategy for c in curves)}
    sizes = curves[0].labels
    lines = [
        "## The loop",
        "",
        "Test accuracy in %, mean (95 % t-interval); below, minus random by seed (95 % bootstrap):",
        "",
        "| | " + " | ".join(map(str, sizes)) + " |",
        "|---" * (len(sizes) + 1) + "|",
    ]
    for name, runs in by.items():
        band = interval(runs, "accuracy")
        three = zip(band.mean, band.low, band.high, strict=True)
        lines.append(
            f"| {name} | "
            + " | ".join(f"{100 * m:.1f} ({100 * a:.1f} to {100 * b:.1f})" for m, a, b in three)
            + " |"
        )
    lines += ["", "| | " + " | ".join(map(str, sizes)) + " |", "|---" * (len(sizes) + 1) + "|"]
    for name, runs in by.items():
        if name != "random":
            gap = paired_difference(runs, by["random"], "accuracy", generator=np.random.default_rng(0))
            three = zip(gap.mean, gap.low, gap.high, strict=True)
            cells = [f"{100 * m:+.1f} ({100 * a:+.1f} to {100 * b:+.1f})" for m, a, b in three]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def head(seeds: int, names: tuple[str, ...]) -> list[str]:
    """What was run, with what."""
    only = "" if names == ROWS else f" --only {','.join(names)}"
    return [
        f"# Posteriors on TrashNet, {datetime.date.today()}",
        "",
        *(__doc__ or "").split("\n\n")[1].split("\n"),
        "",
        f"- machine: {platform.machine()}, {os.cpu_count()} cores, shared; Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("askance", "torch", "timm")),
        f"- command: `python benchmarks/posteriors/trashnet.py{only}`; {seeds} seeds",
        "- in brackets the lowest and highest seed; fit and score: processor time as a multiple of MC dropout's in"
        " the same run; every posterior costs one pass through the trunk an image",
        "",
    ]


def main() -> None:
    """Run what has not been run, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument(
        "--loop", default="dropout-moments,mc-dropout,swag", help="posteriors to run the loop with"
    )
    parser.add_argument("--only", default=",".join(ROWS), help="rows, mc-dropout among them; then no loop is run")
    parser.add_argument("--work", type=Path, default=Path("work/posteriors"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    data, names = problem(), tuple(options.only.split(","))
    rows: list[dict[str, Any]] = []
    for n in SIZES:
        for seed in range(options.seeds):
            file = options.work / f"{n}-{seed}.json"
            if not file.exists():
                file.write_text(json.dumps(one_seed(data, options.work, n, seed, names)))
                print(f"{n} labels, seed {seed}", flush=True)
            rows += json.loads(file.read_text())
    text = [*head(options.seeds, names), *(line for n in SIZES for line in table(rows, n))]
    print("\n".join(text), flush=True)
    RESULTS.mkdir(exist_ok=True)
    if names != ROWS:
        (RESULTS / f"{datetime.date.today()}-trashnet-{names[-1]}.md").write_text("\n".join(text))
        return
    curves = loops(options.loop.split(","), options.work, options.seeds)
    text += loop_table(curves)
    (RESULTS / f"{datetime.date.today()}-trashnet.md").write_text("\n".join(text))
    plot_curves(curves, RESULTS / "trashnet.png", metric="accuracy")
    print("\n".join(text))


if __name__ == "__main__":
    main()
