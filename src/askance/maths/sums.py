"""Sums whose last bit does not depend on how the pool was cut, and the cutting.

torch's own sum gives another last bit for another memory layout, and promises nothing across chunks, threads or
devices; a tie then falls elsewhere. Here the order of additions follows from the length of the summed axis alone.

Letters: N units, K draws, C classes.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Float64
from torch import Tensor

_SLICE_BYTES = {"cpu": 1 << 20}
"""How much float64 is worked on at once: what a core's own cache holds; a GPU wants more."""
_ELSEWHERE_BYTES = 1 << 28


def sum_by_halves(terms: Float[Tensor, "*axes"], dim: int) -> Float[Tensor, "*rest"]:
    """The sum over an axis, first half onto second half until one is left: an error of O(log) ulp.

    >>> sum_by_halves(torch.tensor([[1.0, 2.0, 4.0], [0.5, 0.5, 0.5]]), 1)
    tensor([7.0000, 1.5000])
    """
    while (size := terms.shape[dim]) > 1:
        half = size // 2
        folded = terms.narrow(dim, 0, half) + terms.narrow(dim, half, half)
        terms = torch.cat([folded, terms.narrow(dim, size - 1, 1)], dim) if size % 2 else folded
    return terms.squeeze(dim)


def mean_by_halves(terms: Float[Tensor, "*axes"], dim: int) -> Float[Tensor, "*rest"]:
    """The mean over an axis, from `sum_by_halves`; the mean of equal ones is exactly one."""
    return sum_by_halves(terms, dim) / terms.shape[dim]


def over_units(
    function: Callable[[Float64[Tensor, "n K C"]], Float64[Tensor, "n ..."]],
    log_probs: Float[Tensor, "N K C"],
    *,
    held: int = 0,
) -> Float64[Tensor, "N ..."]:
    """Apply a function of each unit alone, in slices that stay in cache, in float64 and without a graph.

    The input is never copied whole: what is held at once is the result and a few temporaries of a slice.

    Args:
        held: how many numbers a temporary of one unit has, where that is more than its K x C.
    """
    n, k, c = log_probs.shape
    step = max(1, _SLICE_BYTES.get(log_probs.device.type, _ELSEWHERE_BYTES) // (8 * max(k * c, held)))
    starts = range(0, max(n, 1), step)  # an empty pool is one empty slice
    return torch.cat([function(log_probs[i : i + step].detach().double().contiguous()) for i in starts])
