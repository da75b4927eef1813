"""Images in which nothing was found keep their share of a batch."""

import numpy as np
import pytest

from askance.loop.batch import beside_even
from askance.loop.empties import at_random, share_of
from askance.loop.step import Scored, pick, score_pool
from askance.loop.strategy import Strategy
from askance.vocab.strategies import beside_random
from tests.loop.fakes import BoxTask, SaidTask

IDS = [f"image-{i:03d}" for i in range(120)]
BOXES = {name: 0 if i % 4 == 1 else 1 + i % 3 for i, name in enumerate(IDS)}
EMPTY = {name for name, boxes in BOXES.items() if not boxes}


def picked(strategy: Strategy, n: int, seed: int, task: BoxTask | None = None):
    task = SaidTask(BOXES) if task is None else task
    found = score_pool(task, 1.0, IDS, strategy, seed=seed)
    return found, pick(found, IDS, strategy, n=n, seed=seed)


@pytest.mark.parametrize(
    "name", ["bald", "power:margin", "localisation", "epig", "uncertainty-herding", "softrank:box-doubt"]
)
def test_a_quarter_of_the_pool_is_a_quarter_of_the_batch(name: str):
    strategy = Strategy.parse(name, draws=5, n_targets=9)
    found, picks = picked(strategy, 20, 0)
    assert len(set(picks.ids)) == 20
    assert sum(one in EMPTY for one in picks.ids) == 5
    first_half = picks.ids[:10]
    assert 2 <= sum(one in EMPTY for one in first_half) <= 3
    said = beside_even(found, picks, IDS, strategy, 0)
    assert said["empty"] == said["empty_pool"] == 0.25
    assert "In 25 % of them nothing was found, as in 25 % of the pool" in beside_random(said, strategy.name)


def test_the_others_are_those_that_the_strategy_asks_for_first():
    strategy = Strategy.parse("bald", draws=5)
    found, picks = picked(strategy, 20, 0)
    best = sorted((name for name in IDS if name not in EMPTY), key=lambda one: -found.scores[IDS.index(one)])
    assert [one for one in picks.ids if one not in EMPTY] == best[:15]
    assert all(gain == 0 for one, gain in zip(picks.ids, picks.gains, strict=True) if one in EMPTY)
    assert tuple(IDS[i] for i in picks.positions) == picks.ids


def test_the_empty_ones_come_by_lot_of_seed_and_id():
    empty = np.array([name in EMPTY for name in IDS])
    once = at_random(empty, IDS, 7, seed=1).ids
    turned = at_random(empty[::-1].copy(), IDS[::-1], 7, seed=1).ids
    assert once == turned
    assert set(once) < EMPTY
    assert at_random(empty, IDS, 7, seed=2).ids != once
    strategy = Strategy.parse("bald", draws=5)
    assert picked(strategy, 20, 4)[1] == picked(strategy, 20, 4)[1]


def test_the_share_is_kept_over_many_batches_and_never_off_by_one_or_more():
    empty, known = np.arange(30) < 7, np.ones(30, dtype=bool)
    counts = [share_of(empty, known, 5, seed) for seed in range(2000)]
    assert set(counts) == {1, 2}  # 5 x 7 / 30 = 1.17
    assert np.mean(counts) == pytest.approx(5 * 7 / 30, abs=0.03)


@pytest.mark.parametrize(("n", "due"), [(3, 3), (30, 30), (100, 30)])
def test_where_all_are_empty_all_come_at_random(n: int, due: int):
    assert share_of(np.ones(30, dtype=bool), np.ones(30, dtype=bool), n, 0) == due


def test_where_the_others_are_too_few_the_empty_ones_fill_the_batch():
    empty, known = np.arange(30) < 25, np.ones(30, dtype=bool)
    assert share_of(empty, known, 29, 0) == 24
    task = SaidTask({name: int(i < 3) for i, name in enumerate(IDS)})
    _, picks = picked(Strategy.parse("bald", draws=3), 50, 0, task)
    assert len(set(picks.ids)) == 50
    assert len(picked(Strategy.parse("bald", draws=3), 500, 0, task)[1]) == len(IDS)


def test_an_image_that_cannot_be_read_is_no_empty_image():
    unreadable = sorted(EMPTY)[:20]
    strategy = Strategy.parse("bald", draws=5)
    found, picks = picked(strategy, 20, 0, SaidTask(BOXES, unreadable=unreadable))
    assert not set(unreadable) & set(picks.ids)
    assert sum(one in EMPTY for one in picks.ids) == 2  # 10 of 100
    assert int(found.empty.sum()) == 10


@pytest.mark.parametrize("name", ["random", "class-balanced-random", "novelty", "box-count", "foreground-random"])
def test_strategies_whose_scores_are_not_of_units_are_left_alone(name: str):
    from askance.loop.step import Beside
    from askance.vocab import Labelled

    strategy = Strategy.parse(name, draws=3)
    beside = Beside(labelled=Labelled((IDS[0], IDS[2]), (0, 1)))
    found = score_pool(SaidTask(BOXES), 1.0, IDS, strategy, seed=0, beside=beside)
    assert not found.empty.any()


@pytest.mark.parametrize(
    "name", ["bald", "power:margin", "batchbald", "uncertainty-herding", "class-balanced-random"]
)
def test_where_every_image_is_a_unit_nothing_changes_bit_for_bit(name: str):
    strategy = Strategy.parse(name, draws=5)
    found = score_pool(BoxTask(dict.fromkeys(IDS, 1)), 1.0, IDS, strategy, seed=0)
    assert not found.empty.any()
    told_nothing = Scored(found.scores, found.groups, found.kept)
    assert pick(found, IDS, strategy, n=9, seed=0) == pick(told_nothing, IDS, strategy, n=9, seed=0)
    assert "empty" not in beside_even(found, pick(found, IDS, strategy, n=9, seed=0), IDS, strategy, 0)
