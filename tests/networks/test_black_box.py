"""Detectors that only return boxes: asked twice, asked K times, read out of an ONNX file, refused at the door."""

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from askance.acquisition import score
from askance.maths import aggregate
from askance.networks.detectors.black_box import BlackBox
from askance.networks.detectors.boxes_given import Reading
from askance.networks.detectors.onnx_boxes import OnnxBoxes
from askance.networks.detectors.opened import detector_of
from askance.networks.found import units
from askance.selection import select
from askance.vocab import ConfigError, ModelError
from askance.vocab.config import ModelConfig

CLASSES = ("can", "cup")


def bright(images):
    """One box around what is bright, sure where it is red and less where it is on the left half."""
    found = []
    for image in images:
        rows, columns = np.nonzero(image.max(-1) > 100)
        if not len(rows):
            found.append((np.zeros((0, 4)), [], []))
            continue
        left, right = columns.min(), columns.max() + 1
        on_left = (left + right) / 2 < image.shape[1] / 2
        edges = [left, rows.min(), right, rows.max() + 1]
        found.append(([edges], [0.6 if on_left else 0.9], [0]))
    return found


def picture(box=(10, 20, 30, 50), size=(60, 100)):
    image = torch.zeros(3, *size, dtype=torch.uint8)
    left, top, right, bottom = box
    image[:, top:bottom, left:right] = 200
    return image


def test_the_mirror_says_where_it_contradicts_itself():
    """BALD of two draws is known: entropy of the mean less the mean entropy."""
    found = BlackBox(bright, CLASSES).found([picture(), picture((40, 20, 60, 50))], k=50, seed=0)
    assert found.boxes.tolist() == [[10, 20, 30, 50], [40, 20, 60, 50]]
    assert found.draws.k == 2
    assert found.draws.joint
    torch.testing.assert_close(
        found.draws.log_probs.exp()[0], torch.tensor([[0.6, 0, 0.4], [0.9, 0, 0.1]]).double()
    )
    assert found.present.all()
    torch.testing.assert_close(found.box_draws[:, 0], found.box_draws[:, 1])

    def entropy(p):
        return -p * math.log(p) - (1 - p) * math.log(1 - p)

    doubt = score("bald", draws=found.draws)
    assert float(doubt[0]) == pytest.approx(entropy(0.75) - (entropy(0.6) + entropy(0.9)) / 2, abs=1e-6)
    assert float(doubt[1]) == pytest.approx(0, abs=1e-6)  # in the middle: neither half is the left one
    picks = select("top-k", scores=aggregate(doubt, found.image, 2, "max"), ids=["a", "b"], n=1, seed=0)
    assert picks.ids == ("a",)


def shaky(images):
    """Moves, and is missing in some passes, by torch's and by numpy's numbers."""
    found = []
    for boxes, scores, labels in bright(images):
        if not len(scores) or torch.rand(()) < 0.3:
            found.append(([], [], []))
        else:
            found.append(
                {"boxes": np.asarray(boxes) + np.random.uniform(-2, 2), "scores": scores, "labels": labels}  # noqa: NPY002
            )
    return found


@pytest.mark.parametrize("steady", [bright, None])
def test_passes_of_a_random_one(steady):
    box = BlackBox(shaky, CLASSES, asked="passes", steady=steady)
    images = [picture(), torch.zeros(3, 40, 40, dtype=torch.uint8), picture((40, 20, 60, 50))]
    found = box.found(images, k=40, seed=3)
    assert found.image.tolist() == [0, 2]
    assert found.n_images == 3
    again = box.found(images[2:], k=40, seed=3)
    torch.testing.assert_close(again.draws.log_probs, found.draws.log_probs[1:])
    seen = units(found).about["seen"]
    assert seen.tolist() == found.present.double().mean(1).tolist()
    assert bool(((seen > 0.45) & (seen < 0.95)).all())
    missing = found.draws.log_probs[0][~found.present[0]].exp()
    assert bool((missing == torch.tensor([0.0, 0.0, 1.0])).all())
    assert float(units(found).about["spread"].min()) > 0.01
    assert not found.draws.joint
    assert not torch.equal(box.found(images, k=40, seed=4).present, found.present)
    if steady is None:
        assert float((found.boxes[0] - torch.tensor([10.0, 20, 30, 50])).abs().max()) < 1


