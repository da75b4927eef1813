"""What curves say, the slow way: every candidate tried, every pair written out."""

import math
from collections.abc import Sequence
from statistics import median

from askance.vocab import Curve


def labels_to(labels: Sequence[int], values: Sequence[float], threshold: float, below: bool) -> int | None:
    """Try each model in turn: is it, and is everything after it, there?"""
    for i, size in enumerate(labels):
        there = [value <= threshold if below else value >= threshold for value in values[i:]]
        if all(there):
            return size
    return None


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
