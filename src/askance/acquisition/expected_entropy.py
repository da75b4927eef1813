"""Expected entropy: what single draws do not know, each on its own.

Letters: N units, K draws, C classes.
"""

from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import Draws, entropy, mean_by_halves, over_units


@acquisitions
def expected_entropy(draws: Draws) -> Float64[Tensor, "N"]:
    """Mean entropy of single draws, mean_k H(p_k), in nats: the noise that no label can teach away.

    The aleatoric part of `predictive_entropy`, which is this plus `bald`. Picked by it are images whose labels
    people will disagree about: good for finding doubtful labels, poor for learning.

    Returns:
        `[N]`, in [0, log C] up to the rounding of the draws' own dtype.

    The second term of Houlsby, Huszár, Ghahramani and Lengyel 2011 (arXiv 1112.5745, eq. 2); as the aleatoric
    part of uncertainty Depeweg, Hernández-Lobato, Doshi-Velez and Udluft 2018 (arXiv 1710.07283).

    >>> import torch
    >>> expected_entropy(Draws.from_probs(torch.tensor([[[1.0, 0.0], [0.5, 0.5]]]), joint=True))
    tensor([0.3466], dtype=torch.float64)
    """
    return over_units(lambda log_probs: mean_by_halves(entropy(log_probs), 1), draws.log_probs)
