"""BatchBALD beside batchbald_redux: time, error of the joint entropy, picks, memory, growth with the batch.

python benchmarks/speed/batchbald.py [--peer] [--only b10,b4,growth,classes]

Draws are those of Gal's network after a training on 100 labels of MNIST, over 10,000 others of its training
images; they are made once and kept in work/. `--peer` wants `.venv-peers` with batchbald-redux==2.0.5; its ten
images take minutes, and its answers are kept in work/ too.
"""

import argparse
import json
import math
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _measure import MNIST, PEER, ROOT, interleaved, said_by, write
from peers.memory import forget_peak, mib
from torch import Tensor

from askance.loop.step import random_subset
from askance.maths import Draws, joint_entropy
from askance.maths.joint import Configurations, lot_of
from askance.selection import batchbald
from askance.selection.lazy import Pool
from askance.simulation.experiment import start_and_validation
from askance.studies.problems import classification, problem_from
from askance.studies.simulations import settings_for
from askance.vocab import Labelled

WORK = ROOT / "work"
POSTERIOR = WORK / "posterior.npy"


def posterior(mnist: Path) -> Draws:
    """`[10000, 100, 10]`: a hundred networks after 100 labels."""
    if not POSTERIOR.exists():
        problem = problem_from(str(mnist))()
        model, train = settings_for(
            str(mnist), {"train": {"min_steps": 300, "max_steps": 700, "weight_decay": [3.0]}}
        )
        task = classification(model, train, problem)
        start, _ = start_and_validation(problem.pool, 100, 0, 0)
        truth = dict(zip(problem.pool.ids, problem.pool.targets, strict=True))
        labelled = Labelled(tuple(start), tuple(truth[name] for name in start))
        fitted = task.fit(labelled, Labelled((), ()), warm=None, seed=0)
        rest = random_subset(sorted(set(problem.pool.ids) - set(start)), 10_000, 0)
        parts = [chunk.units.draws.log_probs for chunk in task.draws(fitted.model, rest, k=100, seed=0)]
        POSTERIOR.parent.mkdir(exist_ok=True)
        np.save(POSTERIOR, torch.cat(parts).numpy())
    return Draws(torch.from_numpy(np.load(POSTERIOR)), joint=True)


def many_classes() -> Draws:
    """`[5000, 50, 1000]`, made up: 1 GB of float32."""
    generator = torch.Generator().manual_seed(0)
    values = torch.empty(5000, 50, 1000)
    for part in torch.split(values, 500):
        middle = 3 * torch.randn(len(part), 1, 1000, generator=generator)
        noise = torch.rand(len(part), 1, 1, generator=generator)
        part.copy_(torch.log_softmax(middle + noise * torch.randn(len(part), 50, 1000, generator=generator), -1))
    return Draws(values, joint=True)


def ids_of(draws: Draws) -> list[str]:
    return [str(i) for i in range(len(draws))]


def in_full(draws: Draws, size: int, limit: int) -> tuple[int, ...]:
    """The same greedy without bounds: every candidate with all configurations (float32, as the sifting)."""
    pool, known = Pool.of(draws.log_probs), Configurations.start(draws.k)
    chosen: list[int] = []
    while len(chosen) < size:
        gains = pool.gains(known, torch.arange(len(draws)))
        gains[chosen] = -1
        chosen.append(int(gains.argmax()))
        known = known.extended(draws.log_probs[chosen[-1]], limit, lot_of(0, len(chosen) - 1))
    return tuple(chosen)


def by_samples(log_probs: Tensor, rounds: int, per_draw: int, seed: int) -> tuple[float, float]:
    """-mean log p(y) over plain samples, and its standard error: what both are held against."""
    generator = torch.Generator().manual_seed(seed)
    logs = torch.log_softmax(log_probs.double(), -1)
    means = []
    for _ in range(rounds):
        total = torch.zeros(logs.shape[1] * per_draw, logs.shape[1], dtype=torch.float64)
        for image in logs:
            labels = torch.multinomial(image.exp(), per_draw, replacement=True, generator=generator)
            total += image.T[labels.flatten()]
        means.append(float(-(torch.logsumexp(total, 1) - math.log(logs.shape[1])).mean()))
    return statistics.mean(means), statistics.stdev(means) / math.sqrt(rounds)


