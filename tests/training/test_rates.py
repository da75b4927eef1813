"""Learning rates: what is asked for, what is chosen, and what suits a network of which nothing was said."""

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from askance.networks.model import build_trunk
from askance.training.devices import OneDevice
from askance.training.rates import CONVOLUTIONAL, LAYER_NORMALISED, PLAIN, rate_of, rates_of
from askance.vocab import ConfigError, Labelled
from askance.vocab.config import ModelConfig, TrainConfig

NONE = Labelled((), ())
HEAD = {"train": "head"}


def parameters(net):
    return torch.cat([value.flatten() for value in net.state_dict().values()])


@pytest.mark.parametrize("rate", [0, -1e-3, [], [1e-3, 0.0], float("inf"), float("nan"), [1e-3, float("nan")]])
def test_rates_that_cannot_be_are_refused(rate):
    with pytest.raises(ValidationError, match="learning_rate"):
        TrainConfig(learning_rate=rate)


def test_one_rate_several_or_none():
    assert rate_of(TrainConfig()) == PLAIN == 2e-3
    assert rate_of(TrainConfig(learning_rate=3e-3)) == rate_of(TrainConfig(learning_rate=[3e-3])) == 3e-3
    with pytest.raises(ConfigError, match="one learning rate"):
        rate_of(TrainConfig(learning_rate=[1e-3, 1e-4]))


@pytest.mark.parametrize(
    ("moves", "given", "normal", "value", "trunk"),
    [
        ("head", True, nn.BatchNorm2d, PLAIN, None),
        ("head", True, nn.LayerNorm, PLAIN, None),
        ("all", False, nn.BatchNorm2d, PLAIN, None),
        ("all", False, nn.LayerNorm, PLAIN, None),
        ("all", True, nn.BatchNorm2d, CONVOLUTIONAL, CONVOLUTIONAL / 10),
        ("all", True, nn.LayerNorm, LAYER_NORMALISED, LAYER_NORMALISED / 10),
        ("all", True, nn.RMSNorm, LAYER_NORMALISED, LAYER_NORMALISED / 10),
    ],
)
def test_what_suits_a_network(moves, given, normal, value, trunk):
    net = nn.Sequential(nn.Conv2d(3, 4, 1), normal(4))
    found = rates_of(net, TrainConfig(), moves, given=given)
    config = found.fixed(TrainConfig(), found.values[0])
    assert found.values == (config.learning_rate,) == (value,)
    assert config.trunk_learning_rate == (trunk if trunk is None else pytest.approx(trunk))
    assert found.why.startswith("default for ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("resnet18", CONVOLUTIONAL),
        ("mobilenetv2_100", CONVOLUTIONAL),
        ("torchvision/vgg11", CONVOLUTIONAL),
        ("vit_tiny_patch16_224", LAYER_NORMALISED),
        ("convnext_atto", LAYER_NORMALISED),
        ("torchvision/convnext_tiny", LAYER_NORMALISED),
        ("swin_tiny_patch4_window7_224", LAYER_NORMALISED),
    ],
)
def test_families_are_known_by_their_layers(name, value):
    with torch.device("meta"):
        trunk = build_trunk(ModelConfig(name=name), seed=0)
    assert rates_of(trunk, TrainConfig(), "all", given=True).values == (value,)


def test_what_was_asked_for_comes_first():
    net = nn.Conv2d(3, 4, 1)
    both = TrainConfig(learning_rate=1e-2, trunk_learning_rate=7e-4)
    assert rates_of(net, both, "all", given=True).fixed(both, 1e-2) == both
    trunk = TrainConfig(trunk_learning_rate=7e-4)
    assert rates_of(net, trunk, "all", given=True).fixed(trunk, CONVOLUTIONAL).trunk_learning_rate == 7e-4
    one = TrainConfig(learning_rate=1e-2)
    assert rates_of(net, one, "all", given=True).fixed(one, 1e-2).trunk_learning_rate == pytest.approx(1e-3)
    assert rates_of(net, one, "all", given=False).fixed(one, 1e-2) == one
    assert rates_of(net, one, "all", given=False).why == "given"


