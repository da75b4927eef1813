"""The training loop: its objective, its end, its modes."""

import math

import pytest
import torch
from torch import nn

from askance.maths import keyed_seed
from askance.tasks.classification import build
from askance.tasks.classification.objective import CrossEntropy
from askance.training import steps
from askance.training.averages import Average, Settled
from askance.training.devices import OneDevice
from askance.training.steps import Examples, Recipe, minibatches, minimise
from askance.uncertainty import SplitNet
from askance.vocab import ModelError
from askance.vocab.config import ModelConfig, TrainConfig

FABRIC = OneDevice(torch.device("cpu"))


def recipe(moves="head", *, freeze=False, **train):
    return Recipe(TrainConfig(**{"min_steps": 0, **train}), FABRIC, CrossEntropy(), moves, freeze)


def toy(n=32, d=4):
    rows = torch.randn(n, d, generator=torch.Generator().manual_seed(0))
    targets = (rows[:, 0] > 0).long()
    head = nn.Sequential(nn.Dropout(0.1), nn.Linear(d, 2))
    nn.init.constant_(head[1].weight, 0.5)
    nn.init.zeros_(head[1].bias)
    return SplitNet(nn.Identity(), head), Examples(lambda chosen: rows[chosen], targets)


def test_every_example_once_a_pass():
    order = minibatches(10, 4, seed=0)
    seen = torch.cat([next(order) for _ in range(5)])
    assert sorted(seen[:10].tolist()) == list(range(10))
    assert sorted(seen[10:].tolist()) == list(range(10))
    assert len(next(minibatches(3, 32, seed=0))) == 3


def test_a_flat_loss_is_settled_and_a_falling_one_is_not():
    flat, falling = Settled(at_least=0), Settled(at_least=0)
    assert any(flat(1.0) for _ in range(1000))
    assert not any(falling(0.99**i + 0.05) for i in range(200))
    late = Settled(at_least=400)
    assert next(i for i in range(1, 1000) if late(1.0)) == 400
    low = Settled(at_least=0)
    assert next(i for i in range(1, 1000) if low(0.001)) == 50


def test_the_step_limit_is_not_convergence():
    net, examples = toy()
    outcome = minimise(net, examples, recipe(max_steps=20), decay=0.1, seed=0)
    assert (outcome.steps, outcome.converged) == (20, False)
    net, examples = toy()
    outcome = minimise(net, examples, recipe(max_steps=5000, learning_rate=0.05), decay=1.0, seed=0)
    assert outcome.converged
    assert outcome.steps < 5000


def test_weight_decay_is_the_papers_c_over_n():
    """The gradient of c/N ||W||^2 is 2c/N W; biases are spared."""

    net, _ = toy()
    decayed, spared = steps._groups(net, net, 3.0 / 32)
    assert [p.dim() for p in decayed["params"]] == [2]
    assert decayed["weight_decay"] == pytest.approx(2 * 3.0 / 32)
    assert [p.dim() for p in spared["params"]] == [1]
    assert "weight_decay" not in spared


def test_strong_decay_makes_small_weights():
    norms = []
    for decay in (0.0, 10.0):
        net, examples = toy()
        minimise(net, examples, recipe(max_steps=300, learning_rate=0.05), decay=decay, seed=0)
        norms.append(float(net.head[1].weight.detach().norm()))
    assert norms[1] < 0.5 * norms[0]


def test_a_loss_that_is_no_number_is_said():
    net, examples = toy()
    broken = Examples(lambda chosen: examples.read(chosen) * math.nan, examples.targets)
    with pytest.raises(ModelError, match="nothing was trained yet"):
        minimise(net, broken, recipe(), decay=0.1, seed=0)
    calls = iter([1.0, 1.0])  # well at first
    later = Examples(lambda chosen: examples.read(chosen) * next(calls, math.nan), examples.targets)
    with pytest.raises(ModelError, match=r"(?s)at step 3.*lower train\.learning_rate"):
        minimise(toy()[0], later, recipe(), decay=0.1, seed=0)


def test_the_average_is_the_recurrence():
    layer = nn.Linear(1, 1, bias=False)
    values = [1.0, 5.0, -2.0, 4.0]
    nn.init.constant_(layer.weight, values[0])
    average, mean = Average(layer), values[0]
    for step, value in enumerate(values[1:], start=1):
        nn.init.constant_(layer.weight, value)
        average.take(layer)
        mean += (1 - min(0.98, step / (step + 10))) * (value - mean)
    average.put(layer)
    assert float(layer.weight.detach()) == pytest.approx(mean)


@pytest.mark.parametrize("freeze", [True, False])
def test_batchnorm_moves_only_when_it_may(freeze):
    net = build(ModelConfig(name="resnet18", size=32), 2, seed=0)
    before = {key: value.clone() for key, value in net.named_buffers()}
    images = torch.randn(8, 3, 32, 32)
    examples = Examples(lambda chosen: images[chosen], torch.arange(8) % 2)
    minimise(net, examples, recipe("all", freeze=freeze, max_steps=2), decay=0.1, seed=0)
    same = all(torch.equal(value, before[key]) for key, value in net.named_buffers())
    assert same is freeze
    assert not any(module.training for module in net.modules())


def test_training_is_the_plain_loop():
    """The obvious twin: the penalty written into the loss, unfused Adam, the average as a loop over tensors."""
    net, examples = toy()
    plain, _ = toy()
    minimise(net, examples, recipe(max_steps=40, learning_rate=0.05, batch=8), decay=2.0, seed=3)
    linear, mean = plain.head[1], [p.detach().clone() for p in plain.parameters()]
    optimiser = torch.optim.Adam(plain.parameters(), lr=0.05, foreach=False)
    order = minibatches(32, 8, keyed_seed("minibatches", 3))
    torch.manual_seed(keyed_seed("dropout", 3))
    plain.train()
    for step in range(1, 41):
        chosen = next(order)
        loss = nn.functional.cross_entropy(plain(examples.read(chosen)), examples.targets[chosen])
        optimiser.zero_grad()
        (loss + 2.0 / 32 * (linear.weight**2).sum()).backward()
        optimiser.step()
        keep = min(0.98, step / (step + 10))
        mean = [keep * old + (1 - keep) * p.detach() for old, p in zip(mean, plain.parameters(), strict=True)]
    for found, wanted in zip(net.parameters(), mean, strict=True):
        torch.testing.assert_close(found.detach(), wanted, rtol=1e-4, atol=1e-5)
