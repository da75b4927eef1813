"""Annotations of an image as it is stored, turned or scaled to how people see it."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from askance.vocab import Annotation, Box, Mask, Object, Part

Spot = tuple[float, float]

_TURNS: dict[int, Callable[[float, float, int, int], Spot]] = {
    1: lambda x, y, w, h: (x, y),
    2: lambda x, y, w, h: (w - x, y),
    3: lambda x, y, w, h: (w - x, h - y),
    4: lambda x, y, w, h: (x, h - y),
    5: lambda x, y, w, h: (y, x),
    6: lambda x, y, w, h: (h - y, x),
    7: lambda x, y, w, h: (h - y, w - x),
    8: lambda x, y, w, h: (y, w - x),
}
"""EXIF orientation -> where a spot of the stored image of w x h pixels is seen."""

_PIXELS: dict[int, Callable[[NDArray[np.bool_]], NDArray[np.bool_]]] = {
    2: lambda inside: inside[::-1],
    3: lambda inside: inside[::-1, ::-1],
    4: lambda inside: inside[:, ::-1],
    5: lambda inside: inside.T,
    6: lambda inside: inside.T[::-1],
    7: lambda inside: inside.T[::-1, ::-1],
    8: lambda inside: inside.T[:, ::-1],
}
"""The same for all pixels, `[width, height]`."""


def turned(said: Annotation, orientation: int) -> Annotation:
    """What was said of the stored pixels, in pixels of the image as people see it.

    Args:
        said: its `size` is that of the stored pixels.
        orientation: of EXIF, 1 to 8.

    >>> from askance.vocab import Object
    >>> stored = Annotation((Object("can", Box(0, 0, 10, 20)),), size=(100, 50))
    >>> found = turned(stored, 6)  # a telephone that was held upright
    >>> found.objects[0].box, found.size
    (Box(left=30, top=0, right=50, bottom=10), (50, 100))
    """
    if said.size is None or said.objects is None or orientation == 1:
        return said
    width, height = said.size
    size = (height, width) if orientation >= 5 else (width, height)

    def spot(x: float, y: float) -> Spot:
        return _TURNS[orientation](x, y, width, height)

    def mask(old: Mask) -> Mask:
        return _encoded(_PIXELS[orientation](_inside(old)))

    return replace(said, objects=tuple(_moved(one, spot, mask) for one in said.objects), size=size)


def scaled(said: Annotation, size: tuple[int, int]) -> Annotation:
    """What was said of a smaller or larger copy, in pixels of the image itself.

    >>> from askance.vocab import Object
    >>> copy = Annotation((Object("can", Box(1, 2, 3, 4)),), size=(10, 10))
    >>> scaled(copy, (40, 40)).objects[0].box
    Box(left=4.0, top=8.0, right=12.0, bottom=16.0)
    """
    if said.size is None or said.objects is None or said.size == size:
        return said
    across, down = size[0] / said.size[0], size[1] / said.size[1]

    def mask(old: Mask) -> Mask:
        inside = _inside(old)
        columns = np.minimum(((np.arange(size[0]) + 0.5) / across).astype(int), old.width - 1)
        rows = np.minimum(((np.arange(size[1]) + 0.5) / down).astype(int), old.height - 1)
        return _encoded(inside[np.ix_(columns, rows)])

    objects = tuple(_moved(one, lambda x, y: (x * across, y * down), mask) for one in said.objects)
    return replace(said, objects=objects, size=size)


def _moved(one: Object, spot: Callable[[float, float], Spot], mask: Callable[[Mask], Mask]) -> Object:
    """An object with everything that says where it is moved."""
    box = None
    if one.box is not None:
        corners = [spot(one.box.left, one.box.top), spot(one.box.right, one.box.bottom)]
        across, down = sorted(x for x, _ in corners), sorted(y for _, y in corners)
        box = Box(across[0], down[0], across[1], down[1])
    parts = tuple(
        Part(
            tuple(spot(*at) for at in part.outline), tuple(tuple(spot(*at) for at in hole) for hole in part.holes)
        )
        for part in one.parts
    )
    points = []
    for point in one.points:
        x, y = spot(point.x, point.y)
        points.append(replace(point, x=x, y=y))
    return replace(
        one, box=box, parts=parts, mask=None if one.mask is None else mask(one.mask), points=tuple(points)
    )


def _inside(mask: Mask) -> NDArray[np.bool_]:
    """`[width, height]`, whether a pixel is inside."""
    runs = np.arange(len(mask.counts)) % 2 == 1
    return np.repeat(runs, mask.counts).reshape(mask.width, mask.height)


def _encoded(inside: NDArray[np.bool_]) -> Mask:
    """Runs of pixels, column by column."""
    flat = np.ascontiguousarray(inside).ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate([[0], changes, [len(flat)]])
    counts = np.diff(edges).tolist()
    return Mask(inside.shape[0], inside.shape[1], tuple([0, *counts] if flat[:1].any() else counts))
