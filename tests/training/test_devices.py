"""One device at full precision trains without Lightning Fabric, to the weights that Fabric gives, bit for bit."""

import os

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from askance.tasks.classification import build
from askance.tasks.classification.objective import CrossEntropy
from askance.training.adam import Adam
from askance.training.devices import FULL, OfFabric, OneDevice, fabric_of, plain_device
from askance.training.steps import Examples, Recipe, minimise
from askance.vocab import ConfigError
from askance.vocab.config import ModelConfig, TrainConfig

CPU = torch.device("cpu")


def gradients(weights, step):
    generator = torch.Generator().manual_seed(step)
    return [torch.randn(weight.shape, generator=generator) * 10.0 ** (step % 5 - 3) for weight in weights]


@pytest.mark.parametrize("unmoved", [None, 1])
def test_adam_is_torchs_to_the_bit(unmoved):
    """Over groups with their own rate and decay, over steps of any size, and where a weight has no gradient."""
    ours = [nn.Parameter(torch.randn(shape)) for shape in [(7, 5), (5,), (3, 2, 2, 2), (1,)]]
    theirs = [nn.Parameter(weight.detach().clone()) for weight in ours]

    def groups(weights):
        first, second = {"params": weights[:2], "weight_decay": 0.3}, {"params": weights[2:3], "lr": 0.7}
        return [first, second, {"params": weights[3:]}, {"params": []}]

    adam, real = Adam(groups(ours), lr=0.01), torch.optim.Adam(groups(theirs), lr=0.01, fused=True)
    for step in range(60):
        for weights in (ours, theirs):
            for place, gradient in enumerate(gradients(weights, step)):
                weights[place].grad = None if place == unmoved else gradient
        adam.step()
        real.step()
        adam.zero_grad()
        assert all(weight.grad is None for weight in ours)
        for weight, other in zip(ours, theirs, strict=True):
            assert torch.equal(weight, other)
    for weight, other in zip(ours, theirs, strict=True):
        known, expected = adam.state.get(weight, {}), real.state.get(other, {})
        assert list(known) == list(expected)
        assert all(torch.equal(known[name], expected[name]) for name in known)


def test_adam_moves_weights_of_several_number_formats():
    single, double = nn.Parameter(torch.ones(3)), nn.Parameter(torch.ones(3, dtype=torch.float64))
    adam = Adam([{"params": [single, double]}], lr=0.1)
    single.grad, double.grad = torch.ones(3), torch.ones(3, dtype=torch.float64)
    adam.step()
    assert torch.allclose(single.double(), double)
    assert float(single[0].detach()) == pytest.approx(0.9)


@pytest.mark.parametrize("moves", ["head", "all"])
@pytest.mark.parametrize("balance", ["none", "weights"])
def test_a_training_is_fabrics_to_the_bit(moves, balance):
    """Convolutions, dropout, decay, a trunk with a rate of its own: the same weights, the same outcome."""
    images = torch.rand(24, 1, 8, 8, generator=torch.Generator().manual_seed(3))
    targets = torch.arange(24) % 3
    config = TrainConfig(max_steps=60, min_steps=0, batch=8, balance=balance)
    config = config.model_copy(update={"trunk_learning_rate": 1e-4 if moves == "all" else None})
    found, outcomes = [], []
    for device in (OneDevice(CPU), OfFabric(Fabric(accelerator="cpu", devices=1))):
        net = build(ModelConfig(size=8, channels=1), 3, seed=1)
        rows = net.features(images) if moves == "head" else images
        examples = Examples(lambda chosen, rows=rows: rows[chosen], targets)
        recipe = Recipe(config, device, CrossEntropy(), moves, False)
        outcomes.append(minimise(net, examples, recipe, decay=0.5, seed=4))
        found.append(net.state_dict())
    assert outcomes[0] == outcomes[1]
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


class TestWhichDevice:
    def test_a_processor_at_full_precision_is_plain(self):
        assert fabric_of(TrainConfig(device="cpu")) == OneDevice(CPU)
        assert fabric_of(TrainConfig(device="cpu")).there() == os.cpu_count()

    def test_auto_is_what_fabric_takes(self):
        fabric = Fabric(accelerator="auto", devices=1)
        assert fabric_of(TrainConfig()).device == fabric.device
        assert fabric_of(TrainConfig()).precision == str(fabric.strategy.precision.precision) == FULL

    @pytest.mark.parametrize(
        ("has", "found"), [({"cuda"}, "cuda:0"), ({"mps"}, "mps:0"), ({"mps", "cuda"}, "mps:0"), (set(), "cpu")]
    )
    def test_auto_takes_a_card_before_a_processor(self, monkeypatch, has, found):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in has)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in has)
        assert str(plain_device("auto")) == found
        assert (plain_device("cuda") is None) == ("cuda" not in has)

    def test_another_precision_is_fabrics(self):
        device = fabric_of(TrainConfig(device="cpu", precision="bf16-mixed"))
        assert isinstance(device, OfFabric)
        assert device.precision == "bf16-mixed"
        with device.autocast():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16

    def test_what_is_not_there_is_told(self):
        with pytest.raises(ConfigError, match="abacus"):
            fabric_of(TrainConfig(device="abacus"))
        if not torch.cuda.is_available():
            with pytest.raises(ConfigError, match="a device this machine has"):
                fabric_of(TrainConfig(device="cuda"))
