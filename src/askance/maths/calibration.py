"""Whether a model is as sure as it is right, and one number that mends it: temperature.

Everything here takes the log-probabilities `[N, C]` of a predictive distribution; the mean over draws of a
posterior is one (`log_mean_probs`), a single network's log-softmax another. The order of the units never matters.

Letters: N units, C classes, B bins, p_nc probabilities, y_n targets, T temperature.
"""

import math

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from askance.maths.draws import Draws
from askance.maths.shares import wilson
from askance.vocab import DrawsError, LabelError, Reliability
from askance.vocab.diagnosis import COLDEST, HOTTEST

BINS = 15
"""Bins of confidence, as Guo et al. 2017 took them."""

HALVINGS = 40
"""Of the range of log T, 6 wide: what is left is 5e-12 wide. A root finder of scipy's costs more to import."""

FLOOR = -744.0
"""Stands for the logarithm of an exact zero while a temperature is fitted: about that of the smallest float64."""


def fit_temperature(logits: Float[Tensor, "N C"], targets: Int[Tensor, "N"]) -> float:
    """The T of the least mean loss -log softmax(z_n / T)[y_n] (Guo et al. 2017, sec. 4.2), in [0.05, 20].

    The loss is convex in 1/T, so its slope there changes sign once at most: halving log T finds where;
    where it never does, an end of the range is best. Above 1 the model is too sure of itself, below 1 too little.

    Args:
        logits: `[N, C]`, of any offset a unit: logits, or log-probabilities, those of a mean over draws too.
            Log-probabilities under -744 nats count as that, exact zeros too: else one unit whose class is
            impossible would leave nothing to minimise.
        targets: `[N]`, class indices.

    Returns:
        1.0 where every temperature is as good: one class, or units that prefer none.

    Raises:
        DrawsError: NaN, `+inf`, or a unit without a possible class.
        LabelError: no units, or targets that are no classes.

    >>> z = torch.tensor([[3.0, 0.0], [3.0, 0.0], [3.0, 0.0], [0.0, 3.0]])
    >>> round(fit_temperature(z, torch.tensor([0, 0, 0, 0])), 3)  # says 95 %, is right 3 times in 4
    2.731
    """
    log_probs = torch.log_softmax(logits.double(), dim=-1)
    _check(log_probs, targets)
    z = log_probs.clamp_min(FLOOR)
    z = z - z.gather(1, targets[:, None])

    def slope(log_t: float) -> float:
        """Of the mean loss, by 1/T: E[z] - z_y under the distribution at T."""
        return float((torch.softmax(z * math.exp(-log_t), dim=-1) * z).sum(dim=-1).mean())

    cold, hot = math.log(COLDEST), math.log(HOTTEST)
    at_cold, at_hot = slope(cold), slope(hot)
    if at_cold == at_hot == 0:
        return 1.0
    if at_cold <= 0 or at_hot >= 0:
        return COLDEST if at_cold <= 0 else HOTTEST
    for _ in range(HALVINGS):
        middle = (cold + hot) / 2
        cold, hot = (middle, hot) if slope(middle) > 0 else (cold, middle)
    return math.exp((cold + hot) / 2)


def apply_temperature(log_probs: Float[Tensor, "N C"], temperature: float) -> Float64[Tensor, "N C"]:
    """log softmax(z / T), nats; the order of the classes stays, exact zeros stay.

    Raises:
        DrawsError: a temperature that is not above zero and finite.

    >>> apply_temperature(torch.tensor([[0.8, 0.2]]).log(), 2.0).exp()
    tensor([[0.6667, 0.3333]], dtype=torch.float64)
    """
    if not 0 < temperature < math.inf:
        raise DrawsError("a temperature above zero", str(temperature), "fit one with fit_temperature")
    return torch.log_softmax(log_probs.double() / temperature, dim=-1)


def expected_calibration_error(
    log_probs: Float[Tensor, "N C"], targets: Int[Tensor, "N"], bins: int = BINS
) -> float:
    """sum_b n_b/N |accuracy_b - confidence_b| over bins of equal width (Guo et al. 2017, eq. 3); in [0, 1].

    It is biased upwards where bins hold few units: a perfect model's is not zero.

    Raises:
        DrawsError: not log-probabilities, or no bins.
        LabelError: no units, or targets that are no classes.

    >>> round(expected_calibration_error(torch.tensor([[0.75, 0.25]] * 4).log(), torch.tensor([0, 0, 1, 1])), 6)
    0.25
    """
    confidence, right = _top(log_probs, targets, bins)
    return float(_gaps(confidence, right, _equal_width(confidence, bins), bins))


