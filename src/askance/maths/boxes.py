"""Boxes that people drew and boxes that a model finds, and how far they overlap.

Letters: P predictions, G truths, N images. Boxes are left, top, right and bottom edges in pixels; the overlap of
two is the area they share over the area they cover together (IoU).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from askance.vocab import DrawsError, LabelError

BLOCK = 2**21
"""Pairs of boxes whose overlap is computed at once."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Truths:
    """The boxes that people drew in N images; an image may have none.

    Args:
        boxes: `[G, 4]`, left, top, right and bottom edges, pixels.
        classes: `[G]`, from 0.
        image: `[G]`, the place of each one's image in 0..n_images-1.
        n_images: N, those without an object too: what is found there is wrong.
        crowd: `[G]`, many of a kind that nobody told apart: found or not, it counts neither way. None: no such.

    Raises:
        LabelError: not one class and image a box, edges swapped or no finite numbers, an image out of range.
    """

    boxes: Floats
    classes: Ints
    image: Ints
    n_images: int
    crowd: Bools

    def __init__(
        self, boxes: ArrayLike, classes: ArrayLike, image: ArrayLike, n_images: int, crowd: ArrayLike | None = None
    ) -> None:
        _set(self, boxes=_boxes(boxes), classes=_ints(classes), image=_ints(image), n_images=n_images)
        crowds = np.zeros(len(self.boxes), bool) if crowd is None else np.asarray(crowd, bool).reshape(-1)
        _set(self, crowd=crowds)
        _check(self.boxes, (self.classes, self.image, crowds), "true", LabelError)
        in_range(self.image, n_images, "true", LabelError)


@dataclass(frozen=True, slots=True)
class Predictions:
    """The boxes that a model finds.

    Args:
        boxes: `[P, 4]`, left, top, right and bottom edges, pixels.
        scores: `[P]`, how sure it is: higher is surer.
        classes: `[P]`, from 0.
        image: `[P]`, the place of each one's image, as in `Truths`.

    Raises:
        DrawsError: not one score, class and image a box, or what is no finite number, or swapped edges.
    """

    boxes: Floats
    scores: Floats
    classes: Ints
    image: Ints

    def __init__(self, boxes: ArrayLike, scores: ArrayLike, classes: ArrayLike, image: ArrayLike) -> None:
        sure = np.asarray(scores, np.float64).reshape(-1)
        _set(self, boxes=_boxes(boxes), scores=sure, classes=_ints(classes), image=_ints(image))
        _check(self.boxes, (sure, self.classes, self.image), "found", DrawsError)
        if not np.isfinite(sure).all():
            raise DrawsError("a finite score of each box", "NaN or infinity", "look where the scores come from")


def overlaps(boxes: Floats, others: Floats, crowd: Bools | None = None) -> Floats:
    """The overlap of boxes `[..., 4]` with others of as many; of a crowd, over the area of the first alone.

    >>> float(overlaps(np.array([0.0, 0, 4, 4]), np.array([0.0, 0, 4, 8])))
    0.5
    """
    low, high = np.maximum(boxes[..., :2], others[..., :2]), np.minimum(boxes[..., 2:], others[..., 2:])
    shared = np.clip(high - low, 0, None).prod(axis=-1)
    ours, theirs = ((of[..., 2:] - of[..., :2]).prod(axis=-1) for of in (boxes, others))
    covered = ours + theirs - shared
    covered = covered if crowd is None else np.where(crowd, ours, covered)
    return np.divide(shared, covered, out=np.zeros_like(shared), where=covered > 0)  # type: ignore[no-any-return]


def pairs_by_key(key_p: Ints, key_t: Ints) -> Iterator[tuple[Ints, Ints]]:
    """All pairs of places with one key, in the order of the first, then of the second; in blocks.

    Args:
        key_p: `[P]`.
        key_t: `[G]`.
    """
    by_key = np.argsort(key_t, kind="stable")
    first, after = (np.searchsorted(key_t[by_key], key_p, side=side) for side in ("left", "right"))
    ends = np.cumsum(after - first)
    start = 0
    while start < len(key_p):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + BLOCK, side="right")))
        counts = (after - first)[start:stop]
        who = np.repeat(np.arange(start, stop), counts)
        within = np.arange(len(who)) - np.repeat(ends[start:stop] - counts - done, counts)
        yield who, by_key[first[who] + within]
        start = stop


def _set(record: object, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(record, name, value)


def _boxes(given: ArrayLike) -> Floats:
    found = np.asarray(given, np.float64)
    return found.reshape(-1, 4) if not found.size else found


def _ints(given: ArrayLike) -> Ints:
    return np.asarray(given).astype(np.int64).reshape(-1)


def _check(
    boxes: Floats, columns: Sequence[NDArray[Any]], what: str, error: type[LabelError] | type[DrawsError]
) -> None:
    wanted = f"{what} boxes [n, 4], and one of each column a box"
    if boxes.ndim != 2 or boxes.shape[1] != 4 or any(len(column) != len(boxes) for column in columns):
        got = f"{list(boxes.shape)} with columns of {', '.join(str(len(column)) for column in columns)}"
        raise error(wanted, got, "give one row a box")
    if not np.isfinite(boxes).all() or (boxes[:, 2:] < boxes[:, :2]).any():
        raise error(
            f"{what} boxes of finite edges: left, top, right, bottom", "swapped edges, or NaN", "look at the boxes"
        )


def in_range(image: Ints, n_images: int, what: str, error: type[LabelError] | type[DrawsError]) -> None:
    """Refuse places of images that are none of the N.

    Raises:
        LabelError, DrawsError: as `error` says.
    """
    if len(image) and not 0 <= image.min() <= image.max() < n_images:
        got = f"{image.min()} to {image.max()}"
        raise error(f"the place of the image of each {what} box in 0..{n_images - 1}", got, "count images from 0")
