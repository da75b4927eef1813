"""Dropout masks that belong to a draw, not to a batch, and that spread over the masks there are.

Letters: K draws, W units of a layer, L draws of a round.
"""

import torch
from jaxtyping import Bool
from torch import Tensor

from askance.maths import keyed_seed

MASKS = "masks in rounds, the first of two dropouts shared"
"""How the draws of a seed come to their masks: other words where they are other masks."""


def dropout_masks(seed: int, layer: str, *, k: int, width: int, p: float, shared: int = 1) -> Bool[Tensor, "K W"]:
    """For each of K draws, which units of a layer are kept (True, with probability 1 - p), `[K, W]`.

    A draw by itself is plain dropout: its units are kept independently. Draws come in rounds of L, with one
    uniform number u a unit: draw j of the round keeps where frac(u + j/L) >= p (a shifted lattice, Cranley and
    Patterson 1976), see `place_in_round`. At p = 1/2 the two masks of a round are each other's complement; at
    p = 1/4 every unit is dropped in one of four. Means over draws are nearer to the mean over all masks than with
    independent ones.

    Draw k depends on (seed, k, layer) alone: it is the same for every image whatever the batch, and asking for
    more draws leaves the first ones as they were. Always made on the CPU, so that devices agree.

    Args:
        seed: any integer.
        layer: which dropout; each has masks of its own.
        k: K.
        width: W.
        p: the probability of being dropped.
        shared: so many draws, one after another, have one mask between them.

    >>> few, many = (dropout_masks(0, "head.0", k=k, width=5, p=0.5) for k in (2, 9))
    >>> torch.equal(few, many[:2]), torch.equal(many[0], ~many[1])
    (True, True)
    """
    masks = torch.empty(k, width, dtype=torch.bool)
    generator = torch.Generator()
    for draw in range(k):
        number, shift = place_in_round(draw // shared, p)
        generator.manual_seed(keyed_seed("dropout", seed, number, layer))
        masks[draw] = shifted(torch.rand(width, generator=generator), shift) >= p
    return masks


def place_in_round(draw: int, p: float) -> tuple[int, float]:
    """Which round a draw is of, and j/L: how far its uniform numbers are shifted.

    L is round(1 / min(p, 1 - p)), so that the draws of a round drop (or keep) every unit about once; 1 where
    nothing is random.

    >>> [place_in_round(draw, 0.25) for draw in (0, 1, 4)]
    [(0, 0.0), (0, 0.25), (1, 0.0)]
    """
    rarer = round(min(p, 1 - p), 12)  # 1 - (1 - p) is the same number as p, but for rounding
    length = round(1 / rarer) if rarer > 0 else 1
    number, place = divmod(draw, length)
    return number, place / length


def shifted(uniform: Tensor, shift: float) -> Tensor:
    """frac(u + shift): uniform in [0, 1) as u is."""
    return (uniform + shift) % 1.0
