"""Masks: their statistics and what they depend on."""

import math

import pytest
import torch

from askance.maths import keyed_seed
from askance.uncertainty import dropout_masks


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_each_unit_is_kept_with_probability_one_minus_p(p):
    masks = dropout_masks(0, "0", k=2000, width=50, p=p).double()
    error = math.sqrt(p * (1 - p))
    assert abs(float(masks.mean()) - (1 - p)) < 4 * error / math.sqrt(masks.numel())
    assert bool(((masks.mean(0) - (1 - p)).abs() < 4.5 * error / math.sqrt(2000)).all())


def test_units_are_independent_and_so_are_rounds():
    signs = dropout_masks(0, "0", k=4000, width=40, p=0.5).double() * 2 - 1
    between_units = signs[::2].T @ signs[::2] / 2000 - torch.eye(40, dtype=torch.float64)
    assert float(between_units.abs().max()) < 5 / math.sqrt(2000)
    next_round = (signs[2::2] * signs[:-2:2]).mean()
    assert abs(float(next_round)) < 4 / math.sqrt(2000 * 40)


@pytest.mark.parametrize(
    ("p", "length", "times"), [(0.5, 2, {1}), (0.25, 4, {1}), (0.1, 10, {1}), (0.3, 3, {0, 1}), (0.4, 2, {0, 1})]
)
def test_the_draws_of_a_round_drop_every_unit_about_once(p, length, times):
    dropped = ~dropout_masks(3, "0", k=20 * length, width=200, p=p)
    found = dropped.view(20, length, 200).sum(1)
    assert set(found.unique().tolist()) == times
    assert set((length - found).unique().tolist()) == {length - n for n in times}


@pytest.mark.parametrize("p", [0.75, 0.9])
def test_where_more_is_dropped_than_kept_every_unit_is_kept_about_once(p):
    length = round(1 / (1 - p))
    kept = dropout_masks(3, "0", k=20 * length, width=200, p=p).view(20, length, 200).sum(1)
    assert set(kept.unique().tolist()) == {1}


def test_shared_masks_are_the_same_ones_for_longer():
    few = dropout_masks(0, "0", k=3, width=30, p=0.25)
    assert torch.equal(dropout_masks(0, "0", k=7, width=30, p=0.25, shared=3), few[[0, 0, 0, 1, 1, 1, 2]])


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.8])
def test_masks_by_the_slow_way(p):
    """Unit by unit: which of L arcs of the circle, a pth long, its number falls out of."""
    length = round(1 / min(p, 1 - p))
    masks = dropout_masks(5, "x", k=3 * length, width=17, p=p)
    for draw in range(3 * length):
        generator = torch.Generator().manual_seed(keyed_seed("dropout", 5, draw // length, "x"))
        numbers = torch.rand(17, generator=generator).tolist()
        for unit, number in enumerate(numbers):
            place = math.fmod(number + (draw % length) / length, 1.0)
            assert bool(masks[draw, unit]) == (place >= p) or abs(place - p) < 1e-6


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
