"""Gal, Islam, Ghahramani 2017, section 5.1, by `askance simulate`: labels to 10 % and 5 % error on MNIST.

20 balanced start labels, 10 a round, K = 100, the full test set, the paper's network; a random 5,000 of the pool
are scored a round. Each model is trained from scratch, with the penalty c/N of the authors' code fixed at c = 3.

    python benchmarks/loop/mnist_gal2017.py       # hours on two cores; stopped, it goes on where it was
"""

import argparse
import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from askance.loop.experiment import Experiment
from askance.loop.runs import RunFolder
from askance.maths.curves import area_under, labels_to, paired_difference
from askance.session.simulations import run_simulation, settings_for
from askance.vocab import Curve

MNIST = Path(__file__).resolve().parents[3] / "shared" / "data" / "mnist"
RESULTS = Path(__file__).parent / "results"
PAPER = {"bald": (145, 335), "variation-ratios": (120, 295), "max-entropy": (165, 355), "random": (255, 835)}
STRATEGIES = (*PAPER, "power:bald")
"""The paper's, and what `askance pick` does by itself."""

TARGETS = (0.10, 0.05)
TRAIN = {"min_steps": 300, "max_steps": 700, "weight_decay": [3.0]}


def experiment(seeds: int, until: int) -> Experiment:
    """The paper's protocol."""
    model, train = settings_for(str(MNIST), {"train": TRAIN})
    return Experiment(
        strategies=STRATEGIES,
        seeds=tuple(range(seeds)),
        start=20,
        batch=10,
        until=until,
        draws=100,
        subset=5000,
        model=model,
        train=train,
    )


def first(curve: Curve, target: float) -> int | None:
    """The first size that reaches a target, whether or not it stays."""
    sizes = zip(curve.labels, curve.metrics["error"], strict=True)
    return next((size for size, error in sizes if error <= target), None)


def shown(values: list[int | None], until: int) -> str:
    """Median and each seed; a run that never gets there is `>until`."""
    middle = median(float("inf") if value is None else value for value in values)
    each = ", ".join(f">{until}" if value is None else str(value) for value in values)
    return f"{'>' + str(until) if middle == float('inf') else f'{middle:.0f}'} ({each})"


def page(curves: list[Curve], out: Path, until: int) -> str:
    """The dated result."""
    whole = [c for c in curves if c.labels and c.labels[-1] == until]
    by = {name: [c for c in whole if c.strategy == name] for name in STRATEGIES}
    logs = [line for name in STRATEGIES for c in by[name] for line in RunFolder.of(out, name, c.seed).lines()]
    unsettled = sum(not line["training"]["converged"] for line in logs)
    lines = [
        f"# MNIST as in Gal et al. 2017, {datetime.date.today()}",
        "",
        (__doc__ or "").split("\n\n")[1].replace("\n", " "),
        "",
        f"- machine: {platform.machine()}, {os.cpu_count()} cores, shared; "
        f"versions: Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("askance", "torch", "numpy")),
        "- command: `python benchmarks/loop/mnist_gal2017.py`; whole runs: "
        + ", ".join(f"{name} {len(by[name])}" for name in STRATEGIES),
        f"- {len(logs)} models trained, {unsettled} stopped at their step limit; "
        f"{sum(sum(line['cpu_seconds']) for line in logs) / 3600:.1f} CPU hours",
        "",
        "Labels are training labels of the first model that reaches an error, *and stays below it to the end*;"
        f" median over seeds, each seed in brackets. `>{until}`: not reached. No validation labels were used.",
        "",
        "| | 10 % error | paper | 5 % error | paper | first touch of 10 % | first touch of 5 % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in STRATEGIES:
        paper = PAPER.get(name, ("", ""))
        stay = [shown([labels_to(c.labels, c.metrics["error"], t) for c in by[name]], until) for t in TARGETS]
        touch = [shown([first(c, t) for c in by[name]], until) for t in TARGETS]
        lines.append(f"| {name} | {stay[0]} | {paper[0]} | {stay[1]} | {paper[1]} | {touch[0]} | {touch[1]} |")
    lines += ["", *_errors(by, until), "", *_differences(by)]
    return "\n".join(lines) + "\n"


def _errors(by: dict[str, list[Curve]], until: int) -> list[str]:
    """Test error at some sizes and the area under the curve."""
    sizes = [size for size in (20, 50, 100, 150, 200, 250, 300, 350) if size <= until]
    lines = [
        "Test error in %, mean over seeds (lowest to highest), and mean area under the curve:",
        "",
        "| | " + " | ".join(map(str, sizes)) + " | area |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for name, curves in by.items():
        cells = []
        for size in sizes:
            values = [100 * c.metrics["error"][c.labels.index(size)] for c in curves]
            cells.append(f"{mean(values):.1f} ({min(values):.1f} to {max(values):.1f})")
        area = mean(100 * area_under(c.labels, c.metrics["error"]) for c in curves)
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {area:.2f} |")
    return lines


def _differences(by: dict[str, list[Curve]]) -> list[str]:
    """What each strategy gains on random, seed by seed."""
    lines = [
        "Error of random minus error of the strategy, in points, by seed (bootstrap; too short for so few):",
        "",
        "| | 100 labels | 200 | 300 | 350 |",
        "|---|---|---|---|---|",
    ]
    for name in [name for name in by if name != "random"]:
        band = paired_difference(by["random"], by[name], "error", generator=np.random.default_rng(0))
        cells = []
        for size in (100, 200, 300, 350):
            i = band.labels.index(size)
            cells.append(f"{100 * band.mean[i]:+.1f} ({100 * band.low[i]:+.1f} to {100 * band.high[i]:+.1f})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def main() -> None:
    """Run what has not been run, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--until", type=int, default=350)
    parser.add_argument("--out", type=Path, default=Path("work/mnist"))
    options = parser.parse_args()
    results = run_simulation(str(MNIST), experiment(options.seeds, options.until), options.out)
    text = page(results.curves, options.out, options.until)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{datetime.date.today()}-mnist-gal2017.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
