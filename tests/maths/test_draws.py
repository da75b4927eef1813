"""Draws: what they refuse, and what they keep."""

from dataclasses import FrozenInstanceError

import pytest
import torch

from askance.maths import Draws
from askance.vocab import DrawsError

LOGITS = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LOG_PROBS = LOGITS.log_softmax(-1)


def with_entry(value: float) -> torch.Tensor:
    changed = LOG_PROBS.clone()
    changed[2, 1, 0] = value
    return changed


@pytest.mark.parametrize(
    ("wrong", "because"),
    [
        (LOGITS, "log-sum"),
        (LOG_PROBS.exp(), "log-sum"),
        (LOG_PROBS.transpose(1, 2), "log-sum"),
        (torch.log(torch.tensor([[[0.999, 0.999, 0.999]]])), "log-sum"),  # sigmoids of several labels
        (LOG_PROBS - 1e-3, "log-sum"),
        (with_entry(torch.nan), "nan"),
        (with_entry(torch.inf), "inf"),
        (torch.full((1, 2, 3), -torch.inf), "inf"),
        (torch.zeros(5, 4, 1, dtype=torch.int64), "int64"),
        (torch.zeros(5, 0, 3), r"\[5, 0, 3\]"),
        (torch.zeros(5, 4, 0), r"\[5, 4, 0\]"),
        (LOG_PROBS[0], r"\[4, 3\]"),
    ],
    ids=[
        "logits",
        "probabilities",
        "K and C exchanged",
        "sigmoids",
        "not quite normalised",
        "NaN",
        "infinity",
        "no class possible",
        "integers",
        "no draws",
        "no classes",
        "two axes",
    ],
)
@pytest.mark.usefixtures("as_users_run")
def test_refuses_what_is_not_log_probabilities(wrong: torch.Tensor, because: str):
    with pytest.raises(DrawsError, match=because):
        Draws(wrong, joint=True)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_refuses_logits_of_a_broken_model(bad: float):
    logits = LOGITS.clone()
    logits[0, 0, 0] = bad
    with pytest.raises(DrawsError, match="NaN"):
        Draws.from_logits(logits, joint=True)


def test_refuses_probabilities_that_do_not_sum_to_one():
    with pytest.raises(DrawsError, match="from_logits"):
        Draws.from_probs(0.9 * LOG_PROBS.exp(), joint=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("c", [1, 2, 10, 1000])
def test_probabilities_of_every_dtype_are_taken_as_they_are(dtype: torch.dtype, c: int):
    """A peer takes half-precision probabilities, whose sums are off by a thousandth, for logits."""
    logits = torch.randn(8, 5, c, generator=torch.Generator().manual_seed(0))
    probs = (3 * logits).softmax(-1).to(dtype)
    draws = Draws.from_probs(probs, joint=True)
    assert draws.log_probs.dtype == dtype
    torch.testing.assert_close(
        draws.log_probs.exp(), probs, atol=0.02 if dtype == torch.bfloat16 else 2e-3, rtol=0
    )


def test_zeros_stay_exact():
    draws = Draws.from_probs(torch.tensor([[[1.0, 0.0]]]), joint=True)
    assert draws.log_probs.tolist() == [[[0.0, -torch.inf]]]


def test_logits_are_normalised_over_classes():
    draws = Draws.from_logits(LOGITS, joint=False)
    torch.testing.assert_close(draws.log_probs, LOG_PROBS)
    assert not draws.joint


def test_knows_its_sizes_also_when_empty():
    draws = Draws(LOG_PROBS[:0], joint=True)
    assert (len(draws), draws.k, draws.c) == (0, 4, 3)
    assert (len(Draws(LOG_PROBS, joint=True)), draws.k, draws.c) == (5, 4, 3)


def test_some_units_keep_all_draws():
    draws = Draws(LOG_PROBS, joint=True)
    assert torch.equal(draws[1:3].log_probs, LOG_PROBS[1:3])
    assert torch.equal(draws[torch.tensor([4, 0])].log_probs, LOG_PROBS[[4, 0]])
    assert draws[1:3].joint


def test_chunks_join_in_order_and_are_joint_only_if_all_are():
    draws = Draws(LOG_PROBS, joint=True)
    joined = Draws.cat([draws[:2], draws[2:]])
    assert torch.equal(joined.log_probs, LOG_PROBS)
    assert joined.joint
    assert not Draws.cat([draws, Draws(LOG_PROBS, joint=False)]).joint


def test_refuses_to_join_nothing_or_different_scorings():
    with pytest.raises(DrawsError, match="no chunks"):
        Draws.cat([])
    with pytest.raises(DrawsError, match="K=3 C=3, K=4 C=3"):
        Draws.cat([Draws(LOG_PROBS, joint=True), Draws(LOG_PROBS[:, :3], joint=True)])


def test_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Draws(LOG_PROBS, joint=True).joint = False
