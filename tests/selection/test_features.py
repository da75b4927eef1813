"""Selections that look at features, beside their definitions: BADGE and MaxHerding."""

import math
import sys
from itertools import permutations

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from scipy.stats import chisquare
from torch.utils._python_dispatch import TorchDispatchMode

from askance.maths import Draws, keyed_uniform
from askance.selection import badge, max_herding, select, uncertainty_herding
from askance.selection.coverage import ROUNDING, Coverage, Kernel, Witnesses
from askance.selection.uncertainty_herding import SIGMA
from askance.vocab import SelectionError

IDS = [f"image {i}" for i in range(60)]
NONE = torch.empty(0, 4)


def rows(n: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def draws(n: int, seed: int = 0) -> Draws:
    logits = torch.randn(n, 5, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Draws.from_logits(3 * logits, joint=True)


def likeness(features: torch.Tensor, others: torch.Tensor, sigma: float = 1.0) -> torch.Tensor:
    unit = [torch.nn.functional.normalize(one.double(), dim=1) for one in (features, others)]
    return (-(torch.cdist(*unit) ** 2) / sigma**2).exp()


def test_badge_draws_the_next_with_a_chance_proportional_to_its_squared_distance():
    spread, features = draws(4), rows(4)
    mean = spread.log_probs.exp().mean(1)
    mean[torch.arange(4), mean.argmax(1)] -= 1
    gradients = (mean[:, :, None] * features[:, None, :]).flatten(1)
    apart = torch.cdist(gradients, gradients) ** 2
    first = int((gradients**2).sum(1).argmax())
    chances = {}
    for second, third in permutations([i for i in range(4) if i != first], 2):
        nearest = torch.minimum(apart[first], apart[second])
        chances[second, third] = float(apart[first, second] / apart[first].sum() * nearest[third] / nearest.sum())
    counts = dict.fromkeys(chances, 0)
    for seed in range(1500):
        places = badge(spread, features, IDS[:4], 3, seed).positions
        assert places[0] == first
        counts[places[1:]] += 1
    assert math.fsum(chances.values()) == pytest.approx(1)
    assert chisquare([counts[p] for p in chances], [1500 * chances[p] for p in chances]).pvalue > 1e-3


def test_badge_gains_are_squared_distances_to_the_nearest_before():
    spread, features = draws(60), rows(60)
    picks = badge(spread, features, IDS, 12, seed=3)
    mean = spread.log_probs.exp().mean(1)
    mean[torch.arange(60), mean.argmax(1)] -= 1
    gradients = (mean[:, :, None] * features[:, None, :]).flatten(1)[list(picks.positions)]
    due = [(gradients[0] ** 2).sum()]
    due += [((gradients[:b] - gradients[b]) ** 2).sum(1).min() for b in range(1, 12)]
    assert picks.gains == pytest.approx([float(one) for one in due])


def test_where_the_model_is_certain_of_all_images_badge_leaves_it_to_the_lot():
    certain = Draws.from_probs(torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]]]), joint=True)
    found = [badge(certain, rows(3), IDS[:3], 3, seed) for seed in range(20)]
    assert all(picks.gains == (0.0, 0.0, 0.0) for picks in found)
    assert {picks.positions[0] for picks in found} == {0, 1, 2}


