"""Sums that do not depend on the cut, and the cutting."""

import math
from fractions import Fraction

import pytest
import torch

from askance.maths import mean_by_halves, over_units, sum_by_halves, sums

TERMS = torch.randn(6, 101, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_sums_the_axis_it_is_asked_to(dim: int):
    torch.testing.assert_close(sum_by_halves(TERMS, dim), TERMS.sum(dim), atol=1e-12, rtol=0)
    torch.testing.assert_close(mean_by_halves(TERMS, dim), TERMS.mean(dim), atol=1e-12, rtol=0)


@pytest.mark.parametrize("size", range(1, 18))
def test_every_term_is_counted_once(size: int):
    powers = torch.tensor([[2.0**i for i in range(size)]], dtype=torch.float64)
    assert sum_by_halves(powers, 1).tolist() == [2.0**size - 1]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100, 101])
def test_the_mean_of_ones_is_one(size: int):
    assert mean_by_halves(torch.ones(1, size, dtype=torch.float64), 1).tolist() == [1.0]


def test_is_close_to_the_exact_sum():
    terms = torch.rand(1, 100_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exact = float(sum(map(Fraction, terms[0].tolist())))
    assert abs(float(sum_by_halves(terms, 1)) - exact) <= 4 * math.ulp(exact)


@pytest.mark.parametrize("size", [7, 20, 100, 101])
def test_the_last_bit_does_not_depend_on_layout_or_chunk(size: int):
    """torch's own sum fails this for the turned layout."""
    terms = torch.rand(33, size, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    turned = terms.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    whole = sum_by_halves(terms, 1)
    assert torch.equal(sum_by_halves(turned, 1), whole)
    assert torch.equal(torch.cat([sum_by_halves(terms[i : i + 1], 1) for i in range(33)]), whole)


def test_the_terms_are_left_as_they_were():
    before = TERMS.clone()
    sum_by_halves(TERMS, 1)
    assert torch.equal(TERMS, before)


@pytest.mark.parametrize(("n", "sizes"), [(0, [0]), (1, [1]), (4, [4]), (6, [4, 2]), (8, [4, 4])])
def test_slices_cover_the_pool_in_order(n: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sums, "_SLICE_BYTES", {"cpu": 4 * 8 * 2 * 3})
    met = []

    def first(part: torch.Tensor) -> torch.Tensor:
        met.append(len(part))
        assert part.dtype == torch.float64
        assert part.is_contiguous()
        return part[:, 0, 0]

    log_probs = torch.arange(n * 6, dtype=torch.float32).reshape(n, 2, 3)
    assert over_units(first, log_probs).tolist() == [6.0 * i for i in range(n)]
    assert met == sizes


def test_a_unit_larger_than_a_slice_is_a_slice(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sums, "_SLICE_BYTES", {"cpu": 1})
    assert over_units(lambda part: part.sum((1, 2)), torch.ones(3, 4, 5)).tolist() == [20.0] * 3
