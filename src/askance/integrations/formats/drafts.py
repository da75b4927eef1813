"""An object as a file says it, and what can be taken of it: numbers checked, cut to the image, the rest told."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from askance.integrations.annotated import Fault
from askance.integrations.formats.doors import MOST_OBJECTS
from askance.integrations.formats.items import Size
from askance.integrations.formats.shapes import cut, outline, slack, sound
from askance.vocab import Box, Json, LabelError, Mask, Object, Part, Point, Ring
from askance.vocab.names import class_fault, shortened, tidy

Tell = Callable[[str], None]


class Faults:
    """What is wrong with some files, gathered while they are read."""

    def __init__(self) -> None:
        self.found: list[Fault] = []
        self._objects = 0

    def tell(self, place: str, problem: str, image: str = "", thing: str = "") -> None:
        """Note one."""
        self.found.append(Fault(place, image, thing, problem))

    def teller(self, place: str, image: str, thing: str) -> Tell:
        """Notes what is wrong with one object."""
        return lambda problem: self.tell(place, problem, image, thing)

    def count(self, objects: int) -> None:
        """Take note of so many objects.

        Raises:
            LabelError: they are more than one data set may have.
        """
        self._objects += objects
        if self._objects > MOST_OBJECTS:
            got = f"more than {MOST_OBJECTS:,}"
            raise LabelError(f"at most {MOST_OBJECTS:,} objects", got, "split the data set")


@dataclass(slots=True)
class Draft:
    """An object as a file says it, in pixels, nothing checked.

    Attributes:
        name: its class.
        edges: left, top, right, bottom; None where no box is said.
        rings: flat lists of x and y in turn.
        parts: of a file of our own, with holes.
        mask: its pixels.
        points: its named points.
        crowd: many that nobody told apart.
        score: as read.
        source: of the score.
        more: whatever else is said.
    """

    name: str
    edges: Sequence[Any] | None = None
    rings: Sequence[Any] = ()
    parts: tuple[Part, ...] = ()
    mask: Mask | None = None
    points: tuple[Point, ...] = ()
    crowd: bool = False
    score: Any = None
    source: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def finished(draft: Draft, size: Size, tell: Tell) -> Object | None:
    """The object, or None where nothing of it can be taken; what was left out or changed is told."""
    said: list[str] = []
    box = None if draft.edges is None else box_within(draft.edges, size, said.append)
    parts = _parts(draft, size, said.append)
    points = tuple(_point(point, size, said.append) for point in draft.points)
    if box is None and not parts and draft.mask is None and not any(point.visible for point in points):
        tell(f"{'; '.join(said) or 'nothing says where it is'}: left out")
        return None
    for problem in said:
        tell(
            problem if problem.endswith("cut to the image") or ": taken as" in problem else f"{problem}: left out"
        )
    return Object(
        draft.name,
        box,
        parts,
        draft.mask,
        points,
        draft.crowd,
        _score(draft.score, tell),
        draft.source,
        plain_more(draft.more),
    )


def box_within(edges: Sequence[Any], size: Size, tell: Tell) -> Box | None:
    """A box that lies in the image; None where it has no sound edges or lies elsewhere."""
    numbers = [number(edge) for edge in edges]
    if len(edges) != 4 or None in numbers:
        tell(f"a box whose edges are not four numbers: {shown(edges)}")
        return None
    left, top, right, bottom = (edge for edge in numbers if edge is not None)
    if right < left or bottom < top:
        tell(f"a box with swapped corners or a negative side: {_edges(numbers)}")
        return None
    if right == left or bottom == top:
        tell(f"a box without area: {_edges(numbers)}")
        return None
    width, height = size or (math.inf, math.inf)
    box = Box(left, top, right, bottom).within(width, height)
    if not box.area:
        tell(f"a box outside the image{_of(size)}: {_edges(numbers)}")
        return None
    wide, high = (slack(side) if size else slack(0) for side in size or (0, 0))
    if min(left + wide, top + high) < 0 or right > width + wide or bottom > height + high:
        tell(f"a box that reaches outside the image{_of(size)}: {_edges(numbers)}, cut to the image")
    return box


def _parts(draft: Draft, size: Size, tell: Tell) -> tuple[Part, ...]:
    found = list(draft.parts)
    for numbers in draft.rings:
        ring = ring_of(numbers, tell)
        if ring is not None:
            parts, problem = sound(ring)
            found += parts
            if problem:
                tell(problem)
    if size is None:
        return tuple(found)
    kept: list[Part] = []
    for part in found:
        pieces, less = cut(part, size)
        kept += pieces
        if less:
            where = "an outline that reaches outside" if pieces else "an outline outside"
            tell(f"{where} the image{_of(size)}" + (", cut to the image" if pieces else ""))
    return tuple(kept)


def ring_of(numbers: Any, tell: Tell) -> Ring | None:
    """Corners from a flat list of numbers as a file has it."""
    if not isinstance(numbers, list | tuple) or len(numbers) % 2:
        tell(f"an outline that is no list of x and y in turn: {shown(numbers)}")
        return None
    found = [one for value in numbers if (one := number(value)) is not None]
    if len(found) < len(numbers):
        bad = next(value for value in numbers if number(value) is None)
        tell(f"an outline with what is no number in it: {shown(bad)}")
        return None
    return outline(found)


def _point(point: Point, size: Size, tell: Tell) -> Point:
    if not point.visible or size is None:
        return point
    wide, high = slack(size[0]), slack(size[1])
    if -wide <= point.x <= size[0] + wide and -high <= point.y <= size[1] + high:
        return point
    tell(f"its point {point.name} lies outside the image{_of(size)}: taken as not labelled")
    return replace(point, visible=0)


def _score(score: Any, tell: Tell) -> float | None:
    found = number(score)
    if score is None or (found is not None and 0 <= found <= 1):
        return found
    tell(f"a score that is no number from 0 to 1: {shown(score)}: left out")
    return None


def number(value: Any) -> float | None:
    """A number that can be counted with; None for what is none: text, true, NaN, without end.

    >>> number(3), number("3"), number(float("nan")), number(True)
    (3, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e15 else None


def parsed(text: str | None) -> Any:
    """A number from text; the text itself where it is none.

    >>> parsed(" 3.5 "), parsed("7"), parsed("x"), parsed(None)
    (3.5, 7, 'x', None)
    """
    try:
        value = float((text or "").strip())
    except ValueError:
        return text
    return int(value) if math.isfinite(value) and value.is_integer() else value


def size_from(width: Any, height: Any) -> Size:
    """Width and height where both are whole and positive; None else."""
    found = [number(side) for side in (width, height)]
    sides = [int(side) for side in found if side is not None and side > 0 and side == int(side)]
    return (sides[0], sides[1]) if len(sides) == 2 else None


def class_name(value: Any) -> tuple[str, str | None]:
    """A class's name, and why it cannot be one."""
    name = tidy(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return name, class_fault(name) if name else f"no name of a class: {shown(value)}"


def shown(value: Any) -> str:
    """What a file says, as a message shows it."""
    if isinstance(value, list | tuple) and len(value) > 8:
        return f"{len(value)} values"
    return shortened(repr(list(value) if isinstance(value, tuple) else value), 80)


def plain_more(more: Mapping[str, Any]) -> dict[str, Json]:
    """Without what is no number: not every database takes that."""
    return {key: value for key, value in more.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return not isinstance(value, float) or math.isfinite(value)


def _edges(numbers: Sequence[float | None]) -> str:
    left, top, right, bottom = (f"{edge:g}" for edge in numbers if edge is not None)
    return f"{left}, {top} to {right}, {bottom}"


def _of(size: Size) -> str:
    return f" of {size[0]} x {size[1]}" if size else ""
