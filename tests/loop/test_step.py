from collections import Counter

import numpy as np
import pytest
import torch

from askance.acquisition import epig, score
from askance.loop import strategy
from askance.loop.step import Beside, Scored, pick, random_subset, score_pool, standing
from askance.loop.strategy import Strategy
from askance.maths import Draws
from askance.vocab import ConfigError, Labelled, SelectionError
from tests.loop.fakes import BoxTask

IDS = [f"image-{i:02d}" for i in range(23)]
BOXES = {name: i % 4 for i, name in enumerate(IDS)}


@pytest.mark.parametrize("acquisition", ["bald", "predictive-entropy", "variation-ratios", "mean-std", "margin"])
def test_scores_of_ragged_boxes_are_the_mean_over_each_images_own_boxes(acquisition):
    task = BoxTask(BOXES)
    strategy = Strategy(acquisition, draws=7)
    scored = score_pool(task, 1.0, IDS, strategy, seed=3)
    for i, name in enumerate(IDS):
        logits = task.unit_logits(1.0, name, 7, 3)
        expected = score(acquisition, draws=Draws.from_logits(logits, joint=True)).mean() if BOXES[name] else 0.0
        assert scored.scores[i] == pytest.approx(float(expected), abs=1e-12)
        assert (scored.groups[i] == -1) == (BOXES[name] == 0)


def test_a_crowded_image_is_not_bought_for_its_crowd():
    crowd = BoxTask({"one": 1, "many": 9})
    strategy = Strategy("predictive-entropy", draws=50)
    one, many = score_pool(crowd, 1.0, ["one", "many"], strategy, seed=0).scores
    assert many < 2 * one


@pytest.mark.parametrize("chunk", [1, 5, 23, 100])
def test_picks_do_not_depend_on_chunks(chunk):
    strategy = Strategy("bald", "power", draws=5)
    expected = pick(score_pool(BoxTask(BOXES, chunk=4), 1.0, IDS, strategy, seed=1), IDS, strategy, n=6, seed=1)
    found = pick(score_pool(BoxTask(BOXES, chunk=chunk), 1.0, IDS, strategy, seed=1), IDS, strategy, n=6, seed=1)
    assert found == expected


def test_an_unreadable_image_is_never_picked():
    task = BoxTask(BOXES, unreadable=IDS[:3])
    for name in ("bald", "class-balanced-random", "power:margin"):
        strategy = Strategy.parse(name, draws=5)
        scored = score_pool(task, 1.0, IDS, strategy, seed=0)
        assert np.isnan(scored.scores[:3]).all()
        assert not set(pick(scored, IDS, strategy, n=23, seed=0).ids) & set(IDS[:3])
    assert set(task.problems) == set(IDS[:3])


def test_random_needs_no_model():
    strategy = Strategy.parse("random")
    assert not strategy.looks
    scored = score_pool(BoxTask(BOXES), None, IDS, strategy, seed=0)
    assert len(set(pick(scored, IDS, strategy, n=5, seed=0).ids)) == 5
    with pytest.raises(ConfigError, match="train first"):
        score_pool(BoxTask(BOXES), None, IDS, Strategy("bald"), seed=0)


@pytest.mark.parametrize(
    ("name", "acquisition", "selection"),
    [
        ("bald", "bald", "top-k"),
        ("power:bald", "bald", "power"),
        ("random", "random", "top-k"),
        ("class-balanced-random", "random", "class-balanced-random"),
        ("softmax:max-entropy", "max-entropy", "softmax"),
    ],
)
def test_strategies_by_name(name, acquisition, selection):
    strategy = Strategy.parse(name)
    assert (strategy.acquisition, strategy.selection) == (acquisition, selection)
    assert Strategy.parse(strategy.name) == strategy


def test_a_name_nearly_right_finds_scores_and_selections():
    with pytest.raises(ConfigError, match="did you mean batchbald"):
        Strategy.parse("batchblad")
    with pytest.raises(ConfigError, match="did you mean novelty"):
        Strategy.parse("noveltyy")


@pytest.mark.parametrize("name", ["blad", "pwer:bald", "power", "bald:power"])
def test_a_wrong_strategy_names_what_is_right(name):
    with pytest.raises(ConfigError):
        Strategy.parse(name)


