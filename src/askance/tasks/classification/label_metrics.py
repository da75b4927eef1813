"""How good a model is on images that may have several labels.

Letters: N images, L labels.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from askance.maths import (
    adaptive_calibration_error,
    brier_score,
    classwise_calibration_error,
    expected_calibration_error,
    reliability_table,
)
from askance.tasks.classification.label_answers import LabelAnswers
from askance.vocab import Diagnosis
from askance.vocab.answers import written


def label_metrics(said: LabelAnswers, classes: Sequence[str]) -> dict[str, float]:
    """What is known of a test set of images with several labels; a label is said where its probability is a half.

    Returns:
        `accuracy` and `error`: the share of images of which every label is right (exact match), and the rest;
        `label_accuracy`: the share of labels, present or absent, that are right; `nll`: mean over images of the
        negative log-likelihood of all labels, nats; `micro_f1`: 2 hits / (2 hits + misses + false alarms) over all
        labels; `macro_f1`: the mean of `f1/<class>`, and `map` of `ap/<class>`, over labels that some image has;
        `f1/<class>`; `ap/<class>`: average precision, of images by the label's probability; `recall/<class>`;
        `ece`: the mean over labels of `ece/<class>`, the calibration error of the probability that an image has
        the label; `adaptive_ece`: of all labels, in bins of equal mass; `brier`: mean over labels, in [0, 2].
    """
    right = said.said == said.targets
    whole = right.all(dim=1).double()
    likelihood = torch.where(said.targets, said.present, said.absent)
    f1, ap = (
        _f1(said.said, said.targets),
        [average_precision(said.present[:, c], said.targets[:, c]) for c in range(len(classes))],
    )
    there = [c for c in range(len(classes)) if bool(said.targets[:, c].any())]
    flat, wanted = flattened(said)
    gaps = [
        float(classwise_calibration_error(_of_label(said, c), said.targets[:, c].long())[1])
        for c in range(len(classes))
    ]
    found = {
        "accuracy": float(whole.mean()),
        "error": float((1 - whole).mean()),
        "label_accuracy": float(right.double().mean()),
        "nll": float(-likelihood.sum(dim=1).mean()),
        "micro_f1": float(_f1(said.said.reshape(-1, 1), said.targets.reshape(-1, 1))[0]),
        "ece": sum(gaps) / len(gaps),
        "adaptive_ece": adaptive_calibration_error(flat, wanted),
        "brier": brier_score(flat, wanted),
    }
    if there:
        found |= {"macro_f1": float(f1[there].mean()), "map": sum(ap[c] for c in there) / len(there)}
    for c, name in enumerate(classes):
        found[f"ece/{name}"] = gaps[c]
        if c in there:
            hits = said.said[:, c] & said.targets[:, c]
            found[f"recall/{name}"] = float(hits.sum() / said.targets[:, c].sum())
            found[f"f1/{name}"], found[f"ap/{name}"] = float(f1[c]), ap[c]
    return found


def average_precision(scores: Float[Tensor, "N"], targets: Bool[Tensor, "N"]) -> float:
    """The area under precision by recall, in steps: images of one score come together. 0 where nothing is wanted.

    >>> average_precision(torch.tensor([0.9, 0.8, 0.1]), torch.tensor([True, False, True]))
    0.8333333333333333
    """
    wanted = int(targets.sum())
    if not wanted:
        return 0.0
    values, place = torch.unique(scores, return_inverse=True)
    hits = torch.bincount(place[targets], minlength=len(values)).flip(0).cumsum(0).double()
    all_of_them = torch.bincount(place, minlength=len(values)).flip(0).cumsum(0).double()
    gained = torch.diff(hits, prepend=hits.new_zeros(1))
    return float((gained * hits / all_of_them).sum() / wanted)


def label_diagnosis(val: LabelAnswers, test: LabelAnswers, classes: Sequence[str]) -> Diagnosis:
    """A diagnosis of several labels: what is said of each test image, and how sure each label may be.

    No class is confused with another where an image may have both, and no label is doubted: there is no
    temperature, no table of mistakes and no suspect.
    """
    some = len(test.ids) > 0
    flat, wanted = flattened(test)
    scores = {}
    if some:
        scores = {
            "nll": float(-torch.where(test.targets, test.present, test.absent).mean()),
            "ece": expected_calibration_error(flat, wanted),
            "adaptive_ece": adaptive_calibration_error(flat, wanted),
            "classwise_ece": float(classwise_calibration_error(flat, wanted).mean()),
            "brier": brier_score(flat, wanted),
        }
    return Diagnosis(
        classes=(),
        tested=len(test.ids),
        validated=len(val.ids),
        before=reliability_table(flat, wanted) if some else None,
        scores_before=scores,
        answers={
            name: (_named(classes, wanted_), _named(classes, said))
            for name, wanted_, said in zip(test.ids, test.targets.tolist(), test.said.tolist(), strict=True)
        },
    )


def flattened(said: LabelAnswers) -> tuple[Float64[Tensor, "U 2"], Tensor]:
    """Each label of each image as one of two classes, absent and present; and which it is."""
    return torch.stack([said.absent, said.present], dim=-1).reshape(-1, 2), said.targets.reshape(-1).long()


def _of_label(said: LabelAnswers, c: int) -> Float64[Tensor, "N 2"]:
    return torch.stack([said.absent[:, c], said.present[:, c]], dim=-1)


def _f1(said: Bool[Tensor, "N L"], targets: Bool[Tensor, "N L"]) -> Float64[Tensor, "L"]:
    """Of each label; 0 where nothing is hit."""
    hits = (said & targets).sum(dim=0).double()
    return 2 * hits / (said.sum(dim=0) + targets.sum(dim=0)).clamp(min=1)


def _named(classes: Sequence[str], there: Sequence[bool]) -> str:
    return written(name for name, yes in zip(classes, there, strict=True) if yes)
