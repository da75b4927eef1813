import numpy as np
import pytest

from askance.loop import kept as kept_module
from askance.loop.kept import Keeper
from askance.loop.step import Strategy, pick, score_pool
from askance.selection import batchbald
from askance.vocab import ConfigError
from tests.loop.fakes import BoxTask

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
