"""Uncertainty herding: images that stand for as much of what the model doubts as they can.

Letters: N images, L labelled images, W witnesses, D features, B images of the batch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from askance.selection.catalogue import selections
from askance.selection.coverage import WITNESSES, Coverage, Kernel, Witnesses, check, covered_by, spread
from askance.selection.door import Scores, check_features, check_request, checked_weights
from askance.vocab import Picks

SIGMA = 0.5**0.5
"""How far an image stands for others: exp(-2 |h - h'|^2)."""


@selections
def uncertainty_herding(  # noqa: PLR0913 - what the equation has
    scores: Scores,
    features: Float[Tensor, "_ D"],
    labelled: Float[Tensor, "L _"],
    ids: Sequence[str],
    n: int,
    seed: int,
    *,
    sigma: float = SIGMA,
    witnesses: int = WITNESSES,
) -> Picks:
    """Images that raise the coverage of the pool most, where an image counts by how much the model doubts it.

    Greedy: each next image adds most to C(S) = sum_x u_x max_{x' in S} k(x, x') / sum_x u_x, S what has a label or
    gets one, u_x the score and k(x, x') = exp(-|h - h'|^2 / sigma^2) of features h, less their mean and of length
    one. While a model doubts all alike this is coverage, as of `max_herding`; the more it knows, the more it is
    about what is left in doubt. An image that nothing is like adds no more than itself; of copies one is enough.

    Args:
        scores: `[N]`, u >= 0, as `margin` is; NaN for an image that was not scored: it is never picked. Where all
            are zero, all count alike.
        features: `[N, D]`; a row that is the mean stays zeros.
        labelled: `[L, D]`, of the images that have a label; none: `[0, D]`.
        ids: N image ids, each once.
        n: how many; where there are fewer images, all come.
        seed: decides equal gains, and which images are witnesses where there are more, by lot, `"tie"`.
        sigma: how far an image stands for others, > 0; features of length one are at most 2 apart.
        witnesses: W, the most images of the pool that the sum is taken over.

    Returns:
        Picks whose gains are the share of all doubt that each covers beyond those before it, not increasing, in
        [0, 1]. Where nothing is left to cover, gains are 0 and images come by lot.

    Raises:
        SelectionError: n < 1, an id twice, not one score and row an id, a score below zero or infinite, features
            of other width or that are not finite, sigma not above 0, or no witness.

    Bae, Noh and Sutherland 2025, "Uncertainty herding: one active learning method for all label budgets" (ICLR,
    arXiv 2412.20644). The paper has a temperature for u and a sigma that shrinks as labels come. Here both stay:
    that was no worse on photographs.

    >>> rows = torch.tensor([[1.0, 0.0], [1.0, 0.2], [-1.0, 0.0], [-1.0, 0.2], [-1.0, -0.2]])
    >>> sure_of_the_west = np.array([0.9, 0.8, 0.1, 0.1, 0.1])
    >>> uncertainty_herding(sure_of_the_west, rows, torch.empty(0, 2), ["a", "b", "c", "d", "e"], 1, seed=0).ids
    ('a',)
    """
    check_request(ids, n)
    u = checked_weights(scores, ids)
    check_features(features, ids)
    scored = np.flatnonzero(~np.isnan(u))
    names, rows = [ids[i] for i in scored.tolist()], features[torch.from_numpy(scored).to(features.device)]
    check(rows, labelled, names, sigma, witnesses)
    seen = Witnesses.of(u[scored], names, witnesses, seed)
    picks = spread(Coverage(rows, labelled, seen, Kernel(sigma, centred=True)), names, n, seed)
    return Picks(picks.ids, tuple(int(scored[i]) for i in picks.positions), picks.gains)


def covered(
    weights: NDArray[np.float64],
    features: Float[Tensor, "N D"],
    labelled: Float[Tensor, "L _"],
    ids: Sequence[str],
    places: Sequence[int],
    seed: int,
) -> float:
    """The share of all doubt, in [0, 1], that these images cover beyond the labelled ones.

    Args:
        weights: `[N]`, u >= 0 and finite, of the images that `uncertainty_herding` would pick from.
        features: as there; so `labelled`, `ids` and `seed`, with which its gains are of the same sum.
        places: of the images.

    >>> rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    >>> round(covered(np.array([3.0, 1.0]), rows, rows[:0], ["a", "b"], [0], seed=0), 2)
    0.75
    """
    seen = Witnesses.of(weights, ids, WITNESSES, seed)
    return covered_by(Coverage(features, labelled, seen, Kernel(SIGMA, centred=True)), places)