@pytest.mark.parametrize("model", [{}, HEAD], ids=["all", "head"])
def test_of_several_the_one_of_least_validation_loss_is_kept(world, model):
    some, val = world.labelled(*range(16)), world.labelled(*range(20, 32))
    asked = {"learning_rate": (1e-6, 5e-3), "weight_decay": (0.1, 1e4), "max_steps": 40}
    found = world.task(model=model, train=asked).fit(some, val, warm=None, seed=0)
    alone = world.task(model=model, train={**asked, "learning_rate": 5e-3, "weight_decay": (0.1,)})
    losses = found.log["validation_nll"]
    assert set(losses) == {"0.1 at 1e-06", "0.1 at 0.005", "10000 at 1e-06", "10000 at 0.005"}
    assert min(losses, key=losses.get) == "0.1 at 0.005"
    assert (found.log["learning_rate"], found.log["weight_decay"]) == (5e-3, 0.1)
    assert found.log["learning_rate_by"] == found.log["weight_decay_by"] == "least validation loss"
    wanted = alone.fit(some, val, warm=None, seed=0)
    assert torch.equal(parameters(found.model), parameters(wanted.model))
    assert (wanted.log["learning_rate_by"], wanted.log["weight_decay_by"]) == ("given", "the only candidate")


def test_of_several_the_one_of_least_loss_over_folds_is_kept(world):
    asked = {"learning_rate": (1e-6, 0.02), "folds": 3, "max_steps": 40}
    log = world.task(model=HEAD, train=asked).fit(world.labelled(*range(16)), NONE, warm=None, seed=0).log
    assert log["learning_rate"] == 0.02
    assert "3 folds" in log["learning_rate_by"]
    assert log["weight_decay_by"] == "the only candidate"
    assert log["folds_nll"]["0.1 at 0.02"] < log["folds_nll"]["0.1 at 1e-06"]


def test_with_nothing_to_choose_by_the_first_is_used_and_the_log_says_so(world):
    asked = {"learning_rate": (1e-3, 1e-2), "max_steps": 5}
    log = world.task(train=asked).fit(world.labelled(*range(8)), NONE, warm=None, seed=0).log
    assert log["learning_rate"] == 1e-3
    assert log["learning_rate_by"] == "the first candidate: no validation labels"
    assert "trunk_learning_rate" not in log


def test_given_weights_are_trained_on_at_their_own_rates(world, tmp_path, monkeypatch):
    """The rates that reach Adam: of a whole network, of heads that are trained on from it, of whole networks."""
    own = world.task()._begin.start(None, 5)[0]
    save_file({name: value.contiguous() for name, value in own.trunk.state_dict().items()}, tmp_path / "w")
    seen, real = [], OneDevice.setup

    def setup(device, part, groups, rate):
        seen.append((rate, next((group["lr"] for group in groups if "lr" in group), None)))
        return real(device, part, groups, rate)

    monkeypatch.setattr(OneDevice, "setup", setup)
    model = {"weights": str(tmp_path / "w"), "train": "all", "members": 2}
    for asked, whole, heads in (
        ({}, (CONVOLUTIONAL, CONVOLUTIONAL / 10), (PLAIN, None)),
        ({"learning_rate": 4e-3}, (4e-3, 4e-4), (4e-3, None)),
        ({"learning_rate": 4e-3, "trunk_learning_rate": 4e-3}, (4e-3, 4e-3), (4e-3, None)),
    ):
        for posterior, second in (("swag", heads), ("ensemble", pytest.approx(whole))):
            seen.clear()
            task = world.task(model={**model, "posterior": posterior}, train={"max_steps": 3, **asked})
            log = task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).log
            assert seen == [pytest.approx(whole), second]
            assert log["learning_rate"] == whole[0]
            assert log["trunk_learning_rate"] == pytest.approx(whole[1])
