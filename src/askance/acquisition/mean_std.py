"""Mean STD: how far the draws' probabilities lie apart, class by class.

Letters: N units, K draws, C classes.
"""

from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import Draws, mean_by_halves, over_units


@acquisitions
def mean_std(draws: Draws) -> Float64[Tensor, "N"]:
    """Mean over classes of the standard deviation of a class's probability over draws.

    sigma = mean_c sqrt(mean_k p_kc^2 - (mean_k p_kc)^2): the population's, divided by K. It is summed about
    the first draw, so that it is exactly zero when all draws agree.

    Returns:
        `[N]`, in [0, sqrt(C - 1) / C], which is at most 1/2.

    Kampffmeyer, Salberg and Jenssen 2016 (CVPR workshops); Kendall, Badrinarayanan and Cipolla 2015 (arXiv
    1511.02680); "Mean STD" of Gal, Islam and Ghahramani 2017 (arXiv 1703.02910, section 4).

    >>> import torch
    >>> mean_std(Draws.from_probs(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), joint=True))
    tensor([0.5000], dtype=torch.float64)
    """
    return over_units(_of_slice, draws.log_probs)


def _of_slice(log_probs: Float64[Tensor, "n K C"]) -> Float64[Tensor, "n"]:
    probs = log_probs.exp()
    from_first = probs - probs[:, :1]
    centred = from_first - mean_by_halves(from_first, 1).unsqueeze(1)
    return mean_by_halves(mean_by_halves(centred.square(), 1).sqrt(), -1)
