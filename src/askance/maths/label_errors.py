"""Labels that are probably wrong, by confident learning (Northcutt, Jiang & Chuang 2021, arXiv 1911.00068).

Letters: N units, C classes, S suspects; i the class given, j the class it may truly be, t_j thresholds.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from askance.maths.draws import Draws
from askance.vocab import LabelError

_ROUNDING = 1e-12
"""How far the mean of equal probabilities may lie above them."""


@dataclass(frozen=True, slots=True)
class SuspectedErrors:
    """Labels in doubt, the least likely first.

    Attributes:
        places: `[S]`, which units; by self-confidence ascending, equal ones in the order they were given.
        self_confidence: `[S]`, the probability of the given class, in [0, 1].
        suggested: `[S]`, the class each was counted as instead.
        joint: `[C, C]`, the confident joint: units given class i (row) that are confidently of class j (column).
            Units that are confidently of no class are in none of its cells.
    """

    places: Int[Tensor, "S"]
    self_confidence: Float64[Tensor, "S"]
    suggested: Int[Tensor, "S"]
    joint: Int[Tensor, "C C"]


def suspected_errors(log_probs: Float[Tensor, "N C"], targets: Int[Tensor, "N"]) -> SuspectedErrors:
    """Units that fall off the diagonal of the confident joint (eqs. 1 and 2), ordered by self-confidence.

    t_j is the mean of p_nj over the units given class j. A unit is confidently of class j where p_nj >= t_j; of
    several such classes the likeliest counts, and of equal ones the given class, then the first. A class that no
    unit was given has no threshold and is never suggested.

    Args:
        log_probs: `[N, C]`, nats, **out of sample**: of a model that was not trained on these labels.
        targets: `[N]`, the labels as given.

    Raises:
        DrawsError: not log-probabilities.
        LabelError: not one target a unit, or targets that are no classes.

    >>> probs = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.9, 0.1]])
    >>> found = suspected_errors(probs.log(), torch.tensor([0, 0, 1, 1]))
    >>> found.places.tolist(), found.suggested.tolist(), found.joint.tolist()
    ([3], [0], [[1, 0], [1, 1]])
    """
    Draws(log_probs.unsqueeze(-2), joint=False)
    n, c = log_probs.shape
    if len(targets) != n or (n and (int(targets.min()) < 0 or int(targets.max()) >= c)):
        raise LabelError(f"a class index in 0..{c - 1} a unit", f"{len(targets)} for {n}", "one target a row")
    probs = log_probs.double().exp()
    given = torch.nn.functional.one_hot(targets, c).to(probs)
    thresholds = (probs * given).sum(dim=0) / given.sum(dim=0)  # NaN where nobody was given the class
    confident = probs >= thresholds * (1 - _ROUNDING)
    likely = probs.masked_fill(~confident, -1.0)
    first = torch.arange(2 * c, c, -1, device=probs.device)  # of equals the given class, then the first
    rank = (first + c * given.long()) * (likely == likely.amax(dim=1, keepdim=True))
    truly, counted = rank.argmax(dim=1), confident.any(dim=1)
    joint = torch.bincount(targets[counted] * c + truly[counted], minlength=c * c).reshape(c, c)
    own = probs.gather(1, targets[:, None]).squeeze(1)
    suspects = (counted & (truly != targets)).nonzero().squeeze(1)
    order = suspects[own[suspects].sort(stable=True).indices]
    return SuspectedErrors(order, own[order], truly[order], joint)
