"""What a detection head is trained for: peaks where centres are, and edges where they are.

Letters: b images, C classes, h x w cells, m cells where edges are learnt.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid

_NEAR = 4
"""How fast a cell near a centre stops being wrong when it says so: (1 - peak) to this power."""
_WIDEST = 6.0
"""Log of the largest distance that a head may say, in cells: what is beyond cannot overflow."""


def peak_loss(
    logits: Float[Tensor, "b C h w"], peaks: Float[Tensor, "b C h w"], counted: Bool[Tensor, "b h w"], n: int
) -> Float[Tensor, ""]:
    """Focal loss of heat maps, over the number of peaks.

    - sum over centres of (1 - p)^2 log p, and elsewhere of (1 - y)^4 p^2 log(1 - p), with y the Gaussian around
    centres: Zhou, Wang and Krähenbühl 2019 (arXiv 1904.07850, eq. 1).

    >>> sure = torch.tensor([[[[9.0, -9.0]]]])
    >>> round(float(peak_loss(sure, (sure > 0).float(), torch.ones(1, 1, 2, dtype=torch.bool), 1)), 6)
    0.0
    """
    p = torch.sigmoid(logits)
    centre = peaks == 1
    right = (1 - p).square() * logsigmoid(logits)
    wrong = (1 - peaks) ** _NEAR * p.square() * logsigmoid(-logits)
    each = torch.where(centre, right, wrong) * counted[:, None]
    return -each.sum() / max(n, 1)


def edge_loss(logs: Float[Tensor, "m 4"], edges: Float[Tensor, "m 4"]) -> Float[Tensor, ""]:
    """1 - GIoU of two boxes around one point, by their distances to it; 0 where there is none.

    Rezatofighi et al. 2019 (arXiv 1902.09630, alg. 1). Both boxes hold the point, so that they overlap always.

    Args:
        logs: log distances, as the head says them.
        edges: the true distances, above 0.

    >>> float(edge_loss(torch.tensor([[0.0, 0.0, 0.0, 0.0]]), torch.ones(1, 4)))
    0.0
    """
    if not len(logs):
        return logs.sum()
    said = distances(logs)
    overlap, union = areas(said, edges)
    hull = _area(torch.maximum(said, edges))
    return (1 - overlap / union + (hull - union) / hull).mean()


def distances(logs: Float[Tensor, "*s"]) -> Float[Tensor, "*s"]:
    """From what the head says to distances, in cells."""
    return logs.clamp(-_WIDEST, _WIDEST).exp()


def areas(a: Float[Tensor, "m 4"], b: Float[Tensor, "m 4"]) -> tuple[Float[Tensor, "m"], Float[Tensor, "m"]]:
    """What two boxes around one point share, and what both of them cover, by their distances to it."""
    shared = _area(torch.minimum(a, b))
    return shared, _area(a) + _area(b) - shared


def _area(to: Float[Tensor, "m 4"]) -> Float[Tensor, "m"]:
    return (to[:, 0] + to[:, 2]) * (to[:, 1] + to[:, 3])
