import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from askance.maths import Draws, joint_entropy
from askance.maths.joint import Configurations, information, lot_of, thinned
from askance.vocab import DrawsError
from tests.reference import joint_entropy as slow


def made(n: int, k: int, c: int, seed: int = 0, zeros: bool = False) -> Draws:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, k, c, generator=generator, dtype=torch.float64)
    if zeros:
        logits[torch.rand(n, k, c, generator=generator) < 0.3] = -math.inf
        logits[..., 0] = 0.0
    return Draws.from_logits(logits, joint=True)


def after(draws: Draws, limit: int, seed: int = 0) -> Configurations:
    known = Configurations.start(draws.k)
    for place, image in enumerate(draws.log_probs):
        known = known.extended(image, limit, lot_of(seed, place))
    return known


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize(("n", "k", "c"), [(1, 5, 3), (2, 3, 2), (4, 7, 3), (3, 2, 5), (5, 4, 2), (3, 1, 4)])
def test_equals_the_enumeration(n, k, c, zeros):
    draws = made(n, k, c, zeros=zeros)
    probs = draws.log_probs.exp().numpy()
    assert joint_entropy(draws) == pytest.approx(slow.joint_entropy(probs), abs=1e-12)
    gain = information(after(draws[: n - 1], 10_000), draws.log_probs[-1])
    assert gain == pytest.approx(slow.information(probs) - slow.information(probs[:-1]), abs=1e-12)


def test_masses_and_beliefs_are_those_of_bayes():
    draws = made(2, 3, 2)
    known = after(draws, 100)
    a, b = draws.log_probs.exp()
    together = torch.stack([a[:, i] * b[:, j] for i in range(2) for j in range(2)])  # [M, K]
    torch.testing.assert_close(known.mass, together.mean(1))
    torch.testing.assert_close(known.belief, together / together.sum(1, keepdim=True))


def test_thinned_it_is_right_on_average_and_far_closer_than_plain_samples():
    draws = made(7, 20, 4)
    due = joint_entropy(draws, limit=4**7)
    found = np.array([joint_entropy(draws, limit=200, seed=seed) for seed in range(60)])
    assert abs(found.mean() - due) < 4 * found.std() / math.sqrt(60)
    plain = np.array([by_samples(draws, 200, seed) for seed in range(60)])
    assert found.std() < plain.std() / 5


