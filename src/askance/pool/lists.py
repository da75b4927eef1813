"""Lists of images: one a line, or a table with a column that names them -> places."""

import os
import posixpath
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from askance.pool.alike import Alike
from askance.pool.endings import ending, is_image_name
from askance.pool.place import Place
from askance.pool.storage import explain, is_url, local_path, local_stat
from askance.pool.tables import DELIMITERS, PATHS, SAID, Row, column_of, open_table, rows_of, text_of
from askance.vocab import PoolError
from askance.vocab.names import printable, shortened, tidy

LONGEST_PLACE = 2000
"""Letters of an entry. Longer ones are no paths, and a database may not take them for a name."""


class _Entry(NamedTuple):
    """What a line of a list names.

    Attributes:
        name: the image, as written, spaces around it kept.
        group: it belongs to.
        line: in the list.
        problem: what is wrong with the line.
    """

    name: str
    group: str | None = None
    line: int = 0
    problem: str | None = None


class _Columns(NamedTuple):
    width: int
    path: int
    group: int | None


def listed(uri: str, content: bytes) -> list[Place]:
    """The entries of a list, relative ones from the list's own folder, each place once.

    A `.txt` file has one entry a line. A table (`.csv`, `.tsv`) is read as tables of labels are; one whose first
    line has images in it has no header, and its first column counts.

    Args:
        uri: of the list.
        content: its bytes.

    Raises:
        PoolError: no text; a table without a column that names images; one image in two groups. One bad line is
            no reason: its place comes with a problem.
    """
    text = text_of(content, uri, "a list", PoolError, zeros=True)
    plain = ending(uri.partition("::")[0]) == "txt"
    entries = _lines(text) if plain else _rows(text, uri)
    groups: dict[str, str | None] = {}
    problems: dict[str, list[str | None]] = defaultdict(list)
    alike = Alike()
    for entry in entries:
        place = _place(uri, entry, alike)
        problems[place].append(entry.problem or _too_long(entry))
        if groups.setdefault(place, entry.group) != entry.group:
            said = f"{shortened(entry.name.strip())} in {groups[place]!r} and in {entry.group!r}"
            raise PoolError("one group for an image", said, f"correct its rows in {uri}")
    return [  # an image that one line names well is in
        _listed_place(place, group, None if None in problems[place] else problems[place][0])
        for place, group in groups.items()
    ]


def _lines(text: str) -> list[_Entry]:
    lines = enumerate(text.split("\n"), start=1)
    return [_Entry(line.removesuffix("\r"), line=number) for number, line in lines if line.strip()]


def _rows(text: str, uri: str) -> list[_Entry]:
    """Entries of a table; without a header, of its first column."""

    def columns(names: Sequence[str]) -> _Columns | None:
        path = column_of(names, PATHS, PoolError, uri)
        return None if path is None else _Columns(len(names), path, column_of(names, ["group"], PoolError, uri))

    if not text.strip():
        return []
    table = open_table(text, uri, columns, PoolError)
    if table is not None:
        return [_entry(row, table.columns) for row in table.rows]
    rows = _without_header(text)
    if rows is None:
        begins = shortened(text.lstrip().split("\n")[0].strip())
        raise PoolError(
            f"a list with a column that names images ({SAID}...)",
            f"{uri} begins with {begins}",
            "call that column path; or list the images in a .txt file, one a line",
        )
    return [_entry(row, _Columns(0, 0, None)) for row in rows]


def _without_header(text: str) -> list[Row] | None:
    """The rows of a table that begins with an image at once; None where it does not."""
    for mark in DELIMITERS:
        rows = list(rows_of(text, mark))
        first = rows[0].cells[0].strip() if rows else ""
        if is_url(first) or is_image_name(first):
            return rows
    return None


def _entry(row: Row, columns: _Columns) -> _Entry:
    def cell(column: int | None) -> str:
        return row.cells[column] if column is not None and column < len(row.cells) else ""

    problem = row.fault
    if columns.width and any(map(str.strip, row.cells[columns.width :])):
        problem = problem or (
            f"line {row.line}: {len(row.cells)} cells under {columns.width} columns: "
            "quote the cell that has a delimiter in it"
        )
    elif not cell(columns.path).strip():
        problem = problem or f"line {row.line}: it names no image"
    return _Entry(cell(columns.path), tidy(cell(columns.group)) or None, row.line, problem)


def _too_long(entry: _Entry) -> str | None:
    if len(entry.name) <= LONGEST_PLACE:
        return None
    return f"line {entry.line}: {len(entry.name):,} letters are no path or URL"


def _place(uri: str, entry: _Entry, alike: Alike) -> str:
    """An entry as an absolute path or a full URL: of a file as it is called on the disk, where there is one."""
    name = entry.name.strip()
    if not name:
        return f"{uri}, line {entry.line}"
    if len(entry.name) > LONGEST_PLACE:
        return f"{uri}, line {entry.line}: {shortened(name)}"
    first = resolve(uri, name)
    if is_url(first) or entry.problem:
        return first
    written = [one for one in (entry.name, name) if one]
    tried = [resolve(uri, one) for one in (*written, *(one.replace("\\", "/") for one in written))]
    return alike.find([path for path in tried if not is_url(path)]) or first


def resolve(uri: str, entry: str) -> str:
    """A list's entry as an absolute path or a full URL.

    >>> resolve("/data/list.txt", "a/1.jpg"), resolve("s3://b/x/list.txt", "../1.jpg")
    ('/data/a/1.jpg', 's3://b/1.jpg')
    """
    path = local_path(entry)
    if path is None:
        return entry
    if entry.startswith(("/", "~", "file://", "local://")):
        return path
    if not is_url(uri):
        return os.path.normpath(os.path.join(os.path.dirname(uri), entry))
    first, chain, around = uri.partition("::")
    protocol, _, inside = first.partition("://")
    below = posixpath.normpath(posixpath.join(posixpath.dirname(inside), entry.replace("\\", "/")))
    return f"{protocol}://{below}{chain}{around}"


def _listed_place(uri: str, group: str | None, problem: str | None) -> Place:
    if problem is not None:
        return Place(printable(uri), 0, "", problem, group)
    if is_url(uri):
        return Place(uri, group=group)
    try:
        return Place(uri, *local_stat(os.stat(uri)), None, group)
    except (OSError, ValueError) as error:
        return Place(printable(uri), 0, "", f"cannot be read: {explain(error)}", group)