def adaptive_calibration_error(
    log_probs: Float[Tensor, "N C"], targets: Int[Tensor, "N"], bins: int = BINS
) -> float:
    """The same over bins of equal mass (Nguyen & O'Connor 2015; Nixon et al. 2019); in [0, 1].

    Most units of a good model lie in the last bins of equal width; here each bin has as many as the next. Units of
    one confidence share a bin, so that their order does not matter; bins are then uneven, or empty.

    Raises:
        DrawsError: not log-probabilities, or no bins.
        LabelError: no units, or targets that are no classes.

    >>> probs = torch.tensor([[0.9, 0.1], [0.8, 0.2]])
    >>> round(adaptive_calibration_error(probs.log(), torch.tensor([0, 1]), bins=2), 3)
    0.45
    """
    confidence, right = _top(log_probs, targets, bins)
    return float(_gaps(confidence, right, _equal_mass(confidence, bins), bins))


def classwise_calibration_error(
    log_probs: Float[Tensor, "N C"], targets: Int[Tensor, "N"], bins: int = BINS, *, equal_mass: bool = False
) -> Float64[Tensor, "C"]:
    """For each class, sum_b n_b/N |share of the class in b - mean p_nc in b|, by p_nc; `[C]` in [0, 1].

    The mean over classes is the class-wise ECE of Kull et al. 2019, the static calibration error of Nixon et al.
    2019; with `equal_mass` it is the latter's adaptive one. Most probabilities of most classes are near zero, so
    the mean over many classes is small for any model.

    Raises:
        DrawsError: not log-probabilities, or no bins.
        LabelError: no units, or targets that are no classes.

    >>> classwise_calibration_error(torch.tensor([[0.5, 0.5], [0.5, 0.5]]).log(), torch.tensor([0, 0]))
    tensor([0.5000, 0.5000], dtype=torch.float64)
    """
    _top(log_probs, targets, bins)
    probs = log_probs.double().exp().T.contiguous()
    classes = torch.arange(len(probs), device=probs.device)
    place = _equal_mass(probs, bins) if equal_mass else _equal_width(probs, bins)
    gaps: Tensor = _gaps(probs, (targets[None, :] == classes[:, None]).double(), place, bins)
    return gaps


def brier_score(log_probs: Float[Tensor, "N C"], targets: Int[Tensor, "N"]) -> float:
    """mean_n sum_c (p_nc - [y_n = c])^2 (Brier 1950); in [0, 2], and proper: least for the true probabilities.

    Raises:
        DrawsError: not log-probabilities.
        LabelError: no units, or targets that are no classes.

    >>> round(brier_score(torch.tensor([[0.8, 0.2]]).log(), torch.tensor([0])), 6)
    0.08
    """
    _check(log_probs, targets)
    error = log_probs.double().exp()
    error[torch.arange(len(error), device=error.device), targets] -= 1
    return float(error.square().sum(dim=-1).mean())


def reliability_table(log_probs: Float[Tensor, "N C"], targets: Int[Tensor, "N"], bins: int = BINS) -> Reliability:
    """Confidence against accuracy in bins of equal width; what `expected_calibration_error` sums.

    Bin b is (b/B, (b + 1)/B], the first with its lower edge; an empty bin has None for all but its count of 0.

    Raises:
        DrawsError: not log-probabilities, or no bins.
        LabelError: no units, or targets that are no classes.

    >>> reliability_table(torch.tensor([[0.9, 0.1], [0.8, 0.2]]).log(), torch.tensor([0, 1]), bins=2).accuracy
    (None, 0.5)
    """
    return reliability(*_top(log_probs, targets, bins), bins)


def reliability(confidence: Float[Tensor, "N"], right: Tensor, bins: int = BINS) -> Reliability:
    """The same of answers that are right or wrong, each with its own confidence: boxes, for instance.

    Args:
        confidence: `[N]`, in [0, 1].
        right: `[N]`, whether each is right.
        bins: B.

    Raises:
        DrawsError: confidences out of range or NaN, or no bins.
        LabelError: no answers, or not one confidence each.

    >>> reliability(torch.tensor([0.9, 0.2]), torch.tensor([True, False]), bins=2).accuracy
    (0.0, 1.0)
    """
    confidence, right = _answers(confidence, right, bins)
    place = _equal_width(confidence, bins)
    count = torch.bincount(place, minlength=bins).tolist()
    said = torch.bincount(place, weights=confidence, minlength=bins).tolist()
    hits = torch.bincount(place, weights=right, minlength=bins).tolist()
    bounds = [wilson(hit / n, n) if n else (None, None) for hit, n in zip(hits, count, strict=True)]
    return Reliability(
        edges=tuple(b / bins for b in range(bins + 1)),
        count=tuple(count),
        confidence=tuple(total / n if n else None for total, n in zip(said, count, strict=True)),
        accuracy=tuple(hit / n if n else None for hit, n in zip(hits, count, strict=True)),
        low=tuple(low for low, _ in bounds),
        high=tuple(high for _, high in bounds),
    )


