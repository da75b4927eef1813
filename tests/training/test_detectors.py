"""Known detectors learn boxes: same seed, same network; kept only if better; BatchNorm as it was."""

import pytest
import torch
from torch import Tensor

from askance.training.detectors import Recipe, fit_detector, loss_on, mirrored
from askance.vocab import Annotation, Box, LabelError, Labelled, ModelError, Object
from tests.networks.tiny_detectors import CLASSES, tiny

SSDLITE = "torchvision/ssdlite320_mobilenet_v3_large"
HEADS = {
    "torchvision/fasterrcnn_mobilenet_v3_large_320_fpn": 1e-6,
    "transformers/rt_detr": 1e-3,
    "transformers/d_fine": 1e-3,
}
"""And a learning rate for random weights; of Faster R-CNN they see large numbers."""


def read(name: str) -> Tensor:
    """A bright square on noise; where it is belongs to the name."""
    place = int(name)
    image = torch.randint(0, 60, (3, 64, 64), generator=torch.Generator().manual_seed(place), dtype=torch.uint8)
    image[:, 10 + place : 40 + place, 5 + 2 * place : 35 + 2 * place] = 230
    return image


def said(name: str) -> Annotation:
    place = int(name)
    return Annotation((Object(CLASSES[place % 3], Box(5 + 2 * place, 10 + place, 35 + 2 * place, 40 + place)),))


def labelled(*names: str) -> Labelled:
    return Labelled(names, tuple(said(name) for name in names))


@pytest.mark.parametrize("name", HEADS)
def test_the_head_learns_and_nothing_else_moves(name):
    start, recipe = tiny(name), Recipe(epochs=4, batch=3, learning_rate=HEADS[name], mirror=False)
    was = {key: value.clone() for key, value in start.net.state_dict().items()}
    train = labelled("0", "1", "2")
    fitted = fit_detector(start, train, Labelled((), ()), read, recipe=recipe, seed=0)
    assert fitted.log["steps"] == 4
    assert loss_on(fitted.model, train, read) < loss_on(start, train, read)
    assert all(torch.equal(value, was[key]) for key, value in start.net.state_dict().items())
    moved = {key for key, value in fitted.model.net.state_dict().items() if not torch.equal(value, was[key])}
    assert moved
    allowed = ("rpn.", "roi_heads.") if "fasterrcnn" in name else ("model.decoder.", "class_embed", "bbox_embed")
    assert all(key.startswith(allowed) for key in moved)
    assert not any("running_" in key for key in moved)
    assert not any(module.training for module in fitted.model.net.modules())


def test_same_seed_same_network_whatever_the_order_of_labels():
    recipe = Recipe(moves="all", epochs=1, batch=2)
    one, two, other = (
        fit_detector(tiny(SSDLITE), labelled(*names), Labelled((), ()), read, recipe=recipe, seed=seed).model
        for names, seed in ((("0", "1", "2"), 0), (("2", "0", "1"), 0), (("0", "1", "2"), 1))
    )
    tensors = [model.net.state_dict() for model in (one, two, other)]
    assert all(torch.equal(value, tensors[1][key]) for key, value in tensors[0].items())
    assert any(not torch.equal(value, tensors[2][key]) for key, value in tensors[0].items())
    start = tiny(SSDLITE).net.state_dict()
    assert not torch.equal(tensors[0]["backbone.features.0.0.0.weight"], start["backbone.features.0.0.0.weight"])
    assert all(torch.equal(value, start[key]) for key, value in tensors[0].items() if "running_" in key)


def test_kept_only_if_better():
    recipe, val = Recipe(epochs=1, batch=2), labelled("3")
    start = tiny(SSDLITE)
    scores = iter([0.5, 0.4])
    worse = fit_detector(start, labelled("0"), val, read, recipe=recipe, seed=0, better=lambda _: next(scores))
    assert worse.model is start
    assert "no better" in worse.log["kept"]
    scores = iter([0.5, 0.6])
    good = fit_detector(start, labelled("0"), val, read, recipe=recipe, seed=0, better=lambda _: next(scores))
    assert good.model is not start
    assert (good.log["validation_before"], good.log["validation_after"]) == (0.5, 0.6)


def test_nothing_to_learn_from_is_told():
    with pytest.raises(LabelError, match="a training image with a box"):
        fit_detector(tiny(SSDLITE), Labelled(("0",), (Annotation(()),)), Labelled((), ()), read, seed=0)


def test_a_loss_that_is_no_number_is_told():
    broken = tiny(SSDLITE).anew()
    next(iter(broken.net.head.parameters())).data.fill_(float("nan"))
    with pytest.raises(ModelError, match="a loss that is a number"):
        fit_detector(broken, labelled("0"), Labelled((), ()), read, seed=0)


def test_mirrored_twice_is_itself():
    image, wanted = read("2"), said("2")
    there = mirrored(image, wanted)
    back, boxes = mirrored(*there)
    assert torch.equal(back, image)
    assert boxes.objects == wanted.objects
    assert there[1].objects[0].box == Box(64 - 39, 12, 64 - 9, 42)
