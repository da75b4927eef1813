"""Masks as PNG, written: indexed with Pascal VOC's colours, in colours, or with a number an object."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from askance.integrations.files import new_folder, put
from askance.integrations.formats.each import put_each
from askance.integrations.formats.items import Contents, Item, Lost, Written, says_more
from askance.integrations.formats.mask_classes import voc_colour
from askance.integrations.formats.masks import EACH
from askance.integrations.formats.names import below_images
from askance.integrations.formats.runs import mask_of, pixels_of
from askance.vocab import LabelError, Object

VOID = 255
"""The number of what nobody decided on: crowds."""

_MOST = 254
"""Classes: numbers of one byte, less background and void."""

_MOST_OBJECTS = 64
"""Classes of a map of objects: numbers of two bytes."""


def write_masks(
    path: Path,
    said: Contents,
    *,
    instances: bool = False,
    colour: bool = False,
) -> Written:
    """Write a new folder: `masks/` (`instances/`) with a PNG an image, and `labelmap.txt` or `classes.txt`.

    Args:
        path: of the folder, absent or empty.
        said: of images. Classes are numbered from 1; others that objects have come after them.
        instances: a number an object in place of one a class: 1,000 times the class's, and a number more.
        colour: colours in place of numbers.

    Returns:
        Files, and what masks do not hold: `objects` (of one class in one image, joined to one; how many more than
        one), `overlaps` (pixels that are two objects'; the later has them), `outlines` (as pixels), `boxes` (of
        objects without a shape, left out, or that say another box than their shape), `points`, `crowds` (void, or
        one object), `scores`, `more`, `labels`, `without a size`, `names`, `objects left out` (more than 999 of a
        class in a map of objects).

    Raises:
        LabelError: the folder has something in it, or there are more classes than numbers.
        StoreError: the disk said no.
    """
    names = said.names
    most = _MOST_OBJECTS if instances else _MOST
    if len(names) > most:
        raise LabelError(f"at most {most} classes for masks", f"{len(names):,}", "export as COCO instead")
    if colour and instances:
        raise LabelError("masks in colours or a map of objects", "both", "choose one of them")
    writer = _Writer(names, instances=instances, colour=colour)
    lines = ["background", *names]
    if colour:
        lines = [":".join([name, ",".join(map(str, voc_colour(i))), "", ""]) for i, name in enumerate(lines)]
    listed, folder = "labelmap.txt" if colour else "classes.txt", "instances" if instances else "masks"
    with new_folder(path) as beside:
        put(beside / listed, ("\n".join(lines) + "\n").encode())
        files = put_each(
            beside, said.items, lambda name: f"{folder}/{below_images(name, '.png')}", writer.png, writer.lost
        )
    return Written((path / listed, *(path / name for name in files)), writer.lost.kinds())


class _Writer:
    """Objects to pixels, with what is lost on the way."""

    def __init__(self, names: Sequence[str], *, instances: bool, colour: bool) -> None:
        self._number = {name: i for i, name in enumerate(names, start=1)}
        self._instances, self._colour = instances, colour
        self.lost = Lost()

    def png(self, item: Item) -> bytes | None:
        """The mask of an image; None where there can be none."""
        said, size = item.annotation, item.pixels
        if said.objects is None:
            self.lost["labels"] += len(said.labels or ())
            return None
        if size is None:
            self.lost["without a size"] += 1
            return None
        values = np.zeros((size[1], size[0]), np.uint16)
        met = Counter[str]()
        for one in said.objects:
            pixels = self._pixels(one, size)
            if pixels is None:
                continue
            met[one.name] += 1
            value = self._value(one, met)
            if value is None:
                continue
            self.lost["overlaps"] += int(((values != 0) & (values != value) & pixels).sum())
            values[pixels] = value
        return self._saved(values)

    def _pixels(self, one: Object, size: tuple[int, int]) -> NDArray[np.bool_] | None:
        self.lost["points"] += len(one.points)
        self.lost["scores"] += one.score is not None
        self.lost["more"] += says_more(one.more)
        self.lost["crowds"] += one.crowd
        shape = replace(one, box=None, points=()).bounds
        if one.box is not None and (shape is None or shape != one.box):
            self.lost["boxes"] += 1
        if shape is None or (one.mask is not None and (one.mask.width, one.mask.height) != size):
            return None
        self.lost["outlines"] += len(one.parts)
        return pixels_of(one.mask if one.mask is not None else mask_of(one.parts, size))

    def _value(self, one: Object, met: Counter[str]) -> int | None:
        """The number of an object's pixels; None where there is none left."""
        number = self._number[one.name]
        if self._instances:
            self.lost["objects left out"] += met[one.name] >= EACH
            return number * EACH + met[one.name] if met[one.name] < EACH else None
        if one.crowd:
            met[one.name] -= 1
            return VOID
        self.lost["objects"] += met[one.name] > 1
        return number

    def _saved(self, values: NDArray[np.uint16]) -> bytes:
        if self._instances:
            image = Image.fromarray(values)
        else:
            image = Image.fromarray(values.astype(np.uint8))
            image.putpalette([part for number in range(256) for part in voc_colour(number)])
            image = image.convert("RGB") if self._colour else image
        file = BytesIO()
        image.save(file, "PNG")
        return file.getvalue()
