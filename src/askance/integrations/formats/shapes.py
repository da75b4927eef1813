"""Outlines made sound: corners counted, crossings mended, cut to the image; and pixels of a mask as outlines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from askance.integrations.formats.runs import pixels_of
from askance.vocab import Box, Mask, Part, Ring

if TYPE_CHECKING:
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry

_FLAT = 1e-12
"""Area of an outline for the square of its length; with no more, its corners are on one line but for rounding."""

_SLACK = 0.01
"""Pixels by which a number may miss the edge of the image and still mean it."""


def slack(side: float) -> float:
    """Pixels by which rounding may move an edge: shares of a side have six digits at the worst."""
    return _SLACK + 2e-6 * side


def outline(numbers: Sequence[float]) -> Ring:
    """Corners from a flat list `x, y, x, y`; one that closes the line is left out.

    >>> outline([0, 0, 4, 0, 4, 3, 0, 0])
    ((0, 0), (4, 0), (4, 3))
    """
    ring = tuple(zip(numbers[0::2], numbers[1::2], strict=True))
    return ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring


def signed_area(ring: Ring) -> float:
    """Square pixels, positive where the corners turn from x to y.

    >>> signed_area(((0, 0), (4, 0), (4, 3)))
    6.0
    """
    pairs = zip(ring, (*ring[1:], *ring[:1]), strict=True)
    return sum(x * b - a * y for (x, y), (a, b) in pairs) / 2


def sound(ring: Ring) -> tuple[tuple[Part, ...], str | None]:
    """The parts that an outline encloses, and what was wrong with it.

    One that only touches itself, as parts that were joined to one line do, is taken apart and nothing is said.
    """
    import shapely

    if len(ring) < 3:
        return (), f"an outline of {len(ring)} points"
    drawn = shapely.Polygon(ring)
    least = _FLAT * drawn.length**2
    if drawn.is_valid and drawn.area > least:
        return (Part(ring),), None
    parts = tuple(part for part in parts_of(shapely.make_valid(drawn)) if area_of(part) > least)
    if not parts:
        return (), "an outline without area"
    area = sum(area_of(part) for part in parts)
    if abs(area - abs(signed_area(ring))) <= 1e-6 * area + 1e-9:
        return parts, None
    return parts, f"an outline that crosses itself: taken as the {len(parts)} parts that it encloses"


def cut(part: Part, size: tuple[int, int]) -> tuple[tuple[Part, ...], bool]:
    """What of a part lies in an image, and whether that is less than all of it."""
    import shapely

    width, height = size
    across, down = [x for x, _ in part.outline], [y for _, y in part.outline]
    wide, high = slack(width), slack(height)
    if min(across) >= -wide and min(down) >= -high and max(across) <= width + wide and max(down) <= height + high:
        return (part,), False
    return parts_of(shapely.make_valid(polygon_of(part)).intersection(shapely.box(0, 0, width, height))), True


def polygon_of(part: Part) -> "Polygon":
    """The same as shapely has it."""
    import shapely

    return shapely.Polygon(part.outline, part.holes)


def area_of(part: Part) -> float:
    """Square pixels, holes taken off.

    >>> area_of(Part(((0, 0), (4, 0), (4, 4), (0, 4)), (((1, 1), (2, 1), (2, 2), (1, 2)),)))
    15.0
    """
    return abs(signed_area(part.outline)) - sum(abs(signed_area(hole)) for hole in part.holes)


def parts_of(shape: "BaseGeometry") -> tuple[Part, ...]:
    """The areas of a shape of shapely; lines and points are left out."""
    found = []
    for one in getattr(shape, "geoms", [shape]):
        if one.geom_type == "Polygon" and one.area > 0:
            rings = [tuple(line.coords)[:-1] for line in (one.exterior, *one.interiors)]
            found.append(Part(rings[0], tuple(rings[1:])))
        elif hasattr(one, "geoms"):
            found += parts_of(one)
    return tuple(found)


def outlines_of(mask: Mask) -> tuple[Part, ...]:
    """The outlines of a mask's pixels, along their edges, with holes.

    >>> outlines_of(Mask(3, 3, (0, 9)))[0].outline
    ((0.0, 0.0), (0.0, 3.0), (3.0, 3.0), (3.0, 0.0))
    """
    import numpy as np
    import shapely

    inside = pixels_of(mask).T  # columns first, as the runs are
    steps = np.diff(np.pad(inside.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    columns, tops = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    boxes = shapely.box(columns, tops, columns + 1, ends)
    return parts_of(shapely.union_all(boxes).simplify(0).normalize())


def ring_of_box(box: Box) -> Ring:
    """Its four corners."""
    return ((box.left, box.top), (box.right, box.top), (box.right, box.bottom), (box.left, box.bottom))


def joined(rings: Sequence[Ring]) -> Ring:
    """One line around several areas, bridged to and fro where their corners are nearest, as YOLO has parts."""
    import numpy as np

    first, *others = (ring if signed_area(ring) > 0 else ring[::-1] for ring in rings)
    whole = list(first)
    for ring in others:
        far = np.square(np.asarray(whole)[:, None] - np.asarray(ring)[None]).sum(-1)
        i, j = divmod(int(far.argmin()), len(ring))
        whole = whole[: i + 1] + list(ring[j:]) + list(ring[: j + 1]) + whole[i:]
    return tuple(whole)
