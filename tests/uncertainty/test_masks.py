"""Masks: their statistics and what they depend on."""

import math

import pytest
import torch

from askance.uncertainty import dropout_masks


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_each_unit_is_kept_with_probability_one_minus_p(p):
    masks = dropout_masks(0, "0", k=2000, width=50, p=p).double()
    error = math.sqrt(p * (1 - p))
    assert abs(float(masks.mean()) - (1 - p)) < 4 * error / math.sqrt(masks.numel())
    assert bool(((masks.mean(0) - (1 - p)).abs() < 4.5 * error / math.sqrt(2000)).all())


def test_units_and_draws_are_independent():
    signs = dropout_masks(0, "0", k=4000, width=40, p=0.5).double() * 2 - 1
    between_units = signs.T @ signs / 4000 - torch.eye(40, dtype=torch.float64)
    assert float(between_units.abs().max()) < 5 / math.sqrt(4000)
    next_draw = (signs[1:] * signs[:-1]).mean()
    assert abs(float(next_draw)) < 4 / math.sqrt(4000 * 40)


def test_seed_draw_and_layer_each_matter():
    masks = dropout_masks(0, "0", k=3, width=64, p=0.5)
    assert torch.equal(masks, dropout_masks(0, "0", k=3, width=64, p=0.5))
    assert not torch.equal(masks, dropout_masks(1, "0", k=3, width=64, p=0.5))
    assert not torch.equal(masks, dropout_masks(0, "1", k=3, width=64, p=0.5))
    assert not torch.equal(masks[0], masks[1])
    assert torch.equal(masks[:2], dropout_masks(0, "0", k=2, width=64, p=0.5))


def test_edges():
    assert bool(dropout_masks(0, "0", k=5, width=9, p=0.0).all())
    assert not bool(dropout_masks(0, "0", k=5, width=9, p=1.0).any())


def test_the_global_generator_is_not_touched():
    state = torch.get_rng_state()
    dropout_masks(0, "0", k=2, width=3, p=0.5)
    assert torch.equal(torch.get_rng_state(), state)