@dataclass(frozen=True, slots=True)
class Plain:
    """The joint entropy of a batch by plain samples.

    Attributes:
        nats: the mean over 5,000,000 of them.
        doubt: its standard error.
        told: nats that the batch tells: that less the mean entropies of its images.
    """

    nats: float
    doubt: float
    told: float

    @classmethod
    def of(cls, draws: Draws, picks: Sequence[int]) -> "Plain":
        """Of a batch."""
        logs = draws.log_probs[list(picks)].double()
        nats, doubt = by_samples(logs, 100, 500, 1)
        return cls(nats, doubt, nats - float(-(logs.exp() * logs).nan_to_num().sum(-1).mean(1).sum()))

    def missed_by(self, estimates: Sequence[float]) -> str:
        """The root mean square error of estimates."""
        return f"{np.sqrt(((np.array(estimates) - self.nats) ** 2).mean()):.4f}"


def redux(size: int, repeats: int) -> dict[str, Any]:
    """batchbald_redux on the same draws, 10,000 configurations; asked once of these draws, then read."""
    draws = blake2b(POSTERIOR.read_bytes(), digest_size=4).hexdigest()
    answer = WORK / f"redux-b{size}-{repeats}-{draws}.json"
    asked = "read from an earlier run" if answer.exists() else "asked in this run"
    if not answer.exists():
        script = Path(__file__).with_name("peers") / "batchbald_redux_batch.py"
        answer.write_text(
            json.dumps(said_by([PEER, script, POSTERIOR, "10000", str(size), "10000", str(repeats)]))
        )
    return json.loads(answer.read_text()) | {"asked": asked}


def fresh(what: str, size: int, limit: int) -> dict[str, float]:
    """A process that loads the draws and picks: CPU seconds of picking, nats told, peak MiB in all and above."""
    here = str(Path(__file__).parent)
    code = f"import sys; sys.path.insert(0, {here!r}); import batchbald as b; b.alone({what!r}, {size}, {limit})"
    return said_by([sys.executable, "-c", code])


def alone(what: str, size: int, limit: int) -> None:
    """What `fresh` asks of the process."""
    torch.set_num_threads(1)
    draws = posterior(MNIST) if what == "mnist" else many_classes()
    before = mib("VmRSS")
    forget_peak()
    start = time.process_time()
    told = sum(batchbald(draws, ids_of(draws), size, 0, configurations=limit).gains)
    cpu = time.process_time() - start
    print(json.dumps({"cpu": cpu, "told": told, "mib": mib("VmHWM"), "above": mib("VmHWM") - before}))


def beside(draws: Draws, size: int, limits: tuple[int, ...], repetitions: int, peer: bool) -> list[str]:
    """One batch: time, memory, picks and error, redux's where it is there."""
    ids = ids_of(draws)
    runs = {limit: batchbald(draws, ids, size, 0, configurations=limit).positions for limit in limits}
    times = interleaved(
        {str(m): lambda m=m: batchbald(draws, ids, size, 0, configurations=m) for m in limits}, repetitions
    )
    held = runs[limits[0]]
    theirs = redux(size, 20) if peer else None
    batches = {*runs.values(), *([tuple(theirs["indices"])] if theirs else [])}
    plain = {picks: Plain.of(draws, picks) for picks in batches}
    lines = [
        f"## B = {size}, N = {len(draws):,}, K = {draws.k}, C = {draws.c}",
        "",
        "Error: of the joint entropy of its batch, root mean square over 20 seeds, against 5,000,000 plain "
        f"samples (of our first {plain[held].nats:.4f} nats, standard error {plain[held].doubt:.4f}: less cannot "
        "be seen). Told: what the batch says of the network, in nats, by the same samples.",
        "",
        "| | CPU s | redux / it | picks as redux | error, nats | told | peak above the draws, MiB |",
        "|---|---|---|---|---|---|---|",
        *([redux_row(theirs, plain)] if theirs else []),
    ]
    for limit, picks in runs.items():
        seconds, exact = statistics.median(times[str(limit)]), draws.c ** (size - 1) <= limit
        some = draws[torch.tensor(picks)]
        found = [joint_entropy(some, limit=limit, seed=seed) for seed in range(20)]
        error = "0 (exact)" if exact else plain[picks].missed_by(found)
        lines.append(
            f"| ours, {limit:,} configurations | {seconds:.2f} | {compared(picks, seconds, theirs)} | {error} | "
            f"{plain[picks].told:.4f} | {fresh('mnist', size, limit)['above']:.0f} |"
        )
    start = time.process_time()
    full = in_full(draws, size, limits[0])
    whole = time.process_time() - start
    return [
        *lines,
        "",
        f"Without bounds (every image with all {limits[0]:,} configurations, one run): {whole:.1f} CPU s, and "
        f"{'the same picks in the same order' if full == held else f'OTHER PICKS: {full}, not {held}'}.",
        "",
    ]


