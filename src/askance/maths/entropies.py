"""Means over draws and entropies, exact where a probability is zero.

Letters: N units, K draws, C classes. All results are float64; entropies and logarithms are in nats.
"""

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from askance.maths.sums import mean_by_halves, over_units, sum_by_halves

LOWEST = torch.finfo(torch.float64).min
"""Stands for `-inf` where a finite number is wanted: its exponential is exactly zero, and 0 x LOWEST is zero."""


def entropy(log_probs: Float[Tensor, "*B C"]) -> Float64[Tensor, "*B"]:
    """H(p) = -sum_c p_c log p_c, with 0 log 0 = 0; in [0, log C] nats.

    >>> entropy(torch.tensor([[0.0, -torch.inf]]))
    tensor([0.], dtype=torch.float64)
    """
    terms: Tensor = torch.special.entr(log_probs.double().exp())
    return sum_by_halves(terms, -1)


def mean_probs(log_probs: Float[Tensor, "N K C"]) -> Float64[Tensor, "N C"]:
    """The predictive distribution mean_k p_k, `[N, C]`, in [0, 1] and normalised.

    Draws of a narrow dtype sum to one only up to its rounding; the mean is divided by its sum, so that
    what is made of it keeps its bounds.

    >>> mean_probs(torch.tensor([[[0.0, -torch.inf], [-torch.inf, 0.0]]]))
    tensor([[0.5000, 0.5000]], dtype=torch.float64)
    """

    def of_slice(part: Tensor) -> Tensor:
        mean = mean_by_halves(part.exp(), 1)
        return mean / sum_by_halves(mean, -1).unsqueeze(-1)

    return over_units(of_slice, log_probs)


def log_mean_probs(log_probs: Float[Tensor, "N K C"]) -> Float64[Tensor, "N C"]:
    """The logarithm of the predictive distribution, log mean_k p_k, `[N, C]`; nothing underflows.

    >>> log_mean_probs(torch.tensor([[[0.0, -torch.inf], [-torch.inf, 0.0]]])).exp()
    tensor([[0.5000, 0.5000]], dtype=torch.float64)
    """

    def of_slice(part: Tensor) -> Tensor:
        peak = part.amax(1, keepdim=True).clamp_min(LOWEST)  # finite where a class is impossible in all draws
        return mean_by_halves((part - peak).exp(), 1).log() + peak.squeeze(1)

    return over_units(of_slice, log_probs)
