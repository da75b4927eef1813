"""Predictive entropy, known as Max Entropy: the draws together do not know.

Letters: N units, K draws, C classes.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import Draws, mean_probs, sum_by_halves


@acquisitions
def predictive_entropy(draws: Draws) -> Float64[Tensor, "N"]:
    """Entropy of the predictive distribution, H(mean_k p_k), in nats.

    It is BALD plus what no label can teach: the entropy that single draws have on their own.

    Returns:
        `[N]`, in [0, log C].

    Shannon 1948; "Max Entropy" of Gal, Islam and Ghahramani 2017 (arXiv 1703.02910, section 4).

    >>> predictive_entropy(Draws.from_probs(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), joint=True))
    tensor([0.6931], dtype=torch.float64)
    """
    return sum_by_halves(torch.special.entr(mean_probs(draws.log_probs)), -1)
