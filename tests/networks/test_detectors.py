"""Detectors of other libraries: draws of the head alone, at exactly the boxes that one pass finds."""

import pytest
import torch
from torch import nn
from torchvision.ops import box_iou

from askance.acquisition import score
from askance.maths import aggregate
from askance.networks.detectors.build import Spec, build, load, save
from askance.networks.detectors.sampled import chosen
from askance.networks.detectors.torchvision import look_at
from askance.networks.found import at_most_one, background_last, spread, units
from askance.selection import select
from askance.vocab import Annotation, Box, ModelError, Object
from tests.networks.tiny_detectors import CLASSES, OPTIONS, TORCHVISION, images, spec_of, tiny
from tests.reference.detectors import heads_of_draws

LEAST = 0.002
"""Random weights find nothing that is likely."""

every = pytest.mark.parametrize("name", OPTIONS)
every_torchvision = pytest.mark.parametrize("name", TORCHVISION)


def found(name, how="mc-dropout", of=None, k=8, seed=0, most=20):
    return tiny(name, how).found(images() if of is None else of, k=k, seed=seed, least=LEAST, most=most)


@every
def test_from_draws_to_picks(name):
    boxes = found(name)
    of_boxes = units(boxes, least=LEAST)
    assert len(boxes) > 4
    assert boxes.n_images == 2
    assert boxes.draws.log_probs.shape == (len(boxes), 8, len(CLASSES) + 1)
    doubt = score("bald", draws=of_boxes.draws)
    assert float(doubt.max()) > 1e-7
    of_images = aggregate(doubt, boxes.image, 2, "max")
    picks = select("top-k", scores=of_images, ids=["a", "b"], n=1, seed=0)
    assert picks.ids == ("ab"[int(of_images.argmax())],)
    sides = torch.tensor([[80, 60, 80, 60], [50, 64, 50, 64]])[boxes.image]
    assert bool((boxes.boxes >= 0).all())
    assert bool((boxes.boxes <= sides + 1e-3).all())


@every
@pytest.mark.parametrize("how", ["mc-dropout", "dropout-moments", "softmax"])
def test_draws_belong_to_a_seed_not_to_a_batch(name, how):
    one = found(name, how, of=images()[1:])
    both = found(name, how)
    second = both.image == 1
    assert torch.equal(both.boxes[second], one.boxes)
    assert torch.equal(both.draws.log_probs[second], one.draws.log_probs)
    assert torch.equal(both.box_draws[second], one.box_draws)
    assert both.draws.joint == (how != "dropout-moments")
    if how == "softmax":
        assert both.draws.k == 1
    else:
        assert not torch.equal(found(name, how, seed=1).draws.log_probs, both.draws.log_probs)
    more = found(name, how, k=12)
    if how == "mc-dropout":
        assert torch.allclose(more.draws.log_probs[:, :8], both.draws.log_probs, atol=1e-5)


