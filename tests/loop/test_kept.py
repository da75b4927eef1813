import numpy as np
import pytest
import torch

from askance.loop import kept as kept_module
from askance.loop.batch import beside_even
from askance.loop.kept import Keeper
from askance.loop.step import Beside, pick, score_pool
from askance.loop.strategy import Strategy
from askance.maths import keyed_seed
from askance.selection import batchbald, max_herding, select, uncertainty_herding
from askance.selection.uncertainty_herding import covered
from askance.simulation.experiment import start_and_validation
from askance.simulation.runs import RunFolder
from askance.simulation.simulate import simulate
from askance.vocab import ConfigError, Labelled
from askance.vocab.config import StrategyConfig
from tests.loop.fakes import BoxTask
from tests.simulation.test_simulate import lab

IDS = [f"image-{i:02d}" for i in range(23)]
ONE_EACH = dict.fromkeys(IDS, 1)
OF_ONE = 5 * 3 * 8
"""Bytes of the draws of one image."""


def scored(chunk=4, unreadable=(), draws=5):
    task = BoxTask(ONE_EACH, chunk=chunk, unreadable=unreadable)
    strategy = Strategy.parse("batchbald", draws=draws)
    return score_pool(task, 1.0, IDS, strategy, seed=0), strategy, task


def test_it_is_named_alone_and_its_scores_are_bald():
    assert Strategy.parse("batchbald") == Strategy("bald", "batchbald")
    assert Strategy.parse("batchbald").looks
    assert Strategy.parse("batchbald:bald") == Strategy("bald", "batchbald")
    with pytest.raises(ConfigError, match="batchbald of margin"):
        Strategy.parse("batchbald:margin")


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_picks_are_those_of_the_selection_on_all_draws(chunk):
    found, strategy, _ = scored(chunk)
    whole = next(iter(BoxTask(ONE_EACH, chunk=100).draws(1.0, IDS, k=5, seed=0))).units.draws
    due = batchbald(whole, IDS, 6, 0)
    picks = pick(found, IDS, strategy, n=6, seed=0)
    assert picks == due
    assert found.kept is not None
    assert found.kept.doubt(pick(found, IDS, strategy, n=1, seed=0)) == ""


def test_an_unreadable_image_is_never_picked():
    found, strategy, _ = scored(unreadable=IDS[:3])
    picks = pick(found, IDS, strategy, n=23, seed=0)
    assert len(picks) == 20
    assert not set(picks.ids) & set(IDS[:3])
    assert tuple(IDS[i] for i in picks.positions) == picks.ids
    nothing, strategy, _ = scored(unreadable=IDS)
    assert len(pick(nothing, IDS, strategy, n=3, seed=0)) == 0


@pytest.mark.parametrize("chunk", [1, 3, 4, 7, 100])
@pytest.mark.parametrize("room", [1, 6, 22])
def test_the_highest_are_kept_whatever_the_chunks(chunk, room, monkeypatch):
    monkeypatch.setattr(Keeper.__init__, "__defaults__", (room * OF_ONE + 7,))
    found, _, _ = scored(chunk)
    assert found.kept is not None
    best = np.argsort(-found.scores)
    assert set(found.kept.positions) == set(best[:room])
    assert found.kept.left_out == 23 - room
    assert found.kept.beyond == found.scores[best[room]]
    whole = next(iter(BoxTask(ONE_EACH, chunk=100).draws(1.0, IDS, k=5, seed=0))).units.draws
    np.testing.assert_array_equal(found.kept.draws.log_probs, whole.log_probs[found.kept.positions])


def test_says_when_what_was_left_out_could_have_mattered(monkeypatch):
    monkeypatch.setattr(Keeper.__init__, "__defaults__", (6 * OF_ONE,))
    found, strategy, _ = scored()
    assert found.kept is not None
    picks = pick(found, IDS, strategy, n=6, seed=0)
    below = sum(gain < found.kept.beyond for gain in picks.gains)
    assert below
    assert f"for {below} of the picks" in found.kept.doubt(picks)
    with pytest.raises(ConfigError, match="at most 6 images"):
        pick(found, IDS, strategy, n=7, seed=0)


