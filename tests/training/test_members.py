"""Ensembles of whole networks, from training to scores.

Letters: N images, M members, K draws, C classes.
"""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from askance.acquisition import bald
from askance.loop.step import Beside, score_pool
from askance.loop.strategy import Strategy
from askance.maths import Draws
from askance.networks.drawing import fill, tensors_of
from askance.networks.model import is_of_networks
from askance.tasks.classification import build, units
from askance.tasks.classification.objective import CrossEntropy
from askance.training import choice, resume, steps
from askance.training.members import Starts, choose_members
from askance.training.posteriors import check_posterior
from askance.uncertainty import Ensemble, SplitNet, ensemble_draws, fit_density
from askance.vocab import ConfigError, Labelled
from askance.vocab.config import ModelConfig, TrainConfig
from tests.reference.posteriors import networks_one_by_one
from tests.world import CLASSES, World

NONE = Labelled((), ())
M = 3
TASK = {"posterior": "ensemble", "members": M}
QUICK = {"max_steps": 30}


class Normalised(nn.Module):
    """Convolution, BatchNorm, dropout if any, linear: one's own network."""

    def __init__(self, num_classes: int, drop: float):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(),
            *([nn.Dropout(drop)] if drop else []), nn.Linear(144, num_classes),
        )  # fmt: skip

    def forward(self, images):
        return self.layers(images)


def make(num_classes: int, drop: float = 0.0) -> nn.Module:
    return Normalised(num_classes, drop)


HERE = f"{__name__}:make"
KINDS = {
    "gal-cnn": {},
    "own": {"name": HERE, "options": {"drop": 0.3}},
    "own, nothing random": {"name": HERE},
    "pixels": {"name": "pixels"},
}
"""Trunks with weights, with BatchNorm, none, and none but a flattening."""


@pytest.fixture(scope="module")
def trained():
    """A task and its model by kind, trained once."""
    found = {}

    def get(kind):
        if kind not in found:
            world = World()
            task = world.task(model={**TASK, **KINDS[kind]}, train=QUICK)
            found[kind] = world, task, task.fit(world.labelled(*range(16)), NONE, warm=None, seed=3)
        return found[kind]

    return get


def drawn(task, net, ids, k=M, seed=1):
    return Draws.cat([chunk.units.draws for chunk in task.draws(net, ids, k=k, seed=seed)])


def seen(world, task):
    """Images `[N, channels, size, size]` as networks take them."""
    return task._reader._normalise(torch.from_numpy(world.pixels))


def kept(net):
    return {name: tensor.clone() for name, tensor in tensors_of(net).items()}


def same(found, due):
    return found.keys() == due.keys() and all(torch.equal(found[name], due[name]) for name in due)


