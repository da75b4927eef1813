import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from askance.maths import area_under, interval, labels_saved, labels_to, paired_difference
from askance.maths.curves import quartiles
from askance.vocab import Curve, CurveError
from tests.reference import curves as slow

VALUES = st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.5, 1.0])


@st.composite
def runs(draw: st.DrawFn, strategy: str = "bald", seeds: int = 4) -> list[Curve]:
    found = []
    for seed in range(draw(st.integers(1, seeds))):
        sizes = sorted(draw(st.sets(st.integers(1, 30), min_size=1, max_size=6)))
        values = draw(st.lists(VALUES, min_size=len(sizes), max_size=len(sizes)))
        found.append(Curve(strategy, seed, tuple(sizes), {"error": tuple(values)}))
    return found


def curve(values: list[float], seed: int = 0, strategy: str = "bald", step: int = 10) -> Curve:
    sizes = tuple(range(step, step * (len(values) + 1), step))
    return Curve(strategy, seed, sizes, {"error": tuple(values)})


class TestLabelsTo:
    @given(runs(), VALUES, st.booleans())
    def test_is_its_slow_twin(self, curves: list[Curve], level: float, below: bool) -> None:
        for one in curves:
            values = one.metrics["error"]
            assert labels_to(one.labels, values, level, below=below) == slow.labels_to(
                one.labels, values, level, below
            )

    @given(runs(), VALUES, st.booleans())
    def test_the_first_at_all_is_its_slow_twin_and_never_later(
        self, curves: list[Curve], level: float, below: bool
    ) -> None:
        for one in curves:
            values = one.metrics["error"]
            first = labels_to(one.labels, values, level, below=below, stay=False)
            assert first == slow.labels_first_at(one.labels, values, level, below)
            stays = labels_to(one.labels, values, level, below=below)
            assert stays is None or (first is not None and first <= stays)

    def test_has_to_stay(self) -> None:
        assert labels_to([10, 20, 30, 40], [0.5, 0.1, 0.3, 0.1], 0.1) == 40

    def test_is_the_size_of_the_model_that_reached_it_not_of_the_one_before(self) -> None:
        assert labels_to([20, 30, 40], [0.5, 0.2, 0.05], 0.1) == 40

    def test_a_fraction_that_is_off_by_its_rounding_is_there(self) -> None:
        assert 1 - 0.95 > 0.05
        assert labels_to([10, 20], [0.5, 1 - 0.95], 0.05) == 20
        assert labels_to([10, 20], [0.5, 1 - 0.95], 0.05, stay=False) == 20

    def test_a_last_model_that_misses_is_censored(self) -> None:
        assert labels_to([10, 20, 30], [0.1, 0.1, 0.2], 0.1) is None

    def test_nan_reaches_nothing(self) -> None:
        assert labels_to([10, 20], [0.1, math.nan], 0.5) is None
        assert labels_to([10, 20], [math.nan, 0.1], 0.5) == 20

    @pytest.mark.parametrize(
        ("labels", "values"), [([], []), ([10, 10], [1.0, 1.0]), ([20, 10], [1.0, 1.0]), ([10], [1.0, 2.0])]
    )
    def test_malformed_curves_are_refused(self, labels: list[int], values: list[float]) -> None:
        with pytest.raises(CurveError):
            labels_to(labels, values, 0.5)
        with pytest.raises(CurveError):
            area_under(labels, values)


@given(runs())
def test_area_is_its_slow_twin_and_lies_between_the_values(curves: list[Curve]) -> None:
    for one in curves:
        values = one.metrics["error"]
        area = area_under(one.labels, values)
        assert area == pytest.approx(slow.area_under(one.labels, values))
        assert min(values) - 1e-12 <= area <= max(values) + 1e-12


class TestInterval:
    def test_is_the_t_interval_of_the_book(self) -> None:
        at = [0.1, 0.2, 0.4]
        band = interval([curve([v], seed) for seed, v in enumerate(at)], "error", level=0.9)
        low, high = stats.t.interval(0.9, 2, loc=np.mean(at), scale=stats.sem(at))
        assert (band.mean[0], band.low[0], band.high[0]) == pytest.approx((np.mean(at), low, high))

    def test_one_seed_has_no_interval(self) -> None:
        band = interval([curve([0.3])], "error")
        assert band.mean == (0.3,)
        assert math.isnan(band.low[0])
        assert math.isnan(band.high[0])

    def test_counts_the_seeds_at_each_size(self) -> None:
        band = interval([curve([0.4, 0.2], 0), curve([0.6], 1)], "error")
        assert band.labels == (10, 20)
        assert band.n == (2, 1)
        assert band.mean == (0.5, 0.2)

    def test_two_curves_of_one_seed_are_refused(self) -> None:
        with pytest.raises(CurveError, match="seed 0"):
            interval([curve([0.1]), curve([0.2])], "error")

    def test_an_unknown_metric_is_named(self) -> None:
        with pytest.raises(CurveError, match="auroc"):
            interval([curve([0.1])], "auroc")