@every_torchvision
def test_a_draw_is_the_whole_head_run_under_its_masks(name):
    """Classes and boxes of each draw, against hooks in the network that drop the same channels."""
    detector, image = tiny(name), images()[0]
    boxes = found(name, of=[image], k=4)
    with torch.inference_mode():
        look = look_at(detector.net, image / 255)
        which, label, _ = chosen(look, LEAST, 20)
        classes, deltas = heads_of_draws(detector.net, image / 255, k=4, seed=0, p=detector.dropout)
        head = look.head(which, label)
        logits = head.to_logits(classes[:, which].transpose(0, 1))
        if "fasterrcnn" in name:
            deltas = deltas.view(4, -1, len(CLASSES) + 1, 4)[:, which, label + 1]
        else:
            deltas = deltas[:, which]
        moved = head.to_boxes(deltas.transpose(0, 1).contiguous())
    torch.testing.assert_close(boxes.draws.log_probs, logits.log_softmax(-1), atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(boxes.box_draws, moved, atol=2e-3, rtol=1e-4)


@every_torchvision
def test_closed_form_against_ten_thousand_draws(name):
    """Mean and covariance of the logits, at each box."""
    detector, image, k, p = tiny(name), images()[0], 10_000, 0.2  # at few boxes: masks are drawn one by one
    with torch.inference_mode():
        look = look_at(detector.net, image / 255)
        which, label, _ = chosen(look, LEAST, 4)
        layer = look.head(which, label).classes
        layers = [one for rows, one in layer.layers if len(rows)] if hasattr(layer, "layers") else [layer]
        for one in layers[:1]:
            assert len(one.rest)
            exact, drawn = one.moments(p), one.masked(k, 0, p).double()
            variance = exact.covariance.diagonal(dim1=-2, dim2=-1).double()
            assert bool(((drawn.mean(1) - exact.mean).abs() <= 5 * (variance / k).sqrt() + 1e-5).all())
            off = drawn - drawn.mean(1, keepdim=True)
            measured = off.mT @ off / k
            scale = (variance.unsqueeze(-1) * variance.unsqueeze(-2)).sqrt()
            assert bool(((measured - exact.covariance).abs() <= 0.06 * scale + 1e-8).all())


@every_torchvision
def test_boxes_are_those_of_the_library(name):
    """Each of ours is one of its own, or one that it leaves out beside a likelier one of that class."""
    detector, image = tiny(name, "softmax"), images()[0]
    net = detector.net
    owner = net.roi_heads if hasattr(net, "roi_heads") else net
    wanted = {"score_thresh": LEAST, "detections_per_img": 100_000, "topk_candidates": 100_000}
    before = {key: getattr(owner, key) for key in wanted if hasattr(owner, key)}
    try:
        for key in before:
            setattr(owner, key, wanted[key])
        with torch.inference_mode():
            own = net([image / 255])[0]
    finally:
        for key, value in before.items():
            setattr(owner, key, value)
    boxes = found(name, "softmax", of=[image], most=10)
    probs, label = boxes.draws.log_probs[:, 0, :-1].exp().max(-1)
    softmax = "fasterrcnn" in name or "ssdlite" in name
    same_class = own["labels"][None] == label[:, None] + softmax
    near = same_class & ((boxes.boxes[:, None] - own["boxes"]).abs().amax(-1) < 1e-2)
    beside = same_class & (box_iou(boxes.boxes, own["boxes"]) > owner.nms_thresh - 1e-3)
    assert bool(near[0].any())
    assert bool((near | beside).any(1).all())
    assert int(near.any(1).sum()) >= len(boxes) // 2
    if softmax:  # a sigmoid becomes at most one of several
        assert float(own["scores"][near[0]].max()) == pytest.approx(float(probs[0]), abs=1e-5)


@every
def test_batch_statistics_do_not_move(name):
    detector = tiny(name).anew()
    before = {key: value.clone() for key, value in detector.net.state_dict().items()}
    detector.found(images(), k=3, seed=0, least=LEAST)
    said = [Annotation((Object("cup", Box(10, 10, 40, 50)),)), Annotation(())]
    losses = detector.losses(images(), said)
    assert all(bool(loss.isfinite()) for loss in losses.values())
    assert sum(losses.values()).requires_grad
    assert not any(module.training for module in detector.net.modules())
    assert all(torch.equal(value, before[key]) for key, value in detector.net.state_dict().items())


@pytest.mark.parametrize("name", ["torchvision/ssdlite320_mobilenet_v3_large", "transformers/d_fine"])
def test_saved_and_read_back(name, tmp_path):
    save(tiny(name), spec_of(name), tmp_path / "model.safetensors")
    again = load(tmp_path / "model.safetensors", spec_of(name))
    one, two = found(name, k=3), again.found(images(), k=3, seed=0, least=LEAST, most=20)
    assert torch.equal(one.draws.log_probs, two.draws.log_probs)
    other = Spec(name, ("can", "cup", "tin"), 0.2, "mc-dropout", OPTIONS[name])
    with pytest.raises(ModelError, match="classes = "):
        load(tmp_path / "model.safetensors", other)


def test_weights_of_other_classes_fill_all_but_the_last_layer(tmp_path):
    name = "torchvision/ssdlite320_mobilenet_v3_large"
    from safetensors.torch import save_file

    save_file(tiny(name).net.state_dict(), tmp_path / "w.safetensors")
    two = build(Spec(name, ("can", "cup")), weights=str(tmp_path / "w.safetensors"), seed=3)
    old, new = tiny(name).net.state_dict(), two.net.state_dict()
    moved = {key for key, value in new.items() if old[key].shape != value.shape}
    assert moved
    assert all("classification_head.module_list" in key for key in moved)
    assert all(torch.equal(old[key], new[key]) for key in new.keys() - moved)
    with pytest.raises(ModelError, match="missing or of another shape"):
        build(Spec("torchvision/fcos_resnet50_fpn", CLASSES), weights=str(tmp_path / "w.safetensors"))


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("torchvision/resnet18", "softmax", "a detector by its name"),
        ("torchvision/fcos_resnet50_fpn", "ensemble", "a posterior that"),
        ("yolo/v8", "softmax", "a detector by its name"),
    ],
)
def test_what_there_is_not(name, how, said):
    with pytest.raises(ModelError, match=said):
        Spec(name, CLASSES, how=how)


def test_options_that_a_library_does_not_take():
    with pytest.raises(ModelError, match="options that torchvision"):
        build(Spec("torchvision/ssdlite320_mobilenet_v3_large", CLASSES, options={"minimum": 3}))
    with pytest.raises(ModelError, match=r"a detector of transformers"):
        build(Spec("transformers/vit", CLASSES))


def test_nothing_is_found_in_an_image_without_anything():
    found_none = tiny(TORCHVISION[1]).found(images(), k=3, seed=0, least=0.999)
    assert len(found_none) == 0
    assert found_none.n_images == 2
    assert len(units(found_none).about["spread"]) == 0


def test_at_most_one_of_independent_sigmoids():
    """P(c) over all cases with at most one class on, by counting."""
    p = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64)
    none = (1 - p).prod()
    only = torch.stack([none / (1 - p[c]) * p[c] for c in range(3)])
    wanted = torch.cat([only, none[None]]) / (only.sum() + none)
    got = at_most_one(p.logit().view(1, 1, 3), joint=True).log_probs.exp()[0, 0]
    torch.testing.assert_close(got, wanted)
    rolled = background_last(torch.tensor([[[7.0, 1.0, 2.0]]]), joint=True).log_probs[0, 0]
    torch.testing.assert_close(rolled, torch.tensor([1.0, 2.0, 7.0]).log_softmax(-1))


def test_spread_counts_only_draws_that_have_the_box():
    moved = torch.tensor([[[0.0, 0, 10, 10], [2, 0, 12, 10], [500, 500, 600, 600]]])
    seen = torch.tensor([[True, True, False]])
    torch.testing.assert_close(spread(moved, seen), spread(moved[:, :2]))


def test_no_module_is_in_training_while_draws_are_made():
    detector = tiny(TORCHVISION[0])
    met = []
    hook = detector.net.roi_heads.box_head.register_forward_hook(
        lambda *_: met.append(any(module.training for module in detector.net.modules()))
    )
    detector.found(images()[:1], k=2, seed=0, least=LEAST)
    hook.remove()
    assert met == [False]
    assert isinstance(detector.net, nn.Module)
