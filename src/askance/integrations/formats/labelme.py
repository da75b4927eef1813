"""LabelMe's JSON, read: rectangles, polygons, circles, lines, points, masks; a group joins shapes to an object."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from askance.integrations.annotated import Annotated, AnnotationFile
from askance.integrations.formats.coco_objects import digest
from askance.integrations.formats.doors import MOST_BYTES_OF_ONE, below, read_json
from askance.integrations.formats.drafts import (
    Draft,
    Faults,
    Tell,
    class_name,
    finished,
    number,
    shown,
    size_from,
)
from askance.integrations.formats.each import read_each
from askance.integrations.formats.items import OWN, Size, Sizes
from askance.integrations.formats.labelme_mask import mask_from
from askance.vocab import Annotation, LabelError, Mask, Object, Point, Ring
from askance.vocab.annotations import from_json
from askance.vocab.names import printable

WHAT = "LabelMe's JSON: a file an image, with shapes"

CORNERS = 64
"""Of the outline that stands for a circle."""

_LINES = ("line", "linestrip", "points")
_TAKEN = frozenset({"label", "points", "shape_type", "mask", "group_id", "flags", "description", OWN})


def read_labelme(path: Path, sizes: Sizes | None = None) -> AnnotationFile:
    """Read a folder of LabelMe's files, or one.

    A rectangle is a box, a polygon a part, a circle a part of 64 corners, a point a named point, a line numbered
    points. Shapes of one `group_id` and label are one object; points of a group are its one other object's.

    Args:
        path: of the folder or the file.
        sizes: of images for which the file says none.

    Raises:
        LabelError: nothing there, or the one file is cut off or not LabelMe's.
    """
    faults = Faults()
    found = read_each(path, ".json", WHAT, lambda file, root: _File(file, root, faults).read(sizes), faults)
    names = {name for one in found for name in one.annotation.names}
    points: dict[str, dict[str, None]] = defaultdict(dict)
    for made in (made for one in found for made in one.annotation.objects or ()):
        points[made.name].update(dict.fromkeys(point.name for point in made.points))
    named = {name: tuple(spots) for name, spots in sorted(points.items()) if spots}
    return AnnotationFile("labelme", tuple(sorted(names)), found, faults.found, named)


@dataclass(slots=True)
class _Shape:
    """One shape, or several that are one object."""

    at: int
    draft: Draft
    group: Any = None
    own: Any = None


class _File:
    """One file."""

    def __init__(self, file: Path, root: Path, faults: Faults) -> None:
        self._place, self._faults = below(file, root), faults
        said = read_json(file, WHAT, MOST_BYTES_OF_ONE)
        if not isinstance(said, dict) or not isinstance(said.get("shapes"), list):
            got = f"{printable(file.name)} without the list shapes"
            raise LabelError(WHAT, got, "name its real format, or leave the file out")
        self._said: dict[str, Any] = said
        image = said.get("imagePath")
        self._name = image.strip().replace("\\", "/") if isinstance(image, str) and image.strip() else file.stem

    def read(self, sizes: Sizes | None) -> Annotated:
        """What it says of its image."""
        said = self._said.get("imageWidth"), self._said.get("imageHeight")
        size = size_from(*said) or (sizes(self._name) if sizes else None)
        if size is None and said != (None, None):
            text = f"no width and height in whole pixels: {shown(said)}: left out"
            self._faults.tell(self._place, text, self._name)
        shapes = self._said["shapes"]
        self._faults.count(len(shapes))
        flags = self._said.get("flags")
        labels = [str(name) for name, on in flags.items() if on is True] if isinstance(flags, dict) else []
        if labels and not shapes:
            return Annotated(self._name, replace(Annotation.of_labels(*labels), size=size), self._place)
        if labels:
            text = (
                f"labels of the whole image ({', '.join(labels)}) beside shapes, two tasks in one file: left out"
            )
            self._faults.tell(self._place, text, self._name)
        read = [one for i, shape in enumerate(shapes) if (one := self._shape(i, shape, size)) is not None]
        made = [self._finished(one, size) for one in _joined(read)]
        objects = tuple(one for one in made if one is not None)
        return Annotated(self._name, Annotation(objects, size=size), self._place)

    def _tell(self, at: int, name: str) -> Tell:
        thing = f"object {at + 1} ({name})" if name else f"object {at + 1}"
        return self._faults.teller(f"{self._place}: shapes[{at}]", self._name, thing)

    def _shape(self, at: int, shape: Any, size: Size) -> _Shape | None:
        label = shape.get("label") if isinstance(shape, dict) else None
        name, problem = class_name(label)
        tell = self._tell(at, name)
        if problem:
            tell(f"{problem}: left out")
            return None
        points = shape.get("points")
        corners = [_corner(one) for one in points] if isinstance(points, list) else []
        ring = [one for one in corners if one is not None]
        if not ring or len(ring) < len(corners):
            tell(f"points that are no pairs of numbers: {shown(points)}: left out")
            return None
        kind = shape.get("shape_type") or "polygon"
        draft = _draft(name, kind, ring, shape.get(OWN))
        if kind == "mask":
            draft = Draft(name, mask=_mask(shape, ring, size, tell))
            if draft.mask is None:
                return None
        if draft is None:
            tell(f"a shape {shown(kind)} of {len(ring)} points: left out")
            return None
        draft.more = {key: value for key, value in shape.items() if key not in _TAKEN}
        draft.more |= {key: shape[key] for key in ("flags", "description", "group_id") if shape.get(key)}
        if kind == "circle":
            draft.more["circle"] = [list(corner) for corner in ring]
        elif kind in _LINES:
            draft.more["shape_type"] = kind
        group = shape.get("group_id")
        return _Shape(at, draft, group if isinstance(group, int | str) else None, shape.get(OWN))

    def _finished(self, one: _Shape, size: Size) -> Object | None:
        made = finished(one.draft, size, self._tell(one.at, one.draft.name))
        own = one.own if isinstance(one.own, dict) else {}
        if made is None or not own:
            return made
        parts = _exact(own, made)
        score, source = own.get("score"), own.get("source")
        return replace(
            made,
            parts=parts or made.parts,
            mask=made.mask if not parts or own.get("mask") is True else None,
            crowd=own.get("crowd") is True,
            score=score if isinstance(score, int | float) and 0 <= score <= 1 else None,
            source=source if isinstance(source, str) else None,
            more={**made.more, **(own["more"] if isinstance(own.get("more"), dict) else {})},
        )


def _exact(own: Mapping[str, Any], made: Object) -> Any:
    """The outlines with holes that we kept beside a mask, if it is still the one."""
    if made.mask is None or "parts" not in own or own.get("of") != digest(list(made.mask.counts)):
        return ()
    try:
        found = from_json({"objects": [{"name": "", "parts": own["parts"]}]}).objects
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return ()
    return found[0].parts if found else ()


def _corner(one: Any) -> tuple[float, float] | None:
    found = [number(value) for value in one] if isinstance(one, list) else []
    return (found[0], found[1]) if len(found) == 2 and None not in found else None  # type: ignore[return-value]


def _draft(name: str, kind: Any, ring: Sequence[tuple[float, float]], own: Any) -> Draft | None:
    """A shape as a draft; None where it is no such shape."""
    if kind == "rectangle" and len(ring) in {2, 4}:
        across, down = [x for x, _ in ring], [y for _, y in ring]
        return Draft(name, [min(across), min(down), max(across), max(down)])
    if kind == "polygon":
        return Draft(name, rings=[[value for corner in ring for value in corner]])
    if kind == "circle" and len(ring) == 2:
        return Draft(name, rings=[[value for corner in circle(*ring) for value in corner]])
    if kind == "point" and len(ring) == 1:
        seen = own.get("visible") if isinstance(own, dict) else None
        return Draft(name, points=(Point(name, *ring[0], seen if seen in (0, 1, 2) else 2),))
    if kind in _LINES:
        return Draft(name, points=tuple(Point(str(i), *corner) for i, corner in enumerate(ring, start=1)))
    return None


def circle(centre: tuple[float, float], edge: tuple[float, float]) -> Ring:
    """The corners that stand for a circle."""
    radius = math.dist(centre, edge)
    turns = [2 * math.pi * i / CORNERS for i in range(CORNERS)]
    return tuple((centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn)) for turn in turns)


def _mask(shape: Mapping[str, Any], ring: Sequence[tuple[float, float]], size: Size, tell: Tell) -> Mask | None:
    if size is None:
        tell("a mask in an image whose size nobody knows: left out")
        return None
    try:
        return mask_from(shape.get("mask"), (int(ring[0][0]), int(ring[0][1])), size)
    except ValueError as error:
        tell(f"{error}: left out")
        return None


def _joined(shapes: Sequence[_Shape]) -> list[_Shape]:
    """Shapes of one group and label as one; points of a group put to its one other object."""
    groups: dict[Any, list[_Shape]] = defaultdict(list)
    for one in shapes:
        groups[("alone", one.at) if one.group is None else ("group", str(one.group))].append(one)
    found: list[_Shape] = []
    for members in groups.values():
        named: dict[str, _Shape] = {}
        spots: list[_Shape] = []
        for one in members:
            whose = one.own.get("object") if isinstance(one.own, dict) else None
            if isinstance(whose, str) and one.draft.points:
                _add(named.setdefault(whose, _Shape(one.at, Draft(whose), own=one.own)).draft, one.draft)
            elif one.draft.points and "shape_type" not in one.draft.more:
                spots.append(one)
            elif one.draft.name in named:
                _add(named[one.draft.name].draft, one.draft)
            else:
                named[one.draft.name] = one
        if len(named) == 1 and spots:
            only = next(iter(named.values()))
            only.draft.points += tuple(point for one in spots for point in one.draft.points)
            spots = []
        found += [*named.values(), *spots]
    return sorted(found, key=lambda one: one.at)


def _add(draft: Draft, other: Draft) -> None:
    """Another shape of the same object; of two boxes, the second is a part."""
    if other.edges is not None and draft.edges is None:
        draft.edges = other.edges
    elif other.edges is not None:
        left, top, right, bottom = other.edges
        draft.rings = [*draft.rings, [left, top, right, top, right, bottom, left, bottom]]
    draft.rings = [*draft.rings, *other.rings]
    draft.mask = draft.mask or other.mask
    draft.points += other.points
    draft.more = {**other.more, **draft.more}
