"""BALD: the draws are sure, each of something else.

Letters: N units, K draws, C classes.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import LOWEST, Draws, mean_by_halves, over_units, sum_by_halves


@acquisitions
def bald(draws: Draws) -> Float64[Tensor, "N"]:
    """Mutual information of the label and the model, I[y; w | x], in nats.

    I = H(mean_k p_k) - mean_k H(p_k) = sum_c (mean_k p_kc log p_kc - pbar_c log pbar_c), pbar = mean_k p_k.

    The second form is summed, each class in units of its largest p_kc: every term is non-negative, exactly
    zero when all draws agree, and exact where a probability is zero.

    Returns:
        `[N]`, in [0, log min(K, C)] up to the rounding of the draws' own dtype.

    Houlsby, Huszár, Ghahramani and Lengyel 2011, "Bayesian active learning for classification and preference
    learning" (arXiv 1112.5745, eq. 2); for draws by dropout Gal, Islam and Ghahramani 2017 (arXiv 1703.02910).

    >>> bald(Draws.from_probs(torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.5, 0.5], [0.5, 0.5]]]), joint=True))
    tensor([0.6931, 0.0000], dtype=torch.float64)
    """
    return over_units(_of_slice, draws.log_probs)


def _of_slice(log_probs: Float64[Tensor, "n K C"]) -> Float64[Tensor, "n"]:
    peak = log_probs.amax(1, keepdim=True).clamp_min(LOWEST)  # finite where a class is impossible in all draws
    gap = log_probs - peak
    ratio = gap.exp()  # p_kc / max_k p_kc, in [0, 1]
    mean_of_terms = mean_by_halves(gap.clamp_min_(LOWEST).mul_(ratio), 1)
    term_of_mean = -torch.special.entr(mean_by_halves(ratio, 1))
    jensen = (mean_of_terms - term_of_mean).clamp_min(0)  # >= 0 by convexity of x log x; the clamp meets rounding
    return sum_by_halves(peak.squeeze(1).exp() * jensen, -1)
