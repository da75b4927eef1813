"""Ids as people have them: texts, places, whole numbers; and scores and features as arrays and lists."""

from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import torch

import askance as ak
from askance.selection import selections
from askance.vocab import SelectionError

SCORES = np.array([0.3, np.nan, 0.3, 0.3, 0.9, 0.3])
NAMES = ["top-k", "power", "softmax", "softrank", "random"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("give", [list, np.asarray, torch.tensor])
def test_whole_numbers_are_ids_and_come_back_as_they_were(name, give):
    texts = ak.select(name, ids=[str(i) for i in range(6)], n=4, seed=2, scores=SCORES)
    for ids in (range(6), list(range(6)), list(np.arange(6)), None):
        picks = ak.select(name, ids=ids, n=4, seed=2, scores=give(SCORES))
        assert picks.ids == picks.positions == texts.positions
        assert picks.gains == texts.gains
        assert 1 not in picks.ids


def test_a_random_score_belongs_to_the_place_where_no_id_is_given():
    draws = ak.Draws.from_logits(torch.zeros(3, 2, 2), joint=True)
    assert ak.score("random", draws=draws, seed=1).tolist() == ak.score("random", ids=[0, 1, 2], seed=1).tolist()
    assert (
        ak.score("random", ids=["0", "1", "2"], seed=1).tolist()
        == ak.score("random", ids=range(3), seed=1).tolist()
    )
    assert ak.score("novelty", log_density=np.array([1, -2])).tolist() == [-1.0, 2.0]


def test_features_are_arrays_too():
    rows = np.array([[1.0, 0.0], [1.0, 0.2], [1.0, -0.2], [-1.0, 0.0]])
    picks = ak.select("max-herding", features=rows, labelled=np.empty((0, 2)), n=2, seed=0)
    assert picks.ids == (0, 3)


def test_what_cannot_be_picked_from_is_said_in_words():
    with pytest.raises(SelectionError, match="no ids, scores, draws or features"):
        ak.select("random", n=1, seed=0)
    with pytest.raises(SelectionError, match="each image once"):
        ak.select("top-k", ids=[1, "1"], scores=[0.0, 1.0], n=1, seed=0)
    with pytest.raises(SelectionError, match="one score for each of 3 ids"):
        ak.select("top-k", ids=[1, 2, 3], scores=[0.0, 1.0], n=1, seed=0)


def test_a_selection_of_ones_own_gives_picks_or_is_told_how():
    @ak.selections
    def last_first(scores, ids, n, seed):
        """The last images first."""
        places = range(len(ids) - 1, -1, -1)
        return ak.Picks.of(list(places)[:n], ids, scores)

    @ak.selections
    def no_record(scores, ids, n, seed):
        """Places alone."""
        return [0, 1]

    try:
        assert ak.select("last-first", scores=[1.0, 2.0, 3.0], n=2, seed=0).gains == (3.0, 2.0)
        with pytest.raises(SelectionError, match=r"Picks\.of"):
            ak.select("no-record", scores=[1.0, 2.0, 3.0], n=2, seed=0)
    finally:
        selections._entries.pop("last-first")
        selections._entries.pop("no-record")


@pytest.mark.parametrize("name", [*NAMES, "class-balanced-random"])
def test_ids_of_any_kind_come_back_as_they_were(name):
    kinds = [
        [("folder", i) for i in range(6)],
        [Path(f"{i}.png") for i in range(6)],
        [UUID(int=i) for i in range(6)],
        [bytes([i]) for i in range(6)],
        list(np.array([f"{i}.png" for i in range(6)])),
        np.array([f"{i}.png" for i in range(6)]),
        (i for i in range(6)),
    ]
    for ids in kinds:
        told = ids if isinstance(ids, np.ndarray | list) else list(ids)
        picks = ak.select(name, ids=told, n=6, seed=2, scores=SCORES, groups=[0, 1] * 3)
        assert [told[i] for i in picks.positions] == list(picks.ids)
        assert len(ak.score("random", ids=told, seed=2)) == 6
    with pytest.raises(SelectionError, match="each image once"):
        ak.select(name, ids=[None] * 6, n=2, seed=0, scores=SCORES, groups=[0, 1] * 3)
