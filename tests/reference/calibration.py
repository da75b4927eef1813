"""Calibration the slow way: one unit, one bin, one class at a time, on plain floats; label errors on fractions.

Letters: N units, C classes, B bins. Probabilities are `[N][C]` nested lists, targets `[N]`.
"""

import math
from fractions import Fraction

Probs = list[list[float]]

ROUNDING = Fraction(1, 10**12)
"""What floats cannot tell apart counts as equal."""


def nll(log_probs: Probs, targets: list[int], temperature: float) -> float:
    """The mean loss at a temperature, by the definition of softmax."""
    losses = []
    for row, target in zip(log_probs, targets, strict=True):
        z = [max(value, -744.0) / temperature for value in row]
        peak = max(z)
        losses.append(peak + math.log(math.fsum(math.exp(value - peak) for value in z)) - z[target])
    return math.fsum(losses) / len(losses)


def temperature(log_probs: Probs, targets: list[int], steps: int = 400) -> float:
    """The best of a fine grid over [0.05, 20], even in its logarithm."""
    grid = [0.05 * 400 ** (i / steps) for i in range(steps + 1)]
    return min(grid, key=lambda t: nll(log_probs, targets, t))


def _confidences(probs: Probs) -> list[float]:
    return [max(row) for row in probs]


def _right(probs: Probs, targets: list[int]) -> list[int]:
    return [int(row.index(max(row)) == target) for row, target in zip(probs, targets, strict=True)]


def _equal_width(values: list[float], bins: int) -> list[list[int]]:
    """For each bin, who is in it."""
    found = []
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        found.append([n for n, v in enumerate(values) if (low < v or b == 0) and (v <= high or b == bins - 1)])
    return found


def _equal_mass(values: list[float], bins: int) -> list[list[int]]:
    """For each bin, who is in it: by how many lie strictly below."""
    found: list[list[int]] = [[] for _ in range(bins)]
    for n, value in enumerate(values):
        below = sum(other < value for other in values)
        found[below * bins // len(values)].append(n)
    return found


def _error(said: list[float], true: list[int], members: list[list[int]]) -> float:
    total = 0.0
    for inside in members:
        if inside:
            accuracy = sum(true[n] for n in inside) / len(inside)
            confidence = math.fsum(said[n] for n in inside) / len(inside)
            total += len(inside) / len(said) * abs(accuracy - confidence)
    return total


def ece(probs: Probs, targets: list[int], bins: int) -> float:
    said = _confidences(probs)
    return _error(said, _right(probs, targets), _equal_width(said, bins))


def adaptive(probs: Probs, targets: list[int], bins: int) -> float:
    said = _confidences(probs)
    return _error(said, _right(probs, targets), _equal_mass(said, bins))


def classwise(probs: Probs, targets: list[int], bins: int, equal_mass: bool) -> list[float]:
    errors = []
    for c in range(len(probs[0])):
        said = [row[c] for row in probs]
        members = _equal_mass(said, bins) if equal_mass else _equal_width(said, bins)
        errors.append(_error(said, [int(target == c) for target in targets], members))
    return errors


def brier(probs: Probs, targets: list[int]) -> float:
    total = 0.0
    for row, target in zip(probs, targets, strict=True):
        total += sum((p - (1 if c == target else 0)) ** 2 for c, p in enumerate(row))
    return total / len(probs)


def table(probs: Probs, targets: list[int], bins: int) -> list[tuple[int, float, float]]:
    """Count, mean confidence and accuracy of the bins that hold anything."""
    said, true = _confidences(probs), _right(probs, targets)
    return [
        (len(b), math.fsum(said[n] for n in b) / len(b), sum(true[n] for n in b) / len(b))
        for b in _equal_width(said, bins)
        if b
    ]


def label_errors(probs: Probs, targets: list[int]) -> tuple[list[tuple[int, int]], list[list[int]]]:
    """Suspects as (place, suggested class), least likely first, and the confident joint."""
    n_classes = len(probs[0])
    exact = [[Fraction(p) for p in row] for row in probs]
    thresholds: list[Fraction | None] = []
    for j in range(n_classes):
        given = [exact[n][j] for n, target in enumerate(targets) if target == j]
        thresholds.append(sum(given, Fraction(0)) / len(given) * (1 - ROUNDING) if given else None)
    joint = [[0] * n_classes for _ in range(n_classes)]
    suspects = []
    for n, target in enumerate(targets):
        classes = [j for j in range(n_classes) if thresholds[j] is not None and exact[n][j] >= thresholds[j]]
        if not classes:
            continue
        most = max(exact[n][j] for j in classes)
        equals = [j for j in classes if exact[n][j] == most]
        truly = target if target in equals else equals[0]
        joint[target][truly] += 1
        if truly != target:
            suspects.append((probs[n][target], n, truly))
    return [(n, truly) for _, n, truly in sorted(suspects)], joint