def test_says_when_the_draws_have_no_more_to_tell(monkeypatch):
    monkeypatch.setattr(kept_module, "USED_UP", 0.5)
    found, strategy, _ = scored(draws=2)
    assert found.kept is not None
    picks = pick(found, IDS, strategy, n=23, seed=0)
    half = int(np.flatnonzero(np.cumsum(picks.gains) > 0.5 * np.log(2))[0]) + 1
    assert f"first {half} picks tell the 2 draws apart" in found.kept.doubt(picks)
    assert not found.kept.doubt(pick(found, IDS, strategy, n=half - 1, seed=0))


def test_images_of_several_units_are_refused():
    task = BoxTask({"a": 2, "b": 0})
    with pytest.raises(ConfigError, match="one unit each"):
        score_pool(task, 1.0, ["a", "b"], Strategy.parse("batchbald", draws=5), seed=0)


def test_a_gibibyte_by_default():
    assert kept_module.KEPT_BYTES == 2**30


@pytest.mark.parametrize("name", ["badge", "max-herding"])
def test_selections_by_features_are_named_alone_and_claim_nothing_of_an_image_by_itself(name):
    strategy = Strategy.parse(name, draws=5)
    assert strategy == Strategy("random", name, 5)
    assert (strategy.name, strategy.looks, strategy.picks_together) == (name, True, True)
    assert "features" in strategy.picks_by
    assert ("draws" in strategy.asks) == (name == "badge")
    found = score_pool(BoxTask(ONE_EACH), 1.0, IDS, strategy, seed=0)
    assert not found.scores.any()
    assert (
        Strategy.of(StrategyConfig(selection=name, draws=5)) == strategy
    )  # a project that says no more than that
    with pytest.raises(ConfigError, match=f"(?s)random, for {name} looks at no score.*{name} of margin"):
        Strategy.parse(f"{name}:margin")
    with pytest.raises(ConfigError, match="train first"):
        score_pool(BoxTask(ONE_EACH), None, IDS, strategy, seed=0)


def test_uncertainty_herding_is_named_alone_and_weighs_by_the_margin():
    strategy = Strategy.parse("uncertainty-herding", draws=5)
    assert strategy == Strategy("margin", "uncertainty-herding", 5)
    assert Strategy.parse("uncertainty-herding:bald").acquisition == "bald"
    assert (strategy.name, Strategy.parse("uncertainty-herding:bald").name) == (
        "uncertainty-herding",
        "uncertainty-herding:bald",
    )
    assert strategy.picks_by == {"scores", "features", "labelled", "ids", "n", "seed"}
    assert strategy.may_start
    assert not Strategy.parse("badge").may_start
    assert not Strategy.parse("margin").may_start
    with pytest.raises(ConfigError, match="random, which says nothing"):
        Strategy.parse("uncertainty-herding:random")
    assert Strategy.of(StrategyConfig(acquisition="random")).name == "random"  # an old file that says no more
    with pytest.raises(ConfigError, match="zero or more, which uncertainty-herding can weigh"):
        Strategy.parse("uncertainty-herding:novelty")


def test_what_settings_leave_unset_is_no_score_that_a_selection_would_not_look_at():
    for name in ("batchbald", "badge", "max-herding", "random"):
        for unset in ("bald", "margin"):
            of = Strategy.of(StrategyConfig(acquisition=unset, selection=name))
            assert (of.name, of.selection) == (name, name)
    assert Strategy.of(StrategyConfig(selection="power", acquisition="bald", beta=4.0)).beta == 4.0
    with pytest.raises(ConfigError, match="badge of mean-std"):
        Strategy.of(StrategyConfig(selection="badge", acquisition="mean-std"))


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_doubt_and_features_meet_in_uncertainty_herding(chunk):
    task = BoxTask({**ONE_EACH, IDS[5]: 2, IDS[6]: 3}, unreadable=IDS[7:9], chunk=chunk)
    strategy, pool = Strategy.parse("uncertainty-herding", draws=5), IDS[3:]
    beside = Beside(labelled=Labelled(tuple(IDS[:3]), (0, 1, 2)))
    found = score_pool(task, 1.0, pool, strategy, seed=0, beside=beside)
    margins = score_pool(task, 1.0, pool, Strategy.parse("margin", draws=5), seed=0).scores
    np.testing.assert_array_equal(found.scores, margins)
    kept = [i for i, score in enumerate(margins) if not np.isnan(score)]
    rows, known = (torch.stack([task.row(name) for name in some]) for some in ([pool[i] for i in kept], IDS[:3]))
    due = uncertainty_herding(margins[kept], rows, known, [pool[i] for i in kept], 6, 0)
    picks = pick(found, pool, strategy, n=6, seed=0)
    assert picks.ids == due.ids
    assert picks.gains == due.gains
    assert tuple(pool[i] for i in picks.positions) == picks.ids


