"""Novelty is minus a log density, and refuses what is not one."""

import math

import pytest
import torch

from askance.acquisition import novelty, score
from askance.vocab import ConfigError, DrawsError

LOG_DENSITY = torch.randn(30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_is_higher_where_features_are_rarer():
    gaussian = torch.distributions.Normal(torch.tensor(0.0), torch.tensor(0.1))
    scores = novelty(gaussian.log_prob(torch.tensor([0.0, -0.2, 5.0])))
    assert scores.argsort().tolist() == [0, 1, 2]
    assert scores[0] < 0  # the density there is above one
    assert scores[1].item() == pytest.approx(2 + math.log(0.1 * math.sqrt(2 * math.pi)), abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_is_minus_the_log_density_in_float64(dtype: torch.dtype):
    narrow = LOG_DENSITY.to(dtype)
    scores = score("novelty", log_density=narrow)
    assert scores.dtype == torch.float64
    assert scores.tolist() == [-value for value in narrow.tolist()]


def test_units_are_scored_alone_and_without_a_graph():
    whole = novelty(LOG_DENSITY.clone().requires_grad_())
    assert not whole.requires_grad
    assert torch.equal(torch.cat([novelty(part) for part in LOG_DENSITY.split(7)]), whole)
    assert novelty(LOG_DENSITY[:0]).shape == (0,)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_refuses_a_density_that_underflowed(bad: float):
    with pytest.raises(DrawsError, match="1 of 3 NaN or infinite"):
        novelty(torch.tensor([0.0, bad, 1.0]))


def test_the_door_names_what_is_missing():
    with pytest.raises(ConfigError, match="no log_density"):
        score("novelty", ids=["a"], seed=0)
