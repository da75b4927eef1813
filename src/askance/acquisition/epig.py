"""EPIG: a label of x would say something about images that matter.

Letters: N units, M target units, K draws, C classes, n units of a slice, t targets of a block.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import LOWEST, Draws, mean_by_halves, over_units, sum_by_halves
from askance.vocab import DrawsError

_BLOCK_BYTES = 1 << 20
"""How much of a unit's `[C, M, C]` is held at once. A constant: the last bits of a product hang on its shape."""

_LINE = 8
"""Float64 of a cache line. Products whose items start on one give the same bits, wherever an item stands."""


@acquisitions
def epig(draws: Draws, targets: Draws) -> Float64[Tensor, "N"]:
    """Expected predictive information gain, mean over targets x* of I[y; y* | x, x*], in nats.

    BALD counts all that a label of x says about the model; this counts what it says about the labels of the
    targets. With p = p(y | x), q = p(y* | x*) and a bar for the mean over draws, I is the divergence of the
    joint mean_k p_k q_k from p̄ q̄, which is summed as

        I = sum_y,y* p̄ q̄ f(r),  f(r) = (1 + r) log(1 + r) - r,  r = mean_k (p_k / p̄ - 1)(q_k / q̄ - 1).

    Every term is non-negative, exactly zero where the draws of x or of x* agree, and exact where a probability
    is zero; the mean over draws is a matrix product.

    Args:
        draws: of the units to score, joint.
        targets: of the M units to be predicted well, joint, by the very same K networks in the same order: the
            same seed and K. Their classes may be others.

    Returns:
        `[N]`, in [0, BALD of x], so at most log min(K, C), up to the rounding of the draws' own dtype.

    Raises:
        DrawsError: draws that are not joint, targets of another K, or no targets.

    Bickford Smith, Kirsch, Farquhar, Gal, Foster and Rainforth 2023, "Prediction-oriented Bayesian active
    learning" (AISTATS, arXiv 2304.08151): its definition of EPIG, with Monte Carlo means for both expectations.

    >>> draws = Draws.from_probs(torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]]), joint=True)
    >>> epig(draws, draws[:1])  # the same conflict, and a coin
    tensor([0.6931, 0.0000], dtype=torch.float64)
    """
    _check(draws, targets)
    block = max(1, _BLOCK_BYTES // (8 * draws.c * targets.c))
    parts = [_Block.of(part) for part in torch.split(targets.log_probs.detach().double(), block)]
    held = draws.c * min(block, len(targets)) * targets.c
    return over_units(lambda log_probs: _of_slice(log_probs, parts), draws.log_probs, held=held)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some targets, laid out as the right side of the product.

    Attributes:
        mean: `[t, C]`, their p̄.
        columns: `[L, W]`, in the first K rows and t C columns p_k / p̄ - 1; zeros fill up lines.
    """

    mean: Float64[Tensor, "t C"]
    columns: Float64[Tensor, "L W"]

    @classmethod
    def of(cls, log_probs: Float64[Tensor, "t K C"]) -> "_Block":
        mean, deviations = _about_the_mean(log_probs)
        return cls(mean, _lines(_lines(deviations.movedim(0, 1).flatten(1), 1), 0))


def _of_slice(log_probs: Float64[Tensor, "n K C"], blocks: list[_Block]) -> Float64[Tensor, "n"]:
    mean, deviations = _about_the_mean(log_probs)
    rows = _lines(deviations.mT, 2)
    found = []
    for block in blocks:
        r = _products(rows, block.columns)[..., : block.mean.numel()] / log_probs.shape[1]
        terms = _f(r.view(*r.shape[:2], *block.mean.shape)) * block.mean  # [n, C, t, C]
        found.append(sum_by_halves(sum_by_halves(terms, -1) * mean.unsqueeze(-1), 1))
    return mean_by_halves(torch.cat(found, 1), 1)


def _about_the_mean(
    log_probs: Float64[Tensor, "n K C"],
) -> tuple[Float64[Tensor, "n C"], Float64[Tensor, "n K C"]]:
    """p̄, and p_k / p̄ - 1 in [-1, K - 1]: exactly zero when draws agree, and where a class is impossible."""
    peak = log_probs.amax(1, keepdim=True).clamp_min(LOWEST)
    ratio = (log_probs - peak).exp()
    mean = mean_by_halves(ratio, 1)  # at least 1 / K, so nothing underflows, or 0 for an impossible class
    deviations = torch.where(mean.unsqueeze(1) > 0, ratio / mean.unsqueeze(1) - 1, 0.0)
    return mean * peak.squeeze(1).exp(), deviations


def _f(r: Float64[Tensor, "*axes"]) -> Float64[Tensor, "*axes"]:
    """(1 + r) log(1 + r) - r, with 0 log 0 = 0; r >= -1 up to rounding, and f(-1) = 1."""
    logarithm = torch.log1p(r.clamp_min(-1 + 2.0**-53))  # finite at -1, where it meets a zero
    return ((1 + r).clamp_min(0) * logarithm - r).clamp_min(0)


def _products(rows: Float64[Tensor, "n C L"], columns: Float64[Tensor, "L W"]) -> Float64[Tensor, "n C W"]:
    """A product a unit, each of one shape and on whole lines: its bits do not depend on how many there are."""
    return torch.bmm(rows, columns.expand(len(rows), -1, -1))


def _lines(values: Float64[Tensor, "*axes"], dim: int) -> Float64[Tensor, "*filled"]:
    """Zeros after the last, up to whole lines."""
    short = -values.shape[dim] % _LINE
    shape = [*values.shape]
    shape[dim] = short
    return torch.cat([values, values.new_zeros(shape)], dim).contiguous()


def _check(draws: Draws, targets: Draws) -> None:
    if not (draws.joint and targets.joint):
        which = " and ".join(name for name, one in (("draws", draws), ("targets", targets)) if not one.joint)
        raise DrawsError(
            "joint draws: draw k one network over all units and all targets",
            f"{which} with joint=False",
            "draw both from one posterior with the same seed and K, as mc_dropout does: its masks stay fixed",
        )
    if draws.k != targets.k:
        raise DrawsError(
            "targets under the same K networks as the draws",
            f"K={draws.k} draws and K={targets.k} for the targets",
            f"draw the targets again with the same seed and k={draws.k}",
        )
    if not len(targets):
        raise DrawsError(
            "at least one target", "none", "draw targets from the pool, or from what is to be predicted"
        )