class TestDraws:
    @pytest.mark.parametrize("kind", KINDS)
    def test_are_the_networks_one_by_one(self, trained, kind):
        world, task, fitted = trained(kind)
        draws = drawn(task, fitted.model, world.ids)
        assert (len(draws), draws.k, draws.joint) == (40, M, True)
        images = seen(world, task)
        due = networks_one_by_one(fitted.model.members, images)
        torch.testing.assert_close(draws.log_probs, due, atol=5e-3, rtol=0)  # features are of float16
        due = ensemble_draws(fitted.model.members, images).log_probs
        torch.testing.assert_close(draws.log_probs, due, atol=5e-3, rtol=0)
        assert float(bald(draws).max()) > 1e-4

    @pytest.mark.parametrize("kind", KINDS)
    def test_are_the_same_functions_in_every_chunk_and_company(self, trained, kind):
        world, task, fitted = trained(kind)
        whole = drawn(task, fitted.model, world.ids).log_probs
        turned = drawn(task, fitted.model, world.ids[::-1]).log_probs
        assert torch.equal(turned.flip(0), whole)
        for i in (0, 17):
            assert torch.equal(drawn(task, fitted.model, world.ids[i : i + 1]).log_probs, whole[i : i + 1])
        parts = [drawn(task, fitted.model, some).log_probs for some in (world.ids[:7], world.ids[7:])]
        assert torch.equal(torch.cat(parts), whole)

    def test_are_joint_over_the_chunks_of_a_call(self, trained, monkeypatch):
        world, task, fitted = trained("gal-cnn")
        whole = drawn(task, fitted.model, world.ids, k=2).log_probs
        monkeypatch.setattr(units, "CHUNK", 16)
        chunks = list(task.draws(fitted.model, world.ids, k=2, seed=1))
        assert len(chunks) == 3
        assert torch.equal(torch.cat([chunk.units.draws.log_probs for chunk in chunks]), whole)

    def test_number_no_more_than_members(self, trained):
        world, task, fitted = trained("gal-cnn")
        whole = drawn(task, fitted.model, world.ids).log_probs
        assert torch.equal(drawn(task, fitted.model, world.ids, k=100, seed=9).log_probs, whole)
        chosen = set()
        for seed in range(12):
            two = drawn(task, fitted.model, world.ids[:5], k=2, seed=seed).log_probs
            (left,) = [m for m in range(M) if not any(torch.equal(whole[:5, m], two[:, i]) for i in range(2))]
            chosen.add(left)
        assert chosen == set(range(M))

    @pytest.mark.parametrize("kind", ["own", "own, nothing random"])
    def test_leave_batch_norm_and_all_else_as_it_was(self, trained, kind):
        world, task, fitted = trained(kind)
        before, random = kept(fitted.model), torch.get_rng_state()
        drawn(task, fitted.model, world.ids)
        task.measure(fitted.model, world.labelled(*range(20, 40)), k=9, seed=0)
        assert any("running_mean" in name for name in before)
        assert same(kept(fitted.model), before)
        assert torch.equal(torch.get_rng_state(), random)

    def test_pass_each_trunk_once_an_image_and_read_images_once(self, world):
        images = world.images()
        task = world.task(images=images, model=TASK, train={"max_steps": 2})
        net = task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
        passes = []
        for m, member in enumerate(net.members):
            member.trunk.register_forward_hook(lambda _, inputs, __, m=m: passes.append((m, len(inputs[0]))))
        images.reads = 0
        drawn(task, net, world.ids)
        assert passes == [(0, 64), (1, 64), (2, 64)]
        assert images.reads == 40


