"""What a few paired runs can show: corrected p-values, the pairs a test needs, the smallest difference it sees.

Letters: S pairs, m comparisons, s the standard deviation of the paired differences.
"""

import math
from collections.abc import Sequence

POWER = 0.8
"""The chance to see a difference that is called large enough to be seen."""


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for how many there are, in the order given (Holm 1979): valid however they depend.

    The i-th smallest of m is multiplied by m - i + 1, is at least what the smaller ones became, and at most 1.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[i]))
        corrected[i] = largest
    return corrected


def pairs_needed(comparisons: int, level: float = 0.95) -> int:
    """The fewest pairs of which a sign flip test of m comparisons can show anything: m 2^(1-S) <= 1 - level.

    >>> pairs_needed(1), pairs_needed(3)
    (6, 7)
    """
    return 1 + math.ceil(math.log2(max(1, comparisons) / (1 - level)) - 1e-9)


def smallest_shown(spread: float, n: int, *, level: float = 0.95, power: float = POWER) -> float:
    """The mean difference that a paired t-test of n pairs shows with this chance: (t_level + t_power) s / sqrt(n).

    Infinite for fewer than two pairs.

    Args:
        spread: s, the standard deviation of the differences, n - 1 below the line; in the metric's own unit.
        n: S.
        level: of the two-sided test.
        power: the chance.

    >>> round(smallest_shown(1.0, 10), 2)
    0.99
    """
    from scipy.special import stdtrit  # here where it is used: it costs a tenth of torch to import

    if n < 2:
        return math.inf
    quantiles = stdtrit(n - 1, (1 + level) / 2) + stdtrit(n - 1, power)
    return float(quantiles) * spread / math.sqrt(n)


def sign_test(fewer: int, more: int) -> float:
    """Two-sided p-value of so many pairs on one side of zero and so many on the other; ties are left out.

    >>> sign_test(9, 1), sign_test(0, 0)
    (0.0214..., 1.0)
    """
    from scipy.special import bdtr

    n = fewer + more
    return min(1.0, 2 * float(bdtr(min(fewer, more), n, 0.5))) if n else 1.0
