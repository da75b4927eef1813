"""Found boxes against those that people drew: who found whom, and average precision as COCO counts it.

Letters: P predictions, G truths, N images, C classes, T thresholds of overlap (IoU).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askance.maths.boxes import (
    Bools,
    Floats,
    Ints,
    Predictions,
    Truths,
    in_range,
    overlaps,
    pairs_by_key,
)
from askance.vocab import DrawsError, LabelError

IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""The thresholds that COCO's AP is the mean over."""

MOST = 100
"""Predictions of a class that count in an image, the likeliest first: COCO's limit."""

RECALLS = np.linspace(0.0, 1.0, 101)
"""Recalls at which precision is read off."""


@dataclass(frozen=True, slots=True)
class Matches:
    """Who found whom, at each threshold of overlap.

    Attributes:
        predictions: what was found.
        truths: what there is.
        n_classes: C.
        ious: T thresholds.
        found: `[T, P]`, the place of the truth that each prediction found, a crowd too; -1 for none.
        counted: `[T, P]`, whether it counts: not if it found a crowd, nor beyond the limit of an image.
        order: `[P]`, the surest first; of equal scores the earlier image first, then as they came.
    """

    predictions: Predictions
    truths: Truths
    n_classes: int
    ious: tuple[float, ...]
    found: Ints
    counted: Bools
    order: Ints

    @property
    def hits(self) -> Bools:
        """`[T, P]`, whether a prediction is right: it counts, and found a truth."""
        return (self.found >= 0) & self.counted

    @property
    def wanted(self) -> Ints:
        """`[N, C]`, how many there are to find, crowds left out."""
        truths, wanted = self.truths, np.zeros((self.truths.n_images, self.n_classes), np.int64)
        np.add.at(wanted, (truths.image[~truths.crowd], truths.classes[~truths.crowd]), 1)
        return wanted


def match(
    predictions: Predictions,
    truths: Truths,
    n_classes: int,
    ious: Sequence[float] = (0.5,),
    *,
    most: int = MOST,
) -> Matches:
    """Match predictions with truths as COCO does, each class and image by itself.

    The surest prediction first, each takes the free truth it overlaps most, if by the threshold or more; of equal
    overlaps the last. A crowd is taken where no free truth is, by any number of predictions; the overlap with it
    is the share of the prediction that is inside.

    Args:
        predictions: what was found.
        truths: what there is.
        n_classes: C.
        ious: thresholds, each above 0 and at most 1.
        most: predictions of a class that count in an image, the surest.

    Raises:
        LabelError: a class that is none of the C, or a threshold out of range.
    """
    _known(predictions, truths, n_classes, ious)
    key_p, key_t = (of.image * n_classes + of.classes for of in (predictions, truths))
    by_group = np.lexsort((-predictions.scores, key_p))
    rank = np.empty(len(by_group), np.int64)
    sorted_keys = key_p[by_group]
    rank[by_group] = np.arange(len(by_group)) - np.searchsorted(sorted_keys, sorted_keys)
    within = rank < most
    turns = by_group[within[by_group]]
    who, whom, overlap = _overlapping(predictions, truths, turns, key_p, key_t, min(ious))
    found = np.full((len(ious), len(key_p)), -1, np.int64)
    for row, iou in enumerate(ious):
        _take(found[row], who, whom, overlap, truths.crowd, iou)
    on_crowd = np.append(truths.crowd, False)[found]  # place -1 is the last: no truth
    order = np.lexsort((predictions.image, -predictions.scores))
    return Matches(predictions, truths, n_classes, tuple(ious), found, within[None, :] & ~on_crowd, order)


def class_precisions(matches: Matches) -> Floats:
    """Average precision of each class at each threshold, `[T, C]`; NaN where a class has no truth.

    Precision is read off at the recalls 0, .01, ... 1, at each the best at that recall or a higher one, 0 where no
    prediction reaches it; their mean.
    """
    hits, wanted = matches.hits, matches.wanted.sum(axis=0)
    classes = matches.predictions.classes
    result = np.full((len(matches.ious), matches.n_classes), np.nan)
    for c in np.flatnonzero(wanted):
        mine = matches.order[classes[matches.order] == c]
        for t in range(len(matches.ious)):
            counted = mine[matches.counted[t, mine]]
            result[t, c] = area(hits[t, counted], float(wanted[c]))
    return result


def average_precision(
    predictions: Predictions,
    truths: Truths,
    n_classes: int,
    *,
    iou: float | Sequence[float] = 0.5,
    most: int = MOST,
) -> float:
    """The mean over the classes that there are, and over thresholds, of their average precision; in [0, 1].

    `iou=0.5` is COCO's AP50, `iou=IOUS` its AP. What is found in images without an object counts as wrong; a class
    that no image has is left out.

    Args:
        predictions: what was found.
        truths: what there is.
        n_classes: C.
        iou: one threshold or several.
        most: predictions of a class that count in an image, the surest.

    Raises:
        LabelError: no truth beside crowds, a class that is none of the C, or a threshold out of range.

    Lin et al. 2014, "Microsoft COCO: common objects in context" (arXiv 1405.0312), and its evaluation code.

    >>> truths = Truths([[0, 0, 10, 10], [20, 0, 30, 10]], [0, 0], [0, 0], n_images=1)
    >>> found = Predictions([[0, 0, 10, 9], [50, 0, 60, 10]], [0.9, 0.8], [0, 0], [0, 0])
    >>> round(average_precision(found, truths, 1), 3), average_precision(found, truths, 1, iou=0.95)
    (0.505, 0.0)
    """
    ious = (iou,) if isinstance(iou, int | float) else tuple(iou)
    matches = match(predictions, truths, n_classes, ious, most=most)
    return mean_precision(class_precisions(matches))


