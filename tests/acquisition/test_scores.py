"""Hand values, identities between scores, and the faults other packages have."""

import math

import pytest
import torch

from askance.acquisition import (
    bald,
    expected_entropy,
    least_confidence,
    margin,
    mean_std,
    predictive_entropy,
    score,
    variation_ratios,
)
from askance.maths import Draws, entropy
from askance.vocab import ConfigError

LOGITS = 2 * torch.randn(50, 20, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
DRAWS = Draws.from_logits(LOGITS, joint=True)


def of(*units: list[list[float]]) -> Draws:
    return Draws.from_probs(torch.tensor(units, dtype=torch.float64), joint=True)


CONFLICT = [[1.0, 0.0], [0.0, 1.0]]
COIN = [[0.5, 0.5], [0.5, 0.5]]
SURE = [[1.0, 0.0], [1.0, 0.0]]


def test_bald_is_predictive_entropy_less_what_draws_have_of_their_own():
    own = entropy(DRAWS.log_probs).mean(1)
    torch.testing.assert_close(expected_entropy(DRAWS), own, atol=1e-12, rtol=0)
    torch.testing.assert_close(bald(DRAWS), predictive_entropy(DRAWS) - own, atol=1e-12, rtol=0)


def test_noise_and_conflict_are_told_apart():
    draws = of(CONFLICT, COIN, SURE)
    assert expected_entropy(draws).tolist() == pytest.approx([0, math.log(2), 0], abs=1e-15)
    agreeing = Draws(DRAWS.log_probs[:, :1].expand(-1, 20, -1), joint=True)
    torch.testing.assert_close(expected_entropy(agreeing), predictive_entropy(agreeing), atol=1e-12, rtol=0)


def test_bald_tells_conflict_from_noise_and_entropy_does_not():
    """A peer sums over passes first and ranks full disagreement below a coin flip in every pass."""
    draws = of(CONFLICT, COIN, SURE)
    assert bald(draws).tolist() == pytest.approx([math.log(2), 0, 0], abs=1e-15)
    assert predictive_entropy(draws).tolist() == pytest.approx([math.log(2), math.log(2), 0], abs=1e-15)


def test_sure_and_conflicting_draws_are_never_nan():
    """p log p at p = 0 makes a peer's scores NaN, which then sort first."""
    assert bald(of(CONFLICT, SURE, COIN)).tolist() == pytest.approx([math.log(2), 0, 0], abs=1e-15)


@pytest.mark.parametrize("scale", [30.0, 300.0, 1e4])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_confident_draws_keep_their_information(scale: float, dtype: torch.dtype):
    """Probabilities that underflow make a peer pick in index order without a word."""
    logits = scale * torch.eye(4, dtype=dtype)[None]
    assert bald(Draws.from_logits(logits, joint=True)).item() == pytest.approx(math.log(4), abs=1e-6)


def test_tiny_disagreements_are_measured_and_not_lost_in_rounding():
    """To second order, I = sum_c var_k(p_kc) / (2 pbar_c); the difference of two entropies is rounding here."""
    step = 1e-7
    draws = of([[0.5 + step, 0.5 - step], [0.5 - step, 0.5 + step]])
    assert bald(draws).item() == pytest.approx(2 * step**2, rel=0.02)


def test_information_is_in_nats_and_bounded_by_the_number_of_draws():
    three = torch.eye(1000, dtype=torch.float64)[None, :3]
    assert bald(Draws.from_probs(three, joint=True)).item() == pytest.approx(math.log(3), abs=1e-12)


def test_half_precision_probabilities_are_not_softmaxed_again():
    """A peer's guess that they must be logits takes a mean BALD from 0.386 to 0.012."""
    half = Draws.from_probs(DRAWS.log_probs.exp().half(), joint=True)
    torch.testing.assert_close(bald(half), bald(DRAWS), atol=2e-3, rtol=0)


def test_probabilities_are_averaged_and_not_logits():
    """The mean of the logits of these two draws is the coin; so is the mean probability, with less conflict."""
    logits = torch.tensor([[[8.0, 0.0], [-2.0, 0.0]]], dtype=torch.float64)
    mean = (torch.sigmoid(torch.tensor(8.0)) + torch.sigmoid(torch.tensor(-2.0))).item() / 2
    assert least_confidence(Draws.from_logits(logits, joint=True)).item() == pytest.approx(1 - mean, abs=1e-6)


def test_a_unit_is_not_moved_by_what_is_scored_with_it():
    """A peer's softmax runs over the whole batch."""
    alone = [bald(DRAWS[i : i + 1]).item() for i in range(len(DRAWS))]
    assert bald(DRAWS).tolist() == alone


def test_variation_ratios_counts_votes_and_least_confidence_does_not():
    """Three unsure draws that agree: no vote is split, and yet nobody is sure."""
    draws = of([[0.6, 0.4], [0.6, 0.4], [0.6, 0.4]])
    assert variation_ratios(draws).tolist() == [0.0]
    assert least_confidence(draws).tolist() == pytest.approx([0.4])


def test_a_vote_for_equal_classes_is_shared():
    """An untrained network knows nothing; the first class did not win."""
    assert variation_ratios(of([[0.25] * 4])).tolist() == [0.75]
    assert variation_ratios(of([[0.4, 0.4, 0.2], [0.1, 0.8, 0.1]])).tolist() == [0.25]


def test_mean_std_divides_by_the_number_of_draws():
    draws = of([[0.9, 0.1], [0.5, 0.5]])
    assert mean_std(draws).tolist() == pytest.approx([0.2])
    spread = DRAWS.log_probs.exp().std(1, unbiased=False).mean(-1)
    torch.testing.assert_close(mean_std(DRAWS), spread, atol=1e-12, rtol=0)


def test_a_smaller_lead_is_worth_more():
    draws = of([[0.5, 0.4, 0.1]], [[0.5, 0.25, 0.25]], [[0.9, 0.1, 0.0]])
    assert margin(draws).tolist() == pytest.approx([0.9, 0.75, 0.2])


def test_score_brings_what_an_acquisition_needs_and_nothing_else():
    ids = [str(i) for i in range(50)]
    assert torch.equal(score("bald", draws=DRAWS, ids=ids, seed=1), bald(DRAWS))
    assert torch.equal(score("random", draws=DRAWS, ids=ids, seed=1), score("random", ids=ids, seed=1))


@pytest.mark.parametrize("alias", ["entropy", "max-entropy", "max_entropy"])
def test_entropy_goes_by_the_names_people_know(alias: str):
    assert torch.equal(score(alias, draws=DRAWS), predictive_entropy(DRAWS))


@pytest.mark.parametrize(
    ("name", "offered", "missing"),
    [
        ("bald", {"ids": ["a"], "seed": 0}, "no draws"),
        ("random", {}, "no ids and no seed"),
        ("random", {"draws": DRAWS}, "no seed"),
        ("random", {"ids": ["a"]}, "no seed"),
    ],
)
def test_score_names_what_is_missing(name: str, offered: dict, missing: str):
    with pytest.raises(ConfigError, match=missing):
        score(name, **offered)


def test_score_names_the_nearest_acquisition():
    with pytest.raises(ConfigError, match="did you mean bald"):
        score("blad", draws=DRAWS)