class TestTraining:
    def test_members_differ_and_the_same_seed_gives_the_same(self, trained):
        world, task, fitted = trained("own")
        assert is_of_networks(task._model, fitted.model)
        weights = [member.head[-1].weight for member in fitted.model.members]
        trunks = [next(member.trunk.parameters()) for member in fitted.model.members]
        for tensors in (weights, trunks):
            assert all(not torch.equal(tensors[i], tensors[j]) for i, j in [(0, 1), (0, 2), (1, 2)])
        again = task.fit(world.labelled(*range(16)), NONE, warm=None, seed=3)
        assert same(kept(again.model), kept(fitted.model))
        other = task.fit(world.labelled(*range(16)), NONE, warm=None, seed=4)
        assert not same(kept(other.model), kept(fitted.model))

    def test_the_first_is_what_would_be_trained_alone(self, trained):
        world, _, fitted = trained("gal-cnn")
        alone = world.task(train=QUICK).fit(world.labelled(*range(16)), NONE, warm=None, seed=3)
        own = {name: tensor for name, tensor in kept(fitted.model).items() if not name.startswith("member.")}
        assert same(own, kept(alone.model))

    def test_given_weights_are_where_all_trunks_start(self, world, tmp_path, monkeypatch):
        own = build(ModelConfig(size=8, channels=1), 4, seed=9)
        save_file({name: value.contiguous() for name, value in own.trunk.state_dict().items()}, tmp_path / "w")
        starts = []
        real = choice.minimise

        def watched(net, examples, *more, **others):
            starts.append(({name: t.clone() for name, t in net.state_dict().items()}, others["seed"]))
            return real(net, examples, *more, **others)

        monkeypatch.setattr("askance.training.several.minimise", watched)
        task = world.task(model={**TASK, "weights": str(tmp_path / "w"), "train": "all"}, train={"max_steps": 3})
        task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0)
        assert len({seed for _, seed in starts}) == M
        for weights, _ in starts:
            assert all(torch.equal(weights[f"trunk.{name}"], t) for name, t in own.trunk.state_dict().items())
        heads = [weights["head.1.weight"] for weights, _ in starts]
        assert not torch.equal(heads[0], heads[1])
        assert not torch.equal(heads[1], heads[2])

    def test_heads_over_one_trunk_where_only_the_head_is_trained(self, world):
        task = world.task(model={**TASK, "train": "head"}, train={"max_steps": 3})
        net = task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
        assert isinstance(net.posterior, Ensemble)
        assert net.others == ()
        assert drawn(task, net, world.ids).k == M

    def test_what_is_said_of_each(self, world):
        said = []
        task = world.task(model=TASK, train={"max_steps": 100, "min_steps": 100})
        log = task.fit(
            world.labelled(*range(16)), NONE, warm=None, seed=0, progress=lambda what, *_: said.append(what)
        ).log
        assert [what for what in said if "member" in what] == [
            f"training member {m} of 3" for m in (1, 2, 3) for _ in range(2)
        ]
        assert (log["posterior"], log["members"], log["member_steps"]) == ("ensemble", M, [100] * M)
        assert log["members_not_converged"] == log["member_converged"].count(False)
        assert log["member_losses"][0] == log["loss"]

    def test_one_that_has_not_converged_is_told_and_seconds_are_of_all(self, world, monkeypatch):
        real, ended = choice.choose, []

        def chosen(*arguments, **named):
            fitted = real(*arguments, **named)
            ended.append({**fitted.log, "cpu_seconds": 10.0 ** len(ended), "seconds": 2.0 ** len(ended)})
            return type(fitted)(fitted.model, len(ended) != 2, ended[-1])

        monkeypatch.setattr("askance.training.members.choose", chosen)
        task = world.task(model=TASK, train={"max_steps": 2})
        fitted = task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0)
        assert not fitted.converged
        assert fitted.log["member_converged"] == [True, False, True]
        assert (fitted.log["members_not_converged"], fitted.log["cpu_seconds"]) == (1, 111.0)
        assert fitted.log["seconds"] == 7.0

    def test_candidates_are_chosen_by_the_first_without_dropout(self, world, monkeypatch):
        asked, seen = [], []
        real, judged = choice.choose, choice._held_out_loss

        def chosen(start, examples, val, recipe, **named):
            asked.append((recipe.config.weight_decay, recipe.config.learning_rate))
            return real(start, examples, val, recipe, **named)

        def nll(net, val, seed):
            seen.append(val.draws(net, 20, seed))
            return judged(net, val, seed)

        monkeypatch.setattr("askance.training.members.choose", chosen)
        monkeypatch.setattr(choice, "_held_out_loss", nll)
        train = {"max_steps": 60, "weight_decay": (0.1, 30.0), "learning_rate": (1e-3, 1e-2), "stop": "validation"}
        task = world.task(model=TASK, train=train)
        fitted = task.fit(world.labelled(*range(16)), world.labelled(*range(20, 30)), warm=None, seed=0)
        best = ((fitted.log["weight_decay"],), fitted.log["learning_rate"])
        assert asked == [((0.1, 30.0), (1e-3, 1e-2)), best, best]
        assert {draws.k for draws in seen} == {1}
        assert len(fitted.log["member_best_steps"]) == M
        assert len(fitted.log["validation_nll"]) == 4

    def test_warm_each_goes_on_from_itself(self, trained, monkeypatch):
        world, task, before = trained("gal-cnn")
        starts = []
        real = choose_members

        def watched(one, *arguments, **named):
            starts.append([one.first, *(one.further(m, one.first) for m in range(1, one.m))])
            return real(one, *arguments, **named)

        monkeypatch.setattr("askance.tasks.classification.task.choose_members", watched)
        kept_before = kept(before.model)
        after = task.fit(world.labelled(*range(20)), NONE, warm=before.model, seed=4)
        assert all(a is b for a, b in zip(starts[0], before.model.members, strict=True))
        assert same(kept(before.model), kept_before)
        assert not same(kept(after.model), kept_before)
        alone = SplitNet(before.model.trunk, before.model.head)  # as of a round with another posterior
        task.fit(world.labelled(*range(20)), NONE, warm=alone, seed=4)
        assert starts[1][0] is alone
        assert not same(kept(starts[1][1]), kept(before.model.others[0]))

    def test_snapshots_go_on_from_one_another(self, world):
        model = {"posterior": "snapshots", "members": M}
        task = world.task(model=model, train=QUICK)
        fitted = task.fit(world.labelled(*range(16)), NONE, warm=None, seed=3)
        ensemble = world.task(model=TASK, train=QUICK).fit(world.labelled(*range(16)), NONE, warm=None, seed=3)

        def apart(net):
            first, second, _ = (member.trunk[0].weight.detach() for member in net.members)
            return float((first - second).norm())

        assert 0 < apart(fitted.model) < 0.5 * apart(ensemble.model)
        assert drawn(task, fitted.model, world.ids).k == M


