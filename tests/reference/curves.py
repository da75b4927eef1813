"""What curves say, the slow way: every candidate tried, every pair written out."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from statistics import median

from scipy import stats

from askance.vocab import Curve


def reaches(value: float, threshold: float, below: bool) -> bool:
    """Is it there, or off by rounding alone?"""
    return (value <= threshold if below else value >= threshold) or abs(value - threshold) <= 1e-12


def labels_to(labels: Sequence[int], values: Sequence[float], threshold: float, below: bool) -> int | None:
    """Try each model in turn: is it, and is everything after it, there?"""
    for i, size in enumerate(labels):
        there = [reaches(value, threshold, below) for value in values[i:]]
        if all(there):
            return size
    return None


def labels_first_at(labels: Sequence[int], values: Sequence[float], threshold: float, below: bool) -> int | None:
    """The least of the training sizes that are there."""
    there = [n for n, v in zip(labels, values, strict=True) if reaches(v, threshold, below)]
    return min(there, default=None)


def area_under(labels: Sequence[int], values: Sequence[float]) -> float:
    """The mean of the linearly interpolated curve over every single label between the first and the last."""
    if len(labels) == 1:
        return values[0]
    heights = []
    for a, b, u, v in zip(labels, labels[1:], values, values[1:], strict=False):
        for step in range(b - a):
            left, right = (u + (v - u) * (step + side) / (b - a) for side in (0, 1))
            heights.append((left + right) / 2)
    return sum(heights) / len(heights)


def saved(arm: Sequence[Curve], random: Sequence[Curve], metric: str, level: float, below: bool) -> float:
    """The median over seeds of labels saved, censored runs counted against the arm."""
    differences = []
    for ours in arm:
        for theirs in random:
            if ours.seed == theirs.seed:
                a = labels_to(ours.labels, ours.metrics[metric], level, below)
                r = labels_to(theirs.labels, theirs.metrics[metric], level, below)
                at_least = theirs.labels[-1] if r is None else r
                differences.append(-math.inf if a is None else at_least - a)
    return float(median(differences))


def sign_flip_test(differences: Sequence[float]) -> float:
    """Every assignment of signs, written out with exact fractions."""
    exact = [Fraction(value) for value in differences]
    said = abs(sum(exact))
    sums = [
        abs(sum(e * d for e, d in zip(signs, exact, strict=True))) for signs in product((1, -1), repeat=len(exact))
    ]
    return sum(value >= said for value in sums) / len(sums)


def wins(better: Sequence[Curve], worse: Sequence[Curve], metric: str) -> float:
    """At what share of the sizes that two pairs have, scipy's paired t-test finds the better lower."""
    pairs = [(a, b) for a in better for b in worse if a.seed == b.seed]
    sizes = sorted({n for a, b in pairs for n in a.labels if n in b.labels})
    found = []
    for n in sizes:
        at = [(a, b) for a, b in pairs if n in a.labels and n in b.labels]
        ours = [a.metrics[metric][a.labels.index(n)] for a, _ in at]
        theirs = [b.metrics[metric][b.labels.index(n)] for _, b in at]
        if len(at) > 1:
            test = stats.ttest_rel(ours, theirs)
            found.append(bool(test.statistic < 0 and test.pvalue < 0.05))
    return sum(found) / len(found) if found else 0.0
