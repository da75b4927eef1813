"""Draws of a head by its own dropouts, whatever it is made of.

Letters: N images, D features, K draws, C classes.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.maths import Draws
from askance.uncertainty.posterior import DropoutPosterior
from askance.uncertainty.split import head_width, is_plain
from askance.uncertainty.stochastic_net import StochasticNet


class HeadDraws:
    """Draws of a head that is any network, as `DropoutPosterior` draws a plain one: features to K joint draws.

    Args:
        head: features `[N, D]` to logits `[N, C]`, whatever is in it.
        k: number of draws, K.
        seed: what its random numbers derive from.
        known: what `look_at` found in this head, so that nobody has to look again.
    """

    def __init__(self, head: nn.Sequential, *, k: int, seed: int, known: StochasticNet | None = None) -> None:
        self._net = known or look_at(head)
        self._k, self._seed = k, seed

    def __call__(self, features: Float[Tensor, "N D"]) -> Draws:
        """Log-probabilities of K draws, `[N, K, C]`."""
        return self._net.draws(features, k=self._k, seed=self._seed)


def look_at(head: nn.Sequential) -> StochasticNet:
    """What of a head is random, found by a dozen passes over two random images.

    It holds for the head's layers, whatever their weights become: they are read at each draw.
    """
    return StochasticNet(head, torch.rand(2, head_width(head), generator=torch.Generator().manual_seed(0)))


def head_posterior(head: nn.Sequential, *, k: int, seed: int) -> DropoutPosterior | HeadDraws:
    """The fastest posterior of a head by its own dropouts: kernels for a plain one, passes for any other.

    Raises:
        ModelError: nothing in it is random.
    """
    return (DropoutPosterior if is_plain(head) else HeadDraws)(head, k=k, seed=seed)
