import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from askance.maths import Draws, keyed_uniform
from askance.maths.joint import Configurations, information, lot_of
from askance.selection import batchbald, lazy, select
from askance.selection.lazy import Pool, highest
from askance.vocab import ConfigError, DrawsError, SelectionError
from tests.reference.joint_entropy import greedy

GOLDEN = Path(__file__).with_name("golden_batchbald_redux.json")


def made(n: int, k: int, c: int, seed: int = 0, spread: float = 1.2, dtype: torch.dtype = torch.float64) -> Draws:
    """Images that are easy and hard, with networks that agree and disagree."""
    generator = torch.Generator().manual_seed(seed)
    logits = 1.5 * torch.randn(n, 1, c, generator=generator, dtype=torch.float64)
    amount = spread * torch.rand(n, 1, 1, generator=generator, dtype=torch.float64)
    logits = logits + amount * torch.randn(n, k, c, generator=generator, dtype=torch.float64)
    return Draws(torch.log_softmax(logits, -1).to(dtype), joint=True)


def named(n: int) -> list[str]:
    return [f"image-{i:04d}" for i in range(n)]


def in_full(draws: Draws, n: int, seed: int, limit: int) -> tuple[int, ...]:
    """The same greedy with every candidate asked exactly at every step."""
    known, chosen = Configurations.start(draws.k), []
    while len(chosen) < n:
        gains = [-1.0 if i in chosen else information(known, image) for i, image in enumerate(draws.log_probs)]
        chosen.append(int(np.argmax(gains)))
        known = known.extended(draws.log_probs[chosen[-1]], limit, lot_of(seed, len(chosen) - 1))
    return tuple(chosen)


@pytest.mark.parametrize(("n", "k", "c", "b"), [(30, 6, 3, 4), (12, 5, 2, 4), (20, 10, 4, 3), (8, 3, 5, 3)])
@pytest.mark.parametrize("seed", [0, 1])
def test_equals_brute_force(n, k, c, b, seed):
    draws = made(n, k, c, seed=seed)
    found = batchbald(draws, named(n), b, seed)
    ids, gains = greedy(draws.log_probs.exp().numpy(), named(n), seed, b)
    assert list(found.ids) == ids
    assert found.gains == pytest.approx(gains, abs=1e-12)


def test_equals_batchbald_redux_in_its_exact_regime():
    golden = json.loads(GOLDEN.read_text())
    draws = Draws(torch.tensor(golden["log_probs"], dtype=torch.float64), joint=True)
    found = batchbald(draws, named(len(draws)), len(golden["indices"]), seed=0)
    assert list(found.positions) == golden["indices"]
    assert np.cumsum(found.gains) == pytest.approx(golden["scores"], abs=1e-6)


@pytest.mark.parametrize("limit", [1100, 300, 20])
def test_lazy_picks_are_those_of_the_full_search_thinned_or_not(limit):
    draws = made(200, 30, 4, seed=limit, spread=3.0, dtype=torch.float32)
    found = batchbald(draws, named(200), 9, 5, configurations=limit)
    assert found.positions == in_full(draws, 9, 5, limit)


def test_lazy_is_lazy(monkeypatch):
    draws = made(2000, 30, 4, spread=3.0)
    asked = []
    gains = Pool.gains

    def counted(pool, configurations, places, *rest):
        asked.append((len(configurations), len(places)))
        return gains(pool, configurations, places, *rest)

    monkeypatch.setattr(Pool, "gains", counted)
    batchbald(draws, named(2000), 6, 0, configurations=1024)
    assert sum(m * n for m, n in asked) < 0.25 * 1024 * 2000 * 2


def test_bounds_hold_for_every_image_and_float32_is_as_good_as_said():
    draws = made(200, 40, 5, spread=3.0, dtype=torch.float32)
    pool, known = Pool.of(draws.log_probs), Configurations.start(40)
    everything = torch.arange(200)
    for place in range(8):
        exact = torch.tensor([information(known, image) for image in draws.log_probs], dtype=torch.float64)
        slack = pool.slack(known, torch.float32)
        assert bool((pool.bounds(known) >= exact - slack).all())
        assert float((pool.gains(known, everything) - exact).abs().max()) < slack / 4
        fine = pool.gains(known, everything, torch.float64)
        assert float((fine - exact).abs().max()) < 1e-14 * (1 + math.log(5)) * float(known.mass.sum())
        known = known.extended(draws.log_probs[place], 600, lot_of(0, place))


def test_what_the_search_returns_holds_the_best():
    draws = made(400, 20, 3, spread=3.0)
    known = Configurations.start(20)
    for place in range(5):
        known = known.extended(draws.log_probs[place], 150, lot_of(0, place))
    left = torch.arange(5, 400)
    places, gains = highest(Pool.of(draws.log_probs), known, left)
    exact = [information(known, image) for image in draws.log_probs[5:]]
    assert int(places[gains.argmax()]) == 5 + int(np.argmax(exact))
    assert float(gains.max()) == max(exact)


