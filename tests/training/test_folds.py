"""Weight decay by cross-validation: who is held out when, and what is chosen by it."""

import pytest
import torch
from pydantic import ValidationError

from askance.maths import keyed_seed, log_mean_probs
from askance.networks.drawing import drawing
from askance.tasks.classification.objective import CrossEntropy
from askance.training.folds import cross_validated, folds_of
from askance.training.steps import Examples, Recipe, minimise
from askance.uncertainty import SplitNet
from askance.vocab import ConfigError, Labelled
from askance.vocab.config import TrainConfig

NONE = Labelled((), ())
HEAD = {"train": "head"}
TARGETS = torch.tensor([2] * 9 + [0] * 4 + [5] * 1 + [1] * 2)
IDS = [f"{i:032x}" for i in range(len(TARGETS))]


def parameters(net):
    return torch.cat([value.flatten() for value in net.state_dict().values()])


@pytest.mark.parametrize("k", [2, 3, 5])
def test_classes_and_folds_are_even_and_a_class_of_one_stays(k):
    folds = folds_of(IDS, TARGETS, k, seed=0)
    assert int(folds[13]) == -1
    assert int((folds == -1).sum()) == 1
    sizes = [int((folds == fold).sum()) for fold in range(k)]
    assert max(sizes) - min(sizes) <= 1
    for c in (0, 1, 2):
        counts = [int(((folds == fold) & (c == TARGETS)).sum()) for fold in range(k)]
        assert max(counts) - min(counts) <= 1
        assert max(counts) < sum(counts)


def test_folds_belong_to_ids_and_seed():
    folds = folds_of(IDS, TARGETS, 3, seed=0)
    order = torch.randperm(len(IDS), generator=torch.Generator().manual_seed(0))
    moved = folds_of([IDS[place] for place in order], TARGETS[order], 3, seed=0)
    assert torch.equal(moved, folds[order])
    assert not torch.equal(folds_of(IDS, TARGETS, 3, seed=1), folds)
    assert len(set(folds[:9].tolist())) == 3
    assert folds[:9].tolist() != [i % 3 for i in range(9)]


def test_each_example_is_held_out_once_and_never_trained_on_then():
    folds, seen = folds_of(IDS, TARGETS, 3, seed=0), []

    def losses(some, held_out):
        rows = held_out.read(torch.arange(len(held_out.ids)))
        assert set(some.ids) | set(held_out.ids) == set(IDS)
        assert not set(some.ids) & set(held_out.ids)
        assert [IDS[int(row)] for row in rows] == list(held_out.ids)
        assert torch.equal(held_out.targets, TARGETS[rows])
        seen.extend(held_out.ids)
        return rows.float()

    found = cross_validated(Examples(lambda chosen: chosen, TARGETS, tuple(IDS)), folds, losses)
    assert sorted(seen) == sorted(name for name in IDS if name != IDS[13])
    assert found == pytest.approx((sum(range(16)) - 13) / 15)
    lost = cross_validated(
        Examples(lambda at: at, TARGETS, tuple(IDS)), folds, lambda _, out: out.targets * torch.nan
    )
    assert lost == float("inf")


def test_the_least_loss_is_chosen_and_all_labels_trained_on(world):
    train = {"weight_decay": (1e4, 0.1), "max_steps": 60, "learning_rate": 0.02}
    some = world.labelled(*range(16))
    found = world.task(model=HEAD, train={**train, "folds": 4}).fit(some, NONE, warm=None, seed=0)
    alone = world.task(model=HEAD, train={**train, "weight_decay": (0.1,)}).fit(some, NONE, warm=None, seed=0)
    assert found.log["weight_decay"] == 0.1
    assert "4 folds" in found.log["weight_decay_by"]
    assert found.log["folds_nll"]["0.1"] < found.log["folds_nll"]["10000"]
    assert found.log["images"] == 16
    assert torch.equal(parameters(found.model), parameters(alone.model))
    shuffled = world.task(model=HEAD, train={**train, "folds": 4}).fit(
        world.labelled(*reversed(range(16))), NONE, warm=None, seed=0
    )
    assert shuffled.log["folds_nll"] == found.log["folds_nll"]


def test_the_loss_is_the_plain_loop_over_folds(world):
    task = world.task(model=HEAD, train={"weight_decay": (1.0, 3.0), "max_steps": 30, "folds": 2})
    some = world.labelled(*range(10))
    fitted = task.fit(some, NONE, warm=None, seed=4)
    start, _ = task._begin.start(None, 4)
    rows, targets = task._extractor.once(start, some.ids).rows, torch.tensor(some.targets)
    folds, total = folds_of(some.ids, targets, 2, seed=4), 0.0
    for fold in (0, 1):
        inside, out = (folds != fold).nonzero()[:, 0], (folds == fold).nonzero()[:, 0]
        head = task._begin.start(None, 4)[0].head
        net = SplitNet(start.trunk, head)
        examples = Examples(lambda chosen, inside=inside: rows[inside[chosen]], targets[inside])
        recipe = Recipe(task._train, task._fabric, CrossEntropy(), "head", False)
        minimise(net, examples, recipe, decay=3.0, seed=4)
        mean = log_mean_probs(drawing(net, 20, keyed_seed("validation", 4))(rows[out]).log_probs)
        total -= float(mean[torch.arange(len(out)), targets[out]].sum())
    assert fitted.log["folds_nll"]["3"] == pytest.approx(total / 10)


@pytest.mark.parametrize("change", [{"weight_decay": (0.1,)}, {"folds": 0}, {"val": (20, 21)}], ids=str)
def test_where_there_is_nothing_to_choose_or_labels_to_choose_by_there_are_no_folds(world, change):
    change = dict(change)
    val = world.labelled(*change.pop("val", ()))
    train = {"weight_decay": (0.1, 1.0), "max_steps": 5, "folds": 3, **change}
    log = world.task(model=HEAD, train=train).fit(world.labelled(*range(8)), val, warm=None, seed=0).log
    assert "folds" not in log["weight_decay_by"]
    assert "folds_nll" not in log


def test_one_label_a_class_leaves_the_first_candidate(world):
    task = world.task(model=HEAD, train={"weight_decay": (3.0, 0.1), "max_steps": 5, "folds": 3})
    log = task.fit(world.labelled(0, 1, 2, 3), NONE, warm=None, seed=0).log
    assert log["weight_decay"] == 3.0
    assert "no class has two labels" in log["weight_decay_by"]


def test_folds_that_cannot_be_are_refused(world):
    with pytest.raises(ValidationError, match="one fold"):
        TrainConfig(folds=1)
    with pytest.raises(ConfigError, match=r'model\.train = "head"'):
        world.task(train={"folds": 3}).fit(world.labelled(*range(8)), NONE, warm=None, seed=0)
