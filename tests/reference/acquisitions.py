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


def bernoulli_bald(unit: Unit) -> float:
    """Class by class a table of yes and no; a class that is impossible where nothing is, too, is a no."""
    found = []
    for c in range(len(unit[0]) - 1):
        answers = []
        for draw in unit:
            yes, nothing = draw[c], draw[-1]
            odds = -math.inf if yes == -math.inf else yes - nothing
            answers.append([_log_sigmoid(-odds), _log_sigmoid(odds)])
        found.append(bald(answers))
    return math.fsum(found)


def _log_sigmoid(x: float) -> float:
    if x == -math.inf:
        return x
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


def localisation(spread: float) -> float:
    return spread


def occurrence(seen: float) -> float:
    """Twice the share of the draws that are in the minority."""
    return 2 * min(seen, 1 - seen)


def box_doubt(unit: Unit, spread: float, seen: float) -> float:
    """The overlap as areas of two unit squares, one moved along the diagonal."""
    most = math.log(len(unit[0])) if len(unit[0]) > 1 else 1.0
    of_class = _mean([1 - _entropy([math.exp(log_p) for log_p in draw]) / most for draw in unit])
    both = max(0.0, 1 - spread) ** 2
    return 1 - of_class * (both / (1 + 1 - both)) * abs(seen - (1 - seen))


BOX_TWINS: dict[str, Callable[..., float]] = {
    twin.__name__.replace("_", "-"): twin for twin in (localisation, occurrence, box_doubt)
}
"""Of a unit by what is said of it, by name; draws as `unit`."""

TWINS: dict[str, Callable[..., float]] = {
    twin.__name__.replace("_", "-"): twin
    for twin in (
        bald,
        bernoulli_bald,
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


def of_images(
    scores: list[float],
    owners: list[int],
    n_images: int,
    how: str,
    sure: list[float] | None = None,
    cost: tuple[float, float] = (5.0, 7.0),
) -> list[float]:
    """One score an image from those of its units; an image without units scores 0."""
    found = []
    for image in range(n_images):
        if how == "per-cost":
            mine = [i for i, owner in enumerate(owners) if owner == image]
            boxes = math.fsum(1.0 if sure is None else sure[i] for i in mine)
            found.append(math.fsum(scores[i] for i in mine) / (cost[0] + cost[1] * boxes))
            continue
        own = sorted((s for s, owner in zip(scores, owners, strict=True) if owner == image), reverse=True)
        kept = {"mean": own, "max": own[:1], "top3-mean": own[:3]}[how]
        found.append(_mean(kept) if kept else 0.0)
    return found
