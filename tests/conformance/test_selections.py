"""What every selection of the catalogue must be: entering the catalogue is entering these tests."""

import math
from collections.abc import Callable, Sequence
from itertools import permutations

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.typing import NDArray
from scipy.stats import chisquare

from askance.maths import Draws, keyed_seed
from askance.selection import select, selections
from askance.vocab import Picks, SelectionError
from tests.reference.selections import TWINS, plackett_luce

LOOKS = [entry.name for entry in selections if "scores" in entry.needs]
TOGETHER = [entry.name for entry in selections if "draws" in entry.needs]
BETA = [entry.name for entry in selections if "beta" in entry.options]
COUNTED = [entry.name for entry in selections if "counts" in entry.needs]
SPREAD = [entry.name for entry in selections if "features" in entry.needs]
ALONE = [name for name in selections.names() if name not in {"softrank", "max-herding"}]
"""Where what is not picked might as well not be there; a rank depends on the others, and so does coverage."""

every = pytest.mark.parametrize("name", selections.names())
that_looks = pytest.mark.parametrize("name", LOOKS)
cold = pytest.mark.parametrize("name", BETA)
together = pytest.mark.parametrize("name", TOGETHER)
spread = pytest.mark.parametrize("name", SPREAD)

IDS = [f"{i:04x}" for i in range(40)]
GROUPS = [("cat", "dog", "cow", "cat")[i % 4] for i in range(40)]
SCORES = np.where(np.arange(40) % 7 == 3, np.nan, np.random.default_rng(0).random(40).round(1))
DOUBTS = np.random.default_rng(1).random(40)
SCORED = [name for name, s in zip(IDS, SCORES, strict=True) if not math.isnan(s)]


def draws_of(kinds: Sequence[str | int]) -> Draws:
    """Draws `[N, 6, 2]` that belong to a kind of image; images of one kind are copies."""
    logits = torch.empty(len(kinds), 6, 2, dtype=torch.float64)
    for place, kind in enumerate(kinds):
        generator = torch.Generator().manual_seed(keyed_seed("kind", kind))
        logits[place] = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    return Draws.from_logits(logits, joint=True)


def features_of(kinds: Sequence[str | int]) -> torch.Tensor:
    """Features `[N, 3]` that belong to a kind of image; those of copies are the same."""
    rows = torch.empty(len(kinds), 3, dtype=torch.float64)
    for place, kind in enumerate(kinds):
        generator = torch.Generator().manual_seed(keyed_seed("features", kind))
        rows[place] = torch.randn(3, generator=generator, dtype=torch.float64)
    return rows


DRAWS = draws_of([i % 5 for i in range(40)])
FEATURES = features_of([i % 5 for i in range(40)])
LABELLED = features_of(["labelled", 3])
COUNTS = np.array([(0.0, 0.4, 0.5, 2.0, 9.5)[i % 5] for i in range(40)])


WRITTEN_OTHERWISE: dict[str, Callable[[torch.Tensor, torch.Generator], torch.Tensor]] = {
    "logits shifted": lambda logits, rng: logits + 99 * torch.randn(*logits.shape[:2], 1, generator=rng),
    "draws permuted": lambda logits, rng: logits[:, torch.randperm(logits.shape[1], generator=rng)],
    "classes permuted": lambda logits, rng: logits[..., torch.randperm(logits.shape[2], generator=rng)],
    "float32": lambda logits, _: logits.float(),
    "another layout": lambda logits, _: logits.permute(2, 0, 1).contiguous().permute(1, 2, 0),
}


@st.composite
def pools(draw: st.DrawFn) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """Scores with many ties, zeros and gaps; ids; classes."""
    score = st.sampled_from([0.0, 0.5, 1.0, math.nan]) | st.floats(0, 9)
    scores = draw(st.lists(score, max_size=12))
    ids = [f"id {i}" for i in range(len(scores))]
    classes = draw(st.lists(st.sampled_from("abc"), min_size=len(ids), max_size=len(ids)))
    return np.array(scores, dtype=np.float64), ids, classes


def picked(name: str, n: int, seed: int = 0, **options: object) -> Picks:
    known = {"groups": GROUPS, "draws": DRAWS, "features": FEATURES, "labelled": LABELLED, "counts": COUNTS}
    return select(name, scores=SCORES, ids=IDS, n=n, seed=seed, **known, **options)