def test_asking_leaves_random_numbers_as_they_were():
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    wanted = (torch.rand(2), np.random.rand(2))  # noqa: NPY002
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    BlackBox(shaky, CLASSES, asked="passes").found([picture()], k=3, seed=0)
    torch.testing.assert_close(torch.rand(2), wanted[0])
    assert np.random.rand(2).tolist() == wanted[1].tolist()  # noqa: NPY002


@pytest.mark.parametrize(
    ("reading", "boxes"),
    [
        ({}, [10, 20, 30, 50]),
        ({"form": "corner-size"}, [10, 20, 20, 30]),
        ({"form": "centre-size"}, [20, 35, 20, 30]),
        ({"shares": True}, [0.1, 20 / 60, 0.3, 50 / 60]),
        ({"form": "centre-size", "shares": True}, [0.2, 35 / 60, 0.2, 0.5]),
    ],
)
def test_forms_of_boxes(reading, boxes):
    got = Reading(CLASSES, **reading).read(([boxes], [0.5], [1.0]), (60, 100), "image 0")
    torch.testing.assert_close(got.boxes, torch.tensor([[10.0, 20, 30, 50]]))
    assert got.labels.tolist() == [1]


def test_labels_from_one_and_by_name():
    one = Reading(CLASSES, first_label=1).read(
        ([[0, 0, 9, 9]] * 3, [0.5, 0.6, 0.7], [1, 0, 2]), (60, 100), "image 0"
    )
    assert one.labels.tolist() == [0, 1]  # what is background is left out
    assert one.scores.tolist() == pytest.approx([0.5, 0.7])
    named = Reading(CLASSES).read(
        {"boxes": [[0, 0, 9, 9]], "scores": [1], "labels": ["cup"]}, (60, 100), "image 0"
    )
    assert named.labels.tolist() == [1]


def test_a_box_that_sticks_out_is_cut_and_one_without_area_is_left_out():
    got = Reading(CLASSES).read(([[-5, 20, 130, 50], [7, 7, 7, 20]], [0.5, 0.5], [0, 0]), (60, 100), "image 0")
    assert got.boxes.tolist() == [[0, 20, 100, 50]]


@pytest.mark.parametrize(
    ("given", "said", "fix"),
    [
        (([[10, 20, 5, 9]], [0.5], [0]), "right < left", "corner-size"),
        (([[0.1, 0.1, 0.3, 0.4]], [0.5], [0]), "no number above 0.4", "shares = true"),
        (([[10, 20, 30, math.nan]], [0.5], [0]), "NaN or infinity in image 7", "leave out"),
        (([[10, 20, 30, 50]], [math.inf], [0]), "NaN or infinity", "leave out"),
        (([[10, 20, 30, 50]], [3.5], [0]), "3.5 to 3.5", "sigmoid"),
        (([[10, 20, 30, 50]], [0.5], [0.5]), "0.5", "labels third"),
        (([[10, 20, 30, 50]], [0.5], [2]), "2 in image 7", "first_label = 1"),
        (([[10, 20, 30, 50]], [0.5], [-1]), "-1 in image 7", "all its classes"),
        (([[10, 20, 30, 50]], [0.5, 0.1], [0]), "1 boxes, 2 scores and 1 labels", "in this order"),
        (([[10, 20, 30]], [0.5], [0]), r"\[1, 3\]", "one row a box"),
        (([[10, 20, 300, 500]], [0.5], [0]), "an edge at 500", "as it was handed over"),
        (([[10, 20, 30, 50]], [0.5]), "2 things for image 7", "these three"),
        ({"boxes": [[10, 20, 30, 50]], "scores": [0.5]}, "no labels", "name them so"),
        (([[10, 20, 30, 50]], [0.5], ["tin"]), "tin in image 7", "all its classes"),
        (7, "int for image 7", "these three"),
    ],
)
def test_odd_answers_are_told(given, said, fix):
    with pytest.raises(ModelError, match=said) as told:
        Reading(CLASSES).read(given, (60, 100), "image 7")
    assert fix in told.value.fix


