"""A CSV file of boxes, read and written: a row an object, by edges or by a corner and sides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from askance.integrations.annotated import Annotated, AnnotationFile
from askance.integrations.cells import bare
from askance.integrations.files import csv_bytes, write_new
from askance.integrations.formats.drafts import Draft, Faults, class_name, finished, number, parsed, size_from
from askance.integrations.formats.items import Contents, Lost, Sizes, Written
from askance.integrations.read import LABELS
from askance.pool.endings import is_image_name
from askance.pool.tables import DELIMITERS, PATHS, Row, column_of, open_table, read_bytes, rows_of, text_of
from askance.vocab import Annotation, LabelError, Object
from askance.vocab.names import printable

WHAT = "a CSV file of boxes"

_EDGES = (
    *(("xmin", "x1", "left", "x0", "bboxxmin"), ("ymin", "y1", "top", "y0", "bboxymin")),
    *(("xmax", "x2", "right", "bboxxmax"), ("ymax", "y2", "bottom", "bboxymax")),
)
_SIDES = (
    *(("x", "bboxx", "xmin", "left", "x1"), ("y", "bboxy", "ymin", "top", "y1")),
    *(("bboxwidth", "boxwidth", "width", "w"), ("bboxheight", "boxheight", "height", "h")),
)
_SIZE = (("imagewidth", "imgwidth", "width"), ("imageheight", "imgheight", "height"))
_SCORE = ("score", "confidence", "conf", "probability")


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where things stand: `box` are four places, of edges, or of a corner and sides."""

    image: int
    label: int
    box: tuple[int, int, int, int]
    sides: bool = False
    size: tuple[int | None, int | None] = (None, None)
    score: int | None = None


_NO_HEADER = _Columns(0, 5, (1, 2, 3, 4))
"""As RetinaNet's tools have it: path, x1, y1, x2, y2, class."""


@dataclass(slots=True)
class _Said:
    """What is said of an image so far."""

    place: str
    size: tuple[int, int] | None = None
    objects: list[Object] = field(default_factory=list)
    nothing: bool = False


def read_boxes_csv(path: Path, sizes: Sizes | None = None) -> AnnotationFile:
    """Read a CSV file of boxes.

    Columns by name: one that names the image, one of the class, and `xmin, ymin, xmax, ymax` (edges in pixels) or
    `x, y, width, height`; with edges, `width` and `height` are the image's. Or no header, and
    `path, x1, y1, x2, y2, class`. A row with an image and nothing else: looked at, nothing here.

    Args:
        path: of the file.
        sizes: of images for which the file says none.

    Raises:
        LabelError: no such file, not text, or without these columns.
    """
    place = printable(str(path))
    text = text_of(read_bytes(path, WHAT, LabelError), place, WHAT, LabelError)
    table = open_table(text, place, partial(_columns, place=place), LabelError)
    columns, rows = (table.columns, table.rows) if table is not None else (_NO_HEADER, _without_header(text))
    if rows is None:
        begins = text[:200].splitlines()[:1] or ["nothing"]
        columns_wanted = "image,label,xmin,ymin,xmax,ymax (or x,y,width,height)"
        raise LabelError(
            f"{WHAT} with the columns {columns_wanted}",
            f"{place} begins with {printable(begins[0][:120])!r}",
            "put such a first line before the rows",
        )
    faults, found = Faults(), dict[str, _Said]()
    for row in rows:
        faults.count(1)
        _take(row, columns, found, (printable(path.name), sizes, faults))
    images = [
        Annotated(name, Annotation(tuple(said.objects), size=said.size), said.place)
        for name, said in found.items()
    ]
    classes = {one.name for said in found.values() for one in said.objects}
    return AnnotationFile("csv", tuple(sorted(classes)), images, faults.found)


def looks_like_boxes(path: Path) -> bool:
    """Whether a file has the columns of boxes."""
    try:
        with path.open("rb") as file:
            text = text_of(file.read(100_000).rpartition(b"\n")[0] or b"", str(path), WHAT, LabelError)
        table = open_table(text, str(path), partial(_columns, place=str(path)), LabelError)
    except (LabelError, OSError):
        return False
    return table is not None or _without_header(text) is not None