def picked_of(name: str, places: list[int], n: int) -> Picks:
    """The same from the images in these places alone, in this order."""
    return select(
        name,
        scores=SCORES[places],
        ids=[IDS[i] for i in places],
        n=n,
        seed=0,
        groups=[GROUPS[i] for i in places],
        draws=DRAWS[torch.tensor(places)],
        features=FEATURES[torch.tensor(places)],
        labelled=LABELLED,
        counts=COUNTS[places],
    )


def brought(n: int) -> dict[str, object]:
    """All that the first n images can be selected by, but scores."""
    known = {"groups": GROUPS[:n], "draws": DRAWS[:n], "features": FEATURES[:n], "labelled": LABELLED}
    return {**known, "counts": COUNTS[:n]}


def test_every_entry_is_held_to_something():
    assert set(TWINS) == set(selections.names())
    assert all({"ids", "n", "seed"} <= entry.needs for entry in selections)
    assert {need for entry in selections for need in entry.needs} <= {
        *("scores", "ids", "n", "seed", "groups", "draws", "features", "labelled", "counts")
    }
    assert all(entry.summary.endswith(".") for entry in selections)


@every
@settings(max_examples=60)
@given(pool=pools(), n=st.integers(1, 14), seed=st.integers(0, 9))
def test_equals_the_head_of_its_slow_twin(name: str, pool, n: int, seed: int):
    scores, ids, groups = pool
    known = {"groups": groups, "draws": draws_of(groups), "features": features_of(groups), "labelled": LABELLED}
    known["counts"] = np.array([{"a": 0.0, "b": 0.5, "c": 3.0}[group] for group in groups])
    n = min(n, 5) if name == "batchbald" else n  # the twin enumerates
    got = select(name, scores=scores, ids=ids, n=n, seed=seed, **known)
    assert list(got.ids) == TWINS[name](scores.tolist(), ids, seed, n=n, **known)[:n]


@every
@pytest.mark.parametrize("n", [1, 5, len(SCORED) - 1, len(SCORED), 100])
def test_picks_are_scored_images_each_once(name: str, n: int):
    picks = picked(name, n)
    assert len(picks) == min(n, len(SCORED))
    assert len(set(picks.ids)) == len(picks)
    assert set(picks.ids) <= set(SCORED)
    assert tuple(IDS[i] for i in picks.positions) == picks.ids
    assert all(type(i) is int for i in picks.positions)
    assert all(type(gain) is float for gain in picks.gains)


@every
def test_gains_are_the_scores_as_given_or_nothing_is_claimed(name: str):
    picks = picked(name, 10)
    due = tuple(SCORES[list(picks.positions)].tolist()) if name in LOOKS else (0.0,) * 10
    assert picks.gains == due or name in {*TOGETHER, *SPREAD, *COUNTED}


def test_gains_of_top_k_never_rise():
    gains = picked("top-k", 40).gains
    assert list(gains) == sorted(gains, reverse=True)


@every
@settings(max_examples=10)
@given(order=st.permutations(range(40)))
def test_the_order_of_the_pool_does_not_matter(name: str, order: list[int]):
    permuted = picked_of(name, order, 9)
    assert permuted.ids == picked(name, 9).ids
    assert tuple(order[i] for i in permuted.positions) == picked(name, 9).positions


