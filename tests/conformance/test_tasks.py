"""What every task must be, as the loop asks for it: entering `MADE` is entering these tests.

Letters: N images, U units, K draws, C classes.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch

from askance.loop.contract import Task
from askance.loop.step import Beside, pick, score_pool
from askance.loop.strategy import Strategy
from askance.tasks.detection import detection_by
from askance.vocab import Labelled, ModelError
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig
from tests.networks.tiny_detectors import OPTIONS
from tests.tasks.detection.place import CLASSES as COLOURS
from tests.tasks.detection.place import SIZE, Place
from tests.world import CLASSES, World

K = 6
BROKEN = 9
"""The place of the image that cannot be read."""


@dataclass(frozen=True)
class Made:
    """A task over a small world.

    Attributes:
        task: makes it, of these classes.
        ids: of the images; all have a label.
        labelled: labels of some places.
        train: places to train on.
        ask: places to ask about, the broken one among them.
    """

    task: Callable[..., Task[Any]]
    ids: Sequence[str]
    labelled: Callable[..., Labelled]
    train: Sequence[int] = (*range(4, 9), *range(10, 16))
    ask: Sequence[int] = (0, 1, 2, 3, BROKEN, 16, 17, 18)


@cache
def world() -> World:
    return World()


@cache
def place() -> Place:
    return Place()


def classes(posterior: str, **model: Any) -> Made:
    """Classification; `world` has as many images as it needs."""
    told = {"posterior": posterior, **model}
    of = world()
    return Made(
        lambda classes=CLASSES: of.task(images=of.images([BROKEN]), model=told, classes=classes),
        of.ids,
        of.labelled,
    )


def heads(posterior: str, **model: Any) -> Made:
    """Detection by heads on maps."""
    told = {"posterior": posterior, **model}
    of = place()
    return Made(
        lambda classes=COLOURS: of.task(
            images=of.images([BROKEN]), model=told, detector={"epochs": 4}, classes=classes
        ),
        of.ids,
        of.labelled,
    )


def whole(name: str, posterior: str) -> Made:
    """Detection by a known detector, of random weights."""
    of = place()
    config = ModelConfig.model_construct(**ModelConfig().model_dump())  # options of detectors may be nested
    config = config.model_copy(
        update={"name": name, "posterior": posterior, "dropout": 0.2, "options": OPTIONS[name]}
    )
    return Made(
        lambda classes=COLOURS: detection_by(
            config,
            TrainConfig(device="cpu"),
            DetectorConfig(epochs=1, least=0.005, most=8),
            classes,
            of.images([BROKEN]),
            sizes=dict.fromkeys(of.ids, SIZE),
        ),
        of.ids,
        of.labelled,
        (4, 5, 6, 7),
        (0, 1, BROKEN, 16),
    )


MADE: dict[str, Callable[[], Made]] = {
    "classes mc-dropout": lambda: classes("mc-dropout"),
    "classes dropout-moments": lambda: classes("dropout-moments"),
    "boxes ensemble": lambda: heads("ensemble"),
    "boxes mc-dropout": lambda: heads("mc-dropout"),
    "boxes dropout-moments": lambda: heads("dropout-moments"),
    "boxes softmax": lambda: heads("softmax"),
    "boxes blocks trained": lambda: heads("ensemble", train="blocks"),
    "boxes faster r-cnn": lambda: whole("torchvision/fasterrcnn_mobilenet_v3_large_320_fpn", "mc-dropout"),
    "boxes retinanet": lambda: whole("torchvision/retinanet_resnet50_fpn", "dropout-moments"),
    "boxes rt-detr": lambda: whole("transformers/rt_detr", "mc-dropout"),
}
CERTAIN = {"boxes softmax"}
"""Without doubt: one draw, whatever the seed."""
NOT_JOINT = {"classes dropout-moments", "boxes dropout-moments", "boxes retinanet"}
HEADS = {"boxes ensemble", "boxes blocks trained"}
"""Whose draws are heads: as many as there are, whatever the seed."""

each = pytest.mark.parametrize("name", MADE)


@cache
def made(name: str) -> Made:
    return MADE[name]()


@cache
def fitted(name: str) -> tuple[Task[Any], Any]:
    """A task and its model; nobody may change them."""
    task = made(name).task()
    return task, task.fit(made(name).labelled(*made(name).train), made(name).labelled(), warm=None, seed=0).model


def asked(name: str, *, order: int = 1, seed: int = 0, k: int = K) -> dict[str, torch.Tensor]:
    """Image id -> log probabilities of its units, `[U, K, C]`."""
    task, model = fitted(name)
    ids = [made(name).ids[place] for place in made(name).ask][::order]
    return drawn(task, model, ids, seed=seed, k=k)


def drawn(
    task: Task[Any], model: Any, ids: Sequence[str], *, seed: int = 0, k: int = K
) -> dict[str, torch.Tensor]:
    found = {}
    for chunk in task.draws(model, ids, k=k, seed=seed):
        units = chunk.units
        for row, position in enumerate(chunk.positions.tolist()):
            found[ids[position]] = units.draws.log_probs[units.image == row]
    return found


@each
def test_draws_are_of_the_images_that_can_be_read(name: str) -> None:
    found = asked(name)
    ids = made(name).ids
    assert set(found) == {ids[place] for place in made(name).ask} - {ids[BROKEN]}
    assert ids[BROKEN] in fitted(name)[0].problems
    units = sum(len(one) for one in found.values())
    assert units > 0
    for one in found.values():
        assert torch.allclose(
            one.double().exp().sum(-1), torch.ones(one.shape[:2], dtype=torch.float64), atol=1e-4
        )
        assert one.shape[1] == (1 if name in CERTAIN else 2 if name in HEADS else K)


@each
def test_an_image_is_drawn_alike_in_any_company(name: str) -> None:
    task, model = fitted(name)
    together, turned = asked(name), asked(name, order=-1)
    for image_id, one in together.items():
        alone = drawn(task, model, [image_id])[image_id]
        assert torch.allclose(one, turned[image_id], atol=1e-4)
        assert torch.allclose(one, alone, atol=1e-4)


@each
def test_a_seed_says_which_networks(name: str) -> None:
    before = torch.random.get_rng_state()
    one, again, other = asked(name), asked(name), asked(name, seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[image_id], again[image_id]) for image_id in one)
    same = all(torch.equal(one[image_id], other[image_id]) for image_id in one)
    assert same is (name in CERTAIN | HEADS)


@each
def test_draws_say_whether_they_are_joint(name: str) -> None:
    task, model = fitted(name)
    chunks = list(task.draws(model, [made(name).ids[0]], k=K, seed=0))
    assert all(chunk.units.draws.joint is (name not in NOT_JOINT) for chunk in chunks)
    for chunk in chunks:
        assert all(len(told) == len(chunk.units.draws.log_probs) for told in chunk.units.about.values())


@each
def test_same_labels_same_model_whatever_their_order(name: str) -> None:
    of, (task, model) = made(name), fitted(name)
    again = of.task().fit(of.labelled(*reversed(of.train)), of.labelled(), warm=None, seed=0).model
    ids = [of.ids[place] for place in of.ask[:2]]
    one, other = drawn(task, model, ids), drawn(of.task(), again, ids)
    assert all(torch.equal(one[image_id], other[image_id]) for image_id in ids)


@each
def test_a_model_comes_back_from_disk(name: str, tmp_path: Any) -> None:
    of, (task, model) = made(name), fitted(name)
    task.save(model, tmp_path / "one.safetensors")
    task.save(model, tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    other = of.task()
    ids = [of.ids[place] for place in of.ask[:2]]
    back = drawn(other, other.load(tmp_path / "one.safetensors"), ids)
    assert all(torch.allclose(one, back[image_id], atol=1e-5) for image_id, one in drawn(task, model, ids).items())


@each
def test_a_model_of_other_classes_is_refused(name: str, tmp_path: Any) -> None:
    of, (task, model) = made(name), fitted(name)
    task.save(model, tmp_path / "model.safetensors")
    strange = of.task(classes=(*(COLOURS if name.startswith("boxes") else CLASSES)[:-1], "another"))
    with pytest.raises(ModelError):
        list(strange.draws(strange.load(tmp_path / "model.safetensors"), [of.ids[0]], k=2, seed=0))


@each
def test_measures_are_numbers_and_leave_out_what_cannot_be_read(name: str) -> None:
    of, (task, model) = made(name), fitted(name)
    with_it, without = (
        task.measure(model, of.labelled(*places), k=K, seed=0)
        for places in (of.ask, [one for one in of.ask if one != BROKEN])
    )
    assert with_it == without
    assert all(isinstance(value, float) and math.isfinite(value) for value in without.values())


@each
def test_images_are_explained_in_their_order(name: str) -> None:
    of, (task, model) = made(name), fitted(name)
    said = task.explain(model, [of.ids[0], of.ids[BROKEN], of.ids[1]], k=4, seed=0)
    assert len(said) == 3
    assert set(said[1]) == {"problem"}
    assert all("problem" not in said[i] for i in (0, 2))


@each
def test_every_image_has_a_row_of_features(name: str) -> None:
    of, (task, model) = made(name), fitted(name)
    ids = [of.ids[place] for place in of.ask]
    parts = list(task.features(model, ids))
    positions = torch.cat([part.positions for part in parts]).tolist()
    assert positions == [i for i, place in enumerate(of.ask) if place != BROKEN]
    rows = torch.cat([part.rows for part in parts])
    assert rows.ndim == 2
    assert rows.isfinite().all()


@each
@pytest.mark.parametrize("strategy", ["bald", "power:max-entropy", "uncertainty-herding:bald", "random"])
def test_a_batch_is_picked(name: str, strategy: str) -> None:
    if strategy != "random" and name in CERTAIN:
        pytest.skip("there is no doubt to pick by")
    of, (task, model) = made(name), fitted(name)
    named = Strategy.parse(strategy, K)
    ids = [of.ids[place] for place in of.ask]
    beside = Beside(labelled=of.labelled(*of.train))
    scored = score_pool(task, model, ids, named, seed=0, beside=beside)
    picked = pick(scored, ids, named, n=2, seed=0)
    assert len(set(picked.ids)) == 2
    assert of.ids[BROKEN] not in picked.ids
