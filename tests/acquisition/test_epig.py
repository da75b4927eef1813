"""EPIG by hand, against BALD, and at the edges of float64."""

import importlib
import math

import pytest
import torch

from askance.acquisition import bald, epig, predictive_entropy, score
from askance.maths import Draws
from askance.vocab import ConfigError, DrawsError

file = importlib.import_module("askance.acquisition.epig")  # the room's `epig` is the function


def random_draws(n: int, k: int, c: int, seed: int = 0, scale: float = 2.0) -> Draws:
    generator = torch.Generator().manual_seed(seed)
    return Draws.from_logits(scale * torch.randn(n, k, c, generator=generator, dtype=torch.float64), joint=True)


def of(*units: list[list[float]]) -> Draws:
    return Draws.from_probs(torch.tensor(units, dtype=torch.float64), joint=True)


POOL, TARGETS = random_draws(40, 20, 10), random_draws(7, 20, 10, seed=1)
CONFLICT, TURNED = [[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]
COIN, SURE = [[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [1.0, 0.0]]


def test_a_label_that_says_which_network_is_right_says_all_that_depends_on_it():
    pool = of(CONFLICT, COIN, SURE)
    assert epig(pool, of(CONFLICT)).tolist() == pytest.approx([math.log(2), 0, 0], abs=1e-15)
    assert epig(pool, of(TURNED)).tolist() == pytest.approx([math.log(2), 0, 0], abs=1e-15)
    assert epig(pool, of(CONFLICT, COIN)).tolist() == pytest.approx([math.log(2) / 2, 0, 0], abs=1e-15)


def test_what_no_target_depends_on_is_worth_nothing_however_much_it_says_about_the_model():
    """Four networks, two questions: x tells the first pair from the second, x* the odd from the even."""
    first = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]
    odd = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
    assert bald(of(first)).item() == pytest.approx(math.log(2))
    assert epig(of(first), of(odd)).tolist() == [0.0]
    assert epig(of(first), of(first)).item() == pytest.approx(math.log(2))


def test_is_the_difference_of_the_entropies():
    """H(y) + H(y*) - H(y, y*), with the joint table made by an einsum."""
    p, q = POOL.log_probs.exp(), TARGETS.log_probs.exp()
    joint = torch.einsum("nkc,mkd->nmcd", p, q) / POOL.k
    of_joint = torch.special.entr(joint).sum((-2, -1)).mean(1)
    due = predictive_entropy(POOL) + predictive_entropy(TARGETS).mean() - of_joint
    torch.testing.assert_close(epig(POOL, TARGETS), due, atol=1e-12, rtol=0)


def test_is_the_mean_over_targets():
    one_by_one = torch.stack([epig(POOL, TARGETS[m : m + 1]) for m in range(len(TARGETS))])
    torch.testing.assert_close(epig(POOL, TARGETS), one_by_one.mean(0), atol=1e-14, rtol=0)


def test_is_symmetric_for_one_pair():
    one, other = POOL[:1], TARGETS[:1]
    assert epig(one, other).item() == pytest.approx(epig(other, one).item(), abs=1e-14)


@pytest.mark.parametrize("scale", [0.1, 2.0, 50.0])
@pytest.mark.parametrize(("k", "c"), [(3, 10), (50, 2), (20, 10)])
def test_a_label_never_says_more_of_a_target_than_of_the_model(scale: float, k: int, c: int):
    """Data processing: y* hangs on y by way of the model alone."""
    pool, targets = random_draws(30, k, c, scale=scale), random_draws(9, k, c, seed=1, scale=scale)
    gains = epig(pool, targets)
    assert bool((gains >= 0).all())
    assert bool((gains <= bald(pool) + 1e-12).all())
    assert bool((epig(pool, targets[:1]) <= bald(targets[:1]) + 1e-12).all())
    assert float(gains.max()) > scale * 1e-6


def test_agreeing_targets_are_worth_exactly_nothing():
    assert epig(POOL, Draws(TARGETS.log_probs[:, :1].expand(-1, 20, -1), joint=True)).tolist() == [0.0] * 40


@pytest.mark.parametrize("scale", [30.0, 300.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_confident_draws_keep_their_information(scale: float, dtype: torch.dtype):
    draws = Draws.from_logits(scale * torch.eye(4, dtype=dtype)[None], joint=True)
    assert epig(draws, draws).item() == pytest.approx(math.log(4), abs=1e-6)


def test_rare_classes_that_go_together_are_measured():
    """x and x* share a class of probability e^-300 in one draw of two: p̄ q̄ f(1), to first order."""
    rare = Draws(torch.tensor([[[0.0, -300.0], [0.0, -torch.inf]]], dtype=torch.float64), joint=True)
    due = math.exp(-300) ** 2 / 4 * (2 * math.log(2) - 1)
    assert epig(rare, rare).item() == pytest.approx(due, rel=1e-12, abs=0)


@pytest.mark.parametrize("log_p", [-460.0, -1000.0])
def test_classes_too_rare_for_a_float_are_worth_nothing(log_p: float):
    rare = Draws(torch.tensor([[[0.0, log_p], [0.0, -torch.inf]]], dtype=torch.float64), joint=True)
    assert epig(rare, rare).tolist() == [0.0]


def test_tiny_disagreements_are_measured_and_not_lost_in_rounding():
    """To second order I = sum p̄ q̄ r² / 2, r = ±4 step²; a difference of entropies would give 0 or noise."""
    step = 1e-4
    draws = of([[0.5 + step, 0.5 - step], [0.5 - step, 0.5 + step]])
    assert epig(draws, draws).item() == pytest.approx(8 * step**4, rel=1e-4)


def test_targets_may_have_other_classes():
    targets = random_draws(5, 20, 3, seed=2)
    swapped = torch.stack([epig(targets, POOL[i : i + 1]).mean() for i in range(len(POOL))])
    torch.testing.assert_close(epig(POOL, targets), swapped, atol=1e-14, rtol=0)


@pytest.mark.parametrize("targets_held", [1, 2, 3, 6])
def test_blocks_of_targets_change_nothing(targets_held: int, monkeypatch: pytest.MonkeyPatch):
    whole = epig(POOL, TARGETS)
    monkeypatch.setattr(file, "_BLOCK_BYTES", targets_held * 8 * 10 * 10)
    torch.testing.assert_close(epig(POOL, TARGETS), whole, atol=1e-14, rtol=0)


def test_the_joint_table_never_exists_whole(monkeypatch: pytest.MonkeyPatch):
    held = []
    products = file._products

    def watched(rows, columns):
        found = products(rows, columns)
        held.append(found.nbytes)
        return found

    monkeypatch.setattr(file, "_products", watched)
    epig(random_draws(50, 4, 60), random_draws(40, 4, 60, seed=1))  # 58 MB as a whole
    assert len(held) > 50
    assert max(held) <= 1 << 20


@pytest.mark.parametrize("shape", [(20, 3, 3), (13, 5, 3), (20, 7, 1), (13, 33, 3)], ids=str)
def test_chunks_of_odd_shapes_give_the_very_same_scores(shape: tuple[int, int, int]):
    """Without the filling up to lines a BLAS gives some of them another last bit."""
    k, c, m = shape
    pool, targets = random_draws(35, k, c), random_draws(m, k, c, seed=1)
    whole = epig(pool, targets)
    for size in (1, 2, 7, 16):
        assert torch.equal(torch.cat([epig(pool[i : i + size], targets) for i in range(0, 35, size)]), whole)


@pytest.mark.parametrize(
    ("draws", "targets", "says"),
    [
        (Draws(POOL.log_probs, joint=False), TARGETS, "draws with joint=False"),
        (POOL, Draws(TARGETS.log_probs, joint=False), "targets with joint=False"),
        (POOL, random_draws(3, 19, 10), "same seed and k=20"),
        (POOL, TARGETS[:0], "at least one target"),
    ],
)
def test_refuses_what_it_cannot_use_and_says_what_to_do(draws: Draws, targets: Draws, says: str):
    with pytest.raises(DrawsError, match=says):
        epig(draws, targets)


def test_the_door_brings_targets_or_names_them():
    assert torch.equal(score("epig", draws=POOL, targets=TARGETS), epig(POOL, TARGETS))
    with pytest.raises(ConfigError, match="no targets"):
        score("epig", draws=POOL)