@together
@pytest.mark.parametrize("change", WRITTEN_OTHERWISE)
@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_how_draws_are_written_does_not_matter(name: str, change: str, seed: int):
    """While the labels of all but the last image have fewer configurations than are looked at."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(12, 6, 4, generator=generator, dtype=torch.float64)
    other = WRITTEN_OTHERWISE[change](logits, generator)
    rows = torch.randn(12, 3, generator=generator, dtype=torch.float64)
    due, got = (
        select(name, ids=IDS[:12], n=5, seed=0, draws=Draws.from_logits(one, joint=True), features=rows)
        for one in (logits, other)
    )
    assert got.ids == due.ids
    assert got.gains == pytest.approx(due.gains, abs=1e-5 if other.dtype == torch.float32 else 1e-11)


@spread
@pytest.mark.parametrize("change", ["float32", "float16", "another layout"])
def test_how_features_are_written_does_not_matter(name: str, change: str):
    rows = torch.randn(40, 3, generator=torch.Generator().manual_seed(1)).half().double()
    other = {"float32": rows.float(), "float16": rows.half(), "another layout": rows.T.contiguous().T}[change]
    known = {"scores": DOUBTS, "draws": draws_of(range(40)), "labelled": LABELLED}
    due = select(name, ids=IDS, n=9, seed=0, features=rows, **known)
    assert select(name, ids=IDS, n=9, seed=0, features=other, **known) == due


@spread
def test_features_turned_or_longer_give_the_same_picks(name: str):
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)).Q
    rows, known = features_of(range(40)), {"scores": DOUBTS, "draws": draws_of(range(40))}
    due = select(name, ids=IDS, n=9, seed=0, features=rows, labelled=LABELLED, **known)
    for other in (turn, 8 * turn):
        got = select(name, ids=IDS, n=9, seed=0, features=rows @ other, labelled=LABELLED @ other, **known)
        assert got.ids == due.ids


@spread
def test_a_copy_of_what_was_picked_adds_nothing_and_comes_last(name: str):
    picks = picked(name, 100)
    kinds = [IDS.index(one) % 5 for one in picks.ids]
    fresh = [gain > 0 for gain in picks.gains]
    assert fresh == sorted(fresh, reverse=True)
    assert len(set(kinds[: sum(fresh)])) == sum(fresh) == (4 if "herding" in name else 5)  # kind 3 is labelled


@spread
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_refuses_features_that_are_not_finite_or_not_one_row_an_image(name: str, bad: float):
    rows = FEATURES.clone()
    rows[7, 1] = bad
    known = {**brought(40), "scores": DOUBTS}
    with pytest.raises(SelectionError, match="finite"):
        select(name, ids=IDS, n=3, seed=0, **{**known, "features": rows})
    with pytest.raises(SelectionError, match=r"(?s)a row for each id.*\[39, 3\]"):
        select(name, ids=IDS, n=3, seed=0, **{**known, "features": FEATURES[:39]})


@pytest.mark.parametrize("configurations", [2, 7, 40])
@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_the_order_of_the_draws_says_nothing_where_configurations_are_thinned(configurations: int, seed: int):
    """The order of the classes does: it decides which of many small configurations stand for the others."""
    generator = torch.Generator().manual_seed(seed)
    draws = Draws.from_logits(3 * torch.randn(12, 6, 3, generator=generator, dtype=torch.float64), joint=True)
    turned = Draws(draws.log_probs[:, torch.randperm(6, generator=generator)], joint=True)
    due, got = (
        select("batchbald", ids=IDS[:12], n=6, seed=0, draws=one, configurations=configurations)
        for one in (draws, turned)
    )
    assert got.ids == due.ids
    assert got.gains == pytest.approx(due.gains, abs=1e-11)


@every
def test_same_seed_same_picks_and_another_seed_others(name: str):
    assert picked(name, 20, seed=5) == picked(name, 20, seed=5)
    assert len({picked(name, 20, seed=seed).ids for seed in range(5)}) == 5


@every
def test_fewer_picks_are_the_first_of_more(name: str):
    assert picked(name, 4).ids == picked(name, 20).ids[:4]


@pytest.mark.parametrize("name", ALONE)
def test_images_that_are_not_picked_might_as_well_be_gone(name: str):
    whole = picked(name, 8)
    kept = [i for i in range(40) if IDS[i] in whole.ids or i % 2]
    assert picked_of(name, kept, 8).ids == whole.ids


@that_looks
def test_takes_scores_as_a_tensor_of_any_dtype(name: str):
    scores = torch.tensor([0.5, 0.25, math.nan, 1.0], dtype=torch.float32)
    ids = ["a", "b", "c", "d"]
    assert select(name, scores=scores, ids=ids, n=3, seed=0, **brought(4)) == select(
        name, scores=scores.double().numpy(), ids=ids, n=3, seed=0, **brought(4)
    )


@every
def test_the_scores_are_left_as_they_were(name: str):
    before = SCORES.copy()
    picked(name, 10)
    np.testing.assert_array_equal(SCORES, before)


@every
def test_where_there_is_nothing_to_pick_nothing_is_picked(name: str):
    none = Picks((), (), ())
    assert select(name, scores=np.empty(0), ids=[], n=3, seed=0, **brought(0)) == none
    assert select(name, scores=np.full(2, np.nan), ids=["a", "b"], n=3, seed=0, **brought(2)) == none


@every
@pytest.mark.parametrize("n", [0, -1])
def test_refuses_a_batch_of_nothing(name: str, n: int):
    with pytest.raises(SelectionError, match=f"n = {n}"):
        picked(name, n)


@every
def test_refuses_an_image_given_twice(name: str):
    with pytest.raises(SelectionError, match="'a'"):
        select(name, scores=np.ones(3), ids=["a", "b", "a"], n=1, seed=0, **brought(3))


@every
@pytest.mark.parametrize("bad", [math.inf, -math.inf])
def test_refuses_an_infinite_score(name: str, bad: float):
    with pytest.raises(SelectionError, match="'b'"):
        select(name, scores=np.array([1.0, bad]), ids=["a", "b"], n=1, seed=0, **brought(2))


@every
def test_refuses_scores_that_are_not_one_an_id(name: str):
    with pytest.raises(SelectionError, match=r"\[3\]"):
        select(name, scores=np.ones(3), ids=["a", "b"], n=1, seed=0, **brought(2))


@cold
@pytest.mark.parametrize("beta", [0.0, -1.0, math.nan])
def test_refuses_a_beta_that_is_not_positive(name: str, beta: float):
    with pytest.raises(SelectionError, match="beta"):
        picked(name, 3, beta=beta)


@cold
def test_without_noise_it_is_top_k(name: str):
    assert picked(name, 40, beta=math.inf) == picked("top-k", 40)


@cold
def test_nearly_without_noise_it_is_top_k(name: str):
    scores = 0.1 + np.random.default_rng(1).permutation(40)
    assert select(name, scores=scores, ids=IDS, n=40, seed=0, beta=1e4) == select(
        "top-k", scores=scores, ids=IDS, n=40, seed=0
    )


def frequencies(
    name: str, n: int, scores: list[float], seeds: int, **options: object
) -> dict[tuple[int, ...], int]:
    """How often each ordered pick came, over that many seeds."""
    ids = [f"image {i}" for i in range(len(scores))]
    counts = dict.fromkeys(permutations(range(len(scores)), n), 0)
    for seed in range(seeds):
        options_of = {"groups": ids} | options if name == "class-balanced-random" else options
        same = {"features": features_of([0] * len(ids)), "labelled": LABELLED[:0]}
        options_of = {"draws": draws_of([0] * len(ids))} | options_of if name in TOGETHER else options_of
        options_of = same | options_of if name in SPREAD else options_of
        options_of = {"counts": np.ones(len(ids))} | options_of if name in COUNTED else options_of
        counts[select(name, scores=np.array(scores), ids=ids, n=n, seed=seed, **options_of).positions] += 1
    return counts


@pytest.mark.parametrize(
    ("name", "beta", "weights"),
    [
        ("power", 1.0, [0.1, 0.5, 0.2, 0.4]),
        ("power", 2.0, [0.1**2, 0.5**2, 0.2**2, 0.4**2]),
        ("softmax", 1.0, [math.exp(s) for s in (0.1, 0.5, 0.2, 0.4)]),
        ("softmax", 5.0, [math.exp(5 * s) for s in (0.1, 0.5, 0.2, 0.4)]),
        ("softrank", 1.0, [1 / 4, 1 / 1, 1 / 3, 1 / 2]),
        ("softrank", 0.5, [4**-0.5, 1.0, 3**-0.5, 2**-0.5]),
    ],
)
def test_pairs_are_drawn_with_the_chances_of_plackett_and_luce(name: str, beta: float, weights: list[float]):
    counts = frequencies(name, 2, [0.1, 0.5, 0.2, 0.4], 1500, beta=beta)
    chances = plackett_luce(weights, 2)
    assert chisquare([counts[p] for p in chances], [1500 * chances[p] for p in chances]).pvalue > 1e-3


@every
def test_equal_images_are_picked_equally_often_in_every_order(name: str):
    counts = frequencies(name, 2, [0.5, 0.5, 0.5], 900)
    assert chisquare(list(counts.values())).pvalue > 1e-3
