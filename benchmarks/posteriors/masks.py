"""Are masks in rounds, some of them shared, as good as independent ones? Heads with two dropouts, K = 20 and 100.

BALD and the mean prediction of 1,000 images by K draws, beside those of 4,000 independent masks: rank correlation
of BALD, root mean square errors. Rows differ by the masks alone; what they cost is in `benchmarks/speed`.

    python benchmarks/posteriors/masks.py       # resumes; half an hour on one core
"""

import argparse
import datetime
import math
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "speed"))

from mc_dropout import digits, trained
from trashnet import TRAIN, model, problem

from askance.acquisition import bald
from askance.maths import Draws
from askance.maths.entropies import mean_probs
from askance.studies.machine import machine
from askance.tasks.classification import Classification
from askance.uncertainty import dropout_masks, split
from askance.uncertainty.posterior import shared_masks
from askance.vocab import Labelled
from askance.vocab.files import write_whole

RESULTS = Path(__file__).parent / "results"
WORK = Path("work/masks")
IMAGES, REFERENCE = 1000, 4000


@dataclass(frozen=True)
class Head:
    """Dropout, linear, ReLU, dropout, linear, and the features it is given.

    Attributes:
        name: for the table.
        layers: the head.
        features: `[N, D]`.
    """

    name: str
    layers: nn.Sequential
    features: Tensor


def independent(seed: int, layer: str, *, k: int, width: int, p: float, shared: int = 1) -> Tensor:
    """What `dropout_masks` might have been; a seed of its own for each draw, and nothing is shared."""
    generator = torch.Generator().manual_seed(1_000_003 * seed + int(layer))
    return torch.rand(k, width, generator=generator) >= p


def only_rounds(seed: int, layer: str, *, k: int, width: int, p: float, shared: int = 1) -> Tensor:
    return dropout_masks(seed, layer, k=k, width=width, p=p)


WAYS: dict[str, Callable[..., Tensor]] = {
    "independent masks": independent,
    "in rounds": only_rounds,
    "in rounds, the first shared (the product)": dropout_masks,
}


@torch.no_grad()
def draws_of(head: Head, masks: Callable[..., Tensor], k: int, seed: int) -> Draws:
    """K draws, each written out; an error of the kernels would not be seen here."""
    first, one, act, second, two = head.layers
    shared = shared_masks(head.layers).get("0", 1)
    inputs = masks(seed, "0", k=k, width=one.in_features, p=first.p, shared=shared)
    hidden = masks(seed, "3", k=k, width=two.in_features, p=second.p)
    logits = []
    for kept, units in zip(inputs, hidden, strict=True):
        h = act(nn.functional.linear(head.features * kept / (1 - first.p), one.weight, one.bias))
        logits.append(nn.functional.linear(h * units / (1 - second.p), two.weight, two.bias))
    return Draws.from_logits(torch.stack(logits, 1), joint=True)


def reference(head: Head) -> tuple[Tensor, Tensor]:
    """BALD and mean probabilities by very many independent masks, a hundred at a time."""
    mean, expected = torch.zeros(()), torch.zeros(())
    for part in range(REFERENCE // 100):
        draws = draws_of(head, independent, 100, 10_000 + part)
        probs = mean_probs(draws.log_probs)
        mean = mean + probs
        expected = expected + torch.special.entr(probs).sum(-1) - bald(draws)  # the mean entropy of the draws
    mean, expected = mean / (REFERENCE // 100), expected / (REFERENCE // 100)
    return torch.special.entr(mean).sum(-1) - expected, mean


def heads() -> Iterator[Head]:
    """Gal's network three times, and two heads on a frozen MobileNetV2 of TrashNet's photographs."""
    images, _ = digits(50_000 + IMAGES)
    for seed in range(3):
        net = split(trained(seed)).eval()
        features = torch.cat([net.features(part) for part in images[50_000:].split(64)])
        yield Head(f"Gal's network {seed}, 3,872 x 0.25, 128 x 0.5", net.head, features)
    data = problem()
    task = Classification(
        model("softmax"), train=TRAIN, classes=data.classes, images=data.images, features=Path("work/features")
    )
    net = task.fit(Labelled(data.pool.ids[:60], data.pool.targets[:60]), Labelled((), ()), warm=None, seed=0).model
    rows, targets = task._extractor.of(net, data.pool.ids).rows.float(), torch.tensor(data.pool.targets)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(0))
    known, new = order[:150], order[150 : 150 + IMAGES]
    for p1, width, p2 in (
        (0.5, 128, 0.5),
        (0.25, 128, 0.5),
        (0.5, 1024, 0.5),
        (0.25, 128, 0.25),
        (0.25, 128, 0.1),
    ):
        head = fitted(p1, width, p2, rows[known], targets[known])
        yield Head(f"TrashNet, 1,280 x {p1:g}, {width:,} x {p2:g}", head, rows[new])


def fitted(p1: float, width: int, p2: float, features: Tensor, targets: Tensor) -> nn.Sequential:
    torch.manual_seed(0)
    head = nn.Sequential(nn.Dropout(p1), nn.Linear(1280, width), nn.ReLU(), nn.Dropout(p2), nn.Linear(width, 6))
    adam = torch.optim.Adam(head.parameters(), 1e-3)
    for _ in range(500):
        some = torch.randint(0, len(features), (32,))
        nn.functional.cross_entropy(head(features[some]), targets[some]).backward()
        adam.step()
        adam.zero_grad()
    return head.eval()


def table(head: Head, repetitions: int) -> list[str]:
    """A section; what was computed before is read again."""
    kept = WORK / f"{head.name} {repetitions}.md"
    if kept.exists():
        return kept.read_text().splitlines()
    due, mean = reference(head)
    lines = [
        f"## {head.name}",
        "",
        "| masks | K | Spearman of BALD | error of BALD, nats | error of the mean probabilities |",
        "|---|---|---|---|---|",
    ]
    for k in (20, 100):
        for name, masks in WAYS.items():
            found = [measured(draws_of(head, masks, k, seed), due, mean) for seed in range(repetitions)]
            cells = [f"{statistics.mean(values):.4f} ± {error(values):.4f}" for values in zip(*found, strict=True)]
            lines.append(f"| {name} | {k} | " + " | ".join(cells) + " |")
    write_whole(kept, "\n".join([*lines, ""]).encode())
    print("\n".join(lines), flush=True)
    return [*lines, ""]


def measured(draws: Draws, due: Tensor, mean: Tensor) -> tuple[float, float, float]:
    scores = bald(draws)
    rank = float(spearmanr(scores, due).statistic)
    return rank, rms(scores - due), rms(mean_probs(draws.log_probs) - mean)


def rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt())


def error(values: tuple[float, ...]) -> float:
    return statistics.stdev(values) / math.sqrt(len(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = [row for head in heads() for row in table(head, options.repetitions)]
    day = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    said = [f"- {key}: {value}" for key, value in machine().items()]
    top = [f"# Masks, {day}", "", *said, "- command: `python benchmarks/posteriors/masks.py`", ""]
    about = (
        f"{IMAGES:,} images, {options.repetitions} seeds, mean ± standard error; the reference are {REFERENCE:,} "
        "independent masks. D x p1, H x p2 in the titles."
    )
    path = RESULTS / f"{day}-masks.md"
    path.write_text("\n".join([*top, about, "", *lines]))
    print(path)


if __name__ == "__main__":
    main()
