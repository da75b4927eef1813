"""Training on several devices: two processes on one network that train as one does."""

import math
import os
import signal
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from io import BytesIO
from multiprocessing.reduction import ForkingPickler
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from askance.maths import keyed_seed
from askance.networks.drawing import tensors_of
from askance.networks.pixels import Normalisation, Pixels
from askance.tasks.classification import build
from askance.tasks.classification.objective import CrossEntropy, OfPixels, Validation
from askance.training import choice, resume, several
from askance.training.batches import Batches
from askance.training.choice import Watch
from askance.training.devices import OneDevice, Share, devices_of
from askance.training.resume import Bookmarks
from askance.training.several import devices_for, together
from askance.training.steps import Examples, Recipe, _watched, minimise
from askance.uncertainty import SplitNet
from askance.vocab import ConfigError, Labelled, ModelError
from askance.vocab.config import ModelConfig, TrainConfig
from askance.vocab.leftovers import leftovers

FABRIC = OneDevice(torch.device("cpu"))
NONE = Labelled((), ())
GAL = ModelConfig(size=8, channels=1)


def share(rank, world):
    return Share(SimpleNamespace(global_rank=rank, world_size=world))


class TestShares:
    @pytest.mark.parametrize(("batch", "world"), [(6, 2), (7, 2), (7, 3), (5, 4)])
    @pytest.mark.parametrize("weighted", [False, True])
    def test_their_mean_is_the_minibatchs_whatever_their_sizes(self, batch, world, weighted):
        generator = torch.Generator().manual_seed(batch * world)
        rows, targets = torch.randn(20, 3, generator=generator), torch.arange(20) % 4
        weights = torch.rand(20, generator=generator) if weighted else None
        layer, chosen = nn.Linear(3, 4), torch.randperm(20, generator=generator)[:batch]

        def loss(some):
            return CrossEntropy().loss(
                layer(rows[some]), targets[some], None if weights is None else weights[some]
            )

        (wanted,) = torch.autograd.grad(loss(chosen), layer.weight)
        shares = [share(rank, world) for rank in range(world)]
        parts = [one.of(chosen) for one in shares]
        assert torch.equal(torch.cat(parts), chosen)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        losses = [one.scaled(loss(mine), len(mine), batch) for one, mine in zip(shares, parts, strict=True)]
        found = [torch.autograd.grad(each, layer.weight)[0] for each in losses]
        torch.testing.assert_close(torch.stack(found).mean(dim=0), wanted)
        torch.testing.assert_close(torch.stack(losses).mean(), loss(chosen))

    def test_alone_nothing_is_another(self):
        chosen, loss = torch.arange(5), torch.tensor(0.3)
        assert share(0, 1).of(chosen) is chosen
        assert share(0, 1).scaled(loss, 5, 5) is loss
        assert share(0, 1).key("dropout", 3) == keyed_seed("dropout", 3)
        assert share(0, 1).mean(loss) == float(loss)

    def test_each_has_its_own_random_numbers_at_each_step(self):
        drawn = []
        for rank, step in [(0, 1), (1, 1), (0, 2), (1, 1)]:
            with torch.random.fork_rng():
                share(rank, 2).begin(7, step)
                drawn.append(torch.rand(3))
        assert torch.equal(drawn[1], drawn[3])
        assert len({tuple(one.tolist()) for one in drawn}) == 3


def test_the_first_validates_and_the_others_believe_it():
    net, asked = build(GAL, 3, seed=0), []
    found = []
    for rank in (0, 1):
        fabric = SimpleNamespace(
            global_rank=rank, world_size=2, broadcast=lambda loss: 0.7 if math.isnan(loss) else loss
        )
        recipe = Recipe(
            TrainConfig(), fabric, CrossEntropy(), "all", False, watch=lambda net: asked.append(net) or 0.3
        )
        found.append(_watched(net, net, recipe)())
    assert found == [0.3, 0.7]
    assert len(asked) == 1