def test_before_there_is_a_model_what_is_seen_is_covered():
    task = BoxTask(ONE_EACH, unreadable=IDS[7:9])
    strategy = Strategy.parse("uncertainty-herding", draws=5)
    with pytest.raises(ConfigError, match="train first"):
        score_pool(task, None, IDS, strategy, seed=0)
    task.pretrained = True
    with pytest.raises(ConfigError, match="train first"):
        score_pool(task, None, IDS, Strategy.parse("badge", draws=5), seed=0)
    found = score_pool(task, None, IDS, strategy, seed=0)
    readable = [name for name in IDS if name not in IDS[7:9]]
    rows = torch.stack([task.row(name) for name in readable])
    due = uncertainty_herding(np.ones(len(rows)), rows, rows[:0], readable, 6, 0)
    assert pick(found, IDS, strategy, n=6, seed=0).ids == due.ids


def test_a_batch_beside_an_even_one():
    task, strategy = BoxTask(ONE_EACH), Strategy.parse("uncertainty-herding", draws=5)
    found = score_pool(task, 1.0, IDS, strategy, seed=0)
    picks = pick(found, IDS, strategy, n=4, seed=0)
    said = beside_even(found, picks, IDS, strategy, 0)
    chosen = found.scores[list(picks.positions)]
    assert said["mean"] == pytest.approx(chosen.mean())
    assert said["pool_mean"] == pytest.approx(found.scores.mean())
    assert said["top_mean"] == pytest.approx(np.sort(found.scores)[-4:].mean())
    assert said["above_median"] == np.mean(chosen > np.median(found.scores))
    assert said["covered"] == pytest.approx(sum(picks.gains))
    assert 0 < said["covered_evenly"] < said["covered"] < 1
    rows = torch.stack([task.row(name) for name in IDS])
    own = covered(found.scores, rows, rows[:0], IDS, picks.positions, 0)
    assert own == pytest.approx(said["covered"])
    top = Strategy.parse("margin", draws=5)
    best = score_pool(task, 1.0, IDS, top, seed=0)
    said = beside_even(best, pick(best, IDS, top, n=4, seed=0), IDS, top, 0)
    assert said["mean"] == pytest.approx(said["top_mean"])
    assert said.keys() == {"mean", "pool_mean", "top_mean", "above_median"}
    even = Strategy.parse("random")
    drawn = score_pool(task, None, IDS, even, seed=0)
    assert beside_even(drawn, pick(drawn, IDS, even, n=4, seed=0), IDS, even, 0) == {}


def test_beta_reaches_the_lot():
    task = BoxTask(ONE_EACH)
    found = score_pool(task, 1.0, IDS, Strategy.parse("power:bald", draws=5), seed=0)
    cold = pick(found, IDS, Strategy("bald", "power", 5, beta=1e9), n=5, seed=0)
    assert cold.ids == pick(found, IDS, Strategy("bald", "top-k", 5), n=5, seed=0).ids
    assert cold.ids != pick(found, IDS, Strategy("bald", "power", 5), n=5, seed=0).ids


def test_badge_is_of_images_that_are_one_unit_each_and_coverage_of_any():
    boxes = BoxTask({name: i % 4 for i, name in enumerate(IDS)})
    with pytest.raises(ConfigError, match="one unit each"):
        score_pool(boxes, 1.0, IDS, Strategy.parse("badge", draws=5), seed=0)
    strategy = Strategy.parse("max-herding")
    picks = pick(score_pool(boxes, 1.0, IDS, strategy, seed=0), IDS, strategy, n=5, seed=0)
    rows = torch.stack([boxes.row(name) for name in IDS])
    assert picks == max_herding(rows, rows[:0], IDS, 5, 0)


