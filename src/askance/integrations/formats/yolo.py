"""YOLO's text files, read: boxes, outlines or keypoints as shares of the image's sides, and their `data.yaml`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from askance.integrations.annotated import Annotated, AnnotationFile
from askance.integrations.formats.doors import below, image_size, read_lines
from askance.integrations.formats.drafts import Draft, Faults, class_name, finished, number, parsed, shown
from askance.integrations.formats.items import Sizes
from askance.integrations.formats.yolo_layout import WHAT, Layout, Text, lay_out
from askance.vocab import Annotation, LabelError, Object, Point
from askance.vocab.names import printable

_PIXELS = 1.5
"""A share of a side that is larger is a number of pixels."""


def read_yolo(path: Path, sizes: Sizes | None = None) -> AnnotationFile:
    """Read a YOLO data set: a `data.yaml`, the folder it lies in, or a folder of text files.

    An empty text file says: looked at, nothing here. An image without one is not spoken of.

    Args:
        path: of the file or the folder.
        sizes: of images, first; else their files are looked at, beside the text files or in `images` for `labels`.

    Raises:
        LabelError: no such file or folder, or nothing of YOLO's in it.
    """
    faults = Faults()
    layout = lay_out(path, faults)
    if not layout.texts:
        got = f"{printable(str(path))} without one"
        raise LabelError(f"{WHAT}, with text files of labels", got, "name the folder that data.yaml lies in")
    classes = _Classes.of(layout, faults)
    found = [one for text in layout.texts if (one := _read_text(text, layout, classes, sizes, faults)) is not None]
    points = {name: classes.points_of(name) for name in classes.names.values()} if classes.shape else {}
    return AnnotationFile("yolo", tuple(classes.names.values()), found, faults.found, points)


@dataclass(slots=True)
class _Classes:
    """What `data.yaml` says of classes and their points.

    Attributes:
        names: number -> class.
        open: nobody named the classes: numbers are names.
        shape: how many points an object has, and numbers a point; None where it has none.
        points: number of a class -> names of its points.
    """

    names: dict[int, str]
    open: bool
    shape: tuple[int, int] | None
    points: dict[int, list[str]]

    @classmethod
    def of(cls, layout: Layout, faults: Faults) -> "_Classes":
        said, place = layout.said.get("names"), layout.place
        listed = dict(enumerate(said)) if isinstance(said, list) else said if isinstance(said, dict) else {}
        names: dict[int, str] = {}
        for key, value in listed.items():
            at, (name, problem) = _whole(key), class_name(value)
            if at is None or problem or name in names.values():
                why = problem or (
                    f"a second class {name}" if at is not None else f"no number of a class: {shown(key)}"
                )
                faults.tell(place, f"names[{shown(key)}]: {why}: left out")
            else:
                names[at] = name
        names = dict(sorted(names.items()))
        return cls(names, not listed, _shape(layout, faults), _point_names(layout.said.get("kpt_names")))

    def name(self, cell: str) -> str | None:
        """The class of a number in a line; None where it has none."""
        at = _whole(parsed(cell))
        if at is not None and self.open:
            self.names.setdefault(at, str(at))
            self.names = dict(sorted(self.names.items()))
        return None if at is None else self.names.get(at)

    def points_of(self, name: str) -> tuple[str, ...]:
        """The names of a class's points; their numbers, from 1, where nobody named them."""
        how_many = self.shape[0] if self.shape else 0
        at = next((at for at, other in self.names.items() if other == name), -1)
        named = self.points.get(at, [])
        return tuple(named) if len(named) == how_many else tuple(str(i + 1) for i in range(how_many))


def _whole(value: Any) -> int | None:
    found = number(parsed(value) if isinstance(value, str) else value)
    return int(found) if found is not None and found >= 0 and found == int(found) else None


def _shape(layout: Layout, faults: Faults) -> tuple[int, int] | None:
    said = layout.said.get("kpt_shape")
    if said is None:
        return None
    numbers = [_whole(one) for one in said] if isinstance(said, list) else []
    if len(numbers) == 2 and numbers[0] and numbers[1] in {2, 3}:
        return numbers[0], numbers[1]
    faults.tell(layout.place, f"kpt_shape that is not [points, 2 or 3]: {shown(said)}: left out")
    return None