class TestHowMany:
    @pytest.fixture(autouse=True)
    def _cores(self, monkeypatch):
        monkeypatch.setattr(os, "cpu_count", lambda: 4)

    @pytest.mark.parametrize(("asked", "found"), [(1, 1), (4, 4), ("auto", 1)])
    def test_of_processors_as_many_as_asked_for(self, asked, found):
        assert devices_of(TrainConfig(devices=asked), FABRIC) == found

    @pytest.mark.parametrize(("asked", "found"), [(1, 1), (3, 3), ("auto", 3)])
    def test_of_others_those_there_are(self, asked, found):
        three = SimpleNamespace(device=torch.device("cuda"), there=lambda: 3)
        assert devices_of(TrainConfig(devices=asked), three) == found
        with pytest.raises(ConfigError, match=r"train\.devices = 3 or less"):
            devices_of(TrainConfig(devices=4), three)

    def test_more_than_there_are_is_an_error_before_anything_is_trained(self, world):
        with pytest.raises(ConfigError, match="4 of kind cpu here"):
            world.task(train={"devices": 5})

    @pytest.mark.parametrize(
        ("batch", "n", "found"), [(16, 40, 4), (7, 40, 3), (16, 5, 2), (1, 40, 1), (16, 1, 1)]
    )
    def test_each_has_two_images_or_more(self, batch, n, found):
        recipe = Recipe(TrainConfig(devices=4, batch=batch), FABRIC, CrossEntropy(), "all", False)
        devices, why = devices_for(recipe, Examples(lambda chosen: chosen, torch.zeros(n).long()))
        assert devices == found
        assert why == ("given" if found == 4 else f"minibatches are of {min(batch, n)} images")

    def test_a_head_is_trained_on_one_and_the_log_says_so(self, world):
        fitted = {}
        for devices in (1, 2):
            task = world.task(model={"train": "head"}, train={"devices": devices, "max_steps": 30})
            fitted[devices] = task.fit(world.labelled(*range(16)), NONE, warm=None, seed=3)
        assert same(tensors_of(fitted[1].model), tensors_of(fitted[2].model))
        assert fitted[2].log["devices"] == 1
        assert fitted[2].log["devices_by"] == "only the head is trained"
        assert "devices" not in fitted[1].log


def test_pixels_go_by_a_file_and_all_else_through_the_pipe(tmp_path):
    pixels = torch.randint(0, 256, (5, 1, 4, 4), generator=torch.Generator().manual_seed(0)).byte()
    net, asked = build(GAL, 3, seed=0), []

    def beside(tensor):
        asked.append(tensor)
        (tmp_path / "pixels").write_bytes(tensor.numpy().tobytes())
        return str(tmp_path / "pixels")

    into = BytesIO()
    several._Packer(into, beside).dump((pixels[1:], net, pixels.flatten()))
    found, again, flat = ForkingPickler.loads(into.getvalue())
    assert len(asked) == 1
    assert torch.equal(found, pixels[1:])
    assert torch.equal(flat, pixels.flatten())
    assert same(tensors_of(again), tensors_of(net))


@dataclass
class Seen:
    """Images as a training reads them; its process keeps its state at each step, and may be killed at one."""

    batches: Batches
    double: bool = False
    spoil: float = 1.0
    kill_at: int | None = None
    steps: int = 0

    def __reduce__(self):
        return _seen, (self.batches, self.double, self.spoil, self.kill_at)

    def read(self, chosen):
        self.steps += 1
        if self.steps == self.kill_at and torch.distributed.get_rank() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        images = self.batches.read(chosen) * self.spoil
        return images.double() if self.double else images

    def varied(self, chosen, seed):
        self.read(chosen)
        return self.batches.varied(chosen, seed)


def _seen(*told):
    resume.EVERY, resume.SHARE = 0.0, 1e9
    return Seen(*told)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


class Trial:
    """One training: Gal's network, images changed at random, validation that ends it."""

    def __init__(self, world):
        self.pixels, self.normalise = torch.from_numpy(world.pixels), Normalisation(0.5, 0.5)
        self.targets = torch.tensor(world.targets)

    def __call__(self, minimised, *, work=None, progress=lambda *told: None, kill_at=None, spoil=1.0):
        net = build(GAL, 4, seed=0)
        seen = Seen(Batches(self.pixels[:20], self.normalise, "cpu", "flips"), kill_at=kill_at, spoil=spoil)
        examples = Examples(seen.read, self.targets[:20], varied=seen.varied if spoil == 1 else None)
        held_out = OfPixels(Pixels(self.pixels[20:], list(range(20))), self.normalise, FABRIC)
        recipe = Recipe(
            TrainConfig(batch=7, max_steps=110, min_steps=0, stop="validation", devices=2),
            FABRIC,
            CrossEntropy(),
            "all",
            False,
            watch=Watch(Validation(held_out, self.targets[20:]), 1),
            bookmarks=Bookmarks(work, "of") if work else None,
        )
        outcome = minimised(net, examples, recipe, decay=0.1, seed=5, progress=progress)
        return tensors_of(net), outcome


