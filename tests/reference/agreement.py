"""Agreement the slow way: pair by pair, straight from the definitions."""

from collections import Counter
from itertools import permutations


def cohen_kappa(a, b):
    n = len(a)
    observed = sum(x == y for x, y in zip(a, b, strict=True)) / n
    left, right = Counter(a), Counter(b)
    expected = sum(left[c] / n * right[c] / n for c in left)
    return (observed - expected) / (1 - expected)


def krippendorff_alpha(ratings):
    """Disagreement within images over disagreement between any two ratings."""
    seen = [[value for value in row if value >= 0] for row in ratings]
    seen = [row for row in seen if len(row) > 1]
    everything = [value for row in seen for value in row]
    n = len(everything)
    within = sum(sum(x != y for x, y in permutations(row, 2)) / (len(row) - 1) for row in seen) / n
    between = sum(x != y for x, y in permutations(everything, 2)) / (n * (n - 1))
    return 1 - within / between