def _point_names(said: Any) -> dict[int, list[str]]:
    if not isinstance(said, dict):
        return {}
    listed = {_whole(key): value for key, value in said.items() if isinstance(value, list)}
    return {key: [str(one) for one in value] for key, value in listed.items() if key is not None}


def _read_text(
    text: Text, layout: Layout, classes: _Classes, sizes: Sizes | None, faults: Faults
) -> Annotated | None:
    place = below(text.file, layout.root)
    try:
        lines = read_lines(text.file, "a text file of YOLO's")
    except LabelError as error:
        faults.tell(place, f"{error.got}: left out", text.name)
        return None
    size = (sizes(text.name) if sizes else None) or image_size(text.image)
    filled = [(i, line.split()) for i, line in enumerate(lines, start=1) if line]
    if filled and size is None:
        fix = "its image is not beside it, or cannot be read" if text.image is None else "its image cannot be read"
        faults.tell(place, f"shares of an image whose size nobody knows: {fix}: left out", text.name)
        return None
    faults.count(len(filled))
    objects: list[Object] = []
    for line, cells in filled:
        where = f"{place}: line {line}"
        name = classes.name(cells[0])
        if name is None:
            said = f"no class has the number {shown(cells[0])}: left out"
            faults.tell(where, said, text.name, f"object {line}")
            continue
        tell = faults.teller(where, text.name, f"object {line} ({name})")
        draft = _draft(name, cells[1:], classes, size or (1, 1))
        made = finished(draft, size, tell) if isinstance(draft, Draft) else tell(f"{draft}: left out")
        if made is not None:
            objects.append(made)
    return Annotated(text.name, Annotation(tuple(objects), size=size), place)


def _draft(name: str, cells: Sequence[str], classes: _Classes, size: tuple[int, int]) -> Draft | str:
    """What a line says, in pixels; or what is wrong with it."""
    found = [number(parsed(cell)) for cell in cells]
    values = [one for one in found if one is not None]
    if len(values) < len(cells):
        return f"what is no number: {shown(cells[found.index(None)])}"
    points = classes.shape[0] * classes.shape[1] if classes.shape else 0
    if points and len(values) == 4 + points:
        shape = classes.shape or (0, 2)
        return _check(values[:4], 4) or _posed(name, values, shape[1], classes.points_of(name), size)
    if points:
        return f"{len(values)} numbers for a box and {classes.shape[0] if classes.shape else 0} points"
    if len(values) in {4, 5}:
        return _check(values[:4], 4) or Draft(name, _edges(values, size), score=values[4] if values[4:] else None)
    if len(values) < 6 or len(values) % 2:
        return f"{len(values)} numbers, neither a box (4) nor an outline (x and y of three corners or more)"
    width, height = size
    across, down = [x * width for x in values[0::2]], [y * height for y in values[1::2]]
    ring = [one for corner in zip(across, down, strict=True) for one in corner]
    return _check(values, len(values)) or Draft(name, rings=[ring])


def _check(values: Sequence[float], how_many: int) -> str | None:
    large = [one for one in values[:how_many] if abs(one) > _PIXELS]
    return f"numbers that are no shares of the image's sides: {large[0]:g}: are they pixels?" if large else None


def _edges(values: Sequence[float], size: tuple[int, int]) -> list[float]:
    """Left, top, right, bottom in pixels from centre and sides in shares."""
    x, y, wide, high = values[:4]
    width, height = size
    return [(x - wide / 2) * width, (y - high / 2) * height, (x + wide / 2) * width, (y + high / 2) * height]


def _posed(
    name: str, values: Sequence[float], each: int, names: Sequence[str], size: tuple[int, int]
) -> Draft | str:
    width, height = size
    points = []
    for i, point in enumerate(names):
        x, y, *seen = values[4 + i * each : 4 + (i + 1) * each]
        visible = seen[0] if seen else float(2 if x or y else 0)
        if visible not in {0, 1, 2}:
            return f"a point {point} that is not 0, 1 or 2 at its end: {visible:g}"
        points.append(Point(point, x * width, y * height, int(visible)))  # type: ignore[arg-type]  # just checked
    return Draft(name, _edges(values, size), points=tuple(points))
