"""Shares of a count, and how well they are known."""

import math
from collections.abc import Sequence


def wilson(share: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """95 % score interval of a share of n (Wilson 1927): sensible near 0 and 1.

    >>> tuple(round(bound, 3) for bound in wilson(0.0, 20))
    (0.0, 0.161)
    """
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def paired_shares(both: int, first: int, second: int, neither: int) -> tuple[float, float, float]:
    """The share of the second minus that of the first, of the same n things, with its 95 % interval.

    Newcombe's score interval for paired shares (1998, Statistics in Medicine 17, 2635-2650, method 10): it stays
    sensible where few things differ, or none.

    Args:
        both: things that have it both times.
        first: the first time alone.
        second: the second time alone.
        neither: things that never have it.

    Returns:
        Difference, lower and upper bound, in [-1, 1].

    >>> tuple(round(one, 4) for one in paired_shares(36, 2, 12, 0))
    (0.2, 0.0569, 0.3404)
    """
    n = both + first + second + neither
    share1, share2 = (both + first) / n, (both + second) / n
    (low1, high1), (low2, high2) = wilson(share1, n), wilson(share2, n)
    product = (both + second) * (first + neither) * (both + first) * (second + neither)
    cross = float(both * neither - first * second)
    cross = max(cross - n / 2, 0.0) if cross > 0 else cross
    phi = cross / math.sqrt(product) if product else 0.0
    below = math.hypot(share2 - low2, high1 - share1), (share2 - low2) * (high1 - share1)
    above = math.hypot(high2 - share2, share1 - low1), (high2 - share2) * (share1 - low1)
    difference = share2 - share1
    low = difference - math.sqrt(max(0.0, below[0] ** 2 - 2 * phi * below[1]))
    high = difference + math.sqrt(max(0.0, above[0] ** 2 - 2 * phi * above[1]))
    return difference, max(-1.0, low), min(1.0, high)


def worth_a_look(right: Sequence[float], share: float = 0.5) -> int:
    """How many of a list, the doubtful first, to show so that at most this share of them is expected to be right.

    Args:
        right: of each the probability that its label is right, ascending.
        share: in [0, 1].

    >>> worth_a_look([0.1, 0.4, 0.9, 0.9]), worth_a_look([0.8, 0.9])
    (3, 0)
    """
    total, most = 0.0, 0
    for n, one in enumerate(right, start=1):
        total += one
        if total <= share * n + 1e-12:
            most = n
    return most