def redux_row(theirs: dict[str, Any], plain: Mapping[tuple[int, ...], Plain]) -> str:
    """What batchbald_redux needed and found; exact where it enumerates."""
    own = plain[tuple(theirs["indices"])]
    exact = 10 ** (len(theirs["indices"]) - 1) <= 10_000
    error = "0 (exact)" if exact else own.missed_by(theirs["joint_entropies"])
    return (
        f"| batchbald_redux {theirs['versions']['batchbald_redux']}, 10,000 configurations, one run, "
        f"{theirs['asked']} | {theirs['cpu']:.1f} | 1 | - | {error} | {own.told:.4f} | {theirs['rss_mb']:.0f} |"
    )


def compared(picks: tuple[int, ...], seconds: float, theirs: dict[str, Any] | None) -> str:
    """How much less time than redux, and how many of its picks: two cells."""
    if theirs is None:
        return "- | -"
    in_order = ", in order" * (list(picks) == theirs["indices"])
    same = len(set(picks) & set(theirs["indices"]))
    return f"**{theirs['cpu'] / seconds:.0f}x** | {same} of {len(picks)}{in_order}"


def growth(draws: Draws, limit: int) -> list[str]:
    """Longer batches of one pool."""
    lines = [
        f"## Growth with B ({limit:,} configurations, one run each)",
        "",
        f"All batches together can tell log K = {math.log(draws.k):.3f} nats.",
        "",
        "| B | CPU s | nats told |",
        "|---|---|---|",
    ]
    for size in (10, 50, 200):
        start = time.process_time()
        picks = batchbald(draws, ids_of(draws), size, 0, configurations=limit)
        lines.append(f"| {size} | {time.process_time() - start:.1f} | {sum(picks.gains):.6f} |")
    return [*lines, ""]


def classes() -> list[str]:
    """A thousand classes."""
    found = fresh("classes", 10, 10_000)
    return [
        "## C = 1,000, N = 5,000, K = 50, B = 10 (made-up draws, 10,000 configurations, one run)",
        "",
        f"{found['cpu']:.0f} CPU s, {found['told']:.3f} of {math.log(50):.3f} nats; peak memory of a fresh "
        f"process {found['mib']:.0f} MiB, {found['above']:.0f} above the draws' own 954 and what was imported.",
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", action="store_true", help="also batchbald_redux")
    parser.add_argument("--only", default="b10,b4,growth,classes")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--mnist", type=Path, default=MNIST)
    options = parser.parse_args()
    torch.set_num_threads(1)
    draws = posterior(options.mnist)
    wanted = options.only.split(",")
    lines = []
    if "b10" in wanted:
        lines += beside(draws, 10, (10_000, 2_000, 500), options.repetitions, options.peer)
    if "b4" in wanted:
        lines += beside(draws, 4, (10_000,), options.repetitions, options.peer)
    if "growth" in wanted:
        lines += growth(draws, 2_000)
    if "classes" in wanted:
        lines += classes()
    print("\n".join(lines))
    print(
        write(
            "batchbald", lines, "ours: medians of interleaved runs; redux, B = 50 and 200 and C = 1,000: one run"
        )
    )


if __name__ == "__main__":
    main()
