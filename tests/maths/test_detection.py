import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from askance.maths import coco
from askance.maths.boxes import Predictions, Truths, pairs_by_key
from askance.maths.detection import (
    IOUS,
    average_precision,
    class_precisions,
    detection_metrics,
    match,
    recalls,
)
from askance.vocab import DrawsError, LabelError
from tests.maths.boxes import Case, cases, crowded, made
from tests.reference import coco as reference


def agree(ours: Sequence[Sequence[float]], theirs: Sequence[Sequence[float]]) -> None:
    np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), atol=1e-9, equal_nan=True)


class TestTwin:
    """The same numbers as COCO's own code, and as faster-coco-eval."""

    @given(cases(), st.sampled_from([[0.5], [0.5, 0.75], list(IOUS), [1.0]]), st.sampled_from([1, 2, 100]))
    def test_as_pycocotools(self, case: Case, ious: list[float], most: int) -> None:
        predictions, truths, c = made(case)
        ours = class_precisions(match(predictions, truths, c, ious, most=most))
        agree(ours, reference.precisions(predictions, truths, c, ious, most))

    @settings(max_examples=40)
    @given(cases())
    def test_as_faster_coco_eval(self, case: Case) -> None:
        predictions, truths, c = made(case)
        names = [f"class {i}" for i in range(c)]
        if truths.crowd.all():
            with pytest.raises(LabelError):
                coco.coco_metrics(predictions, truths, names)
            return
        theirs = coco.coco_metrics(predictions, truths, names)
        ours = detection_metrics(predictions, truths, names)
        assert {name: ours[name] for name in theirs} == pytest.approx(theirs, abs=1e-9)

    def test_many_boxes(self) -> None:
        predictions, truths = crowded(20)
        ours = class_precisions(match(predictions, truths, 3, IOUS))
        agree(ours, reference.precisions(predictions, truths, 3, list(IOUS)))
        assert 0.1 < ours.mean() < 0.9

    def test_more_than_a_hundred_of_a_class_in_an_image(self) -> None:
        predictions, truths = crowded(2, found=300, n_classes=1)
        ours = class_precisions(match(predictions, truths, 1))
        agree(ours, reference.precisions(predictions, truths, 1, [0.5]))
        assert ours[0, 0] != class_precisions(match(predictions, truths, 1, most=30))[0, 0]


