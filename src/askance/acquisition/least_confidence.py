"""Least confidence: the best guess is not sure.

Letters: N units, K draws, C classes.
"""

from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import Draws, mean_probs


@acquisitions
def least_confidence(draws: Draws) -> Float64[Tensor, "N"]:
    """One minus the predictive probability of the most probable class, 1 - max_c mean_k p_kc.

    The text of Gal, Islam and Ghahramani 2017 calls this expression variation ratios; see
    `variation_ratios`, which counts votes.

    Returns:
        `[N]`, in [0, 1 - 1/C].

    Lewis and Gale 1994, "A sequential algorithm for training text classifiers".

    >>> import torch
    >>> least_confidence(Draws.from_probs(torch.tensor([[[0.6, 0.3, 0.1]]]), joint=True))
    tensor([0.4000], dtype=torch.float64)
    """
    return 1 - mean_probs(draws.log_probs).amax(-1)
