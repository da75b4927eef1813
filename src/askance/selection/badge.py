"""BADGE: images whose labels would move the last layer far, and in different directions.

Letters: N images, K draws, C classes, D features, B images of the batch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from askance.maths import Draws, keyed_uniform, mean_probs
from askance.selection.catalogue import selections
from askance.selection.door import check_draws, check_features, check_request
from askance.selection.order import best_first, by_lot
from askance.vocab import Picks

EQUAL = 1e-12
"""Squared distances below this share of the squared lengths are none: what is left of two copies by rounding."""


@selections
def badge(draws: Draws, features: Float[Tensor, "N D"], ids: Sequence[str], n: int, seed: int) -> Picks:
    """Images spread by k-means++ over the gradients that their likeliest labels would give the last layer.

    The gradient of the cross-entropy at the likeliest class is g(x) = (p(x) - onehot(argmax p(x))) h(x)^T: long
    where the model is unsure, and alike for images that are alike. The first image has the longest, as in the
    authors' code; each next one is drawn with a chance proportional to its squared distance to the nearest that
    was chosen (Arthur and Vassilvitskii 2007). Nothing of size C D is made: |g_i - g_j|^2 is of norms and the
    products a_i . a_j and h_i . h_j.

    Args:
        draws: `[N, K, C]`; p is their mean.
        features: `[N, D]`, what goes into the last layer.
        ids: N image ids, each once.
        n: how many; where there are fewer images, all come.
        seed: of each choice after the first, `keyed_uniform(ids, seed, "badge b")` for the b-th; of lots, `"tie"`.

    Returns:
        Picks whose gains are squared distances to the nearest one before, of the first its squared length, in the
        units of the features. Where no distance is left, gains are 0 and images come by lot.

    Raises:
        SelectionError: n < 1, an id twice, not one row of draws and of features an id, or features that are not
            finite.

    Ash, Zhang, Krishnamurthy, Langford and Agarwal 2020, "Deep batch active learning by diverse, uncertain
    gradient lower bounds" (arXiv 1906.03671, algorithm 1).

    >>> draws = Draws.from_probs(torch.tensor([[[0.5, 0.5]], [[0.5, 0.5]], [[0.9, 0.1]]]), joint=True)
    >>> rows = torch.tensor([[3.0, 0.0], [3.0, 0.0], [0.0, 2.0]])
    >>> badge(draws, rows, ["a", "copy of a", "b"], 2, seed=0).positions[1]
    2
    """
    check_request(ids, n)
    check_draws(draws, ids)
    check_features(features, ids)
    pulls, rows = _pulls(draws), features.detach().to("cpu", torch.float64)
    lengths = ((pulls**2).sum(-1) * (rows**2).sum(-1)).numpy()
    apart = lengths
    chosen: list[int] = []
    gains: list[float] = []
    while len(chosen) < n and (apart > 0).any():
        place = _drawn(apart, ids, seed, len(chosen) + 1) if chosen else _longest(lengths, ids, seed)
        gains.append(float(apart[place]))
        products = ((pulls @ pulls[place]) * (rows @ rows[place])).numpy()
        both = lengths + lengths[place]
        to_it = both - 2 * products
        to_it[(to_it <= EQUAL * both) | (np.arange(len(ids)) == place)] = 0
        apart = np.minimum(apart, to_it) if chosen else to_it
        chosen.append(place)
    rest = by_lot(np.setdiff1d(np.arange(len(ids)), chosen), ids, seed)[: n - len(chosen)]
    chosen += rest
    return Picks(tuple(ids[i] for i in chosen), tuple(chosen), (*gains, *(0.0 for _ in rest)))


def _pulls(draws: Draws) -> Float64[Tensor, "N C"]:
    """p - onehot(argmax p): where the label would pull the logits."""
    pulls = mean_probs(draws.log_probs).detach().to("cpu", torch.float64)
    pulls[torch.arange(len(pulls)), pulls.argmax(-1)] -= 1
    return pulls


def _longest(lengths: NDArray[np.float64], ids: Sequence[str], seed: int) -> int:
    """The place of the greatest; equal ones fall by lot."""
    equal = np.flatnonzero(lengths >= lengths.max() * (1 - EQUAL))
    return by_lot(equal, ids, seed)[0]


def _drawn(apart: NDArray[np.float64], ids: Sequence[str], seed: int, step: int) -> int:
    """A place with a chance proportional to the squared distance: the highest of log distance and Gumbel noise."""
    noise = -np.log(-np.log(keyed_uniform(ids, seed, f"badge {step}")))
    with np.errstate(divide="ignore"):  # log 0 = -inf is meant: never, while there is another
        return int(best_first(np.log(apart) + noise, ids, 1, seed)[0])
