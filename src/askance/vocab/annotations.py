"""What somebody says of an image beyond one class: several labels, or objects with a shape; for all tasks.

Coordinates are pixels of the image as a person sees it, after EXIF rotation: `x` to the right and `y` down from
the top left corner of the top left pixel, so that an image of 320 x 240 spans 0 to 320 and 0 to 240. Whatever a
foreign format means by a number (a centre, a share of the width, a first pixel that is 1) is turned into this
where it is read.
"""

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from askance.vocab.records import Json

Ring: TypeAlias = tuple[tuple[float, float], ...]
"""A closed line, its corners in order; the last is joined to the first."""

Visibility = Literal[0, 1, 2]
"""As COCO counts: 0 not labelled, 1 labelled and hidden, 2 labelled and visible."""


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle by its edges, pixels.

    Raises:
        ValueError: an edge that is no number, or edges that are swapped.

    >>> Box(10, 20, 30, 60).area
    800
    """

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        edges = (self.left, self.top, self.right, self.bottom)
        if not all(math.isfinite(edge) for edge in edges):
            raise ValueError(f"an edge that is no number: {edges}")
        if self.right < self.left or self.bottom < self.top:
            raise ValueError(f"edges that are swapped: {edges}")

    @property
    def width(self) -> float:
        """Pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Pixels."""
        return self.bottom - self.top

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def within(self, width: float, height: float) -> "Box":
        """The part of it that lies in an image; without area where nothing does.

        >>> Box(-5, 10, 20, 300).within(320, 240)
        Box(left=0, top=10, right=20, bottom=240)
        """
        left, right = (min(max(x, 0), width) for x in (self.left, self.right))
        top, bottom = (min(max(y, 0), height) for y in (self.top, self.bottom))
        return Box(left, top, right, bottom)


@dataclass(frozen=True, slots=True)
class Part:
    """One connected piece of an object: its outline, and the holes in it.

    Attributes:
        outline: three corners or more.
        holes: outlines of what is not part of it.
    """

    outline: Ring
    holes: tuple[Ring, ...] = ()


@dataclass(frozen=True, slots=True)
class Mask:
    """The pixels of an object, run-length encoded as COCO does: columns first, from a run that is outside.

    Attributes:
        width: of the image, pixels.
        height: of the image, pixels.
        counts: lengths of the runs, outside and inside in turn; they add up to width x height.

    Raises:
        ValueError: runs that do not fill the image.
    """

    width: int
    height: int
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        if any(run < 0 for run in self.counts) or sum(self.counts) != self.width * self.height:
            raise ValueError(f"runs of {sum(self.counts)} pixels in a mask of {self.width} x {self.height}")

    @property
    def area(self) -> int:
        """How many pixels are inside."""
        return sum(self.counts[1::2])


@dataclass(frozen=True, slots=True)
class Point:
    """A named point of an object.

    Attributes:
        name: of the point, as `left eye`.
        x: pixels.
        y: pixels.
        visible: 0 not labelled, 1 hidden, 2 visible.
    """

    name: str
    x: float
    y: float
    visible: Visibility = 2


@dataclass(frozen=True, slots=True)
class Object:
    """One thing in an image: its class, and where it is, in as many ways as were said.

    Attributes:
        name: its class.
        box: its bounding box; None where only a finer shape was said.
        parts: its outline, in one or several parts, with holes.
        mask: its pixels.
        points: its named points.
        crowd: many of a kind that nobody told apart; never counted as one.
        score: how sure a model was, 0 to 1; None where a person said it.
        source: the model that said it; None where a person did.
        more: what a format says of it besides (an id, an area, `difficult`), kept for the way back.
    """

    name: str
    box: Box | None = None
    parts: tuple[Part, ...] = ()
    mask: Mask | None = None
    points: tuple[Point, ...] = ()
    crowd: bool = False
    score: float | None = None
    source: str | None = None
    more: Mapping[str, Json] = field(default_factory=dict)

    @property
    def bounds(self) -> Box | None:
        """Its box, or the box around its shape; None where nothing says where it is.

        >>> Object("can", parts=(Part(((1, 2), (5, 2), (5, 9))),)).bounds
        Box(left=1, top=2, right=5, bottom=9)
        """
        if self.box is not None:
            return self.box
        spots = [corner for part in self.parts for corner in part.outline]
        if not spots and self.mask is not None:
            return _around(self.mask)
        spots = spots or [(point.x, point.y) for point in self.points if point.visible]
        if not spots:
            return None
        across, down = [x for x, _ in spots], [y for _, y in spots]
        return Box(min(across), min(down), max(across), max(down))


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is said of one image: objects in it, or labels of it as a whole.

    An empty one says: looked at, nothing here.

    Attributes:
        objects: what is in it; None where labels are said.
        labels: its labels, sorted, each once; None where objects are said.
        size: width and height of the image that the coordinates are of; None where that was not said.

    Raises:
        ValueError: neither objects nor labels, or both.
    """

    objects: tuple[Object, ...] | None = None
    labels: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if (self.objects is None) == (self.labels is None):
            raise ValueError("either objects or labels, and one of them")
        if self.labels is not None and list(self.labels) != sorted(set(self.labels)):
            raise ValueError(f"labels sorted, each once: {self.labels}")

    @classmethod
    def of_labels(cls, *labels: str) -> "Annotation":
        """Some labels, in any order.

        >>> Annotation.of_labels("wet", "torn", "wet").labels
        ('torn', 'wet')
        """
        return cls(labels=tuple(sorted(set(labels))))

    @property
    def classes(self) -> Counter[str]:
        """Class -> how many objects of it, crowds left out; label -> 1.

        >>> Annotation((Object("can"), Object("can"), Object("lid"))).classes
        Counter({'can': 2, 'lid': 1})
        """
        if self.labels is not None:
            return Counter(self.labels)
        return Counter(one.name for one in self.objects or () if not one.crowd)

    @property
    def names(self) -> set[str]:
        """All classes that are named, those of crowds too."""
        return set(self.labels or ()) | {one.name for one in self.objects or ()}

    def renamed(self, new: Callable[[str], str | None]) -> "Annotation":
        """The same with other class names; what gets none is left out."""
        if self.labels is not None:
            kept = {name for label in self.labels if (name := new(label)) is not None}
            return Annotation.of_labels(*kept)
        found = [(one, new(one.name)) for one in self.objects or ()]
        return replace(self, objects=tuple(replace(one, name=name) for one, name in found if name is not None))


