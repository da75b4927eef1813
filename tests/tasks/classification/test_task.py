"""The task as the loop sees it: fit, draws, measure, explain, save, load."""

import json

import pytest
import torch

from askance.maths import Draws
from askance.vocab import ConfigError, LabelError, Labelled, ModelError

NONE = Labelled((), ())
HEAD = {"train": "head"}


def parameters(net):
    return torch.cat([value.flatten() for value in net.state_dict().values()])


def all_draws(task, net, ids, k=5, seed=0):
    chunks = list(task.draws(net, ids, k=k, seed=seed))
    return torch.cat([c.positions for c in chunks]), Draws.cat([c.units.draws for c in chunks])


@pytest.mark.parametrize("model", [{}, HEAD], ids=["all", "head"])
def test_learns_what_can_be_learnt(world, model):
    task = world.task(model=model, train={"max_steps": 300, "learning_rate": 1e-2 if model else 1e-3})
    fitted = task.fit(world.labelled(*range(24)), NONE, warm=None, seed=0)
    found = task.measure(fitted.model, world.labelled(*range(24, 40)), k=10, seed=0)
    assert found["accuracy"] >= 0.9
    assert fitted.log["moves"] == (model.get("train") or "all")
    assert not fitted.model.training


@pytest.mark.parametrize("model", [{}, HEAD], ids=["all", "head"])
def test_same_inputs_same_model_whatever_the_order(world, model):
    torch.manual_seed(1)
    one = world.task(model=model).fit(world.labelled(*range(12)), world.labelled(20, 21), warm=None, seed=5)
    torch.manual_seed(2)
    two = world.task(model=model).fit(
        world.labelled(*reversed(range(12))), world.labelled(21, 20), warm=None, seed=5
    )
    other = world.task(model=model).fit(world.labelled(*range(12)), NONE, warm=None, seed=6)
    assert torch.equal(parameters(one.model), parameters(two.model))
    assert not torch.equal(parameters(one.model), parameters(other.model))


def test_fit_leaves_the_global_generator_alone(world):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    world.task(train={"max_steps": 5}).fit(world.labelled(*range(8)), NONE, warm=None, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("model", [{}, HEAD], ids=["all", "head"])
def test_draws_do_not_depend_on_company_or_chunks(world, model, monkeypatch):
    task = world.task(model=model)
    net = task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
    _, whole = all_draws(task, net, world.ids)
    monkeypatch.setattr("askance.tasks.classification.units.CHUNK", 7)
    positions, chunked = all_draws(world.task(model=model), net, world.ids)
    assert positions.tolist() == list(range(40))
    assert whole.joint
    assert torch.equal(whole.log_probs, chunked.log_probs)
    places, backwards = all_draws(world.task(model=model), net, world.ids[::-1])
    assert torch.equal(backwards.log_probs[places].flip(0), whole.log_probs)


@pytest.mark.parametrize("model", [{}, HEAD], ids=["all", "head"])
def test_a_broken_image_is_left_out_and_said(world, model):
    task = world.task(model=model, images=world.images(broken=[3, 11, 30]))
    fitted = task.fit(world.labelled(*range(12)), world.labelled(30, 31), warm=None, seed=0)
    assert (fitted.log["images"], fitted.log["unreadable"]) == (10, 2)
    positions, draws = all_draws(task, fitted.model, world.ids)
    assert positions.tolist() == [i for i in range(40) if i not in (3, 11, 30)]
    assert len(draws) == 37
    assert set(task.problems) == {world.ids[i] for i in (3, 11, 30)}
    said = task.explain(fitted.model, [world.ids[3], world.ids[4]], k=5, seed=0)
    assert said[0] == {"problem": "truncated file"}
    assert said[1]["predicted"] in "abcd"
    assert task.measure(fitted.model, world.labelled(3, 4, 5), k=5, seed=0)["accuracy"] in (0.0, 0.5, 1.0)


def test_draws_of_nothing_readable_are_no_chunks(world):
    task = world.task(images=world.images(broken=range(40)))
    net = world.task(train={"max_steps": 1}).fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
    assert list(task.draws(net, world.ids, k=3, seed=0)) == []
    with pytest.raises(LabelError, match="test images"):
        task.measure(net, world.labelled(1, 2), k=3, seed=0)


def test_labels_that_are_not_enough(world):
    task = world.task()
    with pytest.raises(LabelError, match="two classes"):
        task.fit(NONE, NONE, warm=None, seed=0)
    with pytest.raises(LabelError, match="of a"):
        task.fit(world.labelled(0, 4, 8), NONE, warm=None, seed=0)
    with pytest.raises(LabelError, match=r"0\.\.3"):
        task.fit(Labelled(tuple(world.ids[:2]), (0, 4)), NONE, warm=None, seed=0)
    broken = world.task(images=world.images(broken=[1]))
    with pytest.raises(LabelError, match="1 of 2 images"):
        broken.fit(world.labelled(0, 1), NONE, warm=None, seed=0)


def test_an_empty_class_is_fine_and_said(world):
    fitted = world.task(train={"max_steps": 5}).fit(world.labelled(0, 1, 4, 5), NONE, warm=None, seed=0)
    assert fitted.log["classes_without_labels"] == ["c", "d"]


def test_explanations_agree_with_the_draws(world):
    task = world.task()
    net = task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
    _, draws = all_draws(task, net, world.ids[:3], k=9, seed=4)
    for n, said in enumerate(json.loads(json.dumps(task.explain(net, world.ids[:3], k=9, seed=4)))):
        mean = draws.log_probs[n].double().exp().mean(0)
        each = draws.log_probs[n].double().exp()
        total = -(mean * mean.log()).sum()
        assert said["entropy"] == pytest.approx(float(total))
        assert said["bald"] == pytest.approx(float(total + (each * each.log()).sum(1).mean()), abs=1e-9)
        assert said["probabilities"]["abcd"[int(mean.argmax())]] == pytest.approx(float(mean.max()))
        assert next(iter(said["probabilities"])) == said["predicted"]
        assert sum(said["votes"].values()) == 9
        assert said["votes"]["abcd"[int(each[0].argmax())]] >= 1


def test_save_and_load_give_the_same_draws_and_bytes(world, tmp_path):
    task = world.task()
    net = task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
    task.save(net, tmp_path / "model.safetensors")
    again = world.task().load(tmp_path / "model.safetensors")
    assert torch.equal(
        all_draws(task, net, world.ids)[1].log_probs, all_draws(task, again, world.ids)[1].log_probs
    )
    task.save(again, tmp_path / "again.safetensors")
    assert (tmp_path / "model.safetensors").read_bytes() == (tmp_path / "again.safetensors").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "again.safetensors"}


