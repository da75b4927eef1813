import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askance.maths import area_gap, labels_to
from askance.maths.curves_axis import against, spanned
from askance.vocab import Curve, CurveError


def run(name: str, seed: int, boxes: list[float], ap: list[float]) -> Curve:
    sizes = tuple(10 * (i + 1) for i in range(len(boxes)))
    return Curve(name, seed, sizes, {"ap50": tuple(map(float, ap)), "boxes": tuple(map(float, boxes))})


class TestAgainst:
    def test_crowded_images_lose_by_boxes_what_they_win_by_images(self) -> None:
        generator = np.random.default_rng(0)
        thrifty = [run("random", s, [100, 200, 300, 400], [0.2, 0.4, 0.6, 0.8]) for s in range(6)]
        crowded = [run("count", s, [100, 300, 500, 700], [0.2, 0.45, 0.65, 0.85]) for s in range(6)]
        by_image = area_gap(crowded, thrifty, "ap50", generator=generator)
        read = against([*crowded, *thrifty])
        by_box = area_gap(read[:6], read[6:], "ap50", generator=generator)
        assert by_image is not None
        assert by_box is not None
        assert by_image.mean > 0 > by_box.mean

    def test_the_line_through_the_points(self) -> None:
        read = against([run("a", 0, [100, 150, 300], [0.0, 0.5, 0.8])], points=4)[0]
        assert read.labels == (100, 150, 200, 250, 300)
        assert read.metrics["ap50"] == pytest.approx((0, 0.5, 0.6, 0.7, 0.8))
        assert read.metrics["images"] == pytest.approx((10, 20, 23.33, 26.67, 30), abs=0.01)
        assert "boxes" not in read.metrics
        assert labels_to(read.labels, read.metrics["ap50"], 0.55, below=False) == 200

    def test_nothing_beyond_the_ends(self) -> None:
        short, long = against([run("a", 0, [100, 200], [0, 1]), run("b", 0, [150, 400], [0, 1])], points=6)
        assert (short.labels[0], short.labels[-1]) == (100, 200)
        assert (long.labels[0], long.labels[-1]) == (150, 400)

    def test_of_images_without_boxes_the_later_model_counts(self) -> None:
        read = against([run("a", 0, [100, 100, 200], [0.1, 0.3, 0.5])], points=1)[0]
        assert read.metrics["ap50"] == pytest.approx((0.3, 0.5))

    @given(
        st.lists(st.integers(1, 60), min_size=2, max_size=8), st.lists(st.integers(0, 10), min_size=8, max_size=8)
    )
    def test_as_read_by_hand(self, steps: list[int], values: list[int]) -> None:
        boxes = [float(sum(steps[: i + 1])) for i in range(len(steps))]
        curve = run("a", 0, boxes, [v / 10 for v in values[: len(steps)]])
        read = against([curve], points=1000)[0]
        assert read.labels == tuple(range(int(boxes[0]), int(boxes[-1]) + 1))
        for cost, value in zip(read.labels, read.metrics["ap50"], strict=True):
            i = next(i for i in range(len(boxes) - 1) if boxes[i] <= cost <= boxes[i + 1])
            share = (cost - boxes[i]) / (boxes[i + 1] - boxes[i])
            before, after = curve.metrics["ap50"][i : i + 2]
            assert value == pytest.approx(before + share * (after - before))

    @pytest.mark.parametrize("boxes", [[100, 90], [100, math.nan], [100, 100]])
    def test_costs_that_are_none(self, boxes: list[float]) -> None:
        with pytest.raises(CurveError, match="boxes"):
            against([run("a", 0, boxes, [0.1, 0.2])])

    def test_curves_without_them(self) -> None:
        with pytest.raises(CurveError, match="boxes"):
            against([Curve("a", 0, (10, 20), {"error": (0.2, 0.1)})])


def test_a_mean_never_loses_a_seed_along_the_way():
    runs = [
        Curve("a", 0, (10, 20, 30), {"ap50": (0.1, 0.2, 0.3)}),
        Curve("a", 1, (20, 30, 40), {"ap50": (0.8, 0.7, 0.6)}),
        Curve("b", 0, (10, 20), {"ap50": (0.5, 0.6)}),
    ]
    found = spanned(runs)
    assert [(one.strategy, one.seed, one.labels, one.metrics["ap50"]) for one in found] == [
        ("a", 0, (20, 30), (0.2, 0.3)),
        ("a", 1, (20, 30), (0.8, 0.7)),
        ("b", 0, (10, 20), (0.5, 0.6)),
    ]
    apart = [Curve("a", 0, (10,), {"ap50": (0.1,)}), Curve("a", 1, (20,), {"ap50": (0.2,)})]
    assert spanned(apart) == apart
    assert spanned([]) == []
