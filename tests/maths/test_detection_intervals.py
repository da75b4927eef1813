import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from askance.maths.boxes import Predictions, Truths
from askance.maths.detection import average_precision, class_precisions, match
from askance.maths.detection_intervals import precision_intervals, resampled, times_drawn
from askance.vocab import LabelError
from tests.maths.boxes import Case, cases, crowded, made
from tests.reference import coco as reference


def repeated(predictions: Predictions, truths: Truths, drawn: list[int]) -> tuple[Predictions, Truths]:
    """The images as they would be if each were there so often, one beside the other."""
    of = np.repeat(np.arange(truths.n_images), drawn)
    there, found = ([np.flatnonzero(part.image == image) for image in of] for part in (truths, predictions))
    g, p = (np.concatenate([*places, np.zeros(0, int)]).astype(int) for places in (there, found))
    image_g, image_p = (np.repeat(np.arange(len(of)), [len(one) for one in places]) for places in (there, found))
    again = Truths(truths.boxes[g], truths.classes[g], image_g, max(len(of), 1), truths.crowd[g])
    return Predictions(predictions.boxes[p], predictions.scores[p], predictions.classes[p], image_p), again


@given(cases(), st.data())
def test_a_resample_is_those_images_evaluated_by_coco(case: Case, data: st.DataObject) -> None:
    given_scores, truths, c = made(case)
    ranks = np.arange(len(given_scores.scores))  # copies of equal scores have no order of their own in COCO's list
    scores = given_scores.scores - 0.001 * ranks
    predictions = Predictions(given_scores.boxes, scores, given_scores.classes, given_scores.image)
    drawn = data.draw(st.lists(st.integers(0, 3), min_size=truths.n_images, max_size=truths.n_images))
    ours = resampled(match(predictions, truths, c), np.array([drawn]))
    theirs = reference.precisions(*repeated(predictions, truths, drawn), c, [0.5])
    np.testing.assert_allclose(ours, theirs, atol=1e-9, equal_nan=True)


class TestIntervals:
    def test_hold_the_value_and_are_the_same_by_seed(self) -> None:
        predictions, truths = crowded(30, found=20)
        matches = match(predictions, truths, 3)
        found = precision_intervals(matches, seed=1, resamples=200)
        assert found == precision_intervals(matches, seed=1, resamples=200)
        assert found != precision_intervals(matches, seed=2, resamples=200)
        assert found.mean.value == average_precision(predictions, truths, 3)
        assert found.mean.low < found.mean.value < found.mean.high
        assert found.mean.high - found.mean.low < 0.15

    def test_are_those_of_the_slow_way(self) -> None:
        predictions, truths = crowded(6, found=15, there=4)
        drawn = times_drawn(6, None, 3, 40)
        slow = [reference.precisions(*repeated(predictions, truths, row), 3, [0.5])[0] for row in drawn.tolist()]
        found = precision_intervals(match(predictions, truths, 3), seed=3, resamples=40)
        means = np.nanmean(np.array(slow), axis=1)
        pivoted = 2 * found.mean.value - np.quantile(means, [0.975, 0.025])
        assert (found.mean.low, found.mean.high) == pytest.approx(tuple(pivoted))
        one = found.classes[1]
        assert one is not None
        pivoted = 2 * one.value - np.nanquantile(np.array(slow)[:, 1], [0.975, 0.025])
        assert (one.low, one.high) == pytest.approx(tuple(pivoted.clip(0, 1)))

    def test_cover_what_many_images_say(self) -> None:
        """Of 40 samples of 25 images, intervals of most hold the value of 600, though few images flatter."""
        predictions, truths = crowded(600, found=10, there=5)
        whole, inside, above = average_precision(predictions, truths, 3), 0, 0
        generator = np.random.default_rng(0)
        for seed in range(40):
            drawn = np.isin(np.arange(600), generator.choice(600, 25, replace=False)).astype(int).tolist()
            part = match(*repeated(predictions, truths, drawn), 3)
            found = precision_intervals(part, seed=seed, resamples=100).mean
            inside += found.low <= whole <= found.high
            above += found.value > whole
        assert 34 <= inside <= 40
        assert above > 25

    def test_images_of_a_group_are_drawn_together(self) -> None:
        drawn = times_drawn(4, ["a", "a", "b", "c"], 0, 500)
        assert (drawn[:, 0] == drawn[:, 1]).all()
        assert drawn[:, [0, 2, 3]].sum(axis=1).tolist() == [3] * 500
        assert drawn[:, 0].mean() == pytest.approx(1, abs=0.1)

    def test_of_copies_in_groups_are_as_wide_as_of_the_images(self) -> None:
        predictions, truths = crowded(20, found=10, there=5)
        twice = match(*repeated(predictions, truths, [3] * 20), 3)
        groups = [image // 3 for image in range(60)]
        alone = precision_intervals(match(predictions, truths, 3), seed=0, resamples=200).mean
        grouped = precision_intervals(twice, seed=0, resamples=200, groups=groups).mean
        single = precision_intervals(twice, seed=0, resamples=200).mean
        assert (grouped.low, grouped.high) == pytest.approx((alone.low, alone.high))
        assert single.high - single.low < 0.75 * (grouped.high - grouped.low)

    def test_a_class_that_is_not_there_has_none(self) -> None:
        truths = Truths([[0, 0, 9, 9]] * 2, [0, 0], [0, 1], 2)
        found = Predictions([[0, 0, 9, 9]] * 2, [0.9, 0.8], [0, 1], [0, 1])
        intervals = precision_intervals(match(found, truths, 2), seed=0, resamples=50)
        assert intervals.classes[1] is None
        assert intervals.mean.value == class_precisions(match(found, truths, 2))[0, 0]

    def test_one_group_an_image(self) -> None:
        with pytest.raises(LabelError, match="group"):
            precision_intervals(match(*crowded(2), 3), seed=0, groups=["a"])
