import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askance.maths import (
    area_gap,
    area_under,
    paired_difference,
    paired_runs,
    penalty_matrix,
    sign_flip_test,
)
from askance.vocab import Curve, CurveError
from tests.reference import curves as slow

DIFFERENCES = st.lists(st.sampled_from([-0.3, -0.1, 0.0, 0.1, 0.2, 0.3]), min_size=1, max_size=7)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def arm(name: str, rows: list[list[float]], step: int = 10) -> list[Curve]:
    return [
        Curve(name, seed, tuple(range(step, step * len(row) + 1, step)), {"error": tuple(row)})
        for seed, row in enumerate(rows)
    ]


class TestSignFlips:
    @given(DIFFERENCES)
    def test_is_its_slow_twin(self, differences: list[float]) -> None:
        decimals = [round(10 * d) for d in differences]  # integers, so that the twin's equal sums are equal
        assert sign_flip_test([float(d) for d in decimals], generator=rng()) == slow.sign_flip_test(decimals)

    @given(DIFFERENCES)
    def test_neither_sign_nor_order_nor_unit_matters(self, differences: list[float]) -> None:
        p = sign_flip_test(differences, generator=rng())
        assert 0 < p <= 1
        assert sign_flip_test([-d for d in differences], generator=rng()) == p
        assert sign_flip_test(differences[::-1], generator=rng()) == p
        assert sign_flip_test([100 * d for d in differences], generator=rng()) == p

    @pytest.mark.parametrize("s", [1, 3, 5, 16])
    def test_all_of_one_sign_gives_the_least_there_can_be(self, s: int) -> None:
        assert sign_flip_test([0.1 * (i + 1) for i in range(s)], generator=rng()) == 2.0 ** (1 - s)

    def test_no_difference_is_no_evidence(self) -> None:
        assert sign_flip_test([0.0, 0.0], generator=rng()) == 1.0

    def test_many_pairs_are_sampled_and_agree_with_normal_theory(self) -> None:
        d = rng(1).normal(0.1, 1.0, size=40)
        p = sign_flip_test(list(d), generator=rng())
        z = abs(d.sum()) / math.sqrt((d**2).sum())
        assert p == pytest.approx(math.erfc(z / math.sqrt(2)), rel=0.1)
        assert sign_flip_test(list(d), generator=rng()) == p

    @pytest.mark.parametrize("bad", [[], [math.nan], [0.1, math.inf]])
    def test_refuses_what_is_no_difference(self, bad: list[float]) -> None:
        with pytest.raises(CurveError, match="finite differences"):
            sign_flip_test(bad, generator=rng())


class TestAreaGap:
    def test_is_the_difference_of_areas_over_shared_sizes(self) -> None:
        gap = area_gap(arm("a", [[0.3, 0.1, 0.0]] * 3), arm("b", [[0.4, 0.3]] * 3), "error", generator=rng())
        assert gap is not None
        assert gap.mean == pytest.approx(0.2 - 0.35)
        assert (gap.n, gap.p) == (3, 0.25)

    def test_without_a_pair_there_is_none(self) -> None:
        one = arm("a", [[0.3]])
        assert area_gap(one, [Curve("b", 7, (10,), {"error": (0.1,)})], "error", generator=rng()) is None
        assert area_gap(one, [Curve("b", 0, (11,), {"error": (0.1,)})], "error", generator=rng()) is None

    def test_an_unknown_metric_is_named(self) -> None:
        with pytest.raises(CurveError, match="auroc"):
            area_gap(arm("a", [[0.3]]), arm("b", [[0.3]]), "auroc", generator=rng())

    def test_areas_by_two_routes(self) -> None:
        """The mean of the differences of areas is the area of the mean difference."""
        noise = rng(3)
        a, b = (arm(name, noise.random((4, 6)).tolist()) for name in "ab")
        gap = area_gap(a, b, "error", generator=rng())
        assert gap is not None
        band = paired_difference(a, b, "error", generator=rng())
        assert gap.mean == pytest.approx(area_under(band.labels, band.mean))


class TestPairs:
    def test_are_of_one_seed_and_have_a_size_in_common(self) -> None:
        a = [Curve("a", seed, (10, 20), {"error": (0.2, 0.1)}) for seed in (3, 1, 2)]
        b = [Curve("b", seed, (20 if seed == 1 else 30,), {"error": (0.1,)}) for seed in (1, 2, 4)]
        assert paired_runs(a, b) == [(a[1], b[0])]
        assert paired_runs(b, a) == [(b[0], a[1])]

    @pytest.mark.parametrize("side", [0, 1])
    def test_a_seed_that_a_side_has_twice_is_refused(self, side: int) -> None:
        sides = [arm("a", [[0.2]]), arm("b", [[0.3]])]
        sides[side] = [*sides[side], *sides[side]]
        for compare in (
            lambda: paired_runs(*sides),
            lambda: area_gap(*sides, "error", generator=rng()),
            lambda: penalty_matrix([dict(zip("ab", sides, strict=True))], "error"),
        ):
            with pytest.raises(CurveError, match="seed 0"):
                compare()


class TestPenalties:
    @given(st.integers(0, 10_000), st.integers(2, 5))
    def test_is_scipys_paired_t_test(self, seed: int, seeds: int) -> None:
        noise = rng(seed)
        arms = {name: arm(name, noise.random((seeds, 4)).tolist()) for name in "abc"}
        found = penalty_matrix([arms], "error")
        for i, one in enumerate(found.names):
            for j, other in enumerate(found.names):
                expected = 0.0 if i == j else slow.wins(arms[one], arms[other], "error")
                assert found.wins[i][j] == pytest.approx(expected)

    def test_experiments_add_up_and_an_absent_strategy_wins_nothing(self) -> None:
        better, worse = arm("a", [[0.1, 0.1], [0.1, 0.2]]), arm("b", [[0.2, 0.2], [0.2, 0.1]])
        found = penalty_matrix([{"a": better, "b": worse}, {"a": better}], "error")
        assert found.wins == ((0.0, 0.5), (0.0, 0.0))  # at the first size the difference is the same in both pairs
        assert found.beaten == (0.0, 0.25)
        assert found.experiments == 2

    def test_larger_may_be_better(self) -> None:
        arms = {"a": arm("a", [[0.1], [0.2]]), "b": arm("b", [[0.3], [0.4]])}
        assert penalty_matrix([arms], "error", below=False).wins == ((0.0, 0.0), (1.0, 0.0))

    def test_one_pair_beats_nobody(self) -> None:
        arms = {"a": arm("a", [[0.1]]), "b": arm("b", [[0.3]])}
        assert penalty_matrix([arms], "error").wins == ((0.0, 0.0), (0.0, 0.0))
