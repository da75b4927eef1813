"""A detector's diagnosis from what it finds and what there is: no model, no pixels.

Letters: P predictions, G truths, N images, C classes.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from askance.maths.boxes import Bools, Ints, Predictions, Truths
from askance.maths.calibration import reliability, reliability_error
from askance.maths.detection import IOUS, Matches, class_precisions, match, mean_precision, recalls
from askance.maths.detection_errors import KINDS, Errors, best_score, count_errors, kinds
from askance.maths.detection_intervals import Estimate, precision_intervals
from askance.vocab import LabelError
from askance.vocab.box_diagnosis import BoxClass, BoxDiagnosis, Edges, Kind, Marked, MarkedImage

SHOWN = 8
"""Test images that are kept with all boxes."""

_OF: tuple[Kind, ...] = ("right", "misplaced", "confused", "twice", "nothing")


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """Of each test image what a diagnosis names it by.

    Attributes:
        ids: `[N]`.
        sizes: `[N]`, width and height, pixels of the image as people see it.
        groups: `[N]`, what belongs together (a board, a film) for the intervals; None: each image by itself.
    """

    ids: Sequence[str]
    sizes: Sequence[tuple[int, int]]
    groups: Sequence[Hashable] | None = None


def box_diagnosis(
    predictions: Predictions,
    truths: Truths,
    classes: Sequence[str],
    images: ImageFacts,
    *,
    seed: int,
    shown: int = SHOWN,
) -> BoxDiagnosis:
    """How well a detector finds, what it gets wrong, and some images to look at.

    Errors are counted from the score of the best F1 on (`best_score`), average precision over all predictions.
    The images shown are evenly spaced in the order of how many boxes are wrong in them, the best and the worst
    among them: none was chosen by its looks.

    Args:
        predictions: all, down to low scores; scores are probabilities.
        truths: of the test images; there may be none at all.
        classes: C names, in the order of the places in both.
        images: what the N images are called.
        seed: of the intervals.
        shown: how many images are kept with their boxes.

    Raises:
        LabelError: not one name and size an image, or classes and images out of range.
        DrawsError: scores that are no probabilities.
    """
    n = truths.n_images
    if not len(images.ids) == len(images.sizes) == n:
        raise LabelError(f"names and sizes of {n} images", f"{len(images.ids)}, {len(images.sizes)}", "give both")
    matches = match(predictions, truths, len(classes), IOUS)
    least = best_score(matches)
    errors = count_errors(matches, least)
    wanted = matches.wanted
    some = bool(wanted.any())
    intervals = precision_intervals(matches, seed=seed, groups=images.groups) if some else None
    at = class_precisions(matches)
    scores = torch.from_numpy(predictions.scores), torch.from_numpy(matches.hits[0])
    counted = matches.counted[0]
    rows = [
        _row(name, c, errors, wanted, intervals.classes[c] if intervals else None, _error(scores, mine))
        for c, name in enumerate(classes)
        for mine in (counted & (predictions.classes == c),)
    ]
    return BoxDiagnosis(
        classes=tuple(rows),
        tested=n,
        empty=n - len(np.unique(truths.image)),
        ap=mean_precision(at) if some else None,
        ap50=intervals.mean.value if intervals else None,
        low=intervals.mean.low if intervals else None,
        high=intervals.mean.high if intervals else None,
        ap75=mean_precision(at[5:6]) if some else None,
        recall=mean_precision(recalls(matches)[:1]) if some else None,
        least=least,
        confused=tuple(map(tuple, errors.confused.tolist())),
        reliability=reliability(scores[0][torch.from_numpy(counted)], scores[1][torch.from_numpy(counted)])
        if counted.any()
        else None,
        calibration_error=_error(scores, counted),
        shown=_shown(matches, least, classes, images, shown),
    )


def _row(
    name: str, c: int, errors: Errors, wanted: Ints, at: Estimate | None, calibration_error: float | None
) -> BoxClass:
    counts = {kind: int(errors.predictions[kind][c]) for kind in KINDS}
    return BoxClass(
        name=name,
        objects=int(wanted[:, c].sum()),
        ap50=at.value if at else None,
        low=at.low if at else None,
        high=at.high if at else None,
        calibration_error=calibration_error,
        **counts,
    )


def _error(scores: tuple[torch.Tensor, torch.Tensor], which: Bools) -> float | None:
    confidence, right = (part[torch.from_numpy(which)] for part in scores)
    return reliability_error(confidence, right) if len(confidence) else None


def _shown(
    matches: Matches, least: float, classes: Sequence[str], images: ImageFacts, most: int
) -> tuple[MarkedImage, ...]:
    """Images evenly spaced from the best to the worst, with all their boxes."""
    predictions, truths = matches.predictions, matches.truths
    kind, _ = kinds(matches, least)
    found = np.zeros(len(truths.boxes), bool)
    found[matches.found[0][kind == 0]] = True
    missed = ~found & ~truths.crowd
    wrong = np.bincount(truths.image[missed], minlength=truths.n_images)
    wrong = wrong + np.bincount(predictions.image[kind > 0], minlength=truths.n_images)
    order = np.argsort(wrong, kind="stable")
    places = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int))
    return tuple(
        MarkedImage(
            images.ids[i],
            images.sizes[i],
            tuple(
                Marked(
                    _edges(truths.boxes[g]),
                    classes[truths.classes[g]],
                    _came(bool(found[g]), bool(truths.crowd[g])),
                )
                for g in np.flatnonzero(truths.image == i)
            ),
            tuple(
                Marked(
                    _edges(predictions.boxes[p]),
                    classes[predictions.classes[p]],
                    _OF[kind[p]],
                    round(float(predictions.scores[p]), 4),
                )
                for p in np.flatnonzero((predictions.image == i) & (kind >= 0))
            ),
        )
        for i in order[places]
    )


def _came(found: bool, crowd: bool) -> Kind:
    return "crowd" if crowd else "found" if found else "missed"


def _edges(box: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Edges:
    left, top, right, bottom = (round(float(edge), 2) for edge in box)
    return left, top, right, bottom
