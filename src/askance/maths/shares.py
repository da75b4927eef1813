"""Shares of a count, and how well they are known."""

import math


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % score interval of a share of n (Wilson 1927): sensible near 0 and 1.

    >>> tuple(round(bound, 3) for bound in wilson(0.0, 20))
    (0.0, 0.161)
    """
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)
