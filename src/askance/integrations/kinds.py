"""What a file or folder says of images: a class each, or objects in them; seen without reading it whole."""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from askance.integrations.read import LABELS
from askance.pool.tables import DELIMITERS, PATHS, plain_name

Kind = Literal["labels", "objects"]

_LOOKED = 2_000
"""Files of a folder that are looked at, at most."""

_HEAD = 65_536
"""Bytes of a table that its header is looked for in."""

_CORNERS = (
    {"xmin", "ymin", "xmax", "ymax"},
    {"left", "top", "right", "bottom"},
    {"x1", "y1", "x2", "y2"},
    {"x", "y", "width", "height"},
    {"x", "y", "w", "h"},
    {"bbox"},
    {"box"},
)
"""Columns that say where something is, as `plain_name` has them."""

_LINE = re.compile(r"\s*\d+(\s+-?\d*\.?\d+(e-?\d+)?){4,}\s*\Z", re.IGNORECASE)
"""A line of YOLO: a class by its number, and four numbers or more."""


def kind_of(path: Path) -> Kind:
    """Whether a file or folder says objects, as COCO, YOLO, Pascal VOC, LabelMe and tables of boxes do."""
    if path.is_dir():
        return "objects" if any(map(_is_of_objects, _files(path))) else "labels"
    return "objects" if _is_of_objects(path) else "labels"


def _files(folder: Path) -> Iterator[Path]:
    """Files beside images, in a folder and those in it."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS and path.is_file())
    return islice((path for path in found if not path.name.startswith(".")), _LOOKED)


def _is_of_objects(path: Path) -> bool:
    try:
        return _ENDINGS.get(path.suffix.lower(), _nothing)(path)
    except (OSError, ValueError):
        return False


def _nothing(path: Path) -> bool:
    return False


def _json(path: Path) -> bool:
    with path.open("rb") as file:
        begins = file.read(_HEAD).lstrip(b"\xef\xbb\xbf \t\r\n")
    if path.stat().st_size > _HEAD:
        return begins[:1] in (b"{", b"[")
    words = (b'"annotations"', b'"images"', b'"shapes"', b'"bbox"')
    return begins[:1] in (b"{", b"[") and any(word in begins for word in words)


def _xml(path: Path) -> bool:
    with path.open("rb") as file:
        return b"<annotation" in file.read(_HEAD)


def _yaml(path: Path) -> bool:
    with path.open("rb") as file:
        return re.search(rb"^\s*names\s*:", file.read(_HEAD), re.MULTILINE) is not None


def _text(path: Path) -> bool:
    """A label file of YOLO; an empty one says nothing of what it is."""
    with path.open(encoding="utf-8-sig") as file:
        lines = [line for line in file.read(_HEAD).splitlines() if line.strip()]
    return bool(lines) and _LINE.match(lines[0]) is not None


def _table(path: Path) -> bool:
    with path.open("rb") as file:
        begins = file.read(_HEAD)
    code = "utf-16" if begins[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    for line in begins.decode(code, "replace").splitlines()[:5]:
        for mark in DELIMITERS:
            cells = {plain_name(cell.strip().strip('"')) for cell in line.split(mark)}
            if cells & {*PATHS, "id", "imageid"} and any(corners <= cells for corners in _CORNERS):
                return True
            if cells & {*PATHS, "id"} and cells & set(LABELS):
                return False
    return False


_ENDINGS = {
    ".json": _json,
    ".xml": _xml,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".txt": _text,
    ".csv": _table,
    ".tsv": _table,
}
