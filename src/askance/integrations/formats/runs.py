"""Masks as runs: pixels to runs and back, COCO's text of runs, outlines to pixels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from askance.vocab import Mask, Part

if TYPE_CHECKING:
    from askance.vocab import Ring

_MOST_LETTERS = 7
"""Of one run in a text: five bits each, and no run is longer than 32 bits."""


def runs_of(pixels: NDArray[np.bool_]) -> Mask:
    """The runs of some pixels.

    Args:
        pixels: `[height, width]`, what is inside.

    >>> runs_of(np.array([[False, True], [True, True]])).counts
    (1, 3)
    """
    height, width = pixels.shape
    flat = pixels.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist() if flat.size else []
    return Mask(width, height, tuple(([0] if flat.size and flat[0] else []) + counts))


def pixels_of(mask: Mask) -> NDArray[np.bool_]:
    """What is inside, `[height, width]`.

    >>> pixels_of(Mask(2, 2, (1, 3))).tolist()
    [[False, True], [True, True]]
    """
    inside = np.arange(len(mask.counts)) % 2 == 1
    return np.repeat(inside, mask.counts).reshape(mask.width, mask.height).T


def text_to_counts(text: str) -> list[int]:
    """The runs in a compressed text of COCO.

    Each number has five bits a letter, the lowest first; from the fourth on it is the step from the last but one.

    Raises:
        ValueError: letters that are none of it, a number that is cut off or too large.

    >>> text_to_counts("35XU1")
    [3, 5, 1192]
    """
    letters = np.frombuffer(text.encode("latin-1", "replace"), np.uint8).astype(np.int64) - 48
    if not len(letters):
        return []
    if letters.min() < 0 or letters.max() > 63:
        raise ValueError("letters that are none of COCO's runs")
    last = letters & 0x20 == 0
    if not last[-1]:
        raise ValueError("runs that are cut off")
    starts = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1])
    lengths = np.diff(np.concatenate([starts, [len(letters)]]))
    if lengths.max() > _MOST_LETTERS:
        raise ValueError("a run of more than 32 bits")
    place = np.arange(len(letters)) - np.repeat(starts, lengths)
    values = np.add.reduceat((letters & 0x1F) << (5 * place), starts)
    values -= np.where(letters[last] & 0x10, 1 << (5 * lengths), 0)
    for first in (1, 2):
        values[first::2] = np.cumsum(values[first::2])
    found: list[int] = values.tolist()
    return found


def counts_to_text(mask: Mask) -> str:
    """The compressed text of a mask's runs, as pycocotools writes it.

    >>> counts_to_text(Mask(40, 30, (3, 5, 1192)))
    '35XU1'
    """
    from pycocotools import mask as coco

    plain = {"counts": list(mask.counts), "size": [mask.height, mask.width]}
    text: bytes = coco.frPyObjects(plain, mask.height, mask.width)["counts"]
    return text.decode("ascii")


def mask_of(parts: Sequence[Part], size: tuple[int, int]) -> Mask:
    """The pixels of an object's parts, holes left out, as pycocotools fills outlines.

    Args:
        parts: outlines within the image.
        size: width and height of the image.
    """
    from askance.integrations.formats.shapes import cut

    width, height = size
    pixels = np.zeros((height, width), bool)
    for part in (piece for one in parts for piece in cut(one, size)[0]):
        filled = _filled(part.outline, size)
        for hole in part.holes:
            filled &= ~_filled(hole, size)
        pixels |= filled
    return runs_of(pixels)


def _filled(ring: "Ring", size: tuple[int, int]) -> NDArray[np.bool_]:
    from pycocotools import mask as coco

    width, height = size
    found = coco.frPyObjects([[float(number) for corner in ring for number in corner]], height, width)
    return pixels_of(Mask(width, height, tuple(text_to_counts(found[0]["counts"].decode("ascii")))))
