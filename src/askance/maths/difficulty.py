"""How much each class counts, by how badly the model does on it.

Letters: P objects that were found again, C classes.
"""

import math

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from askance.maths.aggregation import totals
from askance.vocab import DrawsError

ALPHA, MOST = 0.3, 0.2
"""How fast the weight grows with difficulty, and how far: the paper's."""

XI = 0.6
"""How much of an object's quality is its class, the rest being its box: the paper's."""


def class_quality(
    probability: Float[Tensor, "P"],
    overlap: Float[Tensor, "P"],
    label: Int[Tensor, "P"],
    n_classes: int,
    xi: float = XI,
) -> Float64[Tensor, "C"]:
    """How well each class is found: the mean over its objects of p^xi IoU^(1 - xi); 0 for a class of no object.

    Args:
        probability: `[P]`, of each labelled object's own class, as the model has it where the object lies; 0 for
            one that the model does not find.
        overlap: `[P]`, intersection over union of its box as the model has it and as people drew it.
        label: `[P]`, its class.
        n_classes: C.
        xi: in [0, 1].

    Returns:
        `[C]`, in [0, 1].

    Raises:
        DrawsError: a probability, an overlap or xi outside [0, 1].

    Yang, Huang and Crowley 2024, "Plug and play active learning for object detection" (CVPR, arXiv 2211.11612,
    section 3.2), there a running mean over training; on objects that are held out it is the same of what the model
    has not seen.

    >>> class_quality(torch.tensor([1.0, 0.0]), torch.tensor([0.5, 0.0]), torch.tensor([0, 0]), 2, xi=0.0)
    tensor([0.2500, 0.0000], dtype=torch.float64)
    """
    p, iou = (_in_unit(one, what) for one, what in ((probability, "probability"), (overlap, "overlap")))
    xi = float(_in_unit(torch.tensor([xi]), "xi"))
    quality = p**xi * iou ** (1 - xi)
    return totals(quality, label, n_classes) / totals(torch.ones_like(quality), label, n_classes).clamp_min(1)


def difficulty_weights(
    quality: Float[Tensor, "C"], alpha: float = ALPHA, most: float = MOST
) -> Float64[Tensor, "C"]:
    """How much a score counts by its class, 1 + alpha beta log(b (1 - q_c) + 1), b = e^(1 / alpha) - 1.

    Args:
        quality: `[C]`, q in [0, 1], see `class_quality`.
        alpha: above 0: the smaller, the sooner the weight is near its most.
        most: beta, 0 or more, by how much the hardest class counts more than the easiest.

    Returns:
        `[C]`, in [1, 1 + beta]: 1 at q = 1, 1 + beta at q = 0.

    Raises:
        DrawsError: a quality outside [0, 1], alpha not above 0, or beta below 0.

    Yang, Huang and Crowley 2024 (arXiv 2211.11612, eq. 3), with the alpha and beta of their code.

    >>> difficulty_weights(torch.tensor([1.0, 0.5, 0.0]))
    tensor([1.0000, 1.1605, 1.2000], dtype=torch.float64)
    """
    if not alpha > 0 or not most >= 0:
        raise DrawsError(
            "alpha above 0 and most of 0 or more", f"alpha = {alpha}, most = {most}", "leave them out"
        )
    harder = 1 - _in_unit(quality, "quality")
    return 1 + alpha * most * torch.log1p(math.expm1(1 / alpha) * harder)


def _in_unit(values: Tensor, what: str) -> Float64[Tensor, "_"]:
    wide = values.detach().double()
    if not bool(((wide >= 0) & (wide <= 1)).all()):
        raise DrawsError(
            f"{what} in [0, 1]", f"{wide.min():.3g} to {wide.max():.3g}", f"give {what} as a share of one"
        )
    return wide
