"""What may be asked of training; and that nothing changes where nothing is asked."""

from collections import Counter
from itertools import islice

import pytest
import torch
from torch import nn

from askance.tasks.classification import build
from askance.tasks.classification.objective import CrossEntropy
from askance.training.augment import augmented
from askance.training.averages import Average, Best
from askance.training.balance import balanced_minibatches, balanced_weights
from askance.training.devices import OneDevice
from askance.training.steps import Examples, Recipe, _groups, minimise
from askance.uncertainty import SplitNet
from askance.vocab import ConfigError, LabelError, Labelled
from askance.vocab.config import ModelConfig, TrainConfig
from tests.reference import training as slow

NONE = Labelled((), ())
HEAD = {"train": "head"}
FABRIC = OneDevice(torch.device("cpu"))
SKEWED = [2] * 9 + [0] * 3 + [5] * 1


class Told:
    """Examples that change nothing and remember by which seeds they were asked to."""

    def __init__(self, read):
        self.read, self.seeds = read, []

    def __call__(self, chosen, seed):
        self.seeds.append(seed)
        return self.read(chosen)


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
    recipe = Recipe(
        TrainConfig(**{"min_steps": 0, "max_steps": 120, **train}), FABRIC, CrossEntropy(), "head", False
    )
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
        found = CrossEntropy().loss(logits, targets, balanced_weights(targets))
        each = nn.functional.cross_entropy(logits, targets, reduction="none")
        assert float(found) == pytest.approx(sum(float(each[targets == c].mean()) for c in (0, 2, 5)) / 3)
        assert float(CrossEntropy().loss(logits, targets, None)) == pytest.approx(float(each.mean()))

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


class TestAugment:
    def test_a_flip_is_one_of_four_pictures_and_each_image_has_its_own(self):
        image = torch.arange(16, dtype=torch.uint8).reshape(1, 4, 4)
        wanted = {tuple(image.flip(dims).flatten().tolist()) for dims in ([], [1], [2], [1, 2])}
        found = augmented(image.expand(64, 1, 4, 4), "flips", seed=0)
        counts = Counter(tuple(one.flatten().tolist()) for one in found)
        assert set(counts) == wanted
        assert min(counts.values()) >= 6

    @pytest.mark.parametrize("channels", [1, 3])
    def test_standard_keeps_shape_and_kind_and_never_turns_upside_down(self, channels):
        pixels = torch.zeros(24, channels, 16, 16, dtype=torch.uint8)
        pixels[:, :, :8] = 100
        found = augmented(pixels, "standard", seed=0)
        assert found.shape == pixels.shape
        assert found.dtype == torch.uint8
        assert bool((found[:, :, 0] > found[:, :, -1]).all())
        assert len({int(one.max()) for one in found}) > 1 or channels == 1
        assert len({one.numpy().tobytes() for one in found}) > 3
        assert int(found.max()) <= (100 if channels == 1 else 130)

    @pytest.mark.parametrize("kind", ["flips", "standard"])
    def test_pixels_are_the_seeds_alone_and_the_old_ones_stay(self, kind):
        pixels = torch.randint(0, 256, (8, 3, 12, 12), dtype=torch.uint8)
        before, state = pixels.clone(), torch.get_rng_state()
        one = augmented(pixels, kind, seed=0)
        assert torch.equal(torch.get_rng_state(), state)
        torch.manual_seed(5)
        assert torch.equal(augmented(pixels, kind, seed=0), one)
        assert not torch.equal(augmented(pixels, kind, seed=1), one)
        assert torch.equal(pixels, before)
        assert augmented(pixels, "none", seed=0) is pixels
        assert len(augmented(pixels[:0], kind, seed=0)) == 0

    @pytest.mark.parametrize("kind", ["flips", "standard"])
    def test_training_sees_other_pictures_each_step_and_is_its_seed_alone(self, world, kind):
        found = []
        for augment in (kind, kind, "none"):
            torch.manual_seed(len(found))
            task = world.task(train={"max_steps": 10, "augment": augment})
            found.append(parameters(task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model))
        assert torch.equal(found[0], found[1])
        assert not torch.equal(found[0], found[2])

    def test_each_step_has_a_seed_of_its_own_which_the_training_seed_decides(self):
        seeds = []
        for seed in (0, 0, 1):
            net, examples = toy()
            said = Told(examples.read)
            some = Examples(examples.read, examples.targets, varied=said)
            recipe = Recipe(TrainConfig(min_steps=0, max_steps=9), FABRIC, CrossEntropy(), "head", False)
            minimise(net, some, recipe, decay=0.5, seed=seed)
            seeds.append(said.seeds)
        assert seeds[0] == seeds[1]
        assert len(set(seeds[0] + seeds[2])) == 18

    def test_features_computed_once_cannot_change(self, world):
        task = world.task(model=HEAD, train={"augment": "flips"})
        with pytest.raises(ConfigError, match=r'model\.train = "all"'):
            task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0)