class TestKept:
    @pytest.mark.parametrize("kind", KINDS)
    def test_a_file_gives_the_same_bits(self, trained, kind, tmp_path):
        world, task, fitted = trained(kind)
        task.save(fitted.model, tmp_path / "m.safetensors")
        read = task.load(tmp_path / "m.safetensors")
        assert same(kept(read), kept(fitted.model))
        assert not any(module.training for member in read.members for module in member.modules())
        assert torch.equal(drawn(task, read, world.ids).log_probs, drawn(task, fitted.model, world.ids).log_probs)
        warm = task.fit(world.labelled(*range(20)), NONE, warm=read, seed=1).model
        due = task.fit(world.labelled(*range(20)), NONE, warm=fitted.model, seed=1).model
        assert same(kept(warm), kept(due))

    def test_heads_over_one_trunk_from_before_are_read_as_they_were(self, world, tmp_path):
        heads = world.task(model={**TASK, "train": "head"}, train={"max_steps": 3})
        net = heads.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
        heads.save(net, tmp_path / "m.safetensors")
        task = world.task(model={**TASK, "train": "all"}, train={"max_steps": 3})
        read = task.load(tmp_path / "m.safetensors")
        assert torch.equal(drawn(task, read, world.ids).log_probs, drawn(heads, net, world.ids).log_probs)

    def test_each_member_has_its_own_place_in_a_file(self, world):
        net = build(ModelConfig(size=8, channels=1), 4, seed=0)
        net.others = tuple(build(ModelConfig(size=8, channels=1), 4, seed=m) for m in range(1, 12))
        empty = build(ModelConfig(size=8, channels=1), 4, seed=99)
        assert same(kept(fill(empty, tensors_of(net), ModelConfig())), kept(net))
        with pytest.raises(RuntimeError, match="Missing key"):
            fill(empty, {n: t for n, t in tensors_of(net).items() if n != "member.10.head.1.bias"}, ModelConfig())

    @pytest.mark.parametrize("kind", ["gal-cnn", "own, nothing random"])
    @pytest.mark.parametrize("cut", [20, 30, 31, 75])
    def test_killed_at_any_member_it_goes_on_there(self, trained, kind, cut, tmp_path, monkeypatch):
        world, _, whole = trained(kind)
        monkeypatch.setattr(resume, "EVERY", 0.0)
        monkeypatch.setattr(resume, "SHARE", 1e9)
        real, taken = steps._finite, [0]

        def counted(loss, step, rate):
            if taken[0] == cut:
                raise KeyboardInterrupt
            taken[0] += 1
            return real(loss, step, rate)

        monkeypatch.setattr(steps, "_finite", counted)
        task = world.task(model={**TASK, **KINDS[kind]}, train=QUICK, work=tmp_path / "work")
        with pytest.raises(KeyboardInterrupt):
            task.fit(world.labelled(*range(16)), NONE, warm=None, seed=3)
        taken[0] = -1000
        found = task.fit(world.labelled(*range(16)), NONE, warm=None, seed=3)
        assert taken[0] + 1000 == 30 * M - cut
        assert same(kept(found.model), kept(whole.model))
        assert found.log["member_losses"] == whole.log["member_losses"]
        task.save(found.model, tmp_path / "m.safetensors")
        assert not (tmp_path / "work").exists()