class TestAveragePrecision:
    def test_images_without_objects_count_what_is_found_there(self) -> None:
        there = [[0, 0, 10, 10]]
        alone = Truths(there, [0], [0], 1)
        with_empty = Truths(there, [0], [0], 2)
        on_empty = Predictions(there * 2, [0.5, 0.9], [0, 0], [0, 1])
        assert average_precision(Predictions(there, [0.5], [0], [0]), alone, 1) == 1
        assert average_precision(Predictions(there, [0.5], [0], [0]), with_empty, 1) == 1
        assert average_precision(on_empty, with_empty, 1) == 0.5

    def test_a_crowd_counts_neither_way(self) -> None:
        truths = Truths([[0, 0, 10, 10], [20, 0, 60, 40]], [0, 0], [0, 0], 1, [False, True])
        inside = [[22, 2, 30, 10], [40, 20, 50, 30], [0, 0, 10, 10]]
        assert average_precision(Predictions(inside, [0.9, 0.8, 0.7], [0] * 3, [0] * 3), truths, 1) == 1
        outside = [[70, 2, 80, 10], [0, 0, 10, 10]]
        assert average_precision(Predictions(outside, [0.9, 0.7], [0] * 2, [0] * 2), truths, 1) == 0.5

    def test_of_equal_overlaps_the_last_is_taken(self) -> None:
        """As COCO does: the first is left for the second box, which overlaps that one alone by enough."""
        truths = Truths([[0, 0, 10, 10], [2, 0, 12, 10]], [0, 0], [0, 0], 1)
        found = Predictions([[1, 0, 11, 10], [0, 0, 10, 10]], [0.9, 0.8], [0, 0], [0, 0])
        assert average_precision(found, truths, 1, iou=0.75) == 1
        assert reference.precisions(found, truths, 1, [0.75]) == [[1.0]]

    def test_a_second_box_on_the_same_thing_is_wrong(self) -> None:
        truths = Truths([[0, 0, 10, 10], [0, 20, 10, 30]], [0, 0], [0, 0], 1)
        twice = Predictions([[0, 0, 10, 10]] * 2 + [[0, 20, 10, 30]], [0.9, 0.8, 0.7], [0] * 3, [0] * 3)
        assert average_precision(twice, truths, 1) == pytest.approx((51 + 50 * 2 / 3) / 101)

    def test_a_class_that_is_not_there_is_left_out(self) -> None:
        truths = Truths([[0, 0, 10, 10]], [0], [0], 1)
        found = Predictions([[0, 0, 10, 10], [5, 5, 9, 9]], [0.9, 0.9], [0, 2], [0, 0])
        assert average_precision(found, truths, 3, iou=IOUS) == 1
        metrics = detection_metrics(found, truths, ["a", "b", "c"])
        assert metrics["ap50/a"] == 1
        assert "ap50/b" not in metrics
        assert all(map(math.isfinite, metrics.values()))

    def test_nothing_found_is_zero(self) -> None:
        truths = Truths([[0, 0, 10, 10]], [0], [0], 1)
        assert average_precision(Predictions([], [], [], []), truths, 1, iou=IOUS) == 0

    def test_nothing_there_is_refused(self) -> None:
        found = Predictions([[0, 0, 10, 10]], [1.0], [0], [0])
        with pytest.raises(LabelError, match="object"):
            average_precision(found, Truths([], [], [], 2), 1)

    def test_recall_is_of_what_is_there(self) -> None:
        truths = Truths([[0, 0, 10, 10], [0, 20, 10, 30]], [0, 0], [0, 0], 1)
        found = Predictions([[0, 0, 10, 10]] * 2, [0.9, 0.8], [0, 0], [0, 0])
        assert recalls(match(found, truths, 2))[0].tolist() == pytest.approx([0.5, math.nan], nan_ok=True)
        metrics = detection_metrics(found, truths, ["a", "b"])
        assert (metrics["recall"], metrics["boxes_tested"], metrics["boxes_found"]) == (0.5, 2, 2)

    def test_neither_order_nor_scale_of_scores_matters(self) -> None:
        predictions, truths = crowded(8)
        flipped = np.arange(len(predictions.scores))[::-1]
        parts = [part[flipped] for part in (predictions.boxes, predictions.classes, predictions.image)]
        again = Predictions(parts[0], predictions.scores[flipped] * 2 - 7, *parts[1:])
        assert average_precision(again, truths, 3) == average_precision(predictions, truths, 3)


class TestBadInput:
    @pytest.mark.parametrize("box", [[5, 0, 4, 1], [0, 0, math.nan, 1], [0, 0, math.inf, 1]])
    def test_boxes_that_are_none(self, box: list[float]) -> None:
        with pytest.raises(DrawsError, match="edges"):
            Predictions([box], [0.5], [0], [0])
        with pytest.raises(LabelError, match="edges"):
            Truths([box], [0], [0], 1)

    def test_columns_of_other_lengths(self) -> None:
        with pytest.raises(DrawsError, match="columns of 2, 1, 1"):
            Predictions([[0, 0, 1, 1]], [0.5, 0.5], [0], [0])

    def test_scores_that_are_no_numbers(self) -> None:
        with pytest.raises(DrawsError, match="score"):
            Predictions([[0, 0, 1, 1]], [math.nan], [0], [0])

    def test_images_and_classes_out_of_range(self) -> None:
        truths = Truths([[0, 0, 1, 1]], [0], [0], 1)
        with pytest.raises(LabelError, match=r"0\.\.0"):
            Truths([[0, 0, 1, 1]], [0], [1], 1)
        with pytest.raises(DrawsError, match="image"):
            match(Predictions([[0, 0, 1, 1]], [1], [0], [1]), truths, 1)
        with pytest.raises(LabelError, match="classes"):
            match(Predictions([[0, 0, 1, 1]], [1], [1], [0]), truths, 1)
        with pytest.raises(LabelError, match="thresholds"):
            match(Predictions([], [], [], []), truths, 1, [0.0])


def test_pairs_come_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = np.random.default_rng(0).integers(4, size=(2, 30))
    whole = [np.concatenate(part).tolist() for part in zip(*pairs_by_key(*keys), strict=True)]
    monkeypatch.setattr("askance.maths.boxes.BLOCK", 10)
    blocks = list(pairs_by_key(*keys))
    assert [np.concatenate(part).tolist() for part in zip(*blocks, strict=True)] == whole
    assert len(blocks) > 3
    assert sorted(zip(*whole, strict=True)) == [
        (i, j) for i in range(30) for j in range(30) if keys[0, i] == keys[1, j]
    ]
