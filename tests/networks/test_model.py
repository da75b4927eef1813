"""Networks by name, their heads and their weights."""

import logging

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from askance.networks.backbones import backbone
from askance.tasks.classification import build
from askance.uncertainty import mc_dropout, stochastic_layers
from askance.vocab import ModelError
from askance.vocab.config import ModelConfig

MOBILENET = {"name": "mobilenetv2_100", "size": 32}


def test_gal_net_is_the_papers():
    net = build(ModelConfig(name="gal-cnn", size=28, channels=1), 10, seed=0)
    shapes = [tuple(p.shape) for p in net.parameters() if p.dim() > 1]
    assert shapes == [(32, 1, 4, 4), (32, 32, 4, 4), (128, 3872), (10, 128)]
    assert [layer.p for layer in net.head if isinstance(layer, nn.Dropout)] == [0.25, 0.5]
    linear = net.head[1]
    limit = (6 / (3872 + 128)) ** 0.5
    assert 0.99 * limit < float(linear.weight.detach().abs().max()) <= limit
    assert not bool(linear.bias.any())


def test_pooling_before_the_rectifier_is_pooling_after_it():
    net = build(ModelConfig(name="gal-cnn", size=12, channels=1), 3, seed=0)
    images = torch.randn(5, 1, 12, 12)
    first, _, second, *_ = net.trunk
    paper = nn.functional.max_pool2d(second(first(images).relu()).relu(), 2).flatten(1)
    torch.testing.assert_close(net.trunk(images), paper)


@pytest.mark.parametrize(("size", "features"), [(8, 32), (10, 128), (28, 3872)])
def test_gal_net_takes_small_images(size, features):
    assert build(ModelConfig(name="gal-cnn", size=size, channels=1), 10, seed=0).n_features == features


@pytest.mark.parametrize(
    ("name", "features"),
    [
        ("resnet18", 512),
        ("timm/resnet18", 512),
        ("torchvision/resnet18", 512),
        ("mobilenetv2_100", 1280),
        ("torchvision/squeezenet1_1", 512),
        ("torchvision/mobilenet_v3_small", 1024),
    ],
)
def test_any_classifier_by_name(name, features):
    net = build(ModelConfig(name=name, size=32, dropout=0.3), 5, seed=0)
    assert net.n_features == features
    draws = mc_dropout(net, torch.randn(2, 3, 32, 32), k=3, seed=0)
    assert tuple(draws.log_probs.shape) == (2, 3, 5)
    assert [layer.name.split(".")[0] for layer in stochastic_layers(net)] == ["head"]


def test_timm_goes_first():
    timm, torchvision = (backbone(ModelConfig(name=name)).trunk for name in ("resnet18", "torchvision/resnet18"))
    assert type(timm).__module__.startswith("timm.")
    assert type(torchvision).__module__.startswith("torchvision.")


@pytest.mark.parametrize(
    ("hidden", "kinds"),
    [(0, ["Dropout", "Linear"]), (16, ["Dropout", "Linear", "ReLU", "Dropout", "Linear"])],
)
def test_the_bayesian_head(hidden, kinds):
    head = build(ModelConfig(**MOBILENET, hidden=hidden, dropout=0.2), 5, seed=0).head
    assert [type(layer).__name__ for layer in head] == kinds
    assert head[0].p == 0.2


@pytest.mark.parametrize("name", ["gal-cnn", "mobilenetv2_100"])
def test_same_seed_same_weights_whatever_the_global_generator(name):
    config = ModelConfig(name=name, size=32)
    torch.manual_seed(1)
    one = build(config, 3, seed=7).state_dict()
    after = torch.rand(())
    torch.manual_seed(2)
    two, other = build(config, 3, seed=7).state_dict(), build(config, 3, seed=8).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert not all(torch.equal(one[key], other[key]) for key in one)
    torch.manual_seed(1)
    assert torch.rand(()) == after


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"name": "resnet81"}, "resnet18"),
        ({"name": "timm/gal-cnn"}, "classifier that timm or torchvision knows"),
        ({"name": "gal-cnn", "size": 7}, "8 pixels"),
        ({"name": "gal-cnn", "options": {"pad_type": "same"}}, "no options"),
        ({"name": "resnet18", "options": {"padtype": "same"}}, "padtype"),
        ({"name": "torchvision/resnet18", "options": {"padtype": "same"}}, "padtype"),
        ({"name": "torchvision/resnet18", "channels": 1}, "model.channels = 3"),
        ({"name": "vit_tiny_patch16_224", "size": 32}, "img_size"),
    ],
)
def test_what_cannot_be_built_is_said(config, words):
    with pytest.raises(ModelError, match=words):
        build(ModelConfig(**config), 3, seed=0)


def test_options_reach_the_factory():
    net = build(ModelConfig(name="vit_tiny_patch16_224", size=32, options={"img_size": 32, "depth": 1}), 3, seed=0)
    assert net.n_features == 192


@pytest.fixture
def weights(tmp_path):
    """A file as timm users have it: a whole classifier of seven classes."""
    import timm

    torch.manual_seed(0)
    path = tmp_path / "weights.safetensors"
    save_file(timm.create_model("mobilenetv2_100", num_classes=7).state_dict(), path)
    return path


def test_weights_fill_the_trunk_and_the_old_classifier_stays_behind(weights, caplog):
    with caplog.at_level(logging.INFO):
        net = build(ModelConfig(**MOBILENET, weights=str(weights)), 3, seed=0)
    assert "classifier.bias, classifier.weight" in caplog.text
    found = load_file(weights)
    assert all(torch.equal(value, found[key]) for key, value in net.trunk.state_dict().items())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found.pop("conv_stem.weight"), "missing conv_stem.weight"),
        (lambda found: found.update(extra=torch.zeros(1)), "unexpected extra"),
        (lambda found: found.update({"bn1.bias": torch.zeros(3)}), r"bn1.bias is \[3\], not \[32\]"),
    ],
)
def test_weights_that_do_not_fit_are_named(weights, change, words):
    found = load_file(weights)
    change(found)
    save_file(found, weights)
    with pytest.raises(ModelError, match=words):
        build(ModelConfig(**MOBILENET, weights=str(weights)), 3, seed=0)


def test_weights_must_be_a_safetensors_file(tmp_path):
    with pytest.raises(ModelError, match="safetensors file"):
        build(ModelConfig(**MOBILENET, weights=str(tmp_path / "none")), 3, seed=0)
    (tmp_path / "junk").write_bytes(b"junk")
    with pytest.raises(ModelError, match="safetensors file"):
        build(ModelConfig(**MOBILENET, weights=str(tmp_path / "junk")), 3, seed=0)


def test_the_shared_mobilenet_is_usable(shared_data):
    """Its padding matters, and it knows what it was trained on: features tell kinds of waste apart."""
    path = str(shared_data / "weights" / "mobilenetv2_100_imagenet.safetensors")
    same = build(ModelConfig(**MOBILENET, weights=path, options={"pad_type": "same"}), 6, seed=0)
    plain = build(ModelConfig(**MOBILENET, weights=path), 6, seed=0)
    images = torch.randn(2, 3, 32, 32)
    one, two = same.features(images), plain.features(images)
    assert bool(one.isfinite().all())
    assert not torch.allclose(one, two)
    assert {type(layer).__name__ for layer in same.trunk.modules()} >= {"Conv2dSame"}