def to_json(said: Annotation) -> dict[str, Json]:
    """A plain record of it, the same for the same annotation; what is not said is left out.

    >>> to_json(Annotation((Object("can", Box(1, 2, 3, 4)),), size=(320, 240)))
    {'objects': [{'name': 'can', 'box': [1, 2, 3, 4]}], 'size': [320, 240]}
    """
    found: dict[str, Any] = {}
    if said.labels is not None:
        found["labels"] = list(said.labels)
    if said.objects is not None:
        found["objects"] = [_object_to_json(one) for one in said.objects]
    if said.size is not None:
        found["size"] = list(said.size)
    return found


def from_json(record: Mapping[str, Any]) -> Annotation:
    """Read it back.

    Raises:
        ValueError, TypeError, KeyError: no such record.
    """
    objects, labels, size = record.get("objects"), record.get("labels"), record.get("size")
    return Annotation(
        None if objects is None else tuple(_object_from_json(one) for one in objects),
        None if labels is None else tuple(labels),
        None if size is None else (int(size[0]), int(size[1])),
    )


def canonical(said: Annotation) -> str:
    """One text for what is the same, whatever the order of the objects, and whether 3 was written as 3.0.

    >>> canonical(Annotation((Object("can", Box(1.0, 2, 3, 4.5)),)))
    '{"objects":[{"box":[1,2,3,4.5],"name":"can"}]}'
    """
    record: dict[str, Any] = to_json(said)
    if said.objects is not None:
        plain = [
            {key: one[key] if key == "more" else _whole(one[key]) for key in one} for one in record["objects"]
        ]
        record["objects"] = sorted(plain, key=lambda one: json.dumps(one, sort_keys=True))
    return json.dumps(record, sort_keys=True, separators=(",", ":"))


def _whole(value: Any) -> Any:
    """The same with whole numbers for reals that are whole."""
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _object_to_json(one: Object) -> dict[str, Any]:
    found: dict[str, Any] = {"name": one.name}
    if one.box is not None:
        found["box"] = [one.box.left, one.box.top, one.box.right, one.box.bottom]
    if one.parts:
        found["parts"] = [
            {"outline": [list(spot) for spot in part.outline]}
            | ({"holes": [[list(spot) for spot in hole] for hole in part.holes]} if part.holes else {})
            for part in one.parts
        ]
    if one.mask is not None:
        found["mask"] = {"size": [one.mask.width, one.mask.height], "counts": list(one.mask.counts)}
    if one.points:
        found["points"] = [[point.name, point.x, point.y, point.visible] for point in one.points]
    if one.crowd:
        found["crowd"] = True
    found |= {key: value for key in ("score", "source") if (value := getattr(one, key)) is not None}
    return found | ({"more": dict(one.more)} if one.more else {})


def _object_from_json(record: Mapping[str, Any]) -> Object:
    box, mask = record.get("box"), record.get("mask")
    return Object(
        record["name"],
        None if box is None else Box(*box),
        tuple(
            Part(_ring(part["outline"]), tuple(_ring(hole) for hole in part.get("holes", ())))
            for part in record.get("parts", ())
        ),
        None if mask is None else Mask(mask["size"][0], mask["size"][1], tuple(mask["counts"])),
        tuple(Point(*point) for point in record.get("points", ())),
        bool(record.get("crowd", False)),
        record.get("score"),
        record.get("source"),
        record.get("more", {}),
    )


def _ring(corners: list[list[float]]) -> Ring:
    return tuple((x, y) for x, y in corners)


def _around(mask: Mask) -> Box | None:
    """The box around the pixels inside."""
    columns: list[int] = []
    rows: list[int] = []
    at = 0
    for i, run in enumerate(mask.counts):
        if i % 2 and run:
            first, last = divmod(at, mask.height), divmod(at + run - 1, mask.height)
            columns += [first[0], last[0]]
            rows += [first[1], last[1]] if first[0] == last[0] else [0, mask.height - 1]
        at += run
    return Box(min(columns), min(rows), max(columns) + 1, max(rows) + 1) if columns else None
