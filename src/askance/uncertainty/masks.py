"""Dropout masks that belong to a draw, not to a batch.

Letters: K draws, W units of a layer.
"""

import torch
from jaxtyping import Bool
from torch import Tensor

from askance.maths import keyed_seed


def dropout_masks(seed: int, layer: str, *, k: int, width: int, p: float) -> Bool[Tensor, "K W"]:
    """For each of K draws, which units of a layer are kept (True, with probability 1 - p), `[K, W]`.

    Draw k depends on (seed, k, layer) alone: it is the same for every image whatever the batch, and asking for
    more draws leaves the first ones as they were. Always made on the CPU, so that devices agree.

    >>> few, many = (dropout_masks(0, "head.0", k=k, width=5, p=0.5) for k in (2, 9))
    >>> torch.equal(few, many[:2])
    True
    """
    masks = torch.empty(k, width, dtype=torch.bool)
    generator = torch.Generator()
    for draw in range(k):
        generator.manual_seed(keyed_seed("dropout", seed, draw, layer))
        masks[draw] = torch.rand(width, generator=generator) >= p
    return masks