class TestPairedDifference:
    def test_pairs_by_seed_and_not_by_place(self) -> None:
        a = [curve([0.1], 0), curve([0.5], 1)]
        b = [curve([0.7], 1), curve([0.3], 0)]
        band = paired_difference(a, b, "error", generator=np.random.default_rng(0))
        assert band.mean[0] == pytest.approx(-0.2)
        assert band.low[0] == pytest.approx(-0.2)
        assert band.high[0] == pytest.approx(-0.2)
        assert band.n == (2,)

    def test_same_seed_same_interval(self) -> None:
        rng = np.random.default_rng(1)
        a = [curve([float(v)], s) for s, v in enumerate(rng.normal(size=6))]
        b = [curve([float(v)], s) for s, v in enumerate(rng.normal(size=6))]
        first, again = (paired_difference(a, b, "error", generator=np.random.default_rng(3)) for _ in range(2))
        assert first == again
        assert first.low[0] < first.mean[0] < first.high[0]

    def test_leaves_out_what_has_no_partner(self) -> None:
        a = [curve([0.1, 0.1], 0), curve([0.9], 7)]
        band = paired_difference(a, [curve([0.3], 0)], "error", generator=np.random.default_rng(0))
        assert band.labels == (10,)
        assert band.mean == pytest.approx((-0.2,))

    def test_covers_the_truth_nearly_as_often_as_it_says(self) -> None:
        """Five pairs: 91 % in a long simulation; without the expansion for few seeds it would be 84 %."""
        rng = np.random.default_rng(5)
        zero = [curve([0.0], s) for s in range(5)]
        hits = 0
        for _ in range(400):
            a = [curve([float(v)], s) for s, v in enumerate(rng.normal(1.0, 1.0, size=5))]
            band = paired_difference(a, zero, "error", generator=rng, resamples=500)
            hits += band.low[0] <= 1.0 <= band.high[0]
        assert 0.88 <= hits / 400 <= 0.95

    def test_no_common_seed_or_size_is_refused(self) -> None:
        with pytest.raises(CurveError, match="same seeds"):
            paired_difference([curve([1.0], 0)], [curve([1.0], 1)], "error", generator=np.random.default_rng(0))
        with pytest.raises(CurveError, match="sizes"):
            paired_difference([curve([1.0], step=3)], [curve([1.0])], "error", generator=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("sizes", "found"),
    [
        ([80.0], (80.0, 80.0, 80.0)),
        ([80.0, 120.0], (80.0, 100.0, 120.0)),
        ([120.0, 120.0, math.inf, math.inf], (120.0, math.inf, math.inf)),
        ([math.inf, 90.0, 100.0, 110.0, 70.0], (90.0, 100.0, 110.0)),
    ],
)
def test_quartiles_of_runs_of_which_some_never_get_there_do_not_flatter(sizes, found) -> None:
    assert quartiles(sizes) == found


class TestLabelsSaved:
    @given(runs("bald"), runs("random"), VALUES, st.booleans())
    def test_is_its_slow_twin(self, arm: list[Curve], random: list[Curve], level: float, below: bool) -> None:
        (row,) = labels_saved(arm, random, "error", below=below, levels=[level])
        assert row.saved == slow.saved(arm, random, "error", level, below)
        assert row.n == min(len(arm), len(random))

    @given(runs())
    def test_nothing_is_saved_against_oneself(self, arm: list[Curve]) -> None:
        for row in labels_saved(arm, arm, "error"):
            assert row.saved in (0, -math.inf)
            assert row.random == row.arm

    def test_counts_labels_at_equal_metric(self) -> None:
        rows = labels_saved([curve([0.3, 0.1, 0.05])], [curve([0.4, 0.3, 0.1], strategy="random")], "error")
        assert [(row.level, row.saved) for row in rows] == [(0.4, 0), (0.3, 10), (0.1, 10)]

    def test_an_arm_that_never_gets_there_is_not_dropped(self) -> None:
        arm = [curve([0.3, 0.1], 0), curve([0.3, 0.3], 1), curve([0.3, 0.3], 2)]
        random = [curve([0.3, 0.1], seed) for seed in range(3)]
        (row,) = labels_saved(arm, random, "error", levels=[0.1])
        assert (row.arm, row.saved, row.arm_censored, row.random_censored) == (math.inf, -math.inf, 2, 0)

    def test_random_that_never_gets_there_counts_as_its_budget(self) -> None:
        (row,) = labels_saved([curve([0.1, 0.1, 0.1])], [curve([0.3, 0.3, 0.3])], "error", levels=[0.1])
        assert (row.random, row.saved, row.random_censored) == (math.inf, 20, 1)

    def test_levels_are_new_bests_of_randoms_median(self) -> None:
        random = [curve([0.5, 0.2, 0.3, 0.1], seed) for seed in range(3)]
        assert [row.level for row in labels_saved(random, random, "error")] == [0.5, 0.2, 0.1]
        rising = [curve([0.5, 0.8, 0.7, 0.9], seed) for seed in range(3)]
        assert [row.level for row in labels_saved(rising, rising, "error", below=False)] == [0.5, 0.8, 0.9]
