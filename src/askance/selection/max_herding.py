"""MaxHerding: images that stand for as much of the pool as they can, with those that are labelled already.

Letters: N images, L labelled images, W witnesses, D features, B images of the batch.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from askance.selection.catalogue import selections
from askance.selection.coverage import WITNESSES, Coverage, Kernel, Witnesses, check, spread
from askance.selection.door import check_request
from askance.vocab import Picks


@selections
def max_herding(
    features: Float[Tensor, "N D"],
    labelled: Float[Tensor, "L _"],
    ids: Sequence[str],
    n: int,
    seed: int,
    sigma: float = 1.0,
    *,
    witnesses: int = WITNESSES,
) -> Picks:
    """Images that raise the coverage of the pool most, one after another; no model's doubt is asked.

    Coverage is the mean over images x of how like x is to the most like it of those that have a label or get one:
    C(S) = mean_x max_{x' in S} k(x, x'), k = exp(-|h - h'|^2 / sigma^2) of features h of length one. It is
    submodular: the greedy batch adds no less than 63 % of what the best could. It is found lazily, see `coverage`.

    Args:
        features: `[N, D]`; a row of zeros stays one.
        labelled: `[L, D]`, of the images that have a label; none: `[0, D]`.
        ids: N image ids, each once.
        n: how many; where there are fewer images, all come.
        seed: decides equal gains, and which images are witnesses where there are more, by lot, `"tie"`.
        sigma: how far an image stands for others, > 0; features of length one are at most 2 apart.
        witnesses: W, the most images of the pool that the mean is taken over.

    Returns:
        Picks whose gains are what each adds to the coverage, not increasing, in [0, 1]. Where nothing is left
        to cover, gains are 0 and images come by lot.

    Raises:
        SelectionError: n < 1, an id twice, not one row an id, features of other width or that are not finite,
            sigma not above 0, or no witness.

    Bae, Noh and Sutherland 2024, "Generalized coverage for more robust low-budget active learning"
    (ECCV, arXiv 2407.12212).

    >>> import torch
    >>> rows = torch.tensor([[1.0, 0.0], [1.0, 0.2], [1.0, -0.2], [-1.0, 0.0]])
    >>> max_herding(rows, torch.empty(0, 2), ["a", "b", "c", "d"], 2, seed=0).ids
    ('a', 'd')
    """
    check_request(ids, n)
    check(features, labelled, ids, sigma, witnesses)
    seen = Witnesses.of(np.ones(len(ids)), ids, witnesses, seed)
    return spread(Coverage(features, labelled, seen, Kernel(sigma)), ids, n, seed)
