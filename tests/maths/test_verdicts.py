"""What a few paired runs can show."""

import math

import numpy as np
import pytest

from askance.maths import holm, pairs_needed, sign_flip_test, sign_test, smallest_shown


def slow_holm(p_values: list[float]) -> list[float]:
    """Each p-value is the largest, over those not above it, of p times how many are not below."""
    m = len(p_values)
    order = sorted(range(m), key=lambda i: p_values[i])
    return [
        min(1.0, max((m - rank) * p_values[i] for rank, i in enumerate(order[: order.index(j) + 1])))
        for j in range(m)
    ]


@pytest.mark.parametrize("m", [1, 2, 5, 9])
def test_holm_is_its_definition(m: int) -> None:
    generator = np.random.default_rng(m)
    for _ in range(50):
        p_values = (generator.random(m) ** 3).tolist()
        assert holm(p_values) == pytest.approx(slow_holm(p_values))
    assert holm([]) == []


@pytest.mark.parametrize("comparisons", [1, 2, 3, 8, 20])
def test_fewer_pairs_than_needed_can_show_nothing(comparisons: int) -> None:
    def least(s: int) -> float:
        return comparisons * sign_flip_test([1.0] * s, generator=np.random.default_rng(0))

    needed = pairs_needed(comparisons)
    assert least(needed) <= 0.05 < least(needed - 1)


@pytest.mark.parametrize("n", [6, 10, 20])
def test_the_smallest_difference_is_shown_in_four_tries_of_five(n: int) -> None:
    from scipy.stats import ttest_1samp

    draws = np.random.default_rng(0).normal(smallest_shown(1.0, n), 1.0, size=(4000, n))
    shown = (ttest_1samp(draws, 0.0, axis=1).pvalue < 0.05).mean()
    assert shown == pytest.approx(0.8, abs=0.06)


def test_one_pair_shows_nothing() -> None:
    assert smallest_shown(1.0, 1) == math.inf


@pytest.mark.parametrize(("fewer", "more"), [(9, 1), (1, 9), (5, 5), (8, 0), (0, 0), (3, 2)])
def test_the_sign_test_counts_what_is_as_far_out(fewer: int, more: int) -> None:
    n = fewer + more
    far = abs(fewer - more)
    expected = sum(math.comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= far) / 2**n
    assert sign_test(fewer, more) == pytest.approx(expected)
