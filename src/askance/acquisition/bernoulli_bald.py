"""Bernoulli BALD: BALD of each class by itself, is it here or not, added up over the classes.

Letters: N units, K draws, C classes and, last of C + 1, nothing.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.bald import bald
from askance.acquisition.catalogue import acquisitions
from askance.maths import Draws, bernoulli_units, over_units, sum_by_halves


@acquisitions
def bernoulli_bald(draws: Draws) -> Float64[Tensor, "N"]:
    """Sum over classes of the mutual information of "it is a c" and the model, in nats.

    I = sum_c h(mean_k p_kc) - mean_k h(p_kc), h(p) = -p log p - (1 - p) log(1 - p), p_kc = sigmoid(z_kc).
    Detectors whose last step is a sigmoid a class answer C questions of yes or no; their draws over C + 1
    classes, the last one nothing, are "at most one of them is yes": P_c proportional to e^z_c, P_nothing to 1. So
    the logits come back exactly, z_kc = log P_kc - log P_k,nothing. A box that may be two classes at once is in
    doubt twice here; `bald` asks which of C + 1 it is, once.

    Where nothing is impossible, so is any class that is impossible beside it: it is taken as a sure no.

    Args:
        draws: over C + 1 classes, the last of them: nothing, background.

    Returns:
        `[N]`, in [0, C log 2], up to the rounding of the draws' own dtype; 0 where there is no class but nothing,
        and where K = 1.

    Houlsby, Huszár, Ghahramani and Lengyel 2011 (arXiv 1112.5745, eq. 2) for each class, added up as for labels
    that are independent given the model.

    >>> logits = torch.tensor([[[-20.0, 20.0], [20.0, -20.0]]])  # two draws, each sure of another class
    >>> sure = torch.cat([logits, torch.zeros(1, 2, 1)], -1)  # and, by log 1, nothing
    >>> bernoulli_bald(Draws.from_logits(sure, joint=True))
    tensor([1.3863], dtype=torch.float64)
    """
    n, k, c = draws.log_probs.shape
    if c == 1:
        return torch.zeros(n, dtype=torch.float64, device=draws.log_probs.device)
    return over_units(_of_slice, draws.log_probs, held=2 * k * (c - 1))


def _of_slice(log_probs: Float64[Tensor, "n K _"]) -> Float64[Tensor, "n"]:
    some, nothing = log_probs[..., :-1], log_probs[..., -1:]
    logits = torch.where(some == -torch.inf, some, some - nothing)
    of_classes = bald(bernoulli_units(logits, joint=True).draws)
    return sum_by_halves(of_classes.view(logits.shape[0], logits.shape[2]), -1)
