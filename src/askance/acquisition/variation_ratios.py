"""Variation ratios: the draws vote, and the winner does not have them all.

Letters: N units, K draws, C classes.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import Draws, mean_by_halves, over_units


@acquisitions
def variation_ratios(draws: Draws) -> Float64[Tensor, "N"]:
    """One minus the share of the draws that vote for the class with the most votes.

    A draw votes for its most probable class; where several are exactly equal, its vote is shared among
    them, so that the order of the classes never matters.

    This is Freeman's statistic as Gal's thesis computes it, by votes. The text of the 2017 paper writes
    1 - max_y p(y | x, D) instead, which is `least_confidence`. Both are in the catalogue: the votes of
    draws that agree are unanimous however unsure each is, the mean probability is not.

    Returns:
        `[N]`, in [0, 1 - 1/C]; without ties a multiple of 1/K.

    Freeman 1965, "Elementary Applied Statistics"; Gal 2016, "Uncertainty in Deep Learning" (thesis, section
    3.3.1); Gal, Islam and Ghahramani 2017 (arXiv 1703.02910, section 4).

    >>> votes = torch.tensor([[[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]]])
    >>> variation_ratios(Draws.from_probs(votes, joint=True))
    tensor([0.2500], dtype=torch.float64)
    """
    return over_units(_of_slice, draws.log_probs)


def _of_slice(log_probs: Float64[Tensor, "n K C"]) -> Float64[Tensor, "n"]:
    best = log_probs == log_probs.amax(-1, keepdim=True)
    votes = best / best.sum(-1, keepdim=True, dtype=torch.float64)
    return 1 - mean_by_halves(votes, 1).amax(-1)
