"""Does a head on cached maps rank the arms as a network that is trained whole does? The same labels, both ways.

The study of boxes (`askance bench boxes`) says which images each arm labelled. On the same images heads and trunk
are trained together (`model.train`), without a validation set, and measured on the same test images. What is
compared is the order of the arms: Spearman's correlation of their mean AP50 over seeds, and its spread over seeds
drawn again.

    python benchmarks/papers/ranks_of_arms.py RUNS        # what was stopped goes on
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from scipy.stats import spearmanr

from askance.simulation.experiment import start_and_validation
from askance.simulation.runs import read_runs
from askance.studies.boxes import detection
from askance.studies.papers.boxes import boxes
from askance.vocab import Labelled
from askance.vocab.config import TrainConfig

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def main() -> None:
    """Train what is missing, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", type=Path, help="what `askance bench boxes` was told as --out")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--labels", type=int, default=40, help="labelled images of each arm")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--moves", choices=("blocks", "all"), default="all")
    parser.add_argument("--out", type=Path, default=Path("work/ranks-of-arms"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    part = next(one for one in boxes(asked.data).parts if one.name == "bccd")
    problem, experiment = part.problem(), part.experiment
    said = dict(zip(problem.pool.ids, problem.pool.targets, strict=True))
    model = experiment.model.model_copy(update={"train": asked.moves})
    asked.out.mkdir(parents=True, exist_ok=True)
    kept = asked.out / f"{asked.moves}-{asked.labels}.jsonl"
    lines = kept.read_text("utf-8").splitlines() if kept.exists() else []
    known = {(one["arm"], one["seed"]): one for one in map(json.loads, lines)}
    runs = read_runs(part.folder(asked.runs), experiment)
    task = detection(
        model,
        TrainConfig(device="cpu"),
        problem,
        detector=experiment.detector,
        features=str(asked.out / "features"),
        weights=part.weights,
    )
    for seed in range(asked.seeds):
        start, _ = start_and_validation(problem.pool, experiment.start, 0, seed)
        for arm in experiment.strategies:
            there = labelled(start, runs[arm, seed], asked.labels)
            if there is None or (arm, seed) in known:
                continue
            ids, head = there
            assert len(set(ids)) == asked.labels
            train = Labelled(tuple(ids), tuple(said[name] for name in ids))
            fitted = task.fit(train, Labelled((), ()), warm=None, seed=seed)
            whole = task.measure(fitted.model, problem.test, k=2, seed=0)
            known[arm, seed] = {"arm": arm, "seed": seed, "head": head, "whole": whole["ap50"]}
            with kept.open("a") as file:
                file.write(json.dumps(known[arm, seed]) + "\n")
            print(known[arm, seed], flush=True)
    print("\n".join(page([*known.values()], experiment.strategies)))


def labelled(start: list[str], rounds: list[dict[str, Any]], n: int) -> tuple[list[str], float] | None:
    """The images that an arm had labelled when it had n, and the AP50 of heads alone on them."""
    for place, one in enumerate(rounds):
        if one["labels"] == n:
            bought = [name for each in rounds[:place] for name in each["picked"]]
            return [*start, *bought], one["metrics"]["ap50"]
    return None


def page(found: list[dict[str, Any]], arms: tuple[str, ...]) -> list[str]:
    """A table of both, and how alike their orders are; of seeds that have all arms."""
    of = {(one["arm"], one["seed"]): one for one in found}
    seeds = [seed for seed in sorted({seed for _, seed in of}) if all((arm, seed) in of for arm in arms)]
    table = {
        way: np.array([[of[arm, seed][way] for arm in arms] for seed in seeds]) for way in ("head", "whole")
    }  # [seeds, arms]
    head, whole = (table[way].mean(0) for way in ("head", "whole"))
    again = np.random.default_rng(0).integers(0, len(seeds), (1000, len(seeds)))
    drawn = [spearmanr(*(table[way][at].mean(0) for way in table)).statistic for at in again]
    own = [(table[way] - table[way].mean(1, keepdims=True)).ravel() for way in table]
    low, high = np.nanpercentile(drawn, [5, 95])
    return [
        f"| arm | heads alone, mean AP50 of {len(seeds)} seeds | trunk too |",
        "|---|---|---|",
        *(f"| {arm} | {a:.3f} | {b:.3f} |" for arm, a, b in zip(arms, head, whole, strict=True)),
        "",
        f"Spearman's correlation of the {len(arms)} arms: {spearmanr(head, whole).statistic:.2f} "
        f"({low:.2f} to {high:.2f} where seeds are drawn again). Over all seeds and arms, "
        f"less each seed's mean: {spearmanr(*own).statistic:.2f}.",
    ]


if __name__ == "__main__":
    main()