class TestTrunkRate:
    def test_three_groups_hold_every_weight_once(self):
        net = build(ModelConfig(size=8, channels=1), 3, seed=0)
        groups = _groups(net, net, 0.1, 1e-3)
        assert [group.get("lr") for group in groups] == [None, None, 1e-3]
        assert [group.get("weight_decay") for group in groups] == [0.2, None, None]
        found = [id(weight) for group in groups for weight in group["params"]]
        assert sorted(found) == sorted(id(weight) for weight in net.parameters())
        trunk = {id(weight) for weight in net.trunk.parameters()}
        assert {id(weight) for weight in groups[2]["params"]} == trunk

    def test_the_same_rate_is_the_same_training_and_another_is_not(self, world):
        found = {}
        for rate in (None, 2e-3, 1e-9):
            task = world.task(train={"max_steps": 8, "learning_rate": 2e-3, "trunk_learning_rate": rate})
            found[rate] = task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
        assert torch.equal(parameters(found[None]), parameters(found[2e-3]))
        start = world.task()._begin.start(None, 0)[0]
        moved = {
            rate: float((parameters(net.trunk) - parameters(start.trunk)).abs().max())
            for rate, net in found.items()
        }
        assert moved[1e-9] < 1e-7
        assert moved[None] > 1e-3
        assert not torch.equal(parameters(found[1e-9].head), parameters(start.head))

    def test_a_trunk_that_stays_has_no_rate(self, world):
        task = world.task(model=HEAD, train={"trunk_learning_rate": 1e-3})
        with pytest.raises(ConfigError, match="trunk_learning_rate"):
            task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0)

    def test_of_a_network_that_is_one_head_the_trunk_is_all_but_the_classifier(self):
        own = ModelConfig(
            name="vit_tiny_patch16_224", head="own", size=32, options={"img_size": 32, "drop_path_rate": 0.1}
        )
        net = build(own, 3, seed=0)
        groups = _groups(net, net, 0.1, 1e-3)
        assert len(list(net.trunk.parameters())) == 0
        assert [len(group["params"]) for group in groups[:2]] == [1, 1]
        assert sum(len(group["params"]) for group in groups) == len(list(net.parameters()))


def watched(losses, at_least=0):
    """What `Best` makes of validation losses in this order: the looks it took, and itself."""
    layer, said = nn.Linear(1, 1, bias=False), iter(losses)
    best = Best(lambda: next(said), Average(layer), at_least)
    ends = [step for step in range(1, 50 * len(losses) + 1) if best(layer, step, last=False)]
    return ends[0] if ends else None, best