def test_a_subset_belongs_to_seed_and_id():
    assert random_subset(IDS, None, 0) == IDS
    assert random_subset(IDS, 99, 0) == IDS
    some = random_subset(IDS, 7, 0)
    assert len(some) == 7
    assert set(random_subset(IDS[::-1], 7, 0)) == set(some)
    assert random_subset(IDS, 7, 1) != some


def test_a_random_part_of_the_pool_has_groups_whole():
    groups = {name: str(i // 3) for i, name in enumerate(IDS)}
    some = random_subset(IDS, 9, 0, groups)
    assert len(some) == 9
    assert sorted(Counter(groups[name] for name in some).values()) == [3, 3, 3]
    assert random_subset(IDS, 9, 0, {}) == random_subset(IDS, 9, 0)


def boxes_of(task, names, k, seed):
    logits = [task.unit_logits(1.0, name, k, seed) for name in names]
    return Draws.from_logits(torch.cat(logits), joint=True)


@pytest.mark.parametrize("m", [5, 200])
def test_epig_asks_about_the_boxes_of_random_images_of_the_pool(m):
    task, strategy = BoxTask(BOXES), Strategy("epig", draws=7, n_targets=m)
    scored = score_pool(task, 1.0, IDS, strategy, seed=3)
    targets = boxes_of(task, random_subset(IDS, m, 3), 7, 3)
    for i, name in enumerate(IDS):
        due = float(epig(boxes_of(task, [name], 7, 3), targets).mean()) if BOXES[name] else 0.0
        assert scored.scores[i] == pytest.approx(due, abs=1e-12)
    assert (scored.scores > 0).sum() == sum(n > 0 for n in BOXES.values())


def test_epig_asks_about_the_images_that_are_named():
    task, strategy = BoxTask(BOXES | {"street": 2, "field": 0}), Strategy("epig", draws=7)
    scored = score_pool(task, 1.0, IDS, strategy, seed=3, beside=Beside(["field", "street"]))
    due = epig(boxes_of(task, [IDS[1]], 7, 3), boxes_of(task, ["street"], 7, 3))
    assert scored.scores[1] == pytest.approx(float(due.mean()), abs=1e-12)


@pytest.mark.parametrize("chunk", [1, 5, 23, 100])
def test_scores_of_epig_depend_neither_on_chunks_nor_on_order(chunk):
    strategy = Strategy("epig", draws=5, n_targets=6)
    due = score_pool(BoxTask(BOXES, chunk=4), 1.0, IDS, strategy, seed=1).scores
    found = score_pool(BoxTask(BOXES, chunk=chunk), 1.0, IDS, strategy, seed=1).scores
    turned = score_pool(BoxTask(BOXES, chunk=chunk), 1.0, IDS[::-1], strategy, seed=1).scores
    assert found.tolist() == due.tolist() == turned[::-1].tolist()


def test_targets_are_drawn_once_and_with_the_seed_of_the_pool():
    asked = []

    class Watched(BoxTask):
        def draws(self, model, ids, *, k, seed, **more):
            asked.append((len(ids), k, seed))
            return super().draws(model, ids, k=k, seed=seed, **more)

    score_pool(Watched(BOXES), 1.0, IDS, Strategy("epig", draws=5, n_targets=6), seed=1)
    assert asked == [(6, 5, 1), (23, 5, 1)]


def test_targets_that_cannot_be_read_are_left_out_and_without_any_the_loop_says_what_to_do():
    strategy = Strategy("epig", draws=5)
    some = score_pool(BoxTask(BOXES, unreadable=IDS[:20]), 1.0, IDS, strategy, seed=0)
    assert np.isnan(some.scores[:20]).all()
    assert np.isfinite(some.scores[20:]).all()
    none = score_pool(BoxTask(BOXES, unreadable=IDS), 1.0, IDS, strategy, seed=0)
    assert np.isnan(none.scores).all()
    empty = score_pool(BoxTask(dict.fromkeys(IDS, 0)), 1.0, IDS, strategy, seed=0)
    assert empty.scores.tolist() == [0.0] * len(IDS)
    assert score_pool(BoxTask(BOXES), 1.0, [], strategy, seed=0).scores.tolist() == []
    with pytest.raises(ConfigError, match="name the targets"):
        score_pool(BoxTask(BOXES), 1.0, IDS, strategy, seed=0, beside=Beside([IDS[0], IDS[4]]))  # no boxes in them


def test_epig_is_a_strategy_that_looks_at_pool_and_targets():
    assert Strategy.parse("epig", 7) == Strategy("epig", "top-k", 7)
    assert Strategy.parse("power:epig").looks
    assert "targets" in Strategy.parse("epig").asks
    assert "targets" not in Strategy.parse("bald").asks
    with pytest.raises(ConfigError, match="train first"):
        score_pool(BoxTask(BOXES), None, IDS, Strategy("epig"), seed=0)


KNOWN = Beside(labelled=Labelled(("image-01", "image-02"), (0, 1)))  # one box, and two


@pytest.mark.parametrize("name", ["novelty", "softrank:novelty", "softmax:novelty", "top-k:novelty"])
def test_novelty_is_what_the_task_says_of_the_labelled_images_and_asks_for_no_draws(name):
    class NoDraws(BoxTask):
        def draws(self, *args, **more):
            raise AssertionError("novelty draws nothing")

    strategy = Strategy.parse(name, 5)
    assert strategy.looks
    assert "draws" not in strategy.asks
    scored = score_pool(NoDraws(BOXES, unreadable=IDS[:3]), 1.0, IDS, strategy, seed=0, beside=KNOWN)
    assert np.isnan(scored.scores[:3]).all()
    assert scored.scores[3:].tolist() == [BOXES[one] - 2.0 for one in IDS[3:]]  # of any sign
    assert set(scored.groups.tolist()) == {-1}
    picked = pick(scored, IDS, strategy, n=20, seed=0)
    assert len(picked) == 20
    assert not set(picked.ids) & set(IDS[:3])
    if strategy.selection == "top-k":
        assert {BOXES[one] for one in picked.ids[:5]} == {3}


def test_novelty_beside_the_classes_that_draws_predict():
    """A selection that balances classes has them from draws, and the scores stay those of the density."""
    strategy = Strategy("novelty", "class-balanced-random", draws=5)
    scored = score_pool(BoxTask(BOXES), 1.0, IDS, strategy, seed=0, beside=KNOWN)
    assert scored.scores.tolist() == [BOXES[one] - 2.0 for one in IDS]
    assert all((group == -1) == (BOXES[one] == 0) for group, one in zip(scored.groups, IDS, strict=True))


def test_novelty_needs_a_model_and_a_selection_that_takes_any_sign():
    with pytest.raises(ConfigError, match="train first"):
        score_pool(BoxTask(BOXES), None, IDS, Strategy("novelty"), seed=0, beside=KNOWN)
    for wrong in (lambda: Strategy.parse("power:novelty"), lambda: Strategy("novelty", "power")):
        with pytest.raises(ConfigError, match="softrank:novelty"):
            wrong()
    signed = Scored(np.array([-1.0, 2.0]), np.zeros(2, dtype=np.int64))
    with pytest.raises(SelectionError):  # which is why
        pick(signed, IDS[:2], Strategy("bald", "power"), n=1, seed=0)


def test_what_the_loop_cannot_bring_is_refused_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr(strategy, "OF_SCORES", {"draws", "ids", "seed"})
    with pytest.raises(ConfigError, match="novelty, which needs log_density") as refused:
        Strategy.parse("softmax:novelty")
    assert 'score("novelty", log_density=...)' in refused.value.fix


def test_the_standing_of_a_pick_counts_what_scores_less_among_what_was_scored():
    scored = score_pool(BoxTask(BOXES, unreadable=IDS[:3]), 1.0, IDS, Strategy("novelty"), seed=0, beside=KNOWN)
    picked = pick(scored, IDS, Strategy("novelty"), n=20, seed=0)
    finite = [BOXES[one] for one in IDS[3:]]
    due = [sum(other < BOXES[one] for other in finite) / 20 for one in picked.ids]
    assert list(standing(scored, picked)) == pytest.approx(due)
    assert standing(scored, pick(Scored(np.full(23, np.nan), scored.groups), IDS, Strategy(), n=1, seed=0)) == ()