def mean_precision(precisions: Floats) -> float:
    """The mean of `[T, C]` over what is a number: the classes that there are.

    Raises:
        LabelError: none is.
    """
    there = ~np.isnan(precisions)
    if not there.any():
        raise LabelError("a labelled object or more", "none", "label objects in some of these images")
    return float(precisions[there].mean())


def recalls(matches: Matches) -> Floats:
    """The share of each class's truths that any prediction finds, `[T, C]`; NaN where a class has no truth."""
    wanted = matches.wanted.sum(axis=0)
    found = np.stack(
        [np.bincount(matches.predictions.classes[hit], minlength=matches.n_classes) for hit in matches.hits]
    )
    return np.where(wanted > 0, found / np.maximum(wanted, 1), np.nan)


def detection_metrics(
    predictions: Predictions, truths: Truths, names: Sequence[str], *, most: int = MOST
) -> dict[str, float]:
    """What is said of a detector, by name; classes that are not there are left out.

    `ap`, `ap50`, `ap75`; `ap50/NAME` of each class; `recall`, the mean over classes of the share that any
    prediction finds at .5; `boxes_tested` and `boxes_found`, how many there are and how many predictions count,
    both without crowds.

    Raises:
        LabelError: no truth beside crowds, or a class that has no name.
    """
    matches = match(predictions, truths, len(names), IOUS, most=most)
    at = class_precisions(matches)
    found = {
        "ap": mean_precision(at),
        "ap50": mean_precision(at[:1]),
        "ap75": mean_precision(at[5:6]),
        "recall": mean_precision(recalls(matches)[:1]),
        "boxes_tested": float((~truths.crowd).sum()),
        "boxes_found": float(matches.counted[0].sum()),
    }
    return found | {f"ap50/{name}": float(ap) for name, ap in zip(names, at[0], strict=True) if not np.isnan(ap)}


def area(hits: Bools, wanted: float) -> float:
    """Average precision of one class, its predictions the surest first.

    Args:
        hits: `[P]`, whether each is right.
        wanted: how many there are to find, above 0.

    >>> area(np.array([True, False, True]), 2.0)
    0.834...
    """
    said = np.flatnonzero(hits) + 1
    return area_of(np.arange(1, len(said) + 1), said, wanted)


def area_of(right: NDArray[Any], said: NDArray[Any], wanted: float) -> float:
    """The same from counts at each right prediction, H of them, the surest first.

    Args:
        right: `[H]`, how many are right up to it.
        said: `[H]`, how many predictions there are up to it.
        wanted: how many there are to find, above 0.
    """
    best = np.maximum.accumulate((right / np.maximum(said, 1))[::-1])[::-1]
    at = np.searchsorted(right / wanted, RECALLS)
    return float(best[at[at < len(best)]].sum() / len(RECALLS))


def _overlapping(
    predictions: Predictions, truths: Truths, turns: Ints, key_p: Ints, key_t: Ints, least: float
) -> tuple[Ints, Ints, Floats]:
    """Pairs of one class and image that overlap by `least`: predictions by turn, their truths with crowds last."""
    last = np.argsort(truths.crowd, kind="stable")
    kept: list[tuple[Ints, Ints, Floats]] = []
    for turn, place in pairs_by_key(key_p[turns], key_t[last]):
        who, whom = turns[turn], last[place]
        overlap = overlaps(predictions.boxes[who], truths.boxes[whom], truths.crowd[whom])
        near = overlap >= min(least, 1 - 1e-10)
        kept.append((who[near], whom[near], overlap[near]))
    if not kept:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    who, whom, overlap = (np.concatenate(part) for part in zip(*kept, strict=True))
    return who, whom, overlap


def _take(found: Ints, who: Ints, whom: Ints, overlap: Floats, crowd: Bools, iou: float) -> None:
    """Write into `found` whom each prediction takes, pair by pair, in the order they come."""
    near = overlap >= min(iou, 1 - 1e-10)
    free = np.ones(len(crowd), bool).tolist()
    many = crowd.tolist()
    now, best, chosen = -1, 0.0, -1
    for p, g, value in zip(who[near].tolist(), whom[near].tolist(), overlap[near].tolist(), strict=True):
        if p != now:
            if chosen >= 0:
                found[now], free[chosen] = chosen, many[chosen]
            now, best, chosen = p, 0.0, -1
        if free[g] and value >= best and not (many[g] and chosen >= 0 and not many[chosen]):
            best, chosen = value, g
    if chosen >= 0:
        found[now] = chosen


def _known(predictions: Predictions, truths: Truths, n_classes: int, ious: Sequence[float]) -> None:
    in_range(predictions.image, truths.n_images, "found", DrawsError)
    for of in (predictions.classes, truths.classes):
        if len(of) and not 0 <= of.min() <= of.max() < n_classes:
            raise LabelError(f"classes in 0..{n_classes - 1}", f"{of.min()} to {of.max()}", "count classes from 0")
    if not ious or not all(0 < iou <= 1 for iou in ious):
        raise LabelError("thresholds of overlap above 0, at most 1", str(list(ious)), "0.5 is the usual one")
