"""Label files of other people, read as they come: CSV in its many habits."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from askance.integrations.cells import bare
from askance.integrations.image_folder import read_image_folder, split_of
from askance.integrations.rows import LabelRow
from askance.pool.tables import (
    DELIMITERS,
    PATHS,
    SAID,
    Row,
    column_of,
    open_table,
    plain_name,
    read_bytes,
    text_of,
)
from askance.vocab import LabelError
from askance.vocab.names import printable, shortened, tidy

LABELS = ("label", "class", "category", "classname", "labelname", "categoryname", "classlabel")
"""Columns that say the class, as `plain_name` has them; the first of them that is there counts."""

_A_FILE = "a CSV file of labels"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where in a line things stand."""

    width: int
    label: int
    id: int | None
    path: int | None
    split: int | None
    group: int | None
    who: int | None
    seconds: int | None


def read_label_csv(path: Path) -> list[LabelRow]:
    """Read labels from a CSV file with a header line.

    Comma, semicolon, tab or bar; UTF-8 with or without a byte order mark, or UTF-16; quoted cells, even over
    several lines. Columns by name, in any order and case: what names the image (`path`, `uri`, `url`, `image`,
    `file`, `filename` or `id`; a content id is preferred where both stand), `label` (or `class`, `category`), and
    if there `split`, `group`, `who` and `seconds` (how long it took); all others are left alone. An empty label:
    nobody has labelled that row yet.

    Raises:
        LabelError: no such file, not text, or no header with these columns, or with one of them twice. One bad
            line is no reason: its row comes back with `problem` set.
    """
    place = printable(str(path))
    text = text_of(read_bytes(path, _A_FILE, LabelError), place, _A_FILE, LabelError)
    table = open_table(text, place, partial(_columns, place=place), LabelError)
    if table is not None:
        return [_row(row, table.columns, table.header) for row in table.rows]
    begins = [shortened(line) for line in text[:200].splitlines()[:1]] or ["nothing"]
    raise LabelError(
        f"columns that name the image ({SAID} or id) and its label ({', '.join(LABELS[:3])})",
        f"{place} begins with {begins}",
        "put a first line such as path,label before the rows",
    )


def _columns(names: Sequence[str], place: str) -> _Columns | None:
    found: Callable[[Sequence[str]], int | None] = partial(column_of, names, error=LabelError, place=place)
    path, key, label = found(PATHS), found(["id"]), found(LABELS)
    if label is None or (path is None and key is None):
        return None
    return _Columns(
        len(names), label, key, path, found(["split"]), found(["group"]), found(["who"]), found(["seconds"])
    )


def _row(row: Row, columns: _Columns, header: Sequence[str]) -> LabelRow:
    def cell(column: int | None) -> str:
        return bare(row.cells[column]) if column is not None and column < len(row.cells) else ""

    written = _key(cell(columns.id), cell(columns.path))
    key, value, split = written.strip(), cell(columns.label).strip(), cell(columns.split).strip()
    name = cell(columns.path).strip() if key != cell(columns.path).strip() else ""
    return LabelRow(
        key,
        value or None,
        split_of(split),
        tidy(cell(columns.group)) or None,
        row.line,
        row.fault or _misplaced(row, columns, header) or _problem(key, value, split),
        name=name,
        key_as_written=written,
        value_as_written=cell(columns.label),
        who=cell(columns.who).strip(),
        seconds=_seconds(cell(columns.seconds)),
    )


def _seconds(text: str) -> float | None:
    """How long a label took; what is no time is none, and costs no label."""
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None


def _misplaced(row: Row, columns: _Columns, header: Sequence[str]) -> str | None:
    """What is wrong with the number of cells, where it can hide a label; or that it is the header again."""
    if len(row.cells) == len(header) and all(
        one == other or plain_name(one) == plain_name(other) for one, other in zip(row.cells, header, strict=True)
    ):
        return "it is the first line once more"
    if any(map(str.strip, row.cells[columns.width :])):
        return f"{len(row.cells)} cells under {columns.width} columns: quote the cell that has a delimiter in it"
    if len(row.cells) <= columns.label and any(
        cell.count(mark) >= columns.label for cell in row.cells for mark in DELIMITERS
    ):
        return f"{len(row.cells)} cells under {columns.width} columns: is another delimiter meant in this row?"
    return None


def _problem(key: str, value: str, split: str) -> str | None:
    if value and not key:
        return "it names no image"
    if value and split and split_of(split) is None:
        return f"its split is {shortened(split)}: write train, val or test, or nothing"
    return None


def _key(identity: str, path: str) -> str:
    """A content id where there is one; other people's ids (row numbers) yield to the path."""
    return identity if is_content_id(identity.strip()) or not path.strip() else path


def is_content_id(text: str) -> bool:
    """Whether it looks like an image id: 32 hex digits.

    >>> is_content_id("0a" * 16), is_content_id("7")
    (True, False)
    """
    return len(text) == 32 and all(letter in "0123456789abcdef" for letter in text)


def read_table(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file as they stand: line number, and plain column name -> cell.

    Read as `read_label_csv` does; of two columns with one name the first counts. Rows without a cell are left out.

    Raises:
        LabelError: no such file, or not text.
    """
    place = printable(str(path))
    text = text_of(read_bytes(path, _A_FILE, LabelError), place, _A_FILE, LabelError)
    table = open_table(text, place, _known, LabelError) or open_table(text, place, tuple, LabelError)
    if table is None:
        return []
    return [
        (
            row.line,
            dict(reversed(list(zip(table.columns, (bare(cell.strip()) for cell in row.cells), strict=False)))),
        )
        for row in table.rows
    ]


def _known(names: Sequence[str]) -> tuple[str, ...] | None:
    """The columns, if one of them is known."""
    return tuple(names) if {*PATHS, *LABELS, "id"} & {*names} else None


__all__ = [
    "LABELS",
    "PATHS",
    "is_content_id",
    "plain_name",
    "read_image_folder",
    "read_label_csv",
    "read_table",
]
