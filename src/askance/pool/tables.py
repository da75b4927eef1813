"""One reader of tables, for labels and for lists of images: encodings, delimiters, quotes, line ends, limits.

A row whose quotes are wrong is one bad row, and reading goes on with the line after it: no row is swallowed.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NoReturn, TypeVar

from askance.pool.endings import is_image_name
from askance.vocab import AskanceError
from askance.vocab.names import printable, shortened

C = TypeVar("C")
Error = type[AskanceError]

MOST_BYTES = 256 << 20
"""Of a table: some five million rows."""

LONGEST_CELL = 1 << 20
"""Letters of a quoted cell; a quote that is not closed by then is taken for one that was forgotten."""

MOST_COLUMNS = 10_000
"""Of a table's header."""

DELIMITERS = ",;\t|"

PATHS = (
    *(
        "path",
        "uri",
        "url",
        "filepath",
        "imagepath",
        "imageurl",
        "imageuri",
        "fullpath",
        "relativepath",
        "relpath",
    ),
    *("imgpath", "filename", "imagefile", "imagename", "image", "file", "img", "key"),
)
"""Columns that name an image, as `plain_name` has them; the first of them that is there counts.

Names that say less come last: beside `file_name`, a column `image` often has numbers.
"""

SAID = "path, uri, url, image, file, filename"
"""Those that a message names."""

_KINDS = {
    b"PK\x03\x04": "a spreadsheet (.xlsx, .ods) or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet (.xls)",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "a gzip archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"SQLite format 3\0": "a database",
}
"""What people take for a table: its first bytes, and what it is."""

_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\0\0": "utf-32",
    b"\0\0\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""Byte order marks, and the encoding they stand for."""

_OPEN = re.compile(r' *"')
_INSIDE = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
_SEP = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)
"""The first line by which a spreadsheet is told the delimiter."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        line: where it begins, from 1.
        cells: as written: quotes taken off, spaces around them kept.
        fault: what is wrong with its quotes; then the cells are those of its line, read without quotes.
    """

    line: int
    cells: tuple[str, ...]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Table(Generic[C]):
    """A table whose header was understood.

    Attributes:
        columns: what the header says, as the reader of it has it.
        header: its cells.
        rows: the others that have a cell with something in it.
    """

    columns: C
    header: tuple[str, ...]
    rows: Iterator[Row]


def plain_name(column: str) -> str:
    """A column's name as it is recognised: no case, no spaces, no signs.

    >>> plain_name("File_Name")
    'filename'
    """
    return "".join(letter for letter in column.lower() if letter.isalnum())


def column_of(names: Sequence[str], wanted: Sequence[str], error: Error, place: str) -> int | None:
    """Where the first of some names stands among plain names of columns.

    Raises:
        AskanceError: it stands there twice, and nobody can know which is meant.
    """
    name = next((name for name in wanted if name in names), None)
    if name is not None and names.count(name) > 1:
        fix = "take the others out, or give them other names"
        raise error(f"one column {name}", f"{names.count(name)} of them in {place}", fix)
    return None if name is None else names.index(name)


def read_bytes(path: Path, what: str, error: Error, most: int | None = None) -> bytes:
    """A file's bytes, no more than a table may have.

    Args:
        path: of the file; a pipe that the shell has opened (`/dev/stdin`, `<(...)`) is one too.
        what: it should be, for the message.
        error: raised where it cannot be read.
        most: bytes; None: as many as a table may have.
    """
    place, most = printable(str(path)), most or MOST_BYTES
    try:
        mode = os.stat(path).st_mode
        if not (stat.S_ISREG(mode) or str(path).startswith(("/dev/fd/", "/dev/stdin", "/proc/self/fd/"))):
            got = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise error(what, f"{place}, which is {got}", "name a file")
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except (OSError, ValueError) as said:
        reason = (said.strerror if isinstance(said, OSError) else None) or str(said)
        raise error(what, f"{shortened(place)}: {reason}", "check the path") from None
    if len(data) > most:
        limit = f"at most {most >> 20} MiB"
        raise error(what, f"{place} with more than that: {limit}", "split it into several files")
    return data


def text_of(data: bytes, place: str, what: str, error: Error, *, zeros: bool = False) -> str:
    """The text of a table: UTF-8 with or without a byte order mark, UTF-16, UTF-32 with one.

    Old Mac line ends are made new where there are no others.

    Args:
        data: the file's bytes.
        place: the file, for messages.
        what: it should be, for messages.
        error: raised where it is none.
        zeros: whether zero bytes may stand in it: each is the fault of its line.

    Raises:
        AskanceError: (`error`) no text, or in an encoding that nobody can know.
    """
    kind = next((kind for start, kind in _KINDS.items() if data.startswith(start)), None)
    if kind is not None:
        raise error(f"{what}: text", f"{place} is {kind}", "save it as CSV UTF-8")
    coding = next((coding for mark, coding in _MARKS.items() if data.startswith(mark)), None)
    try:
        text = data.decode(coding or _guessed(data))
    except UnicodeDecodeError as said:
        line = data[: said.start].count(b"\n") + 1
        got = f"{place} is not, at line {line}: perhaps it is Windows-1252 or Latin-1"
        raise error(f"{what} in UTF-8", got, "save it as CSV UTF-8") from None
    if "\0" in text and not zeros:
        line = text[: text.index("\0")].count("\n") + 1
        raise error(f"{what}: text", f"{place} has zero bytes in it, at line {line}", "save it as CSV UTF-8")
    return text if "\n" in text else text.replace("\r", "\n")


