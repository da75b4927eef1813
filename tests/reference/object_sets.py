"""Likeness of images as sets, the slow way: every pair of objects, the kernel itself, Python's own floats.

Letters: N images.
"""

import math
from collections.abc import Sequence

Rows = Sequence[Sequence[float]]


def mean_likeness(
    features: Rows,
    weights: Sequence[float],
    image: Sequence[int],
    n: int,
    sigma: float,
    label: Sequence[int] | None,
) -> list[list[float]]:
    """For each two of n images the weighted mean of k = exp(-|h - h'|^2 / sigma^2), 0 between classes."""
    found = []
    for one in range(n):
        row = []
        for other in range(n):
            pairs = [(u, v) for u, a in enumerate(image) for v, b in enumerate(image) if a == one and b == other]
            heavy = [weights[u] * weights[v] for u, v in pairs]
            alike = [
                math.exp(-(math.dist(features[u], features[v]) ** 2) / sigma**2)
                if label is None or label[u] == label[v]
                else 0.0
                for u, v in pairs
            ]
            total = math.fsum(heavy)
            row.append(math.fsum(w * k for w, k in zip(heavy, alike, strict=True)) / total if total else 0.0)
        found.append(row)
    return found
