"""What a detector gets wrong, in kinds: missed, nothing there, badly placed, another class, found twice.

Letters: P predictions, G truths, C classes.
"""

from dataclasses import dataclass

import numpy as np

from askance.maths.boxes import Floats, Ints, overlaps, pairs_by_key
from askance.maths.detection import Matches

NEAR = 0.1
"""The overlap from which a prediction is about a thing, if badly placed (TIDE)."""

KINDS = ("right", "misplaced", "confused", "twice", "nothing")
"""What a prediction can be: see `kinds`."""


@dataclass(frozen=True, slots=True)
class Errors:
    """Predictions and truths in kinds.

    Attributes:
        least: the score from which predictions were looked at.
        predictions: kind -> `[C]`, how many predictions of each class are of it.
        missed: `[C]`, truths that no prediction finds.
        confused: `[C, C]`, predictions of kind `confused`: rows the thing's own class, columns the one said.
    """

    least: float
    predictions: dict[str, Ints]
    missed: Ints
    confused: Ints


def kinds(matches: Matches, least: float, *, at: int = 0) -> tuple[Ints, Ints]:
    """Of what kind each prediction of at least this score is, and on what truth those are that are confused.

    The place in `KINDS`, `[P]`, -1 of other predictions; and the place of a truth, `[P]`, -1 of those that are not
    confused. The first kind that holds, after "Tide" (Bolya et al. 2020, arXiv 2008.08115, section 2):

    - *right*: it finds a truth.
    - *misplaced*: it overlaps a truth of its class, by less than the threshold and at least .1.
    - *confused*: it overlaps a truth of another class by the threshold or more.
    - *twice*: it overlaps a truth of its class by the threshold or more, which another has found.
    - *nothing*: none of these.

    Predictions on crowds, and those beyond the limit of an image, are of no kind.
    """
    predictions, truths, iou = matches.predictions, matches.truths, matches.ious[at]
    looked = matches.counted[at] & (predictions.scores >= least)
    kind = np.where(looked, KINDS.index("nothing"), -1)
    (who,), whole = np.nonzero(looked), np.flatnonzero(~truths.crowd)
    same, other = np.zeros(len(kind)), np.zeros(len(kind))
    on = np.full(len(kind), -1)
    for first, second in pairs_by_key(predictions.image[who], truths.image[whole]):
        p, g = who[first], whole[second]
        overlap = overlaps(predictions.boxes[p], truths.boxes[g])
        alike = predictions.classes[p] == truths.classes[g]
        np.maximum.at(same, p[alike], overlap[alike])
        _largest(other, on, p[~alike], g[~alike], overlap[~alike])
    for name, holds in (
        ("twice", same >= iou),
        ("confused", other >= iou),
        ("misplaced", (same >= NEAR) & (same < iou)),
        ("right", matches.found[at] >= 0),
    ):
        kind[looked & holds] = KINDS.index(name)
    return kind, np.where(kind == KINDS.index("confused"), on, -1)


def count_errors(matches: Matches, least: float, *, at: int = 0) -> Errors:
    """How many of each kind, class by class.

    Args:
        matches: of the images.
        least: the score from which a prediction is shown to people.
        at: which of the thresholds.
    """
    kind, on = kinds(matches, least, at=at)
    classes, truths, c = matches.predictions.classes, matches.truths, matches.n_classes
    counts = {name: np.bincount(classes[kind == i], minlength=c) for i, name in enumerate(KINDS)}
    found = np.zeros(len(truths.boxes), bool)
    found[matches.found[at][kind == KINDS.index("right")]] = True
    missed = np.bincount(truths.classes[~found & ~truths.crowd], minlength=c)
    confused = np.zeros((c, c), np.int64)
    np.add.at(confused, (truths.classes[on[on >= 0]], classes[on >= 0]), 1)
    return Errors(least, counts, missed, confused)


def best_score(matches: Matches, *, at: int = 0) -> float:
    """The score from which the predictions, all classes together, have the best F1; 1 where nothing is right.

    F1 = 2 right / (predictions + truths). Of equally good scores the highest.
    """
    order = matches.order[matches.counted[at, matches.order]]
    scores, hits = matches.predictions.scores[order], np.cumsum(matches.hits[at, order])
    if not len(hits) or not hits[-1]:
        return 1.0
    f1 = 2 * hits / (np.arange(1, len(hits) + 1) + matches.wanted.sum())
    last = np.append(scores[1:] < scores[:-1], True)  # predictions of one score come and go together
    return float(scores[np.argmax(np.where(last, f1, -1))])


def _largest(value: Floats, on: Ints, p: Ints, g: Ints, overlap: Floats) -> None:
    """Keep for each prediction its largest overlap and with whom; of equal ones the first."""
    order = np.lexsort((-overlap, p))
    first = np.append(True, p[order][1:] != p[order][:-1]) if len(p) else np.zeros(0, bool)
    p, g, overlap = p[order][first], g[order][first], overlap[order][first]
    better = overlap > value[p]
    value[p[better]], on[p[better]] = overlap[better], g[better]
