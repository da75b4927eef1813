import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askance.maths.agreement import agreement, cohen_kappa, krippendorff_alpha
from tests.reference import agreement as slow

_ = -1
FOUR_RATERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    ]
).T
"""Krippendorff 2011, section C."""

TWO_RATERS = np.array([list(map("abcde".index, row)) for row in ("aabbdcccedda", "babbbccceddd")]).T
"""Krippendorff 2011, section B: Meg and Owen."""

ratings = st.lists(st.lists(st.integers(-1, 3), min_size=3, max_size=3), min_size=1, max_size=12)


def test_alpha_of_the_published_examples():
    assert krippendorff_alpha(FOUR_RATERS) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(TWO_RATERS) == pytest.approx(0.692, abs=5e-4)


def test_kappa_of_the_published_example():
    """Fleiss, Levin & Paik, Statistical Methods for Rates and Proportions, table 18.1: two raters, 100 people."""
    table = [[75, 1, 4], [5, 4, 1], [0, 0, 10]]
    pairs = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    a, b = np.array(pairs).T
    assert agreement(a, b) == pytest.approx(0.89)
    assert cohen_kappa(a, b) == pytest.approx(0.68, abs=5e-3)


@given(ratings)
def test_alpha_is_what_its_slow_twin_says(rows):
    shared = [value for row in rows if sum(v >= 0 for v in row) > 1 for value in row if value >= 0]
    found = krippendorff_alpha(np.array(rows))
    if len(set(shared)) < 2:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(slow.krippendorff_alpha(rows))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_kappa_is_what_its_slow_twin_says(pairs):
    a, b = np.array(pairs).T
    if len(set(a.tolist()) | set(b.tolist())) == 1:
        assert math.isnan(cohen_kappa(a, b))
    else:
        assert cohen_kappa(a, b) == pytest.approx(slow.cohen_kappa(a.tolist(), b.tolist()))


@given(ratings, st.permutations(range(4)), st.permutations(range(3)))
def test_alpha_does_not_mind_names_of_categories_or_the_order_of_raters(rows, names, order):
    renamed = [[names[value] if value >= 0 else -1 for value in (row[i] for i in order)] for row in rows]
    before, after = krippendorff_alpha(np.array(rows)), krippendorff_alpha(np.array(renamed))
    assert after == pytest.approx(before, nan_ok=True)


def test_nobody_saw_anything_twice():
    assert math.isnan(krippendorff_alpha(np.array([[0, -1], [-1, 1]])))
    nothing = np.array([], dtype=np.int64)
    assert math.isnan(agreement(nothing, nothing))
    assert math.isnan(cohen_kappa(nothing, nothing))
