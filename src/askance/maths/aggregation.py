"""One number an image from the scores of its units, of which an image may have many or none.

Letters: N images, U units.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from askance.vocab import DrawsError

Aggregation = Literal["mean", "max", "top3-mean", "per-cost"]
"""How the scores of an image's units become the image's. Never a bare sum: it buys crowded images."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What people pay for an image: `image` + `box` x the boxes in it, in seconds or in any other money.

    Args:
        image: of looking at an image, above 0.
        box: of each box, 0 or more. 7 s is a box by its four extreme points (Papadopoulos, Uijlings, Keller and
            Ferrari 2017, "Extreme clicking", arXiv 1708.02750); one that is drawn and corrected took 35 s there.

    Raises:
        DrawsError: an image for nothing, or a box for less.
    """

    image: float = 5.0
    box: float = 7.0

    def __post_init__(self) -> None:
        if not (self.image > 0 and self.box >= 0):
            raise DrawsError(
                "an image that costs more than 0, and boxes that cost 0 or more",
                f"{self.image} an image, {self.box} a box",
                "seconds are a good measure: 5 an image, 7 a box",
            )


def aggregate(
    scores: Float[Tensor, "U"],
    image: Int[Tensor, "U"],
    n_images: int,
    how: Aggregation = "mean",
    confidence: Float[Tensor, "U"] | None = None,
    cost: Cost | None = None,
) -> Float[Tensor, "N"]:
    """One score an image from the scores of its units; an image without units scores 0.

    Args:
        scores: of the units.
        image: `[U]`, for each unit the place of its image in 0..n_images-1.
        n_images: N.
        how: `mean`, `max`, `top3-mean` (the mean of the three highest); `per-cost`: what the units are worth
            together for what they are expected to cost, sum s_u / (a + b sum p_u).
        confidence: `[U]`, p_u in `per-cost`, how likely each unit is a thing that somebody will have to mark;
            None: all are, 1 each.
        cost: a and b of `per-cost`.

    Raises:
        DrawsError: another `how`.

    >>> scores, image = torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 2])
    >>> aggregate(scores, image, 3)
    tensor([2., 0., 5.])
    >>> aggregate(scores, image, 3, "per-cost", torch.tensor([1.0, 0.5, 1.0]), Cost(image=1.0, box=2.0))
    tensor([1.0000, 0.0000, 1.6667])
    """
    if how not in get_args(Aggregation):
        raise DrawsError(f"one of {', '.join(get_args(Aggregation))}", str(how), "name how units are aggregated")
    if how == "per-cost":
        each = torch.ones_like(scores) if confidence is None else confidence.to(scores)
        money = cost or Cost()
        return totals(scores, image, n_images) / (money.image + money.box * totals(each, image, n_images))
    return _HOW[how](scores, image, n_images)


def totals(values: Float[Tensor, "U"], image: Int[Tensor, "U"], n_images: int) -> Float[Tensor, "N"]:
    """The sum over the units of each image: of confidences it is how many things are expected there.

    >>> totals(torch.tensor([0.5, 0.25, 1.0]), torch.tensor([0, 0, 2]), 3)
    tensor([0.7500, 0.0000, 1.0000])
    """
    return _zeros(values, n_images).scatter_reduce(0, image, values, "sum")


def _mean(scores: Tensor, image: Tensor, n_images: int) -> Tensor:
    return _zeros(scores, n_images).scatter_reduce(0, image, scores, "mean", include_self=False)


def _max(scores: Tensor, image: Tensor, n_images: int) -> Tensor:
    return _zeros(scores, n_images).scatter_reduce(0, image, scores, "amax", include_self=False)


def _top3_mean(scores: Tensor, image: Tensor, n_images: int) -> Tensor:
    order = torch.argsort(scores, descending=True, stable=True)
    order = order[torch.argsort(image[order], stable=True)]  # by image, best first within it
    owner = image[order]
    counts = torch.bincount(owner, minlength=n_images)
    starts = torch.cumsum(counts, 0) - counts
    kept = torch.arange(len(owner), device=owner.device) - starts[owner] < 3
    return _mean(scores[order][kept], owner[kept], n_images)


def _zeros(scores: Tensor, n_images: int) -> Tensor:
    return torch.zeros(n_images, dtype=scores.dtype, device=scores.device)


_HOW: dict[str, Callable[[Tensor, Tensor, int], Tensor]] = {
    "mean": _mean,
    "max": _max,
    "top3-mean": _top3_mean,
}
