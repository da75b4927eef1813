"""Whether two annotations say the same, one of them through a format that rounds or leaves things out."""

from collections.abc import Iterator, Sequence

from askance.vocab import Annotation, Box, Mask, Object, Part, Point

ROUNDED = 0.01
"""Pixels by which places may differ that were written with some digits."""

WHOLE = 0.5
"""The same where places were written as whole numbers."""


def says_nothing_new(said: Annotation, known: Annotation) -> bool:
    """Whether everything that is said is known already.

    Each object has to be one of the known ones, all of which are to be met: of the same class, and whatever is
    said of where it is has to agree. A format that has no room for outlines, points or remarks says nothing of
    them; one that writes whole pixels is half a pixel off.

    >>> known = Annotation((Object("can", Box(1.2, 2.0, 3.4, 4.9)),), size=(9, 9))
    >>> says_nothing_new(Annotation((Object("can", Box(1, 2, 3, 5)),), size=(9, 9)), known)
    True
    >>> says_nothing_new(Annotation((Object("can", Box(1.5, 2, 3, 5)),), size=(9, 9)), known)
    False
    """
    if said.labels is not None or known.labels is not None:
        return said.labels == known.labels
    left, objects = list(known.objects or ()), said.objects or ()
    if len(left) != len(objects):
        return False
    for one in objects:
        like = next((other for other in left if _agrees(one, other)), None)
        if like is None:
            return False
        left.remove(like)
    return True


OVERLAP = 0.5
"""Intersection over union from which on two people have drawn one object."""


def alike(one: Annotation, other: Annotation) -> bool:
    """Whether two people say the same: the same labels, or objects of the same classes at the same places.

    Nobody draws a box twice to the pixel: each object has to overlap one of the other's, by `OVERLAP` or more.

    >>> ann, bob = (Annotation((Object("can", Box(x, 0, x + 10, 10)),)) for x in (0, 2))
    >>> alike(ann, bob), alike(ann, Annotation((Object("can", Box(9, 0, 19, 10)),)))
    (True, False)
    """
    if one.labels is not None or other.labels is not None:
        return one.labels == other.labels
    left, objects = list(other.objects or ()), one.objects or ()
    if len(left) != len(objects):
        return False
    for thing in objects:
        found = max(left, key=lambda it: (it.name == thing.name) * _overlap(thing.bounds, it.bounds))
        if found.name != thing.name or _overlap(thing.bounds, found.bounds) < OVERLAP:
            return False
        left.remove(found)
    return True


def _overlap(one: Box | None, other: Box | None) -> float:
    """Intersection over union."""
    if one is None or other is None:
        return 0.0
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    both = max(0.0, across) * max(0.0, down)
    return both / (one.area + other.area - both) if both else float(one == other)


def _agrees(one: Object, other: Object) -> bool:
    if (one.name, one.crowd) != (other.name, other.crowd):
        return False
    if one.score is not None and one.score != other.score:
        return False
    shaped = one.box is not None or one.parts or one.points or one.mask is not None
    return bool(shaped) and all(
        (
            one.box is None or _near(_edges(one.box), _edges(other.bounds)),
            one.mask is None or _same_mask(one.mask, other),
            not one.parts or _same_parts(one.parts, other),
            not one.points or _same_points(one.points, other.points),
            all(other.more.get(key, value) == value for key, value in one.more.items() if key not in _OWN),
        )
    )


_OWN = {"id", "area", "image_id", "category_id"}
"""What a file counts for itself."""


def _edges(box: Box | None) -> list[float]:
    return [] if box is None else [box.left, box.top, box.right, box.bottom]


def _near(said: Sequence[float], known: Sequence[float]) -> bool:
    """Whether places agree, as far as the digits go that they are written with."""
    if len(said) != len(known):
        return False
    room = WHOLE if all(float(x).is_integer() for x in said) else ROUNDED
    return all(abs(a - b) <= room + 1e-9 for a, b in zip(said, known, strict=True))


def _same_mask(mask: Mask, other: Object) -> bool:
    return mask == other.mask or (other.mask is None and bool(other.parts))


def _same_parts(parts: Sequence[Part], other: Object) -> bool:
    if not other.parts:
        return False
    return _near(list(_corners(parts)), list(_corners(other.parts)))


def _corners(parts: Sequence[Part]) -> Iterator[float]:
    for part in parts:
        for ring in (part.outline, *part.holes):
            for x, y in ring:
                yield from (x, y)


def _same_points(points: Sequence[Point], known: Sequence[Point]) -> bool:
    if [(one.name, one.visible) for one in points] != [(one.name, one.visible) for one in known]:
        return False
    return _near([x for one in points for x in (one.x, one.y)], [x for one in known for x in (one.x, one.y)])
