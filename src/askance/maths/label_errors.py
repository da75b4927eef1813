"""Labels that are probably wrong, by confident learning (Northcutt, Jiang & Chuang 2021, arXiv 1911.00068).

A list of such labels holds errors of the model too: `probably_right` says how many of it to expect.

Letters: N units, C classes, S suspects; i the class given, j the class it may truly be, t_j thresholds; T a
temperature, e the share of wrong labels.
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
    _, c = _checked(log_probs, targets)
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


_TEMPERATURES = torch.logspace(-2, 3, 41, base=2, dtype=torch.float64)
"""What is tried, from 0.25 to 8."""

_ERRORS = torch.linspace(0.0, 0.5, 51, dtype=torch.float64)
"""Shares of wrong labels that are tried."""

_EXPECTED = 0.02
"""The share of wrong labels that is expected before anything is seen; in effect that of 50 labels."""


def probably_right(log_probs: Float[Tensor, "N C"], targets: Int[Tensor, "N"]) -> Float64[Tensor, "N"]:
    """For each given label the probability that it is right, from what a model says that did not learn it.

    A wrong label is taken to be any other class alike, with probability e; the true class of unit n has the
    model's probabilities at a temperature T. Of what was given, i,

        P(given i) = (1 - e) p_ni(T) + e (1 - p_ni(T)) / (C - 1)
        P(right | given i) = (1 - e) p_ni(T) / P(given i)

    T and e are not known: the answer is the mean over both by how likely they make the labels given, T from 0.25
    to 8 alike on a log scale, e from 0 to 0.5 with the density (1 - e)^48, whose mean is 0.02. So an overconfident
    model does not make wrong what it merely errs on. The sum over a list of doubtful labels is how many of them
    are expected to be right: false alarms.

    Args:
        log_probs: `[N, C]`, nats, out of sample, C of two or more.
        targets: `[N]`, the labels as given.

    Returns:
        `[N]`, in [0, 1].

    Raises:
        DrawsError: not log-probabilities.
        LabelError: not one target a unit, or targets that are no classes; one class alone.

    >>> sure = torch.tensor([[0.99, 0.01]] * 49 + [[0.01, 0.99]]).log()
    >>> right = probably_right(sure, torch.zeros(50, dtype=torch.long))
    >>> bool(right[:49].min() > 0.97), bool(right[49] < 0.4)
    (True, True)
    """
    Draws(log_probs.unsqueeze(-2), joint=False)
    n, c = _checked(log_probs, targets)
    if c < 2:
        raise LabelError("two classes or more", str(c), "add a class")
    if not n:
        return torch.zeros(0, dtype=torch.float64)
    logits = log_probs.double().cpu()
    at = torch.log_softmax(logits / _TEMPERATURES[:, None, None], dim=-1)  # [T, N, C]
    own = at.gather(2, targets.cpu()[None, :, None].expand(len(_TEMPERATURES), n, 1)).squeeze(2).exp()
    e = _ERRORS[:, None, None]
    right = (1 - e) * own  # [E, T, N]
    given = right + e * (1 - own) / (c - 1)
    prior = (1 / _EXPECTED - 2) * torch.log1p(-_ERRORS)
    weight = given.clamp_min(1e-300).log().sum(dim=2) + prior[:, None]
    weight = (weight - weight.max()).exp()
    weight /= weight.sum()
    return (weight[:, :, None] * right / given.clamp_min(1e-300)).sum(dim=(0, 1)).clamp(0.0, 1.0)


def _checked(log_probs: Float[Tensor, "N C"], targets: Int[Tensor, "N"]) -> tuple[int, int]:
    n, c = log_probs.shape
    if len(targets) != n or (n and (int(targets.min()) < 0 or int(targets.max()) >= c)):
        raise LabelError(f"a class index in 0..{c - 1} a unit", f"{len(targets)} for {n}", "one target a row")
    return n, c
