"""A project's boxes by whole detectors: torchvision's, transformers', ONNX files and functions of one's own."""

import sys
from types import ModuleType

import pytest
import torch

from askance.loop.step import Beside, pick, score_pool
from askance.loop.strategy import Strategy
from askance.tasks.detection import Detection, KnownDetection, detection_by
from askance.vocab import ConfigError, LabelError, ModelError
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig
from tests.networks.tiny_detectors import OPTIONS
from tests.tasks.detection.place import CLASSES, SIZE

FASTER = "torchvision/fasterrcnn_mobilenet_v3_large_320_fpn"


def task_of(place, name=FASTER, *, broken=(), **model):
    config = ModelConfig.model_construct(**ModelConfig().model_dump())  # options of detectors may be nested
    config = config.model_copy(
        update={"name": name, "posterior": "mc-dropout", "dropout": 0.2, "options": OPTIONS.get(name, {}), **model}
    )
    detector = DetectorConfig(epochs=1, least=0.02, most=8)
    sizes = dict.fromkeys(place.ids, SIZE)
    return detection_by(config, TrainConfig(device="cpu"), detector, CLASSES, place.images(broken), sizes=sizes)


@pytest.fixture
def mine(monkeypatch):
    """A module with a detector that finds what is red and what is blue, a little off in the mirror."""
    module = ModuleType("mine_of_boxes")

    def make(classes):
        def call(images):
            return [_found(image) for image in images]

        return call

    module.make = make
    monkeypatch.setitem(sys.modules, "mine_of_boxes", module)
    return "mine_of_boxes:make"


def _found(image):
    boxes, scores, labels = [], [], []
    for label, channel in enumerate((0, 2)):
        rows, columns = (image[..., channel] > 200).nonzero()
        if len(rows):
            boxes.append([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
            scores.append(0.9)
            labels.append(label)
    return boxes, scores, labels


def test_a_name_says_which_it_is(place):
    assert isinstance(task_of(place), KnownDetection)
    assert isinstance(task_of(place, "timm/test_efficientnet", posterior="ensemble"), Detection)


@pytest.mark.parametrize("name", [FASTER, "transformers/rt_detr"])
def test_trained_drawn_picked_kept_and_read_back(place, name, tmp_path):
    task = task_of(place, name, broken=[5])
    done = task.fit(place.labelled(4, 5, 6, 7), place.labelled(8, 9), warm=None, seed=0)
    assert done.log["unreadable"] == 1
    assert done.log["moves"] == "head"
    chunks = list(task.draws(done.model, place.ids[:7], k=6, seed=0))
    assert [int(chunk.positions[0]) for chunk in chunks] == [0, 1, 2, 3, 4, 6]
    assert all(chunk.units.draws.k == 6 and chunk.units.draws.joint for chunk in chunks)
    again = list(task.draws(done.model, place.ids[6:7], k=6, seed=0))
    assert torch.equal(chunks[-1].units.draws.log_probs, again[0].units.draws.log_probs)
    task.save(done.model, tmp_path / "model.safetensors")
    read = task_of(place, name).load(tmp_path / "model.safetensors")
    kept = list(task.draws(read, place.ids[6:7], k=6, seed=0))
    assert torch.allclose(kept[0].units.draws.log_probs, again[0].units.draws.log_probs, atol=1e-5)
    for strategy in ("bald", "power:bald", "uncertainty-herding:bald", "localisation"):
        named = Strategy.parse(strategy, 6)
        beside = Beside(labelled=place.labelled(4, 6))
        scored = score_pool(task, done.model, place.ids[10:16], named, seed=0, beside=beside)
        assert len(pick(scored, place.ids[10:16], named, n=3, seed=0)) == 3
    said = task.explain(done.model, [place.ids[5], place.ids[6]], k=4, seed=0)
    assert said[0] == {"problem": "truncated file"}
    assert said[1]["size"] == list(SIZE)


def test_a_function_of_boxes_is_measured_and_asked(place, mine, tmp_path):
    task = task_of(place, mine, options={})
    done = task.fit(place.labelled(4, 6), place.labelled(), warm=None, seed=0)
    assert done.log["moves"] == "nothing"
    assert task.measure(done.model, place.labelled(0, 1, 24), k=2, seed=0)["ap50"] == 1.0
    found = task.diagnose(done.model, place.labelled(), place.labelled(0, 1, 24), k=2, seed=0)
    assert (found.tested, found.empty, found.ap50) == (3, 1, 1.0)
    chunk = next(iter(task.draws(done.model, place.ids[:1], k=10, seed=0)))
    red = place.said[0].objects[0].box
    assert chunk.units.about["boxes"][0].tolist() == [red.left, red.top, red.right, red.bottom]
    task.save(done.model, tmp_path / "model.safetensors")
    again = task_of(place, mine, options={}).load(tmp_path / "model.safetensors")
    assert task.measure(again, place.labelled(0, 1), k=2, seed=0)["ap50"] == 1.0


def test_nothing_to_learn_from_and_other_classes(place, mine):
    task = task_of(place)
    with pytest.raises(LabelError, match="an object in it"):
        task.fit(place.labelled(24, 25), place.labelled(), warm=None, seed=0)
    with pytest.raises(ModelError, match="yet"):
        task.features(None, place.ids[:1])
    model = task_of(place, mine, options={}).fit(place.labelled(4), place.labelled(), warm=None, seed=0).model
    other = task_of(place, mine, options={})
    other.classes = ("red", "green")
    with pytest.raises(ModelError, match="train again"):
        list(other.draws(model, place.ids[:1], k=2, seed=0))


@pytest.mark.parametrize(
    ("train", "says"),
    [
        ({"max_steps": 7}, "train.max_steps = 7"),
        ({"folds": 3}, "folds"),
    ],
)
def test_what_nothing_listens_to_is_refused(place, train, says):
    config = ModelConfig(name="timm/test_efficientnet", posterior="ensemble")
    with pytest.raises(ConfigError, match=says):
        detection_by(config, TrainConfig(**train), DetectorConfig(), CLASSES, place.images(), sizes={})
