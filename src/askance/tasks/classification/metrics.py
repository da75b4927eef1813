"""How good a predictive distribution is.

Letters: N images, C classes.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics.functional.classification import multiclass_calibration_error, multiclass_recall

ECE_BINS = 15
"""Bins of confidence, as Guo et al. 2017 took them."""


def metrics(
    log_probs: Float[Tensor, "N C"], targets: Int[Tensor, "N"], classes: Sequence[str]
) -> dict[str, float]:
    """What is known of a test set from its predictive distribution.

    Returns:
        `accuracy` and `error`: fractions, their sum is 1; `nll`: mean negative log-likelihood, nats;
        `macro_recall`: the mean of the recalls of the classes that are in `targets` (balanced accuracy);
        `ece`: expected calibration error in [0, 1], 15 bins (Guo et al. 2017); `recall/<class>`: for each
        class that is in `targets`.

    >>> metrics(torch.tensor([[0.9, 0.1], [0.4, 0.6]]).log(), torch.tensor([0, 0]), ["cat", "dog"])["accuracy"]
    0.5
    """
    n_classes = len(classes)
    accuracy = float((log_probs.argmax(dim=1) == targets).double().mean())
    recall = multiclass_recall(log_probs, targets, n_classes, average="none", validate_args=False)
    present = torch.bincount(targets, minlength=n_classes) > 0
    ece = multiclass_calibration_error(log_probs.exp(), targets, n_classes, n_bins=ECE_BINS, validate_args=False)
    return {
        "accuracy": accuracy,
        "error": 1 - accuracy,
        "nll": float(-log_probs.double().gather(1, targets[:, None]).mean()),
        "macro_recall": float(recall[present].double().mean()),
        "ece": float(ece),
        **{f"recall/{name}": float(recall[c]) for c, name in enumerate(classes) if present[c]},
    }