@pytest.mark.parametrize("limit", [40, 800])
def test_neither_the_order_of_the_pool_nor_blocks_matter(limit, monkeypatch):
    draws = made(120, 12, 3, spread=3.0, dtype=torch.float32)
    due = batchbald(draws, named(120), 8, 0, configurations=limit)
    for seed in range(3):
        order = torch.randperm(120, generator=torch.Generator().manual_seed(seed))
        monkeypatch.setitem(lazy._BLOCK, "cpu", 10 ** (seed + 3))
        ids = [named(120)[i] for i in order.tolist()]
        found = batchbald(draws[order], ids, 8, 0, configurations=limit)
        assert (found.ids, found.gains) == (due.ids, due.gains)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_takes_draws_of_any_dtype(dtype):
    draws = made(60, 10, 3, spread=3.0, dtype=dtype)
    found = batchbald(draws, named(60), 5, 0)
    wide = Draws(torch.log_softmax(draws.log_probs.double(), -1), joint=True)
    assert found.positions == batchbald(wide, named(60), 5, 0).positions


def test_gains_start_with_bald_fall_and_never_sum_to_more_than_log_k():
    draws = made(100, 8, 4, spread=4.0)
    gains = batchbald(draws, named(100), 40, 0, configurations=1024).gains
    assert gains[0] == max(information(Configurations.start(8), image) for image in draws.log_probs)
    assert all(gain >= 0 for gain in gains)
    assert list(gains[:6]) == sorted(gains[:6], reverse=True)  # exact
    assert 0.95 * math.log(8) < sum(gains) <= math.log(8) + 1e-9


def test_copies_are_not_bought_twice_where_bald_buys_them():
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(12, 200, 3, generator=generator, dtype=torch.float64)
    logits[0] *= 5  # the loudest, and its near-copies
    logits[1:5] = logits[0] + 0.01 * torch.randn(4, 200, 3, generator=generator, dtype=torch.float64)
    draws = Draws.from_logits(logits, joint=True)
    alone = [information(Configurations.start(200), image) for image in draws.log_probs]
    assert set(select("top-k", scores=np.array(alone), ids=named(12), n=3, seed=0).positions) <= set(range(5))
    assert sum(i < 5 for i in batchbald(draws, named(12), 3, 0).positions) == 1


def test_certain_labels_are_exact_zeros_not_nan():
    probs = torch.zeros(6, 4, 3, dtype=torch.float64)
    for image in range(6):
        for k in range(4):
            probs[image, k, (image * k) % 3] = 1.0
    draws = Draws.from_probs(probs, joint=True)
    found = batchbald(draws, named(6), 6, 0)
    ids, gains = greedy(probs.numpy(), named(6), 0, 6)
    assert list(found.ids) == ids
    assert found.gains == pytest.approx(gains, abs=1e-12)


@pytest.mark.parametrize("limit", [7, 30])
def test_doubts_that_are_rare_and_equal_are_thinned_like_any(limit):
    """Masses of labels that nobody expects are far below the rounding of the others, and some are the same."""
    rare = torch.tensor([1e-9, 3e-9], dtype=torch.float64)
    one = torch.stack([1 - 2 * rare, rare, rare], dim=-1)
    draws = Draws.from_probs(one.expand(6, 2, 3).contiguous(), joint=True)
    found = batchbald(draws, named(6), 5, 0, configurations=limit)
    assert len(found) == 5
    assert all(0 <= gain < 1e-6 for gain in found.gains)


@pytest.mark.parametrize(
    "draws",
    [made(9, 1, 3), Draws(made(9, 1, 3).log_probs.expand(9, 7, 3).contiguous(), joint=True)],
    ids=["one network", "networks that agree"],
)
def test_where_nothing_can_be_learnt_all_come_by_lot(draws):
    found = batchbald(draws, named(9), 20, 3)
    lots = keyed_uniform(named(9), 3, "tie")
    assert found.gains == (0.0,) * 9
    assert found.positions == tuple(np.argsort(lots).tolist())


def test_equal_gains_fall_by_lot():
    draws = Draws(made(1, 5, 3).log_probs.expand(8, 5, 3).contiguous(), joint=True)
    first = {batchbald(draws, named(8), 1, seed).ids[0] for seed in range(12)}
    assert len(first) > 3


def test_unscored_images_are_left_out_with_their_draws():
    draws = made(6, 5, 3)
    scores = np.array([1.0, math.nan, 1.0, math.nan, 1.0, 1.0])
    found = select("batchbald", scores=scores, draws=draws, ids=named(6), n=6, seed=0)
    assert sorted(found.positions) == [0, 2, 4, 5]
    alone = batchbald(draws[torch.tensor([0, 2, 4, 5])], [named(6)[i] for i in (0, 2, 4, 5)], 6, 0)
    assert found.ids == alone.ids


def test_refuses_what_it_cannot_use():
    draws = made(3, 4, 2)
    with pytest.raises(DrawsError, match="joint"):
        batchbald(Draws(draws.log_probs, joint=False), named(3), 1, 0)
    with pytest.raises(SelectionError, match="2 ids"):
        batchbald(draws, named(2), 1, 0)
    with pytest.raises(SelectionError, match="configurations = 0"):
        batchbald(draws, named(3), 1, 0, configurations=0)
    with pytest.raises(ConfigError, match="draws"):
        select("batchbald", scores=np.ones(3), ids=named(3), n=1, seed=0)