def test_coverage_is_simulated_beside_what_is_labelled_so_far(tmp_path):
    made = lab(tmp_path, strategies=("max-herding", "badge"), seeds=(0,))
    simulate(made)
    pool, task = made.problem().pool, made.task(None, None, None)
    start, val = start_and_validation(pool, 6, 4, 0)
    known = list(start)
    for line in RunFolder.of(tmp_path, "max-herding", 0).lines():
        left = sorted(set(pool.ids) - {*known, *val})
        if line["picked"]:
            rows, labelled = (torch.stack([task.row(name) for name in some]) for some in (left, known))
            seed = keyed_seed("simulate", 0, line["round"])
            assert line["picked"] == list(max_herding(rows, labelled, left, len(line["picked"]), seed).ids)
        known += line["picked"]
    assert len(known) == 24


@pytest.mark.parametrize("chunk", [1, 4, 100])
@pytest.mark.parametrize("name", ["badge", "max-herding"])
def test_picks_are_those_of_the_selection_on_all_features(name, chunk):
    task, strategy, known = BoxTask(ONE_EACH, chunk=chunk), Strategy.parse(name, draws=5), IDS[:3]
    pool, beside = IDS[3:], Beside(labelled=Labelled(tuple(known), (0, 1, 2)))
    found = score_pool(task, 1.0, pool, strategy, seed=0, beside=beside)
    rows = {
        one: torch.stack([task.row(name) for name in some]) for one, some in (("pool", pool), ("known", known))
    }
    draws = next(iter(BoxTask(ONE_EACH, chunk=100).draws(1.0, pool, k=5, seed=0))).units.draws
    due = select(name, ids=pool, n=6, seed=0, draws=draws, features=rows["pool"], labelled=rows["known"])
    assert pick(found, pool, strategy, n=6, seed=0) == due
    assert found.kept is not None
    assert found.kept.doubt(due) == ""


@pytest.mark.parametrize("name", ["badge", "max-herding"])
def test_an_image_that_cannot_be_read_has_no_features_and_is_never_picked(name):
    strategy = Strategy.parse(name, draws=5)
    beside = Beside(labelled=Labelled(tuple(IDS[:4]), (0, 1, 2, 0)))
    task = BoxTask(ONE_EACH, unreadable=IDS[3:6])  # one of them is labelled
    found = score_pool(task, 1.0, IDS[4:], strategy, seed=0, beside=beside)
    picks = pick(found, IDS[4:], strategy, n=19, seed=0)
    assert set(picks.ids) == set(IDS[6:])
    assert tuple(IDS[4 + i] for i in picks.positions) == picks.ids
    assert np.isnan(found.scores).sum() == 2
    assert found.kept is not None
    if name == "badge":  # which does not ask what is labelled
        assert found.kept.labelled is None
    else:
        assert found.kept.labelled.shape == (3, 3)
    nothing = score_pool(BoxTask(ONE_EACH, unreadable=IDS), 1.0, IDS, strategy, seed=0)
    assert len(pick(nothing, IDS, strategy, n=3, seed=0)) == 0


@pytest.mark.parametrize("name", ["badge", "max-herding"])
def test_of_too_many_images_some_at_random_are_compared_and_that_is_said(name, monkeypatch):
    monkeypatch.setattr(kept_module, "COMPARED", 9)
    strategy = Strategy.parse(name, draws=5)
    seen = set()
    for seed in range(4):
        found = score_pool(BoxTask(ONE_EACH), 1.0, IDS, strategy, seed=seed)
        picks = pick(found, IDS, strategy, n=5, seed=seed)
        assert found.kept is not None
        assert found.kept.doubt(picks) == "9 images at random were compared, the other 14 were not"
        assert set(picks.positions) <= set(found.kept.positions)
        seen.add(tuple(found.kept.positions))
        with pytest.raises(ConfigError, match="at most 9 images"):
            pick(found, IDS, strategy, n=10, seed=seed)
    assert len(seen) == 4
