"""A training that is cut off at any step ends with the weights of one that was not, bit for bit."""

import json
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from askance.networks.drawing import tensors_of
from askance.tasks.classification import build
from askance.tasks.classification.objective import CrossEntropy
from askance.training import resume
from askance.training import steps as steps_room
from askance.training.averages import Average, Best, Settled
from askance.training.devices import OneDevice
from askance.training.resume import Bookmarks, fingerprint
from askance.training.steps import Examples, Recipe, minimise
from askance.vocab import Labelled, StoreError
from askance.vocab.config import ModelConfig, TrainConfig

NONE = Labelled((), ())
HEAD = {"train": "head"}
CASES = {
    "head": (HEAD, {"max_steps": 120, "learning_rate": 0.01}),
    "head, validation": (HEAD, {"max_steps": 140, "stop": "validation", "weight_decay": (0.1, 2.0)}),
    "folds": (HEAD, {"max_steps": 40, "folds": 3, "weight_decay": (0.1, 2.0)}),
    "all": ({}, {"max_steps": 60, "augment": "standard", "balance": "sampling"}),
    "all, validation": ({}, {"max_steps": 110, "stop": "validation", "balance": "weights"}),
    "ensemble": ({**HEAD, "posterior": "ensemble", "members": 3}, {"max_steps": 50}),
    "swag": ({**HEAD, "posterior": "swag"}, {"max_steps": 30}),
}


class Cut(Exception):
    """What ends a training in the middle."""


class Steps:
    """Counts the steps that are taken, and cuts off before the loss of the nth is taken in."""

    def __init__(self, monkeypatch):
        self.taken, self.cut, self.real = 0, None, steps_room._finite
        monkeypatch.setattr(steps_room, "_finite", self)

    def __call__(self, loss, step, rate):
        if self.taken == self.cut:
            raise Cut
        self.taken += 1
        return self.real(loss, step, rate)

    def until(self, cut=None):
        self.taken, self.cut = 0, cut


@pytest.fixture
def steps(monkeypatch):
    monkeypatch.setattr(resume, "EVERY", 0.0)
    monkeypatch.setattr(resume, "SHARE", 1e9)
    return Steps(monkeypatch)


def fitted(world, case, work=None, labels=range(16), **change):
    model, asked = CASES[case]
    val = world.labelled(*range(20, 32)) if "validation" in case else NONE
    task = world.task(model=model, train={**asked, **change}, work=work)
    return task.fit(world.labelled(*labels), val, warm=None, seed=3)


def same(one, other):
    found, wanted = tensors_of(one.model), tensors_of(other.model)
    return found.keys() == wanted.keys() and all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("case", CASES)
def test_cut_off_twice_it_ends_as_if_it_had_not_been(world, tmp_path, steps, case):
    whole = fitted(world, case)
    total, generator = steps.taken, random.Random(case)
    cuts = [generator.randrange(2, total // 2), generator.randrange(2, total // 2)]
    for cut in cuts:
        steps.until(cut)
        with pytest.raises(Cut):
            fitted(world, case, tmp_path)
    steps.until()
    found = fitted(world, case, tmp_path)
    assert same(found, whole)
    said = {name for name in whole.log if "seconds" not in name}
    assert {name: found.log[name] for name in said} == {name: whole.log[name] for name in said}
    again = 0 if case != "swag" else max(0, sum(cuts) - 30)  # what is observed starts over
    assert steps.taken <= total - sum(cuts) + again


def test_what_has_ended_is_not_done_again_until_the_model_is_saved(world, tmp_path, steps):
    work = tmp_path / "training"
    first = fitted(world, "folds", work)
    assert len(list(work.iterdir())) == 7
    steps.until()
    task = world.task(model=HEAD, train=CASES["folds"][1], work=work)
    again = task.fit(world.labelled(*range(16)), NONE, warm=None, seed=3)
    assert steps.taken == 0
    assert same(first, again)
    task.save(again.model, tmp_path / "model.safetensors")
    assert not work.exists()


@pytest.mark.parametrize("change", [{"labels": range(17)}, {"learning_rate": 3e-3}, {"batch": 4}], ids=str)
def test_another_training_starts_over_and_the_old_files_go(world, tmp_path, steps, change):
    steps.until(30)
    with pytest.raises(Cut):
        fitted(world, "head", tmp_path)
    (old,) = tmp_path.iterdir()
    (tmp_path / f".{old.name}.abc.tmp").write_bytes(b"half")
    steps.until()
    found = fitted(world, "head", tmp_path, **change)
    taken = steps.taken
    assert not old.exists()
    assert len(list(tmp_path.iterdir())) == 1
    steps.until()
    assert same(found, fitted(world, "head", **change))
    assert steps.taken == taken


def test_a_fingerprint_is_of_all_that_counts():
    net = build(ModelConfig(size=8, channels=1), 3, seed=0)
    told = (net, torch.tensor([0, 1]), ("a", "b"), 0)
    assert fingerprint(*told) == fingerprint(build(ModelConfig(size=8, channels=1), 3, seed=0), *told[1:])
    other = build(ModelConfig(size=8, channels=1), 3, seed=0)
    with torch.no_grad():
        other.trunk[0].weight[0, 0, 0, 0] += 1e-6
    others = {
        fingerprint(other, *told[1:]),
        fingerprint(net, torch.tensor([1, 0]), *told[2:]),
        fingerprint(net, torch.tensor([0, 1]), ("b", "a"), 0),
        fingerprint(*told[:3], 1),
    }
    assert len(others | {fingerprint(*told)}) == 5


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "foreign", "renamed"])
def test_a_file_that_is_not_whole_is_started_over_with_a_warning(world, tmp_path, steps, caplog, damage):
    whole = fitted(world, "head")
    total = steps.taken
    steps.until(40)
    with pytest.raises(Cut):
        fitted(world, "head", tmp_path)
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()
    if damage == "renamed":
        steps.until(10)
        with pytest.raises(Cut):
            fitted(world, "head", tmp_path, batch=4)
        (other,) = tmp_path.iterdir()
        content = other.read_bytes()
    middle = len(content) // 2
    broken = {
        "cut": content[: middle + 7],
        "empty": b"",
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "foreign": b"askance" * 100,
        "renamed": content,
    }
    file.write_bytes(broken[damage])
    steps.until()
    found = fitted(world, "head", tmp_path)
    assert "starts over" in caplog.text
    assert same(found, whole)
    assert steps.taken == total


