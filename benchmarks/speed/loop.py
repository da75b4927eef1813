"""A whole active-learning loop on MNIST with Gal's network, beside baal's own loop doing the same work.

python benchmarks/speed/loop.py [--sizes 20,200,390] [--peer] [--peer-pool 500]

20 labels to 400, 10 a round, K = 100, all of the remaining pool scored each round. Of the 38 rounds some are run
by each; baal's scoring of the pool is extrapolated from a part of it, linearly. `--peer` wants `.venv-peers`,
which `make bench-peers` makes.
"""

import argparse
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from _measure import MNIST, PEER, said_by, write

from askance.loop.step import pick, score_pool
from askance.loop.strategy import Strategy
from askance.maths import keyed_uniform
from askance.pool import Look
from askance.simulation.experiment import start_and_validation
from askance.studies.papers.gal2017 import TRAIN
from askance.studies.problems import classification, problem_from
from askance.studies.simulations import settings_for
from askance.vocab import Labelled

ROUNDS = 38


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="20,200,390")
    parser.add_argument("--peer", action="store_true", help="also baal, scoring a part of the pool")
    parser.add_argument("--peer-pool", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    problem = problem_from(str(MNIST))()
    rows = [one_round(problem, int(n), options.peer_pool * options.peer) for n in options.sizes.split(",")]
    lines = beside(rows, options.peer_pool) if options.peer else alone(rows)
    print("\n".join(lines))
    print(write("loop" if options.peer else "loop-alone", lines, "each round once, ours before the peer's"))


def one_round(problem, size, part):
    """CPU seconds of a round of ours and, for a `part` of the pool, of baal's: the same labels, as many steps."""
    start, _ = start_and_validation(problem.pool, 20, 0, 0)
    rest = sorted(set(problem.pool.ids) - set(start))
    more = [rest[i] for i in np.argsort(keyed_uniform(rest, 0, "speed"))[: size - 20]]
    target = dict(zip(problem.pool.ids, problem.pool.targets, strict=True))
    known = Labelled((*start, *more), tuple(target[name] for name in (*start, *more)))
    pool = sorted(set(problem.pool.ids) - set(known.ids))
    model, train = settings_for(str(MNIST), {"train": TRAIN})
    task = classification(model, train, problem)
    clock = [time.process_time()]
    fitted = task.fit(known, Labelled((), ()), warm=None, seed=0)
    clock.append(time.process_time())
    strategy = Strategy("bald", draws=100)
    picks = pick(score_pool(task, fitted.model, pool, strategy, seed=0), pool, strategy, n=10, seed=0)
    clock.append(time.process_time())
    assert len(picks.ids) == 10
    steps = int(fitted.log["steps"])
    ours = {
        "labels": size,
        "pool": len(pool),
        "steps": steps,
        "train": clock[1] - clock[0],
        "score": clock[2] - clock[1],
    }
    if not part:
        return ours
    peer = baal(partial(pixels, problem, model), known, pool[:part], steps)
    return ours | {
        "peer_train": peer["train"],
        "peer_part": peer["score"],
        "peer_score": peer["score"] * len(pool) / part,
        "versions": peer["versions"],
    }


def pixels(problem, model, ids):
    """Standardised pixels, as the network takes them."""
    found, _ = problem.images.load(list(ids), Look(28, 1))
    return ((found / 255 - model.mean) / model.std).astype(np.float32)


def baal(read, known, pool, steps):
    with tempfile.TemporaryDirectory() as folder:
        labelled, unlabelled = Path(folder) / "labelled.npz", Path(folder) / "pool.npy"
        np.savez(labelled, images=read(known.ids), targets=np.array(known.targets))
        np.save(unlabelled, read(pool))
        script = Path(__file__).with_name("peers") / "baal_loop.py"
        return said_by([PEER, script, labelled, unlabelled, str(steps), "100"])


def alone(rows):
    """The page without a peer."""
    lines = [
        f"Gal's network on MNIST, 20 labels to 400 by tens, K = 100, BALD: of {ROUNDS} rounds (train, score "
        "the whole remaining pool, pick) these.",
        "",
        "| labels | pool | steps | train, CPU s | score |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['labels']} | {row['pool']:,} | {row['steps']} | {row['train']:.1f} | {row['score']:.1f} |"
        for row in rows
    ]
    return [*lines, ""]


def beside(rows, part):
    """The page with baal's loop."""
    ours = ROUNDS * statistics.mean(row["train"] + row["score"] for row in rows)
    theirs = ROUNDS * statistics.mean(row["peer_train"] + row["peer_score"] for row in rows)
    versions = ", ".join(f"{name} {number}" for name, number in rows[0]["versions"].items())
    lines = [
        f"Gal's network on MNIST, 20 labels to 400 by tens, K = 100, BALD; {ROUNDS} rounds of train, score the "
        f"whole remaining pool, pick. Peer: baal's `ActiveLearningLoop` and `ModelWrapper` by their defaults "
        f"({versions}), as many optimiser steps of 16 images. Neither measures on the test set. baal starts a "
        "loader of four processes each epoch: with the fewest labels it has the most epochs.",
        "",
        "| labels | pool | steps | ours: train | ours: score | baal: train | baal: score "
        f"{part} images | *extrapolated* to the pool | ratio of the round |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = (row["peer_train"] + row["peer_score"]) / (row["train"] + row["score"])
        lines.append(
            f"| {row['labels']} | {row['pool']:,} | {row['steps']} | {row['train']:.1f} | {row['score']:.1f} | "
            f"{row['peer_train']:.1f} | {row['peer_part']:.1f} | {row['peer_score']:.0f} | {ratio:.0f}x |"
        )
    whole = f"{theirs / 3600:.1f} h, extrapolated, to {ours / 60:.0f} min"
    lines += [
        "",
        "CPU seconds. Rounds that were run stand for all 38:",
        "",
        f"**baal's loop / ours: {theirs / ours:.0f}x** ({whole}); goal 20.",
        "",
    ]
    return lines


if __name__ == "__main__":
    main()