class Team:
    """Two processes for all these tests, started when they are needed and after an error anew."""

    def __init__(self):
        self.open, self.minimised = ExitStack(), None

    def __call__(self, *what, **how):
        self.minimised = self.minimised or self.open.enter_context(together(2))
        try:
            return self.minimised(*what, **how)
        except BaseException:
            self.end()
            raise

    def end(self):
        self.open.close()
        self.minimised = None


@pytest.fixture(scope="module")
def team():
    shared = Team()
    yield shared
    shared.end()


@pytest.mark.slow
@pytest.mark.timeout(600)
class TestTwoProcesses:
    def test_give_the_weights_of_one(self, team, world):
        """In float64, so that nothing but the order of sums may differ; dropout off, shares unequal, weighted."""
        found = []
        for minimised in (minimise, team):
            net = build(GAL, 4, seed=0).double()
            for layer in net.modules():
                if isinstance(layer, nn.Dropout):
                    layer.p = 0.0
            seen = Seen(Batches(torch.from_numpy(world.pixels), Normalisation(0.5, 0.5), "cpu"), double=True)
            targets = (torch.arange(40) % 10 // 3).clamp(max=2)
            config = TrainConfig(batch=5, max_steps=60, min_steps=60, balance="weights")
            outcome = minimised(
                net,
                Examples(seen.read, targets),
                Recipe(config, FABRIC, CrossEntropy(), "all", False),
                decay=0.3,
                seed=2,
            )
            found.append((tensors_of(net), outcome))
        (one, alone), (two, together_) = found
        for name in one:
            torch.testing.assert_close(two[name], one[name], rtol=1e-9, atol=1e-10)
        assert together_.loss == pytest.approx(alone.loss, rel=1e-9)
        assert not same(one, tensors_of(build(GAL, 4, seed=0).double()))

    def test_killed_and_run_again_they_end_with_the_same_bits(self, team, world, tmp_path):
        trial, told = Trial(world), []
        whole, outcome = trial(team, progress=lambda *how_far: told.append(how_far))
        assert told == [("training", 50, 110), ("training", 100, 110), ("training", 110, 110)]
        assert outcome.best in {50, 100, 110}
        (again, same_outcome) = trial(team)
        assert same(again, whole)
        assert same_outcome == outcome
        with together(2) as other:
            with pytest.raises(ModelError, match="number 1 ended by SIGKILL") as caught:
                trial(other, work=tmp_path, kill_at=64)
            assert "train.devices" in caught.value.fix
        (file,) = set(tmp_path.iterdir()) - set(
            leftovers(tmp_path)
        )  # the other may have been writing when it ended
        assert resume._read(file)[1]["step"] == 63
        found, outcome_of_both = trial(team, work=tmp_path)
        assert same(found, whole)
        assert outcome_of_both == outcome

    def test_what_cannot_be_handed_over_is_said(self):
        examples = Examples(lambda chosen: chosen, torch.zeros(4).long())
        net = SplitNet(nn.Flatten(), nn.Sequential(nn.Linear(2, 2)))
        with together(2) as minimised, pytest.raises(ModelError, match=r"train\.devices = 1"):
            minimised(
                net, examples, Recipe(TrainConfig(), FABRIC, CrossEntropy(), "all", False), decay=0.1, seed=0
            )

    def test_a_fit_uses_them_for_every_candidate(self, team, world, monkeypatch):
        asked = []
        monkeypatch.setattr(os, "cpu_count", lambda: 2)
        monkeypatch.setattr(choice, "together", lambda devices: asked.append(devices) or nullcontext(team))
        train = {"devices": 2, "weight_decay": (0.1, 2.0), "max_steps": 20, "augment": "flips", "batch": 5}
        val = world.labelled(*range(20, 32))
        fitted = world.task(train=train).fit(world.labelled(*range(16)), val, warm=None, seed=3)
        assert asked == [2]
        assert (fitted.log["devices"], fitted.log["devices_by"]) == (2, "given")
        assert len(fitted.log["validation_nll"]) == 2

    def test_an_error_arrives_as_itself(self, team, world):
        with pytest.raises(ModelError) as caught:
            Trial(world)(team, spoil=float("nan"))
        assert caught.value.wanted == "a finite training loss"
        assert caught.value.got == "nan at step 1"
        assert "nothing was trained yet" in caught.value.fix