class TestStop:
    @pytest.mark.parametrize(
        ("losses", "at_least", "end", "kept"),
        [
            ([3, 2, 1, 1.5, 1.4, 1.3, 1.2], 0, 350, 150),
            ([3, 2, 1, 1, 1, 1, 1], 0, 350, 150),
            ([3, 4, 4, 4, 2, 4, 4, 4, 4], 0, 450, 250),
            ([3, 4, 4, 4, 4, 4, 4], 320, 350, 50),
            ([7, 6, 5, 4, 3], 0, None, 250),
            ([float("inf")] * 5, 0, 250, 50),
        ],
    )
    def test_it_ends_after_four_looks_without_a_lower_loss(self, losses, at_least, end, kept):
        found, best = watched(losses, at_least)
        assert (found, best.step) == (end, kept)

    def test_the_average_is_what_is_measured_and_kept_and_training_goes_on_from_its_own(self):
        layer = nn.Linear(1, 1, bias=False)
        nn.init.constant_(layer.weight, 1.0)
        average, seen = Average(layer), []
        best = Best(lambda: seen.append(float(layer.weight.detach())) or -len(seen), average, 0)
        nn.init.constant_(layer.weight, 5.0)
        average.take(layer)
        assert not best(layer, 50, last=False)
        assert float(layer.weight.detach()) == 5.0
        assert seen == [pytest.approx(1.0 + 10 / 11 * 4.0)]
        best.put(layer)
        assert float(layer.weight.detach()) == seen[0]

    def test_a_last_step_is_always_looked_at(self):
        layer = nn.Linear(1, 1)
        best = Best(lambda: 1.0, Average(layer), 0)
        assert not best(layer, 7, last=True)
        assert best.step == 7

    @pytest.mark.parametrize("model", [{}, HEAD], ids=["all", "head"])
    def test_looking_does_not_change_the_training(self, world, model):
        """Where the last look is the best, what is kept is what is kept without looking."""
        train = {"max_steps": 100, "learning_rate": 1e-3}
        some, val = world.labelled(*range(12)), world.labelled(*range(20, 32))
        plain = world.task(model=model, train={**train, "min_steps": 100}).fit(some, val, warm=None, seed=2)
        task = world.task(model=model, train={**train, "stop": "validation"})
        found = task.fit(some, val, warm=None, seed=2)
        again = task.fit(some, val, warm=None, seed=2)
        assert found.log["best_step"] == 100
        assert "best_step" not in plain.log
        assert torch.equal(parameters(found.model), parameters(plain.model))
        assert torch.equal(parameters(found.model), parameters(again.model))
        assert not found.converged
        assert not any(module.training for module in found.model.modules())

    def test_weights_that_fit_wrong_labels_are_not_kept(self, world):
        """Labels at random: the validation loss rises as they are learnt by heart, so an early step is kept."""
        some = world.labelled(*range(24))
        chance = torch.randint(0, 4, (24,), generator=torch.Generator().manual_seed(1))
        wrong = Labelled(some.ids, tuple(chance.tolist()))
        train = {"max_steps": 600, "learning_rate": 3e-3}
        val = world.labelled(*range(24, 40))
        long = world.task(train={**train, "min_steps": 600})
        short = world.task(train={**train, "stop": "validation"})
        kept = short.fit(wrong, val, warm=None, seed=0)
        end = long.fit(wrong, val, warm=None, seed=0)
        assert kept.converged
        assert kept.log["best_step"] + 200 == kept.log["steps"] < 600
        nll = [short.measure(fitted.model, val, k=20, seed=0)["nll"] for fitted in (kept, end)]
        assert nll[0] < 0.9 * nll[1]

    def test_without_validation_labels_it_says_what_to_do(self, world):
        task = world.task(train={"stop": "validation"}, images=world.images(broken=[20]))
        for val in (NONE, world.labelled(20)):
            with pytest.raises(LabelError, match=r'train\.stop = "settled"'):
                task.fit(world.labelled(*range(8)), val, warm=None, seed=0)

    def test_further_heads_of_an_ensemble_end_by_themselves(self, world):
        task = world.task(model={**HEAD, "posterior": "ensemble", "members": 2}, train={"stop": "validation"})
        fitted = task.fit(world.labelled(*range(8)), world.labelled(20, 21, 22, 23), warm=None, seed=0)
        assert fitted.log["members"] == 2
        assert fitted.log["best_step"] in (50, 100)