def test_what_badge_compares_are_gradients_of_the_last_layer():
    """By autograd: of the cross-entropy with the likeliest class as the label."""
    features, weights = rows(8), torch.randn(3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradients = []
    for row in features:
        layer = weights.clone().requires_grad_()
        logits = layer @ row
        torch.nn.functional.cross_entropy(logits, logits.argmax()).backward()
        gradients.append(layer.grad.flatten())
    due = torch.stack(gradients)
    picks = badge(Draws.from_logits((features @ weights.T)[:, None], joint=True), features, IDS[:8], 8, seed=0)
    assert picks.gains[0] == pytest.approx(float((due**2).sum(1).max()))
    for b in range(1, 8):
        before, this = due[list(picks.positions[:b])], due[picks.positions[b]]
        assert picks.gains[b] == pytest.approx(float(((before - this) ** 2).sum(1).min()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_a_copy_among_many_features_is_at_no_distance(dtype):
    features = torch.randn(12, 1280, generator=torch.Generator().manual_seed(1)).relu().repeat(2, 1).to(dtype)
    twice = Draws(draws(12).log_probs.repeat(2, 1, 1), joint=True)
    for seed in range(5):
        picks = badge(twice, features, IDS[:24], 24, seed)
        assert sorted(i % 12 for i in picks.positions[:12]) == list(range(12))
        assert min(picks.gains[:12]) > 0
        assert picks.gains[12:] == (0.0,) * 12


class Largest(TorchDispatchMode):
    """Notes the most numbers of any tensor that is made under it."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        if isinstance(made, torch.Tensor):
            self.most = max(self.most, made.numel())
        return made


def test_badge_makes_nothing_as_large_as_all_gradients():
    logits = torch.randn(50, 2, 128, generator=torch.Generator().manual_seed(0))
    features = torch.randn(50, 64, generator=torch.Generator().manual_seed(1))
    with Largest() as watched:
        badge(Draws.from_logits(logits, joint=True), features, IDS[:50], 10, 0)
    assert 0 < watched.most <= 50 * 2 * 128  # what came in; gradients have 50 x 128 x 64


def test_badge_does_not_mind_draws_of_one_image_at_a_time():
    independent = Draws(draws(60).log_probs, joint=False)
    assert badge(independent, rows(60), IDS, 9, 0) == badge(draws(60), rows(60), IDS, 9, 0)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10_000),
    block=st.sampled_from([1, 200, 1 << 22]),
    asked=st.sampled_from([1, 7, 32]),
    bounded=st.sampled_from([1, 5, 64]),
    known=st.integers(0, 5),
    doubted=st.booleans(),
)
def test_herding_that_asks_few_again_picks_what_asking_all_would(
    seed: int, block: int, asked: int, bounded: int, known: int, doubted: bool
):
    features, labelled = rows(60, seed), rows(known, seed + 1)
    doubt = torch.rand(60, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) ** 2
    if doubted:
        mean = torch.cat([features, labelled]).mean(0)
        kernel, known_like = (likeness(features - mean, other - mean, SIGMA) for other in (features, labelled))
    else:
        kernel, known_like = likeness(features, features), likeness(features, labelled)
    weights = doubt / doubt.sum() if doubted else torch.full((60,), 1 / 60, dtype=torch.float64)
    cover = known_like.amax(1) if known else torch.zeros(60, dtype=torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("_BLOCK", block), ("BOUNDED", bounded), ("ASKED", asked)):
            patch.setattr(sys.modules[Coverage.__module__], name, value)
        if doubted:
            picks = uncertainty_herding(doubt, features, labelled, IDS, 15, seed)
        else:
            picks = max_herding(features, labelled, IDS, 15, seed)
    for place, gain in zip(picks.positions, picks.gains, strict=True):
        gains = (kernel - cover).clamp_min(0) @ weights
        assert gain == pytest.approx(float(gains.max()), abs=1e-12)
        assert float(gains[place]) == pytest.approx(gain, abs=1e-12)
        cover = torch.maximum(cover, kernel[place])
    assert all(after <= before + 1e-12 for before, after in zip(picks.gains, picks.gains[1:], strict=False))
    assert math.fsum(picks.gains) <= 1


@pytest.mark.parametrize("sigma", [0.3, SIGMA, 3.0])
def test_bounds_are_bounds_and_float32_is_far_from_using_up_their_room(sigma: float):
    features = torch.randn(400, 2048, generator=torch.Generator().manual_seed(0)) + 1
    seen = Witnesses.of(np.random.default_rng(0).random(400), [f"{i}" for i in range(400)], 300, 0)
    coverage, everybody = Coverage(features, features[:3], seen, Kernel(sigma, centred=True)), np.arange(400)
    for place in (9, 99, 199):
        room = coverage.bounds(everybody) - coverage.adds(everybody)
        due = ROUNDING * np.finfo(np.float32).eps * max(1, sigma**-2)
        assert np.abs(room - due).max() < due / 4
        coverage.take(place)


def test_doubt_decides_what_is_covered_first():
    """Two heaps of five images; all doubt is about the smaller numbers, so one of them comes first."""
    east = torch.tensor([[5.0, y / 10] for y in range(-2, 3)])
    heaps = torch.cat([east, -east])
    doubt = np.r_[np.full(5, 0.9), np.full(5, 0.01)]
    picks = uncertainty_herding(doubt, heaps, NONE[:, :2].float(), IDS[:10], 2, seed=0)
    assert picks.positions[0] == 2  # the middle of its heap
    assert picks.gains[0] == pytest.approx(0.989, abs=2e-3)  # nearly all that is in doubt lies beside it
    after = uncertainty_herding(doubt, heaps, heaps[2:3], IDS[:10], 1, seed=0)
    assert after.positions[0] >= 5  # what is left of the first heap is covered by its label
    none = uncertainty_herding(np.zeros(10), heaps, heaps[:0], IDS[:10], 2, seed=0)
    assert none == uncertainty_herding(np.full(10, 0.3), heaps, heaps[:0], IDS[:10], 2, seed=0)


def test_an_unscored_image_neither_counts_nor_comes():
    features, doubt = rows(60), np.random.default_rng(0).random(60)
    doubt[::3] = np.nan
    picks = uncertainty_herding(doubt, features, NONE, IDS, 60, seed=0)
    assert sorted(picks.positions) == [i for i in range(60) if i % 3]


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), most=st.integers(1, 30))
def test_witnesses_weigh_what_they_stand_for(seed: int, most: int):
    u = np.random.default_rng(seed).random(30) ** 4
    seen = Witnesses.of(u, IDS[:30], most, seed)
    assert len(seen.places) == most
    assert float(seen.weights.sum()) == pytest.approx(1)
    assert (seen.places.diff() > 0).all()
    if most == 30:
        assert seen.weights.numpy() == pytest.approx(u / u.sum())


def test_sums_over_witnesses_are_right_in_the_mean():
    """Of 4,000 samples of 10 of 30, the share of the first five: as over all, within four standard errors."""
    u = np.random.default_rng(0).random(30) ** 4
    shares = []
    for seed in range(4000):
        lots = keyed_uniform(IDS[:30], seed, "tie")
        seen = Witnesses.of(u, IDS[:30], 10, seed)
        last = np.sort(u / lots)[::-1][10]
        stands = np.maximum(u[seen.places.numpy()], last)
        assert seen.weights.numpy() == pytest.approx(stands / stands.sum())
        shares.append(stands[seen.places.numpy() < 5].sum())
    error = np.std(shares) / len(shares) ** 0.5
    assert np.mean(shares) == pytest.approx(u[:5].sum(), abs=4 * error)


@pytest.mark.parametrize(
    ("scores", "said"), [(np.full(60, -0.1), "zero or more"), (np.full(60, np.inf), "finite")]
)
def test_herding_refuses_what_cannot_weigh(scores: np.ndarray, said: str):
    with pytest.raises(SelectionError, match=said):
        uncertainty_herding(scores, rows(60), NONE.double(), IDS, 3, seed=0)


def test_coverage_by_hand():
    """Of (1, 0), (0, 1), (-1, 0), whatever their lengths: squared distances 2, 2 and 4."""
    features = torch.tensor([[5.0, 0.0], [0.0, 0.1], [-2.0, 0.0]])
    picks = max_herding(features, features[:0], ["east", "north", "west"], 3, seed=0)
    near = math.exp(-2)
    assert picks.ids[0] == "north"
    assert picks.gains == pytest.approx(((1 + 2 * near) / 3, (1 - near) / 3, (1 - near) / 3), abs=1e-7)
    after = max_herding(features, torch.tensor([[0.0, 7.0]]), ["east", "north", "west"], 3, seed=0)
    assert after.ids[2] == "north"
    assert after.gains == pytest.approx(((1 - near) / 3, (1 - near) / 3, 0.0), abs=1e-7)


def test_herding_stays_away_from_what_is_labelled():
    near = torch.tensor([[1.0, 0.0], [0.9, 0.1], [1.0, -0.1], [0.0, 1.0]])
    assert max_herding(near, torch.empty(0, 2), IDS[:4], 1, 0).positions != (3,)
    assert max_herding(near, torch.tensor([[5.0, 0.0]]), IDS[:4], 1, 0).positions == (3,)


def test_a_wide_image_stands_for_more_and_a_narrow_one_for_itself():
    features = rows(60)
    wide, narrow = (max_herding(features, NONE, IDS, 1, 0, sigma=sigma).gains[0] for sigma in (30.0, 0.01))
    assert wide == pytest.approx(1, abs=0.01)
    assert narrow == pytest.approx(1 / 60, abs=1e-6)


def test_of_many_images_some_are_witnesses_and_all_may_be_picked():
    features = rows(60)
    few = [max_herding(features, NONE, IDS, 9, seed, witnesses=20) for seed in range(6)]
    assert len({one.ids for one in few}) == 6  # the lot of the witnesses is the seed's
    for seed, picks in enumerate(few):
        order = np.random.default_rng(seed).permutation(60)
        turned = max_herding(features[order], NONE, [IDS[i] for i in order], 9, seed, witnesses=20)
        assert turned.ids == picks.ids
    everybody = max_herding(features, NONE, IDS, 9, 0)
    assert max_herding(features, NONE, IDS, 9, 0, witnesses=60) == everybody


def test_a_row_of_zeros_is_an_image_too():
    features = torch.cat([torch.zeros(2, 4, dtype=torch.float64), rows(3)])
    assert len(max_herding(features, NONE, IDS[:5], 5, 0)) == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labelled": rows(3)[:, :3]}, r"\[L, 4\]"),
        ({"labelled": rows(3).log()}, "finite"),
        ({"sigma": 0.0}, "sigma = 0.0"),
        ({"sigma": math.nan}, "sigma = nan"),
        ({"witnesses": 0}, "witnesses = 0"),
        ({"features": rows(59)}, r"\[60, D\]"),
    ],
)
def test_herding_refuses(change: dict[str, object], said: str):
    known = {"features": rows(60), "labelled": NONE.double(), **change}
    with pytest.raises(SelectionError, match=said):
        select("max-herding", ids=IDS, n=3, seed=0, **known)
