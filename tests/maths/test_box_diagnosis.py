from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from pydantic import TypeAdapter

from askance.maths import Predictions, Truths
from askance.maths.box_diagnosis import ImageFacts, box_diagnosis
from askance.maths.detection import detection_metrics
from askance.vocab import LabelError
from askance.vocab.box_diagnosis import BoxDiagnosis
from tests.maths.boxes import Case, cases, crowded, made


def facts(n: int) -> ImageFacts:
    return ImageFacts([f"image {i}" for i in range(n)], [(320, 240)] * n)


@settings(max_examples=10)
@given(cases())
def test_hangs_together_and_comes_back_from_json(case: Case) -> None:
    predictions, truths, c = made(case)
    found = box_diagnosis(predictions, truths, list("abc")[:c], facts(truths.n_images), seed=0)
    kept = TypeAdapter(BoxDiagnosis)
    assert kept.validate_json(kept.dump_json(found)) == found
    assert kept.validate_python(asdict(found)) == found
    assert found.objects == (~truths.crowd).sum()
    for one in found.classes:
        assert (one.ap50 is None) == (one.objects == 0)
        assert one.missed >= 0


def test_says_what_the_metrics_say() -> None:
    predictions, truths = crowded(30, found=20)
    found = box_diagnosis(predictions, truths, list("abc"), facts(30), seed=0)
    metrics = detection_metrics(predictions, truths, list("abc"))
    assert (found.ap, found.ap50, found.ap75, found.recall) == tuple(
        metrics[name] for name in ("ap", "ap50", "ap75", "recall")
    )
    assert [one.ap50 for one in found.classes] == [metrics[f"ap50/{name}"] for name in "abc"]
    assert all(one.low < one.ap50 < one.high for one in found.classes if one.low and one.ap50 and one.high)
    assert found.reliability is not None
    assert sum(found.reliability.count) == 600


def test_images_shown_go_from_the_best_to_the_worst() -> None:
    predictions, truths = crowded(30, found=20)
    found = box_diagnosis(predictions, truths, list("abc"), facts(30), seed=0, shown=5)
    wrong = [
        sum(one.kind == "missed" for one in image.drawn) + sum(one.kind != "right" for one in image.found)
        for image in found.shown
    ]
    assert len(wrong) == 5
    assert wrong == sorted(wrong)
    assert wrong[0] < wrong[-1]
    assert all((one.score or 0) >= found.least for image in found.shown for one in image.found)


def test_images_without_any_object() -> None:
    predictions = Predictions([[0, 0, 9, 9]], [0.5], [0], [1])
    found = box_diagnosis(predictions, Truths([], [], [], 3), ["a"], facts(3), seed=0)
    assert (found.tested, found.empty, found.ap50, found.classes[0].ap50) == (3, 3, None, None)
    some = box_diagnosis(predictions, Truths([[0, 0, 9, 9]], [0], [1], 3), ["a"], facts(3), seed=0)
    assert (some.empty, some.ap50) == (2, 1.0)


def test_nothing_found() -> None:
    found = box_diagnosis(
        Predictions([], [], [], []), Truths([[0, 0, 9, 9]], [0], [0], 1), ["a"], facts(1), seed=0
    )
    assert (found.ap50, found.reliability, found.classes[0].missed) == (0.0, None, 1)
    assert [one.kind for one in found.shown[0].drawn] == ["missed"]


def test_one_name_an_image() -> None:
    with pytest.raises(LabelError, match="names and sizes"):
        box_diagnosis(Predictions([], [], [], []), Truths([], [], [], 2), ["a"], facts(1), seed=0)


def test_a_table_of_other_classes_is_refused() -> None:
    with pytest.raises(ValueError, match="classes"):
        BoxDiagnosis((), 1, 0, confused=((1,),))
    assert np.isclose(BoxDiagnosis((), 1, 0).least, 1)
