import numpy as np
import pytest
import torch
from hypothesis import given

from askance.maths import Predictions, Truths
from askance.maths.calibration import reliability, reliability_error
from askance.maths.detection import match
from askance.maths.detection_errors import KINDS, best_score, count_errors, kinds
from askance.vocab import DrawsError, LabelError
from tests.maths.boxes import Case, cases, crowded, made
from tests.reference import detection as slow

HERE = [0, 0, 10, 10]


def one(box: list[float], c: int = 0, score: float = 0.9) -> Predictions:
    return Predictions([box], [score], [c], [0])


class TestKinds:
    @given(cases())
    def test_as_defined(self, case: Case) -> None:
        predictions, truths, c = made(case)
        matches = match(predictions, truths, c)
        found, on = kinds(matches, 0.25)
        names = [KINDS[k] if k >= 0 else None for k in found]
        assert names == [slow.kind(matches, p, 0.25) for p in range(len(found))]
        for p in np.flatnonzero(on >= 0):
            near = slow.overlap(predictions.boxes[p].tolist(), truths.boxes[on[p]].tolist())
            assert names[p] == "confused"
            assert near >= 0.5
            assert truths.image[on[p]] == predictions.image[p]
            assert truths.classes[on[p]] != predictions.classes[p]

    @given(cases())
    def test_all_are_counted(self, case: Case) -> None:
        predictions, truths, c = made(case)
        matches = match(predictions, truths, c)
        errors = count_errors(matches, 0.25)
        looked = (predictions.scores >= 0.25) & matches.counted[0]
        assert sum(counts.sum() for counts in errors.predictions.values()) == looked.sum()
        wanted = matches.wanted.sum(axis=0)
        assert (errors.predictions["right"] + errors.missed).tolist() == wanted.tolist()
        assert errors.confused.sum(axis=0).tolist() == errors.predictions["confused"].tolist()

    @pytest.mark.parametrize(
        ("box", "c", "kind"),
        [
            (HERE, 0, "right"),
            ([0, 0, 10, 4], 0, "misplaced"),
            (HERE, 1, "confused"),
            ([0, 0, 10, 4], 1, "nothing"),
            ([90, 90, 99, 99], 0, "nothing"),
        ],
    )
    def test_of_one_thing(self, box: list[float], c: int, kind: str) -> None:
        errors = count_errors(match(one(box, c), Truths([HERE], [0], [0], 1), 2), 0.5)
        assert {name: int(counts.sum()) for name, counts in errors.predictions.items() if counts.sum()} == {
            kind: 1
        }
        assert errors.missed.tolist() == [int(kind != "right"), 0]
        assert errors.confused.tolist() == [[0, int(kind == "confused")], [0, 0]]

    def test_found_twice(self) -> None:
        both = Predictions([HERE] * 2, [0.9, 0.8], [0, 0], [0, 0])
        errors = count_errors(match(both, Truths([HERE], [0], [0], 1), 1), 0.5)
        assert (errors.predictions["right"][0], errors.predictions["twice"][0]) == (1, 1)

    def test_below_the_score_is_as_if_not_found(self) -> None:
        errors = count_errors(match(one(HERE, score=0.4), Truths([HERE], [0], [0], 1), 1), 0.5)
        assert (errors.missed[0], errors.predictions["right"][0]) == (1, 0)


class TestBestScore:
    @given(cases())
    def test_none_is_better(self, case: Case) -> None:
        predictions, truths, c = made(case)
        matches = match(predictions, truths, c)
        best = best_score(matches)
        every = [slow.f1(matches, score) for score in set(predictions.scores.tolist())] or [0.0]
        if max(every, default=0.0) > 0:
            assert slow.f1(matches, best) == pytest.approx(max(every))
        else:
            assert best == 1.0


class TestReliability:
    def test_boxes_at_their_confidence(self) -> None:
        confidence = torch.tensor([0.1, 0.2, 0.9, 0.9])
        table = reliability(confidence, torch.tensor([False, False, True, False]), bins=2)
        assert table.count == (2, 2)
        assert table.accuracy == (0.0, 0.5)
        assert table.confidence == pytest.approx((0.15, 0.9))
        assert reliability_error(confidence, torch.tensor([0, 0, 1, 0]), bins=2) == pytest.approx(0.275)

    def test_those_that_are_as_sure_as_right(self) -> None:
        generator = torch.Generator().manual_seed(0)
        confidence = torch.rand(20000, generator=generator)
        right = torch.rand(20000, generator=generator) < confidence
        assert reliability_error(confidence, right) < 0.02
        assert reliability_error(confidence.sqrt(), right) > 0.1

    def test_refuses_what_is_no_confidence(self) -> None:
        with pytest.raises(DrawsError, match="0 to 1"):
            reliability(torch.tensor([1.5]), torch.tensor([True]))
        with pytest.raises(LabelError):
            reliability_error(torch.tensor([]), torch.tensor([]))
        with pytest.raises(DrawsError, match="bin"):
            reliability(torch.tensor([0.5]), torch.tensor([True]), bins=0)


def test_many_boxes_at_once() -> None:
    predictions, truths = crowded(10)
    matches = match(predictions, truths, 3)
    found, _ = kinds(matches, 0.0)
    assert [KINDS[k] for k in found[:200]] == [slow.kind(matches, p, 0.0) for p in range(200)]
    assert set(found) == set(range(len(KINDS)))
