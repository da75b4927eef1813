"""Margin: the two best classes are close.

Letters: N units, K draws, C classes.
"""

import torch
from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import Draws, mean_probs


@acquisitions
def margin(draws: Draws) -> Float64[Tensor, "N"]:
    """One minus the lead of the most probable class over the second, 1 - (p_1 - p_2), of the mean over draws.

    The field calls p_1 - p_2 the margin and labels the smallest; here, as everywhere, higher is more worth
    labelling.

    Returns:
        `[N]`, in [0, 1]: 0 for a sure prediction (and always with one class), 1 for a draw between the two best.

    Scheffer, Decomain and Wrobel 2001, "Active hidden Markov models for information extraction".

    >>> margin(Draws.from_probs(torch.tensor([[[0.6, 0.3, 0.1]]]), joint=True))
    tensor([0.7000], dtype=torch.float64)
    """
    mean = mean_probs(draws.log_probs)
    if draws.c == 1:
        return torch.zeros_like(mean[:, 0])
    first, second = mean.topk(2, dim=-1).values.unbind(-1)
    return 1 - (first - second)