def reliability_error(confidence: Float[Tensor, "N"], right: Tensor, bins: int = BINS) -> float:
    """sum_b n_b/N |share right in b - mean confidence in b|, bins of equal width; in [0, 1].

    Of the boxes of a detector this is the detection ECE of Küppers et al. 2020 (arXiv 2004.13546), over confidence
    alone.

    Args:
        confidence: `[N]`, in [0, 1].
        right: `[N]`, whether each is right.
        bins: B.

    Raises:
        DrawsError: confidences out of range or NaN, or no bins.
        LabelError: no answers, or not one confidence each.

    >>> round(reliability_error(torch.tensor([0.75] * 4), torch.tensor([1, 1, 0, 0])), 6)
    0.25
    """
    confidence, right = _answers(confidence, right, bins)
    return float(_gaps(confidence, right, _equal_width(confidence, bins), bins))


def _answers(confidence: Tensor, right: Tensor, bins: int) -> tuple[Float64[Tensor, "N"], Float64[Tensor, "N"]]:
    if len(confidence) != len(right) or not len(right):
        got = f"{len(confidence)} for {len(right)}"
        raise LabelError("one confidence an answer, of one answer or more", got, "give what was found")
    if bins < 1:
        raise DrawsError("one bin or more", str(bins), f"use bins={BINS}")
    if not bool(((confidence >= 0) & (confidence <= 1)).all()):
        raise DrawsError("confidences from 0 to 1", "others, or NaN", "give probabilities")
    return confidence.double(), right.double()


def _top(log_probs: Tensor, targets: Tensor, bins: int) -> tuple[Float64[Tensor, "N"], Float64[Tensor, "N"]]:
    """The probability of the likeliest class, and 1 where that is the target; of equal classes the first."""
    _check(log_probs, targets)
    if bins < 1:
        raise DrawsError("one bin or more", str(bins), f"use bins={BINS}")
    best = log_probs.double().max(dim=-1)
    return best.values.exp().clamp_max(1.0), (best.indices == targets).double()


def _equal_width(values: Float64[Tensor, "*C N"], bins: int) -> Int[Tensor, "*C N"]:
    """The bin of each value: b where b/B < value <= (b + 1)/B."""
    edges = torch.arange(bins + 1, dtype=torch.float64, device=values.device) / bins
    return (torch.bucketize(values, edges) - 1).clamp(0, bins - 1)


def _equal_mass(values: Float64[Tensor, "*C N"], bins: int) -> Int[Tensor, "*C N"]:
    """The bin of each value, by the share of values under it; equal values share one."""
    below = torch.searchsorted(values.sort(dim=-1).values.contiguous(), values.contiguous())
    return below * bins // values.shape[-1]


def _gaps(
    said: Float64[Tensor, "*C N"], true: Float64[Tensor, "*C N"], place: Int[Tensor, "*C N"], bins: int
) -> Float64[Tensor, "*C"]:
    """sum_b |sum of (said - true) in b| / N, over the last axis."""
    sums = said.new_zeros(*said.shape[:-1], bins).scatter_add_(-1, place, said - true)
    return sums.abs().sum(dim=-1) / said.shape[-1]


def _check(log_probs: Tensor, targets: Tensor) -> None:
    Draws(log_probs.unsqueeze(-2), joint=False)  # refuses what is not log-probabilities
    if len(targets) != len(log_probs) or not len(targets):
        raise LabelError(
            "one target a unit, of one unit or more", f"{len(targets)} for {len(log_probs)}", "label some images"
        )
    c = log_probs.shape[-1]
    if int(targets.min()) < 0 or int(targets.max()) >= c:
        got = f"{int(targets.min())} to {int(targets.max())}"
        raise LabelError(f"class indices in 0..{c - 1}", got, "give the indices of the columns")
