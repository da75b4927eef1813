"""What may be asked of training: balance; and that nothing changes where nothing is asked."""

from collections import Counter
from itertools import islice

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from askance.tasks.classification.balance import balanced_minibatches, balanced_weights
from askance.tasks.classification.train import Examples, Recipe, _loss, minimise
from askance.uncertainty import SplitNet
from askance.vocab import Labelled
from askance.vocab.config import TrainConfig
from tests.reference import training as slow

NONE = Labelled((), ())
HEAD = {"train": "head"}
FABRIC = Fabric(accelerator="cpu", devices=1)
SKEWED = [2] * 9 + [0] * 3 + [5] * 1


def parameters(net):
    return torch.cat([value.flatten() for value in net.state_dict().values()])


def toy(targets=None, n=32):
    rows = torch.randn(n, 4, generator=torch.Generator().manual_seed(0))
    head = nn.Sequential(nn.Dropout(0.3), nn.Linear(4, 2))
    nn.init.constant_(head[1].weight, 0.5)
    nn.init.zeros_(head[1].bias)
    return SplitNet(nn.Identity(), head), Examples(
        lambda chosen: rows[chosen], (rows[:, 0] > 0).long() if targets is None else targets
    )


def trained(net, examples, **train):
    recipe = Recipe(TrainConfig(**{"min_steps": 0, "max_steps": 120, **train}), FABRIC, "head", False)
    return minimise(net, examples, recipe, decay=0.5, seed=3)


def test_without_options_training_is_what_it_was_bit_for_bit():
    (net, examples), (plain, _) = toy(), toy()
    trained(net, examples)
    config = TrainConfig(min_steps=0, max_steps=120)
    wanted = slow.plain_training(plain.head, examples, config, decay=0.5, seed=3)
    assert all(torch.equal(found, mean) for found, mean in zip(net.head.parameters(), wanted, strict=True))


class TestBalance:
    def test_weights_are_the_counting(self):
        found = balanced_weights(torch.tensor(SKEWED))
        torch.testing.assert_close(found, torch.tensor(slow.weights(SKEWED)))
        assert float(found.mean()) == pytest.approx(1)
        order = torch.randperm(len(SKEWED), generator=torch.Generator().manual_seed(1))
        assert torch.equal(balanced_weights(torch.tensor(SKEWED)[order]), found[order])
        assert torch.equal(balanced_weights(torch.tensor([0, 1, 3] * 4)), torch.ones(12))

    def test_the_weighted_loss_is_the_mean_over_classes(self):
        targets = torch.tensor(SKEWED)
        logits = torch.randn(len(SKEWED), 6, generator=torch.Generator().manual_seed(0))
        found = _loss(logits, targets, balanced_weights(targets))
        each = nn.functional.cross_entropy(logits, targets, reduction="none")
        assert float(found) == pytest.approx(sum(float(each[targets == c].mean()) for c in (0, 2, 5)) / 3)
        assert float(_loss(logits, targets, None)) == pytest.approx(float(each.mean()))

    def test_sampling_goes_in_passes_over_classes_and_within_each(self):
        targets = torch.tensor(SKEWED)
        drawn = torch.cat(list(islice(balanced_minibatches(targets, 7, seed=4), 30))).tolist()
        classes = [SKEWED[place] for place in drawn]
        assert slow.in_passes(classes, [0, 2, 5])
        for c in (0, 2, 5):
            among = [place for place, target in enumerate(SKEWED) if target == c]
            assert slow.in_passes([place for place in drawn if SKEWED[place] == c], among)
        assert Counter(classes) == {0: 70, 2: 70, 5: 70}

    def test_sampling_is_its_seeds_alone(self):
        targets = torch.tensor(SKEWED)
        torch.manual_seed(0)
        one = torch.cat(list(islice(balanced_minibatches(targets, 5, seed=1), 8)))
        torch.manual_seed(1)
        state = torch.get_rng_state()
        assert torch.equal(one, torch.cat(list(islice(balanced_minibatches(targets, 5, seed=1), 8))))
        assert not torch.equal(one, torch.cat(list(islice(balanced_minibatches(targets, 5, seed=2), 8))))
        assert torch.equal(torch.get_rng_state(), state)
        assert len(next(balanced_minibatches(targets, 99, seed=0))) == len(SKEWED)

    @pytest.mark.parametrize("balance", ["weights", "sampling"])
    def test_a_prior_over_classes_is_lost(self, balance):
        """Of inputs that say nothing, what is learnt is how likely each class is: 3 to 1, or even."""
        targets = (torch.arange(32) % 4 == 0).long()
        shares = {}
        for asked in ("none", balance):
            net, examples = toy(targets)
            blind = Examples(lambda chosen: torch.zeros(len(chosen), 4), examples.targets)
            trained(net, blind, balance=asked, learning_rate=0.02, max_steps=400)
            shares[asked] = float(net.head(torch.zeros(1, 4)).softmax(1)[0, 1].detach())
        assert shares["none"] == pytest.approx(0.25, abs=0.05)
        assert shares[balance] == pytest.approx(0.5, abs=0.05)

    @pytest.mark.parametrize("model", [{}, HEAD], ids=["all", "head"])
    @pytest.mark.parametrize("balance", ["weights", "sampling"])
    def test_whole_networks_and_heads_are_balanced_and_the_log_says_so(self, world, model, balance):
        places = [0, 4, 8, 12, 16, 1, 2, 3]
        some = world.labelled(*places)
        plain = world.task(model=model, train={"max_steps": 20}).fit(some, NONE, warm=None, seed=1)
        task = world.task(model=model, train={"max_steps": 20, "balance": balance})
        found = task.fit(some, NONE, warm=None, seed=1)
        again = task.fit(world.labelled(*reversed(places)), NONE, warm=None, seed=1)
        assert "loss" in plain.log
        assert "balanced_loss" in found.log
        assert "loss" not in found.log
        assert torch.equal(parameters(found.model), parameters(again.model))
        assert not torch.equal(parameters(found.model), parameters(plain.model))
