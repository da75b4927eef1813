"""Hand values, ties, gaps, and the faults other packages have."""

import math
from collections import Counter

import numpy as np
import pytest

from askance.acquisition import score
from askance.maths import keyed_uniform
from askance.selection import class_balanced_random, power, random, select, softmax, softrank, top_k
from askance.selection.order import best_first
from askance.vocab import ConfigError, Picks, SelectionError

IDS = [f"{i:04x}" for i in range(1000)]


def test_top_k_keeps_the_best_first():
    """A peer drops the very best and sorts the rest by something else."""
    assert top_k(np.array([0.2, 0.9, 0.5, 0.7]), ["a", "b", "c", "d"], 3, seed=0) == Picks(
        ("b", "d", "c"), (1, 3, 2), (0.9, 0.7, 0.5)
    )


def test_ties_fall_by_the_smallest_lot_of_the_id():
    lots = dict(zip(IDS, keyed_uniform(IDS, 3, "tie"), strict=True))
    assert list(top_k(np.zeros(1000), IDS, 1000, seed=3).ids) == sorted(IDS, key=lots.__getitem__)


@pytest.mark.parametrize("n", [1, 9, 10, 11, 500, 999, 1000])
def test_a_tie_across_the_last_place_is_cut_by_lot(n: int):
    """The head of the whole sort, although only what can reach the head is sorted."""
    values = np.random.default_rng(0).integers(0, 5, 1000).astype(float)
    lots = keyed_uniform(IDS, 0, "tie")
    assert best_first(values, IDS, n, 0).tolist() == np.lexsort((lots, -values))[:n].tolist()


def test_minus_zero_ties_with_zero():
    values = np.where(np.arange(1000) % 2, 0.0, -0.0)
    assert top_k(values, IDS, 50, seed=0).ids == top_k(np.zeros(1000), IDS, 50, seed=0).ids


def test_only_what_can_be_picked_is_hashed(monkeypatch: pytest.MonkeyPatch):
    hashed = []

    def counting(ids, seed, purpose):
        hashed.extend(ids)
        return keyed_uniform(ids, seed, purpose)

    monkeypatch.setattr("askance.selection.order.keyed_uniform", counting)
    top_k(np.arange(1000.0), IDS, 10, seed=0)
    assert hashed == []
    top_k(np.maximum(np.arange(1000.0), 995), IDS, 3, seed=0)
    assert hashed == []
    top_k(np.minimum(np.arange(1000.0), 995), IDS, 3, seed=0)
    assert hashed == IDS[995:]


def test_power_never_takes_a_zero_before_a_positive_score():
    scores = np.where(np.arange(1000) % 10 == 0, 1e-300, 0.0)
    for seed in range(5):
        picks = power(scores, IDS, 150, seed)
        assert all(gain > 0 for gain in picks.gains[:100])
        assert all(gain == 0 for gain in picks.gains[100:])


def test_power_refuses_what_it_cannot_weigh():
    with pytest.raises(SelectionError, match="softmax or softrank"):
        power(np.array([0.5, -0.1]), ["a", "b"], 1, seed=0)


@pytest.mark.parametrize("selection", [softmax, softrank])
def test_negative_scores_are_welcome_elsewhere(selection):
    """Higher is better there too: a peer's noise prefers the certain."""
    scores = np.linspace(-50, -1, 1000)
    assert np.mean(selection(scores, IDS, 50, 0).gains) > scores.mean() + 10


def test_softrank_looks_at_the_order_alone():
    scores = np.random.default_rng(0).random(1000)
    assert softrank(scores, IDS, 50, 0).ids == softrank(np.exp(9 * scores), IDS, 50, 0).ids


def test_softmax_does_not_see_a_shift_and_power_no_scale():
    scores = np.random.default_rng(0).random(1000)
    assert softmax(scores, IDS, 50, 0).ids == softmax(scores + 16, IDS, 50, 0).ids
    assert power(scores, IDS, 50, 0).ids == power(scores * 16, IDS, 50, 0).ids


def test_a_small_beta_spreads_and_a_large_one_concentrates():
    scores = np.random.default_rng(0).random(1000)
    means = [np.mean(power(scores, IDS, 50, 0, beta=beta).gains) for beta in (0.01, 1.0, 10.0, math.inf)]
    assert means == sorted(means)


def test_random_is_top_k_of_the_random_score():
    assert random(IDS, 20, seed=4).ids == top_k(score("random", ids=IDS, seed=4), IDS, 20, seed=4).ids


def test_classes_are_dealt_evenly_until_they_run_out():
    classes = ["rare"] * 3 + ["some"] * 20 + ["common"] * 977
    for n, due in [
        (2, [1, 1]),
        (9, [3, 3, 3]),
        (43, [3, 20, 20]),
        (100, [3, 20, 77]),
        (5000, [3, 20, 977]),
    ]:
        picks = class_balanced_random(IDS, n, seed=0, groups=classes)
        assert sorted(Counter(classes[i] for i in picks.positions).values()) == due


def test_which_class_is_dealt_first_is_random():
    firsts = Counter(
        class_balanced_random(["a", "b"], 1, seed=seed, groups=["x", "y"]).ids[0] for seed in range(200)
    )
    assert min(firsts.values()) > 70


def test_classes_may_be_numbers():
    numbers = [i % 3 for i in range(1000)]
    assert class_balanced_random(IDS, 9, 0, numbers) == class_balanced_random(IDS, 9, 0, [str(i) for i in numbers])


def test_refuses_classes_that_are_not_one_an_id():
    for offered in ({}, {"scores": np.ones(3)}):
        with pytest.raises(SelectionError, match="2 classes"):
            select("class-balanced-random", ids=["a", "b", "c"], n=1, seed=0, groups=["x", "y"], **offered)


@pytest.mark.parametrize("name", ["random", "class-balanced-random"])
def test_without_scores_all_images_can_be_picked(name: str):
    picks = select(name, ids=["a", "b"], n=9, seed=0, groups=["x", "y"])
    assert sorted(zip(picks.ids, picks.positions, strict=True)) == [("a", 0), ("b", 1)]


def test_select_names_what_is_missing():
    with pytest.raises(ConfigError, match="no scores"):
        select("top-k", ids=["a"], n=1, seed=0)
    with pytest.raises(ConfigError, match="no groups"):
        select("class-balanced-random", ids=["a"], n=1, seed=0)


def test_select_takes_options_and_names_foreign_ones():
    scores = np.random.default_rng(0).random(1000)
    assert select("power", scores=scores, ids=IDS, n=9, seed=0, beta=3.0) == power(scores, IDS, 9, 0, beta=3.0)
    with pytest.raises(ConfigError, match="beta"):
        select("top-k", scores=scores, ids=IDS, n=9, seed=0, beta=3.0)


def test_select_names_the_nearest_selection():
    with pytest.raises(ConfigError, match="did you mean power"):
        select("powder", scores=np.ones(1), ids=["a"], n=1, seed=0)
