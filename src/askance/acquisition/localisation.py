"""Localisation: the draws agree that something is there, and not where it ends.

Letters: N units.
"""

from jaxtyping import Float, Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.acquisition.door import of_each


@acquisitions
def localisation(spread: Float[Tensor, "N"]) -> Float64[Tensor, "N"]:
    """How far a box moves from draw to draw, in sides of the box.

    It says nothing of the class, and is high for what is hardly there: a box of 5 % has no edge to speak of. With
    few labels it is mostly the noise of the head that was fitted.

    Args:
        spread: `[N]`, standard deviations of the edges over draws, as shares of the box's sides, 0 or more.

    Returns:
        `[N]`, 0 where all draws have the same box.

    Raises:
        DrawsError: a spread that is negative or not finite.

    Spread of boxes over passes with dropout: Miller, Nicholson, Dayoub and Sünderhauf 2018, "Dropout sampling for
    robust object detection in open-set conditions" (arXiv 1710.06677).

    >>> import torch
    >>> localisation(torch.tensor([0.0, 0.2]))
    tensor([0.0000, 0.2000], dtype=torch.float64)
    """
    return of_each(spread, "a spread of each unit")
