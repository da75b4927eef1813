"""The acquisitions the slow way: one unit, loops over draws and classes, Python's own floats and `math.fsum`.

Letters: K draws, C classes. A unit or a target is `[K][C]` log-probabilities, nested lists.
"""

import math
from collections.abc import Callable

Unit = list[list[float]]


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _column(unit: Unit, c: int) -> list[float]:
    return [math.exp(draw[c]) for draw in unit]


def _predictive(unit: Unit) -> list[float]:
    return [_mean(_column(unit, c)) for c in range(len(unit[0]))]


def _entropy(probs: list[float]) -> float:
    return -math.fsum(p * math.log(p) for p in probs if p > 0)


def bald(unit: Unit) -> float:
    """Mean Kullback-Leibler divergence of a draw from the mean of the draws."""
    mean = _predictive(unit)
    divergences = []
    for draw in unit:
        terms = []
        for c, log_p in enumerate(draw):
            if log_p > -math.inf and math.exp(log_p) > 0:
                terms.append(math.exp(log_p) * (log_p - math.log(mean[c])))
        divergences.append(math.fsum(terms))
    return _mean(divergences)


def predictive_entropy(unit: Unit) -> float:
    return _entropy(_predictive(unit))


def expected_entropy(unit: Unit) -> float:
    return _mean([_entropy([math.exp(log_p) for log_p in draw]) for draw in unit])


def epig(unit: Unit, targets: list[Unit]) -> float:
    """Mean over targets of the information between the two labels, from their joint table."""
    return _mean([_information(unit, target) for target in targets])


def _information(unit: Unit, target: Unit) -> float:
    ours = [_column(unit, c) for c in range(len(unit[0]))]
    theirs = [_column(target, c) for c in range(len(target[0]))]
    terms = []
    for p in ours:
        for q in theirs:
            joint = _mean([a * b for a, b in zip(p, q, strict=True)])
            if joint > 0:
                terms.append(joint * (math.log(joint) - math.log(_mean(p)) - math.log(_mean(q))))
    return math.fsum(terms)


def variation_ratios(unit: Unit) -> float:
    votes = [0.0] * len(unit[0])
    for draw in unit:
        winners = [c for c, log_p in enumerate(draw) if log_p == max(draw)]
        for c in winners:
            votes[c] += 1 / len(winners)
    return 1 - max(votes) / len(unit)


def mean_std(unit: Unit) -> float:
    spreads = []
    for c in range(len(unit[0])):
        column = _column(unit, c)
        centre = _mean(column)
        spreads.append(math.sqrt(_mean([(p - centre) ** 2 for p in column])))
    return _mean(spreads)


def margin(unit: Unit) -> float:
    first, second = sorted([*_predictive(unit), 0.0], reverse=True)[:2]
    return 1 - (first - second)


def least_confidence(unit: Unit) -> float:
    return 1 - max(_predictive(unit))


TWINS: dict[str, Callable[..., float]] = {
    twin.__name__.replace("_", "-"): twin
    for twin in (
        bald,
        epig,
        expected_entropy,
        predictive_entropy,
        variation_ratios,
        mean_std,
        margin,
        least_confidence,
    )
}
"""Of a unit, and for those that need targets of a list of them."""


def of_images(scores: list[float], owners: list[int], n_images: int, how: str) -> list[float]:
    """One score an image from those of its units; an image without units scores 0."""
    found = []
    for image in range(n_images):
        own = sorted((s for s, owner in zip(scores, owners, strict=True) if owner == image), reverse=True)
        kept = {"mean": own, "max": own[:1], "top3-mean": own[:3]}[how]
        found.append(_mean(kept) if kept else 0.0)
    return found