def test_load_refuses_what_does_not_fit(world, tmp_path):
    path = tmp_path / "model.safetensors"
    net = world.task().fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
    world.task().save(net, path)
    with pytest.raises(ModelError, match=r"mean = 0\.1"):
        world.task(model={"mean": 0.1}).load(path)
    with pytest.raises(ModelError, match="d, c, b, a"):
        world.task(classes=("d", "c", "b", "a")).load(path)
    with pytest.raises(ModelError, match="nowhere"):
        world.task().load(tmp_path / "nowhere.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelError, match="saved by Askance"):
        world.task().load(path)


def test_a_killed_save_leaves_the_old_file(world, tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")

    def killed(_):
        raise KeyboardInterrupt

    net = world.task().fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
    monkeypatch.setattr("os.fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        world.task().save(net, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_class_more_starts_from_scratch_and_says_so(world, tmp_path):
    three = world.task(classes=CLASSES_3)
    net = three.fit(world.labelled(0, 1, 2, 4, 5, 6), NONE, warm=None, seed=0).model
    three.save(net, tmp_path / "m")
    four = world.task()
    old = four.load(tmp_path / "m")
    with pytest.raises(ModelError, match="4 classes"):
        four.draws(old, world.ids, k=3, seed=0)
    warm = four.fit(world.labelled(*range(8)), NONE, warm=old, seed=1)
    cold = four.fit(world.labelled(*range(8)), NONE, warm=None, seed=1)
    assert "3 classes" in warm.log["start"]
    assert torch.equal(parameters(warm.model), parameters(cold.model))


CLASSES_3 = ("a", "b", "c")


def test_warm_start_goes_on_from_the_model_given_and_leaves_it(world):
    task = world.task(train={"max_steps": 30})
    first = task.fit(world.labelled(*range(8)), NONE, warm=None, seed=0).model
    before = parameters(first).clone()
    second = task.fit(world.labelled(*range(12)), NONE, warm=first, seed=0)
    cold = task.fit(world.labelled(*range(12)), NONE, warm=None, seed=0)
    assert torch.equal(parameters(first), before)
    assert second.log["start"] == "the model given"
    assert second.log["loss"] < cold.log["loss"]


def test_weight_decay_is_chosen_on_validation(world):
    train = {"weight_decay": (1e4, 0.1), "max_steps": 60}
    task = world.task(train=train)
    chosen = task.fit(world.labelled(*range(12)), world.labelled(*range(20, 28)), warm=None, seed=0)
    losses = chosen.log["validation_nll"]
    assert chosen.log["weight_decay"] == 0.1
    assert losses["0.1"] < losses["10000"]
    alone = world.task(train={**train, "weight_decay": (0.1,)}).fit(
        world.labelled(*range(12)), NONE, warm=None, seed=0
    )
    assert torch.equal(parameters(chosen.model), parameters(alone.model))
    blind = task.fit(world.labelled(*range(12)), NONE, warm=None, seed=0)
    assert blind.log["weight_decay"] == 1e4
    assert "no validation labels" in blind.log["weight_decay_by"]


def test_classes_are_each_once(world):
    with pytest.raises(ConfigError, match="class names, each once"):
        world.task(classes=("a", "a"))


@pytest.mark.parametrize("classes", [(), ("a",)])
def test_fewer_than_two_classes_can_be_seen_and_not_trained_on(world, classes):
    task = world.task(classes=classes)
    labelled = Labelled(tuple(world.labelled(0, 1).ids) if classes else (), (0, 0) if classes else ())
    with pytest.raises(LabelError, match="two classes or more"):
        task.fit(labelled, Labelled((), ()), warm=None, seed=0)


def test_device_and_precision_are_checked_at_the_door(world):
    with pytest.raises(ConfigError, match="device"):
        world.task(train={"device": "abacus"})
    with pytest.raises(ConfigError, match="precision"):
        world.task(train={"precision": "16-true"})