def by_samples(draws: Draws, m: int, seed: int) -> float:
    """-mean log p(y) over m labels of all images, drawn network by network."""
    generator = torch.Generator().manual_seed(seed)
    probs = draws.log_probs.exp()
    labels = [torch.multinomial(p, m // draws.k, replacement=True, generator=generator).flatten() for p in probs]
    logs = sum(p.log().T[y] for p, y in zip(probs, labels, strict=True))
    return float(-(torch.logsumexp(logs, 1) - math.log(draws.k)).mean())


@pytest.mark.parametrize("limit", [3, 50, 10_000])
def test_what_is_left_is_what_was_not_told_and_thinning_keeps_it(limit):
    draws = made(6, 9, 3)
    known, told = Configurations.start(9), 0.0
    for place, image in enumerate(draws.log_probs):
        told += information(known, image)
        known = known.extended(image, limit, lot_of(1, place))
        assert known.left() == pytest.approx(math.log(9) - told, abs=1e-10)
        assert len(known) <= limit
    assert 0 < told <= math.log(9)


def test_no_single_gain_is_negative_nor_more_than_bald_while_exact():
    draws = made(30, 8, 3, zeros=True)
    start, known = Configurations.start(8), after(draws[:4], 10_000)
    for image in draws.log_probs[4:]:
        assert 0 <= information(known, image) <= information(start, image) + 1e-14 <= math.log(3) + 1e-14


@pytest.mark.parametrize("limit", [40, 10_000])
@pytest.mark.parametrize("groups", [1, 3, 10])
def test_merging_never_loses_information_thinned_or_not(limit, groups):
    draws = made(25, 8, 3)
    known = after(draws[:5], limit)
    merged = known.merged(known.grouped(groups))
    assert len(merged) <= groups
    assert float(merged.mass.sum()) == pytest.approx(float(known.mass.sum()))
    torch.testing.assert_close(merged.mass @ merged.belief, known.mass @ known.belief)
    for image in draws.log_probs[5:]:
        assert information(merged, image) >= information(known, image) - 1e-14


def test_more_groups_are_a_tighter_bound():
    draws = made(25, 8, 3)
    known = after(draws[:5], 10_000)
    totals = [
        sum(information(known.merged(known.grouped(n)), image) for image in draws.log_probs[5:])
        for n in (1, 4, 16, 64)
    ]
    assert totals == sorted(totals, reverse=True)
    assert totals[-1] < 0.8 * totals[0]


def test_draws_that_agree_say_nothing():
    same = Draws(made(3, 1, 4).log_probs.expand(3, 6, 4), joint=True)
    assert information(after(same[:2], 100), same.log_probs[2]) == pytest.approx(0, abs=1e-14)
    noise = sum(slow.noise(image) for image in same.log_probs.exp().numpy())
    assert joint_entropy(same) == pytest.approx(noise)


def test_one_network_leaves_nothing_to_know():
    assert len(Configurations.start(1)) == 0
    assert information(Configurations.start(1), made(1, 1, 3).log_probs[0]) == 0.0
    assert after(made(2, 1, 3), 10).left() == 0.0


def test_a_settled_configuration_is_dropped():
    coin = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).log()
    assert len(Configurations.start(2).extended(coin, 10, 0.5)) == 0


def test_two_hundred_images_do_not_underflow():
    draws = made(200, 50, 3)
    known = after(draws, 100)
    assert bool(known.mass.isfinite().all())
    assert bool(known.belief.isfinite().all())


def test_thinning_keeps_by_the_odds():
    generator = torch.Generator().manual_seed(0)
    size = torch.rand(30, generator=generator, dtype=torch.float64) ** 4
    size[::7] = 0
    lots = (np.arange(2000) + 0.5) / 2000
    counts, due = torch.zeros(2, 30, dtype=torch.float64)
    for lot in lots:
        kept, odds = thinned(size, 8, float(lot))
        assert len(kept) == len(set(kept.tolist())) == 8
        assert float((size[kept] / odds).sum()) == pytest.approx(float(size.sum()))
        counts[kept] += 1
        due[kept] = odds
    assert 0 < float(due[due > 0].min()) < 0.01
    torch.testing.assert_close(counts / 2000, due, atol=1e-3, rtol=0)


@pytest.mark.parametrize("limit", [1, 5, 29, 30, 100])
def test_thinning_of_equal_ones_keeps_as_many_as_asked(limit):
    kept, odds = thinned(torch.ones(30, dtype=torch.float64), limit, 0.3)
    assert len(kept) == min(limit, 30)
    assert float((1 / odds).sum()) == pytest.approx(30)


@given(
    powers=st.lists(st.integers(-40, 0), min_size=1, max_size=30),
    limit=st.integers(1, 32),
    lot=st.floats(0.01, 0.99),
)
def test_thinning_of_sizes_that_are_powers_of_ten_apart_keeps_their_sum(powers, limit, lot):
    size = torch.tensor([10.0**power for power in powers], dtype=torch.float64)
    kept, odds = thinned(size, limit, lot)
    assert len(kept) == len(set(kept.tolist())) <= limit
    assert bool(((odds > 0) & (odds <= 1)).all())
    assert float((size[kept] / odds).sum()) == pytest.approx(float(size.sum()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_narrow_draws_are_normalised_before_anything_else(dtype):
    exact = made(4, 6, 3)
    narrow = Draws(exact.log_probs.to(dtype), joint=True)
    tolerance = {torch.float16: 5e-3, torch.bfloat16: 5e-2, torch.float32: 1e-6}[dtype]
    assert joint_entropy(narrow) == pytest.approx(joint_entropy(exact), abs=tolerance)


def test_refuses_draws_that_are_not_joint():
    with pytest.raises(DrawsError, match="joint"):
        joint_entropy(Draws(made(2, 3, 2).log_probs, joint=False))


def test_every_place_of_every_seed_has_a_lot_of_its_own():
    assert len({lot_of(seed, place) for seed in range(5) for place in range(20)}) == 100
