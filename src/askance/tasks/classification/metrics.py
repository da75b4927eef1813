"""How good a predictive distribution is.

Letters: N images, C classes.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from askance.maths import adaptive_calibration_error, brier_score, expected_calibration_error


def metrics(
    log_probs: Float[Tensor, "N C"], targets: Int[Tensor, "N"], classes: Sequence[str]
) -> dict[str, float]:
    """What is known of a test set from its predictive distribution.

    Returns:
        `accuracy` and `error`: fractions, their sum is 1; `nll`: mean negative log-likelihood, nats;
        `macro_recall`: the mean of the recalls of the classes that are in `targets` (balanced accuracy);
        `ece`: expected calibration error in [0, 1], 15 bins of equal width (Guo et al. 2017); `adaptive_ece`: the
        same, of equal mass; `brier`: the Brier score in [0, 2]; `recall/<class>`: for each class in `targets`.
        Of two classes, both in `targets`, `auroc`: the area under the ROC curve in [0, 1], the chance that of an
        image of each class the one of the second has the higher probability of it; of equal ones one is drawn.

    >>> metrics(torch.tensor([[0.9, 0.1], [0.4, 0.6]]).log(), torch.tensor([0, 0]), ["cat", "dog"])["accuracy"]
    0.5
    """
    n_classes = len(classes)
    said = log_probs.argmax(dim=1)
    right = (said == targets).double()
    asked = torch.bincount(targets, minlength=n_classes)
    present = asked > 0
    recall = torch.bincount(targets[said == targets], minlength=n_classes) / asked
    ranked = {"auroc": _auroc(log_probs, targets)} if n_classes == 2 and bool(present.all()) else {}
    return {
        "accuracy": float(right.mean()),
        "error": float((1 - right).mean()),
        "nll": float(-log_probs.double().gather(1, targets[:, None]).mean()),
        "macro_recall": float(recall[present].double().mean()),
        "ece": expected_calibration_error(log_probs, targets),
        "adaptive_ece": adaptive_calibration_error(log_probs, targets),
        "brier": brier_score(log_probs, targets),
        **ranked,
        **{f"recall/{name}": float(recall[c]) for c, name in enumerate(classes) if present[c]},
    }


def _auroc(log_probs: Float[Tensor, "N 2"], targets: Int[Tensor, "N"]) -> float:
    """By the ratio of the two probabilities, which tells images apart whose probability is 1 to the last digit."""
    odds = (log_probs[:, 1] - log_probs[:, 0]).double()
    place = torch.unique(odds, return_inverse=True)[1]
    first, second = (torch.bincount(place[targets == c], minlength=int(place.max()) + 1) for c in (0, 1))
    below = first.cumsum(0) - first
    won = (second * (2 * below + first)).sum()  # twice: of equal ones half is won
    return float(won.double() / (2 * first.sum() * second.sum()))
