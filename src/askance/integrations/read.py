"""Label files of other people, read as they come: CSV in its many habits, and folders named after classes."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from askance.integrations.rows import LabelRow
from askance.pool.sources import SUFFIXES
from askance.vocab import LabelError, Split

DELIMITERS = ",;\t"
PATHS = ("path", "uri", "url", "image", "file", "filename", "imagepath", "filepath", "imagefile")
LABELS = ("label", "class", "category", "classname")
SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where in a line things stand."""

    width: int
    label: int
    id: int | None
    path: int | None
    split: int | None
    group: int | None


def read_label_csv(path: Path) -> list[LabelRow]:
    """Read labels from a CSV file with a header line.

    Comma, semicolon or tab; UTF-8 with or without a byte order mark, or UTF-16 with one; quoted cells, even over
    several lines. Columns by name, in any order and case: what names the image (`path`, `uri`, `url`, `image`,
    `file`, `filename` or `id`; a content id is preferred where both stand), `label` (or `class`, `category`), and
    if there `split` and `group`; all others are left alone. An empty label: nobody has labelled that row yet.

    Raises:
        LabelError: no such file, not text, or no header with these columns. One bad line is no reason: its row
            comes back with `problem` set.
    """
    text = _text(path)
    for delimiter in DELIMITERS:
        columns = _columns(next(_cells(text, delimiter, path), (0, []))[1])
        if columns is not None:
            lines = _cells(text, delimiter, path)
            next(lines)
            return [_row(line, cells, columns) for line, cells in lines if any(cells)]
    raise LabelError(
        f"columns that name the image ({', '.join(PATHS[:6])} or id) and its label ({', '.join(LABELS[:3])})",
        f"{path} begins with {text[:200].splitlines()[:1] or ['nothing']}",
        "put a first line such as path,label before the rows",
    )


def read_image_folder(path: Path) -> list[LabelRow]:
    """Read labels from folders that are named after classes: `cat/1.jpg`, or `train/cat/1.jpg`.

    The class is the first folder below `path` (below the split, where all first folders are named `train`, `val`,
    `test`); folders inside a class belong to it. An image that lies in no folder is not labelled yet. Hidden files
    and files that are no images by their name are passed over. Keys are absolute paths.

    Raises:
        LabelError: no such folder, or nothing in it.
    """
    if not path.is_dir():
        raise LabelError("a folder with one folder a class", f"{path} is none", "name the one above the classes")
    root = Path(os.path.abspath(path))
    files = [root / folder / name for folder, name in _files(root)]
    parts = [file.relative_to(root).parts for file in files]
    splits = all(len(p) > 1 and p[0].lower() in SPLITS for p in parts)
    rows = []
    for file, inside in zip(files, parts, strict=True):
        split = SPLITS[inside[0].lower()] if splits else None
        below = inside[1:] if splits else inside
        value = below[0] if len(below) > 1 else None
        rows.append(LabelRow(str(file), value, split, name=str(Path(*inside))))
    if not rows:
        raise LabelError("images in folders named after their class", f"no image under {path}", "check the folder")
    return rows


def _files(root: Path) -> Iterator[tuple[str, str]]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.rpartition(".")[2].lower() in SUFFIXES and not name.startswith("."):
                yield folder, name


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise LabelError("a CSV file of labels", f"{path}: {error.strerror}", "check the path") from None
    utf16 = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = raw.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise LabelError("UTF-8 text", f"{path} is not, at line {line}", "save it as CSV UTF-8") from None
    if "\0" in text:
        raise LabelError("a text file", f"{path} has zero bytes in it", "save it as CSV UTF-8")
    return text


def _cells(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number (where the row begins) and stripped cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    before = 0
    try:
        for cells in reader:
            yield before + 1, [cell.strip() for cell in cells]
            before = reader.line_num
    except csv.Error as error:
        raise LabelError(
            "rows of cells", f"{path}, line {before + 1}: {error}", "check the quotes around that line"
        ) from None


def _columns(header: Sequence[str]) -> _Columns | None:
    names = [plain_name(name) for name in header]
    path, key, label = _first(names, PATHS), _first(names, ("id",)), _first(names, LABELS)
    if label is None or (path is None and key is None):
        return None
    return _Columns(len(header), label, key, path, _first(names, ("split",)), _first(names, ("group",)))


def plain_name(column: str) -> str:
    """A column's name as it is recognised: no case, no spaces, no signs.

    >>> plain_name("File_Name")
    'filename'
    """
    return "".join(letter for letter in column.lower() if letter.isalnum())


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _row(line: int, cells: Sequence[str], columns: _Columns) -> LabelRow:
    def cell(column: int | None) -> str:
        return cells[column] if column is not None and column < len(cells) else ""

    key = _key(cell(columns.id), cell(columns.path))
    value, split = cell(columns.label), cell(columns.split).lower()
    problem = None
    if any(cells[columns.width :]):
        problem = f"{len(cells)} cells under {columns.width} columns: quote the cell that has a delimiter in it"
    elif value and not key:
        problem = "it names no image"
    elif value and split and split not in SPLITS:
        problem = f"its split is {split}: write train, val or test, or nothing"
    name = cell(columns.path) if key != cell(columns.path) else ""
    return LabelRow(key, value or None, SPLITS.get(split), cell(columns.group) or None, line, problem, name=name)


def _key(identity: str, path: str) -> str:
    """A content id where there is one; other people's ids (row numbers) yield to the path."""
    return identity if is_content_id(identity) or not path else path


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
    text = _text(path)
    headers = {mark: next(_cells(text, mark, path), (0, []))[1] for mark in DELIMITERS}
    lines = _cells(text, max(DELIMITERS, key=lambda mark: len(headers[mark])), path)
    names = [plain_name(name) for name in next(lines, (0, []))[1]]
    rows = [(line, list(zip(names, cells, strict=False))) for line, cells in lines if any(cells)]
    return [(line, dict(reversed(row))) for line, row in rows]