def _guessed(data: bytes) -> str:
    """UTF-16 without a mark shows in its zero bytes, each beside a letter."""
    start = data[:4096]
    first, second = start[0::2], start[1::2]
    for zeros, others, coding in ((second, first, "utf-16-le"), (first, second, "utf-16-be")):
        if zeros and zeros.count(0) > 0.4 * len(zeros) and not others.count(0):
            return coding
    return "utf-8"


def open_table(
    text: str, place: str, accept: Callable[[Sequence[str]], C | None], error: Error
) -> Table[C] | None:
    """The table in a text, its delimiter the first with which the header is accepted; None where none is.

    Args:
        text: as `text_of` gives it.
        place: the file, for messages.
        accept: told the plain names of the first row's cells, it says what the columns are, or None.
        error: raised where the header cannot be.
    """
    start, marks, line = 0, DELIMITERS, 1
    if said := _SEP.match(text):
        start, marks, line = said.end(), said[1], 2
    for mark in marks:
        rows = rows_of(text, mark, start=start, line=line)
        first = next(rows, None)
        if first is None:
            return None
        if len(first.cells) > MOST_COLUMNS:
            got = f"{place} with {len(first.cells):,}"
            raise error(f"at most {MOST_COLUMNS:,} columns", got, "take out those that nobody needs")
        columns = accept([plain_name(cell) for cell in first.cells])
        if columns is not None and first.fault is not None:
            raise error("a first line with the columns' names", f"{place}: {first.fault}", "mend that line")
        if columns is not None:
            rest = rows_of(text, mark, start=start, line=line, width=len(first.cells))
            next(rest)
            return Table(columns, first.cells, rest)
    return None


def rows_of(text: str, delimiter: str, *, start: int = 0, line: int = 1, width: int = 0) -> Iterator[Row]:
    """The rows of a text, those without anything in them left out.

    Args:
        text: lines that end in a newline, or both.
        delimiter: one letter.
        start: where in the text to begin.
        line: the number of the line there.
        width: columns of the table: a quoted cell over several lines that holds what looks like rows of that many
            is taken for one whose quote was forgotten; 0: not known.
    """
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        plain = text[start:end].removesuffix("\r")
        row = Row(line, tuple(plain.split(delimiter)))
        after, lines = end + 1, 1
        if '"' in plain:
            try:
                cells, after = _quoted(text, start, delimiter, width)
                lines = text.count("\n", start, after) or 1
                row = Row(line, cells)
            except _Unclosed as fault:
                literal = tuple(cell.replace('"', "") for cell in row.cells)
                row = Row(line, literal, f"line {line}: {fault}")
        if row.fault is not None or any(cell and not cell.isspace() for cell in row.cells):
            yield row
        start, line = after, line + lines


class _Unclosed(Exception):
    """A quote that is not where quotes are."""


def _quoted(text: str, start: int, delimiter: str, width: int) -> tuple[tuple[str, ...], int]:
    """The cells of the row that begins at `start`, and where the next one does."""
    cells: list[str] = []
    while True:
        opened = _OPEN.match(text, start)
        if opened is None:
            stop = _end_of_cell(text, start, delimiter)
            cells.append(text[start:stop].removesuffix("\r") if _ends_row(text, stop) else text[start:stop])
        else:
            closed = _INSIDE.match(text, opened.end(), opened.end() + LONGEST_CELL)
            if closed is None:
                _fail(
                    "a quote is opened and never closed"
                    if len(text) - start < LONGEST_CELL
                    else f"a quote is opened and not closed within {LONGEST_CELL:,} letters"
                )
            cell = closed[0][:-1].replace('""', '"')
            if "\n" in cell and _holds_rows(cell, delimiter, width, first=not cells):
                _fail("a quoted cell runs over several lines and holds what looks like rows: close its quote")
            stop = _end_of_cell(text, closed.end(), delimiter)
            if text[closed.end() : stop].strip(" \r"):
                _fail("text stands behind a closing quote: write a quote inside a cell twice")
            cells.append(cell)
        if _ends_row(text, stop):
            return tuple(cells), stop + 1
        start = stop + 1


def _fail(why: str) -> NoReturn:
    raise _Unclosed(why)


def _end_of_cell(text: str, start: int, delimiter: str) -> int:
    newline = text.find("\n", start)
    newline = len(text) if newline < 0 else newline
    mark = text.find(delimiter, start, newline)
    return newline if mark < 0 else mark


def _ends_row(text: str, stop: int) -> bool:
    return stop >= len(text) or text[stop] == "\n"


def _holds_rows(cell: str, delimiter: str, width: int, *, first: bool) -> bool:
    """Whether a line within a cell has as many cells as the table has columns, and one that names an image."""
    for line in cell.split("\n")[0 if first else 1 :]:
        cells = line.split(delimiter)
        if len(cells) == width > 1 and any(is_image_name(one.strip(' "')) for one in cells):
            return True
    return False
