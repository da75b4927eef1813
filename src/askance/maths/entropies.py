"""Entropies in log space, exact where a probability is zero.

Letters: N units, K draws, C classes. All results are float64 and in nats.
"""

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor


def entropy(log_probs: Float[Tensor, "*B C"]) -> Float64[Tensor, "*B"]:
    """H(p) = -sum_c p_c log p_c, with 0 log 0 = 0; in [0, log C] nats.

    >>> entropy(torch.tensor([[0.0, -torch.inf]]))
    tensor([0.], dtype=torch.float64)
    """
    wide = log_probs.double()
    terms: Tensor = torch.special.entr(wide.exp())
    return terms.sum(dim=-1)


def log_mean_probs(log_probs: Float[Tensor, "N K C"]) -> Float64[Tensor, "N C"]:
    """The predictive distribution log mean_k p_k, `[N, C]`.

    >>> log_mean_probs(torch.tensor([[[0.0, -torch.inf], [-torch.inf, 0.0]]])).exp()
    tensor([[0.5000, 0.5000]], dtype=torch.float64)
    """
    wide = log_probs.double()
    return torch.logsumexp(wide, dim=1) - math.log(wide.shape[1])
