"""What strategies ask for by name: made once, and for selections yet to come."""

from collections import Counter

import numpy as np
import pytest
import torch

from askance.loop.pantry import MAKERS, Beside, Pantry
from askance.loop.step import pick, score_pool
from askance.loop.strategy import Strategy
from askance.loop.units import classes_of_images
from askance.maths import Draws, Units
from askance.selection import select, selections
from askance.vocab import ConfigError, Labelled, Picks
from tests.loop.fakes import BoxTask

IDS = [f"image-{i:02d}" for i in range(23)]
ONE_EACH = dict.fromkeys(IDS, 1)


class Counting(BoxTask):
    """Counts what is asked of it."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.asked = Counter()

    def draws(self, model, ids, **named):
        self.asked["draws"] += 1
        return super().draws(model, ids, **named)

    def features(self, model, ids, **named):
        self.asked["features"] += len(ids) > 0
        return super().features(model, ids, **named)

    def log_density(self, model, ids, **named):
        self.asked["log_density"] += 1
        return super().log_density(model, ids, **named)


@pytest.fixture
def own():
    """A selection of one's own for as long as a test lasts."""
    entered = []

    def enter(function):
        selections(function)
        entered.append(function.__name__.replace("_", "-"))
        return function

    yield enter
    for name in entered:
        del selections._entries[name]


def test_each_ingredient_is_made_once_and_only_for_whom_asks():
    task = Counting(ONE_EACH)
    beside = Beside(labelled=Labelled(tuple(IDS[:3]), (0, 1, 2)))
    pantry = Pantry(task, 1.0, IDS[3:], Strategy.parse("badge", draws=5), seed=0, beside=beside)
    for _ in range(2):
        assert pantry.scores is pantry.scores
        assert pantry.groups is not None
        assert pantry.together is not None
    assert task.asked == {"draws": 1, "features": 1}  # badge names no labelled images
    task = Counting(ONE_EACH)
    pick(score_pool(task, 1.0, IDS, Strategy.parse("bald", draws=5), seed=0), IDS, Strategy("bald"), n=3, seed=0)
    assert task.asked == {"draws": 1}
    task = Counting(ONE_EACH)
    score_pool(task, None, IDS, Strategy.parse("random"), seed=0)
    assert not task.asked


def test_a_selection_of_ones_own_gets_what_it_names(own):
    seen = {}

    @own
    def far_and_strange(scores, features, labelled, log_density, groups, ids, n, seed, reach=2.0):  # noqa: PLR0917
        seen.update(locals())
        order = torch.argsort(log_density, stable=True)[:n]
        return Picks.of(order.tolist(), ids, (-log_density).tolist())

    task = BoxTask({name: 1 + i % 4 for i, name in enumerate(IDS)}, unreadable=IDS[7:9], chunk=4)
    strategy = Strategy.parse("far-and-strange:margin", draws=5)
    assert strategy.asks >= {"draws", "features", "labelled", "log_density", "groups"}
    beside = Beside(labelled=Labelled(tuple(IDS[:3]), (0, 1, 2)))
    pool = IDS[3:]
    found = score_pool(task, 1.0, pool, strategy, seed=0, beside=beside)
    picks = pick(found, pool, strategy, n=4, seed=0)
    left = [name for name in pool if name not in IDS[7:9]]
    assert seen["ids"] == left
    torch.testing.assert_close(seen["features"], torch.stack([task.row(name) for name in left]))
    torch.testing.assert_close(seen["labelled"], torch.stack([task.row(name) for name in IDS[:3]]))
    near = np.full(len(pool), np.nan)
    for part in task.log_density(1.0, pool, labelled=beside.labelled):
        near[part.positions.numpy()] = part.log_density.numpy()
    known = np.flatnonzero(np.isfinite(near))
    np.testing.assert_allclose(seen["log_density"].numpy(), near[known])
    np.testing.assert_array_equal(np.asarray(seen["scores"]), found.scores[known])
    assert seen["groups"] == [str(group) for group in found.groups[known]]
    assert picks.ids == tuple(pool[i] for i in known[np.argsort(near[known], kind="stable")[:4]])
    assert tuple(pool[i] for i in picks.positions) == picks.ids


def test_in_python_it_is_given_what_it_names(own):
    @own
    def by_price(ids, n, seed, price):
        order = sorted(range(len(ids)), key=price.__getitem__)[:n]
        return Picks.of(order, ids, [-one for one in price])

    assert select("by-price", ids=["a", "b", "c"], n=2, seed=0, price=[3.0, 1.0, 2.0]).ids == ("b", "c")
    with pytest.raises(ConfigError, match="no price"):
        select("by-price", ids=["a"], n=1, seed=0)
    with pytest.raises(ConfigError, match=r"by-price, which needs price"):
        Strategy.parse("by-price")


def test_every_ingredient_that_is_promised_can_be_made():
    from askance.loop.ingredients import BY_ITSELF, OF_MODEL

    assert set(MAKERS) | BY_ITSELF == OF_MODEL


class TestTheClassOfAnImage:
    def test_it_is_its_highest_scoring_units(self):
        sure = torch.eye(4)[:, None, :].clamp(1e-6).log_softmax(-1)
        units = Units(Draws(sure, joint=True), torch.tensor([0, 0, 0, 2]), 3)
        for best in range(3):
            scores = torch.tensor([1.0, 1.0, 1.0, 0.5])
            scores[best] = 2.0
            assert classes_of_images(scores, units).tolist() == [best, -1, 3]

    def test_it_is_not_that_of_the_lowest_or_of_the_last(self):
        sure = torch.eye(3)[:, None, :].clamp(1e-6).log_softmax(-1)
        units = Units(Draws(sure, joint=True), torch.tensor([0, 0, 0]), 1)
        assert classes_of_images(torch.tensor([0.1, 0.9, 0.5]), units).tolist() == [1]
        assert classes_of_images(torch.tensor([0.9, 0.1, 0.5]), units).tolist() == [0]

    def test_in_a_pool_of_boxes_it_is_that_of_the_box_with_the_highest_score(self):
        boxes = dict.fromkeys(IDS, 4)
        task, strategy = BoxTask(boxes), Strategy("bald", draws=7)
        found = score_pool(task, 1.0, IDS, strategy, seed=3)
        from askance.acquisition import bald

        for i, name in enumerate(IDS):
            draws = Draws.from_logits(task.unit_logits(1.0, name, 7, 3), joint=True)
            best = int(bald(draws).argmax())
            assert found.groups[i] == int(draws.log_probs[best].exp().mean(0).argmax())
        assert len(set(found.groups.tolist())) > 1