def _columns(names: Sequence[str], place: str) -> _Columns | None:
    find = partial(column_of, names, error=LabelError, place=place)
    image, label = find(PATHS), find(LABELS)
    edges, sides = ([find(wanted) for wanted in group] for group in (_EDGES, _SIDES))
    box = edges if None not in edges else sides
    found = [at for at in box if at is not None]
    if image is None or label is None or len(found) < 4:
        return None
    size = tuple(at if (at := find(wanted)) not in found else None for wanted in _SIZE)
    four = (found[0], found[1], found[2], found[3])
    return _Columns(image, label, four, box is sides, (size[0], size[1]), find(_SCORE))


def _without_header(text: str) -> Any:
    """The rows of a file of six columns without a header; None where it is none."""
    for mark in DELIMITERS:
        first = next(rows_of(text, mark), None)
        if first is None or len(first.cells) != 6:
            continue
        numbers = [number(parsed(cell)) for cell in first.cells[1:5]]
        empty = not any(cell.strip() for cell in first.cells[1:])
        if is_image_name(first.cells[0].strip()) and (None not in numbers or empty):
            return rows_of(text, mark, width=6)
    return None


def _take(row: Row, columns: _Columns, found: dict[str, _Said], about: tuple[str, Sizes | None, Faults]) -> None:
    """What one row says, put to its image."""
    (file, sizes, faults), cells = about, [bare(cell).strip() for cell in row.cells]
    place = f"{file}: line {row.line}"

    def cell(at: int | None) -> str:
        return cells[at] if at is not None and at < len(cells) else ""

    image, label = cell(columns.image), cell(columns.label)
    if row.fault or not image:
        faults.tell(place, f"{row.fault or 'a row that names no image'}: left out", image)
        return
    size = size_from(*(parsed(cell(at)) for at in columns.size)) or (sizes(image) if sizes else None)
    said = found.setdefault(image, _Said(place, size))
    if size and said.size and size != said.size:
        text = f"an image of {size[0]} x {size[1]} here, of {said.size[0]} x {said.size[1]} before: left out"
        faults.tell(place, text, image)
        return
    said.size = said.size or size
    numbers = [cell(at) for at in columns.box]
    if not label and not any(numbers):
        said.nothing = True
        if said.objects:
            faults.tell(
                place, "a row that says nothing is there, and another has an object: the object is taken", image
            )
        return
    name, problem = class_name(label)
    tell = faults.teller(place, image, f"object of line {row.line}" + (f" ({name})" if name else ""))
    if not any(numbers):
        tell("a label of the whole image among boxes, two tasks in one file: left out")
        return
    if problem:
        tell(f"{problem}: left out")
        return
    draft = Draft(
        name,
        _edges(numbers, sides=columns.sides),
        score=parsed(cell(columns.score)) if cell(columns.score) else None,
    )
    made = finished(draft, said.size, tell)
    if made is not None:
        said.objects.append(made)
        if said.nothing:
            tell("an object, and another row says nothing is there: the object is taken")


def _edges(cells: Sequence[str], *, sides: bool) -> list[Any]:
    values = [parsed(cell) for cell in cells]
    numbers = [number(value) for value in values]
    if not sides or None in numbers:
        return values
    x, y, width, height = (one for one in numbers if one is not None)
    return [x, y, x + width, y + height]


def write_boxes_csv(
    path: Path,
    said: Contents,
) -> Written:
    """Write a CSV file: filename, width, height (of the image), class, xmin, ymin, xmax, ymax, score.

    Args:
        path: of the file, which must not be there with other content.
        said: of images; one without objects has a row without a class. Of the rest nothing is written.

    Returns:
        The file, and what it does not hold: `outlines`, `holes`, `masks`, `points`, `crowds` (written as one
        object), `sources`, `more`, `labels`, `without a place`, `boxes` (made from a shape).

    Raises:
        LabelError: the file is there.
        StoreError: the disk said no.
    """
    lost, rows = Lost(), list[list[object]]()
    for item in said.items:
        if item.annotation.objects is None:
            lost["labels"] += len(item.annotation.labels or ())
            continue
        start = [item.name, *(item.pixels or ("", ""))]
        made = [row for one in item.annotation.objects if (row := _row(one, lost)) is not None]
        rows += [[*start, *row] for row in made or [["", "", "", "", "", ""]]]
    header = ["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax", "score"]
    write_new(path, csv_bytes(header, rows, encoding="utf-8"))
    return Written((path,), lost.kinds())


def _row(one: Object, lost: Lost) -> list[object] | None:
    box = one.bounds
    if box is None or not box.area:
        lost["without a place"] += 1
        return None
    lost.all_but_box(one)
    lost["sources"] += one.source is not None
    return [one.name, box.left, box.top, box.right, box.bottom, "" if one.score is None else one.score]