def test_a_disk_that_says_no_ends_the_keeping_and_not_the_training(world, tmp_path, steps, caplog, monkeypatch):
    def full(path, data):
        raise StoreError(f"to write {path}", "no space left", "free some")

    monkeypatch.setattr(resume, "write_whole", full)
    assert same(fitted(world, "head", tmp_path), fitted(world, "head"))
    assert caplog.text.count("is not kept") == 1


def test_a_state_is_written_now_and_then_and_at_the_end(world, tmp_path, steps, monkeypatch):
    times = []
    monkeypatch.setattr(resume, "write_whole", lambda path, data: times.append(steps.taken))
    monkeypatch.setattr(resume.time, "monotonic", lambda: float(steps.taken))
    monkeypatch.setattr(resume, "EVERY", 25.0)
    fitted(world, "head", tmp_path, min_steps=120)
    assert times == [25, 50, 75, 100, 120]


def test_statistics_of_normalisation_and_their_counters_go_on(tmp_path, steps):
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    examples = Examples(lambda chosen: images[chosen], torch.arange(8) % 2)
    config = TrainConfig(min_steps=0, max_steps=4, batch=4)
    found = {}
    for cut in (None, 2):
        net = build(ModelConfig(name="resnet18", size=32), 2, seed=0)
        start = {name: value.clone() for name, value in net.state_dict().items()}
        recipe = Recipe(config, OneDevice(torch.device("cpu")), CrossEntropy(), "all", False)
        if cut is not None:
            recipe = Recipe(
                recipe.config, recipe.fabric, CrossEntropy(), "all", False, bookmarks=Bookmarks(tmp_path, "of")
            )
            steps.until(cut)
            with pytest.raises(Cut):
                minimise(net, examples, recipe, decay=0.1, seed=0)
            net.load_state_dict(start)
            net.eval()
        steps.until()
        minimise(net, examples, recipe, decay=0.1, seed=0)
        found[cut] = net.state_dict()
    assert steps.taken == 2
    assert all(torch.equal(found[None][name], found[2][name]) for name in found[None])


CHILD = """
    import sys, time
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from askance.training import resume, steps
    from tests.world import World
    from tests.training.test_resume import fitted
    resume.EVERY, resume.SHARE, real = 0.0, 1e9, steps._finite
    def slowly(loss, step, rate):
        time.sleep(0.02)
        return real(loss, step, rate)
    steps._finite = slowly
    fitted(World(), "all", Path(sys.argv[1]))
"""


@pytest.mark.timeout(180)
def test_killed_by_the_system_it_goes_on(world, tmp_path, steps):
    whole, total = fitted(world, "all"), steps.taken
    root, work = Path(__file__).parents[3], tmp_path / "training"
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(CHILD), str(work), str(root)])
    while not list(work.glob("*.safetensors")):
        assert child.poll() is None
        time.sleep(0.01)
    time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    steps.until()
    assert same(fitted(world, "all", work), whole)
    assert steps.taken < total


def through_json(thing):
    return json.loads(json.dumps(thing.numbers()))


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_what_ends_a_training_remembers_how_long_there_was_no_progress(at):
    losses = iter([3.0, 2.0, 2.5, 2.4, 2.3, 2.2, 2.6, 2.7])
    layer = nn.Linear(1, 1, bias=False)
    best = Best(lambda: next(losses), Average(layer), 0)
    kept = {}
    for look in range(1, at + 1):
        nn.init.constant_(layer.weight, look)
        best._average.take(layer)
        kept[look] = float(best._average.tensors()[0])
        best(layer, 50 * look, last=False)
    average = Average(layer)
    average.restore(through_json(best._average), best._average.tensors())
    again = Best(best._measure, average, 0)
    again.restore(through_json(best), best.tensors())
    assert next(look for look in range(at + 1, 9) if again(layer, 50 * look, last=False)) == 6
    assert (again.step, again.loss) == (100, 2.0)
    again.put(layer)
    assert float(layer.weight.detach()) == kept[min(at, 2)]


@pytest.mark.parametrize("slope", [0.0, 0.03])
@pytest.mark.parametrize("at", [0, 1, 49, 50, 99, 101, 120])
def test_a_settled_loss_is_settled_at_the_same_step(at, slope):
    whole, part = Settled(60), Settled(60)
    losses = [1 / (1 + i * slope) for i in range(5000)]
    end = next(i for i, loss in enumerate(losses) if whole(loss))
    for loss in losses[:at]:
        part(loss)
    again = Settled(60)
    again.restore(through_json(part))
    assert next(i for i, loss in enumerate(losses[at:], start=at) if again(loss)) == end
    assert again.mean == whole.mean