class TestAsked:
    def test_measures_are_of_the_mean_and_the_plain_network_is_the_first(self, trained):
        world, task, fitted = trained("gal-cnn")
        test = world.labelled(*range(40))
        draws = drawn(task, fitted.model, test.ids).log_probs.double()
        targets = torch.tensor(test.targets)
        said = task.measure(fitted.model, test, k=100, seed=5)
        due = -draws.exp().mean(dim=1).log().gather(1, targets[:, None]).mean()
        assert said["nll"] == pytest.approx(float(due), abs=1e-6)
        first = (draws[:, 0].argmax(dim=1) == targets).double().mean()
        assert said["accuracy_deterministic"] == pytest.approx(float(first))
        diagnosis = task.diagnose(fitted.model, world.labelled(*range(20)), test, k=9, seed=0)
        assert diagnosis.temperature is not None
        assert diagnosis.tested == 40

    def test_density_and_likeness_are_of_the_first_trunk(self, trained):
        world, task, fitted = trained("gal-cnn")
        labelled = world.labelled(*range(16))
        first = SplitNet(fitted.model.trunk, fitted.model.head)
        rows = task._extractor.of(first, world.ids).rows
        due = fit_density([(rows[:16], torch.tensor(labelled.targets))], n_classes=4, covariance="pooled")
        found = torch.cat([d.log_density for d in task.log_density(fitted.model, world.ids, labelled=labelled)])
        torch.testing.assert_close(found, due.log_density(rows))
        assert task.nearest(fitted.model, world.ids, labelled.ids) == task.nearest(first, world.ids, labelled.ids)

    @pytest.mark.parametrize("name", ["bald", "epig", "novelty", "batchbald"])
    def test_the_loop_scores_by_it(self, trained, name):
        world, task, fitted = trained("gal-cnn")
        beside = Beside(labelled=world.labelled(*range(16)))
        strategy = Strategy.parse(name, 100, 10)
        scored = score_pool(task, fitted.model, world.ids, strategy, seed=2, beside=beside)
        assert np.isfinite(scored.scores).all()
        assert scored.scores.std() > 0

    def test_explanations_are_votes_of_members_and_of_what_can_be_read(self, world):
        task = world.task(images=world.images(broken=(3, 20)), model=TASK, train={"max_steps": 3})
        net = task.fit(world.labelled(*range(16)), NONE, warm=None, seed=0).model
        said = task.explain(net, world.ids, k=50, seed=0)
        assert said[20] == {"problem": "truncated file"}
        assert all(sum(one["votes"].values()) == M for one in said if "votes" in one)

    def test_new_classes_start_all_over(self, trained, world):
        _, _, fitted = trained("gal-cnn")
        task = world.task(model=TASK, train={"max_steps": 2}, classes=(*CLASSES, "e"))
        found = task.fit(world.labelled(*range(16)), NONE, warm=fitted.model, seed=0)
        assert found.log["start"].startswith("scratch")
        assert {member.head[-1].out_features for member in found.model.members} == {5}

    def test_other_posteriors_still_want_a_head(self, world):
        task = world.task(model={"name": HERE, "options": {"drop": 0.0}, "posterior": "snapshots", "members": 2})
        assert task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model.others
        whole = build(ModelConfig(name=HERE, size=8, channels=1, posterior="ensemble"), 4, seed=0)
        with pytest.raises(ConfigError, match='"ensemble"'):
            check_posterior(ModelConfig(name=HERE, posterior="laplace"), whole)


def test_starts_are_asked_for_one_after_another(world):
    """A network exists no earlier than it has to."""
    asked, order = [], []
    task = world.task(model=TASK, train={"max_steps": 2})
    start = task._begin.start(None, 0)[0]
    labelled = world.labelled(*range(8))
    targets = task._kind.targets(labelled, NONE)
    examples = task._reader.examples(start, labelled, targets, lambda *_: None)

    def further(member, last):
        asked.append(member)
        order.append(last)
        return task._begin.fresh(member)

    recipe = steps.Recipe(
        TrainConfig(max_steps=2, weight_decay=(0.1,)), task._fabric, CrossEntropy(), "all", False
    )
    validation = task._reader.validation(start, NONE, targets)
    found = choose_members(Starts(start, further, 4), examples, validation, recipe, seed=0)
    assert asked == [1, 2, 3]
    assert all(a is b for a, b in zip(order, found.model.members[:3], strict=True))