def test_odd_callables_are_told():
    with pytest.raises(ConfigError, match="can be called"):
        BlackBox(3, CLASSES)
    with pytest.raises(ConfigError, match="classes of the detector"):
        BlackBox(bright, ())
    with pytest.raises(ConfigError, match="form one of"):
        BlackBox(bright, CLASSES, form="yolo")
    with pytest.raises(ModelError, match="for one image"):
        BlackBox(lambda images: None, CLASSES).found([picture()], k=2, seed=0)


class Bright(nn.Module):
    """The same as `bright` without its left half: what a tiny exported detector does."""

    def forward(self, batch):
        """`[1, 3, H, W]` in 0..1 to boxes `[1, 4]`, scores `[1]`, labels `[1]`."""
        seen = (batch[0].amax(0) > 0.4).float()
        columns, rows = seen.amax(0), seen.amax(1)
        across = torch.arange(1, columns.shape[0] + 1)
        down = torch.arange(1, rows.shape[0] + 1)
        right, bottom = (columns * across).amax(0), (rows * down).amax(0)
        left = columns.shape[0] - (columns * across.flip(0)).amax(0)
        top = rows.shape[0] - (rows * down.flip(0)).amax(0)
        boxes = torch.stack([left, top, right, bottom])[None]
        return boxes, batch.flatten().amax(0).reshape(1) * 0.9, torch.ones(1, dtype=torch.int64)


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "bright.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(
            Bright(),
            (torch.rand(1, 3, 64, 64),),
            str(path),
            input_names=["image"],
            output_names=["boxes", "scores", "labels"],
        )
    return path


def test_a_file_that_returns_boxes(exported):
    """It sees 64 x 64; boxes come back in pixels of the image."""
    call = OnnxBoxes(exported)
    found = BlackBox(call, CLASSES).found(
        [picture(size=(64, 64)), picture((20, 40, 60, 100), (128, 128))], k=2, seed=0
    )
    torch.testing.assert_close(
        found.boxes, torch.tensor([[10.0, 20, 30, 50], [20, 40, 60, 100]]), atol=2.1, rtol=0
    )
    assert units(found).about["label"].tolist() == [1, 1]
    assert float(units(found).about["confidence"][0]) == pytest.approx(0.9 * 200 / 255, abs=1e-4)
    assert (
        len(select("top-k", scores=aggregate(score("bald", draws=found.draws), found.image, 2), n=1, seed=0)) == 1
    )


def test_a_file_by_the_settings_of_a_project(exported):
    config = ModelConfig(name=str(exported), options={"first_label": 1})
    found = detector_of(config, ("tin", "can")).found([picture(size=(64, 64))], k=2, seed=0)
    assert units(found).about["label"].tolist() == [0]
    with pytest.raises(ModelError, match="options that"):
        detector_of(ModelConfig(name=str(exported), options={"sise": 3}), CLASSES)
    own = detector_of(ModelConfig(name="tests.networks.test_black_box:own_detector"), CLASSES)
    assert own.found([picture()], k=2, seed=0).boxes.tolist() == [[10, 20, 30, 50]]


def own_detector(classes):
    """What a project may name as `module:factory`."""
    assert tuple(classes) == CLASSES
    return bright


def test_files_that_are_none(exported, tmp_path):
    with pytest.raises(ModelError, match="not there"):
        OnnxBoxes(tmp_path / "none.onnx")
    (tmp_path / "odd.onnx").write_text("no file of that kind")
    with pytest.raises(ModelError, match="an ONNX file"):
        OnnxBoxes(tmp_path / "odd.onnx")
    with pytest.raises(ModelError, match=r"no rows in") as told:
        OnnxBoxes(exported, outputs=("boxes", "rows", "labels"))
    assert "boxes, scores, labels" in told.value.fix
