"""Folders that are named after classes, read as labels; splits above or below the classes are known."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from askance.integrations.rows import LabelRow
from askance.pool.endings import SUFFIXES, ending
from askance.pool.folders import folders_below
from askance.pool.passed_over import is_beside
from askance.pool.place import NOT_TEXT
from askance.vocab import LabelError, Split
from askance.vocab.errors import listed
from askance.vocab.names import is_text, printable, tidy

SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "eval": "val",
    "test": "test",
    "testing": "test",
}

_AROUND = 5
"""Folders, one in the other, that may lie around splits, as unpacked archives have them."""

_FOLD = re.compile(r"(fold|split|part|partition|subset|cv)[\s_.-]*\d+", re.IGNORECASE)
"""Names of parts of a data set, of which nobody can know which is trained on."""

_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"II*\0", b"MM\0*", b"BM")
"""How files of images begin; WebP is asked besides."""


@dataclass(frozen=True, slots=True)
class _File:
    """An image, and the names of the folders from the root down to it, its own name last."""

    path: str
    parts: tuple[str, ...]
    problem: str | None = None


def split_of(name: str) -> Split | None:
    """The split that a folder's or a column's word means; years and `set`, `data`, `images` are no part of it.

    >>> split_of("Validation"), split_of("train2017"), split_of("test_set"), split_of("cat")
    ('val', 'train', 'test', None)
    """
    plain = re.sub(r"[\W\d_]", "", name.casefold())
    return SPLITS.get(plain) or SPLITS.get(re.sub(r"(set|data|images|split)\Z", "", plain))


def read_image_folder(path: Path) -> list[LabelRow]:
    """Read labels from folders that are named after classes: `cat/1.jpg`, `train/cat/1.jpg`, or `cat/train/1.jpg`.

    The class is the first folder below `path`, or below the split. First folders are splits where they are named
    `train`, `val`, `test` and hold folders of classes; what lies beside them is not labelled. Folders inside a
    class belong to it. An image that lies in no folder is not labelled yet. Links are followed, each real folder
    once. Hidden files and what lies beside images (`.txt`, `.csv`...) are passed over; files without an ending
    are looked into; others in a class come back with a problem. Keys are absolute paths.

    Raises:
        LabelError: no such folder, nothing in it, or folders of which nobody can know whether they are splits.
    """
    shown = printable(str(path))
    if not path.is_dir():
        raise LabelError("a folder with one folder a class", f"{shown} is none", "name the one above the classes")
    files = sorted(_files(os.path.abspath(path)), key=lambda file: file.parts)
    rows = [_row(file, split, inside) for file, split, inside in _placed(files, shown)]
    if not any(row.problem is None for row in rows):
        raise LabelError(
            "images in folders named after their class", f"no image under {shown}", "check the folder"
        )
    return rows


def _files(root: str) -> Iterator[_File]:
    for folder in folders_below(root):
        above = () if folder.path == root else tuple(os.path.relpath(folder.path, root).split(os.sep))
        if folder.error is not None:
            yield _File(folder.path, (*above, ""), f"this folder cannot be read: {folder.error.strerror}")
        for entry in folder.files:
            file = _File(entry.path, (*above, entry.name))
            end = ending(entry.name)
            if not is_text(entry.path):
                yield replace(file, problem=NOT_TEXT)
            elif end in SUFFIXES or (not is_beside(end) and _is_image(entry.path)):
                yield file
            elif above and end and not is_beside(end):
                yield replace(file, problem=f".{end} is no image that Askance reads: convert it to JPEG")


def _is_image(path: str) -> bool:
    """Whether a regular file begins as images do."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError:
        return False
    return start.startswith(_MAGIC) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")


def _row(file: _File, split: Split | None, inside: Sequence[str]) -> LabelRow:
    value = inside[0] if len(inside) > 1 else None
    written = printable(value or "")
    return LabelRow(
        printable(file.path),
        written.strip() or None,
        split,
        problem=file.problem,
        name=printable("/".join(file.parts)),
        value_as_written=written,
    )


Placed = tuple[_File, Split | None, Sequence[str]]
"""A file, its split, and its path from the class down."""


def _placed(files: Sequence[_File], shown: str) -> Iterable[Placed]:
    """Where the splits are, if there are any: above the classes, below them, or below one folder around all."""
    good = [file.parts for file in files if file.problem is None]
    around = _around(good, shown)
    if around:
        return [(file, *_above(file.parts[around:] or file.parts)) for file in files]
    if _are_splits(good, shown):
        return [(file, *_above(file.parts)) for file in files]
    if _are_below(good, shown):
        return [(file, split_of(file.parts[1]) if len(file.parts) > 2 else None, file.parts) for file in files]
    return [(file, None, file.parts) for file in files]


def _around(files: Sequence[tuple[str, ...]], shown: str) -> int:
    """How many folders lie around the splits, one in the other: 1 for `photos/train/cat/1.jpg`; 0 for none."""
    for depth in range(1, _AROUND + 1):
        tops = {parts[0] for parts in files if len(parts) > 1}
        if len(tops) != 1 or split_of(next(iter(tops))):
            return 0
        files = [parts[1:] for parts in files if len(parts) > 1]
        if any(len(parts) > 2 and split_of(parts[0]) for parts in files) and _are_splits(files, shown):
            return depth
    return 0


def _above(parts: tuple[str, ...]) -> tuple[Split | None, Sequence[str]]:
    """The split above the classes, and the path below it; what lies beside the splits has no class."""
    split = split_of(parts[0]) if len(parts) > 1 else None
    return (split, parts[1:]) if split else (None, parts[-1:])


def _are_splits(files: Sequence[tuple[str, ...]], shown: str) -> bool:
    """Whether the first folders are splits.

    Raises:
        LabelError: some are named so and hold folders, but others lie beside them that may be classes.
    """
    named = {parts[0] for parts in files if len(parts) > 1 and split_of(parts[0])}
    if not named:
        _refuse_folds(files, shown)
        return False
    others = {parts[0] for parts in files if len(parts) > 1} - named
    if not others and all(len(parts) > 1 for parts in files):
        return True
    held: dict[str, set[str]] = defaultdict(set)
    for parts in files:
        if len(parts) > 2:
            held[parts[0]].add(tidy(parts[1]))
    full = sorted(name for name in named if held[name])
    if not full:
        return False
    shared = [name for name in full if any(held[name] & held[other] for other in full if other != name)]
    unknown = sorted(name for name in others if any(held[name] & held[other] for other in full))
    if not unknown and (len(shared) > 1 or not others):
        return True
    if unknown or all(len(parts) > 2 for parts in files if parts[0] in full):
        beside = f"{listed(full)} beside {listed(unknown or sorted(others))}, in {shown}"
        fix = "name splits train, val and test and put what is no split elsewhere; or give the labels as a CSV"
        raise LabelError("folders that are all splits, or all classes", printable(beside), fix)
    return False


def _refuse_folds(files: Sequence[tuple[str, ...]], shown: str) -> None:
    """Refuse folders that are called `fold1`, `fold2`, and hold folders of one and the same names.

    Raises:
        LabelError: they would be taken for classes.
    """
    tops = {parts[0] for parts in files if len(parts) > 1}
    folds = sorted(name for name in tops if _FOLD.fullmatch(name.strip()))
    held = [{tidy(parts[1]) for parts in files if len(parts) > 2 and parts[0] == name} for name in folds]
    if any(one & other for one, other in combinations(held, 2)):
        fix = "name splits train, val and test, or put the folders of classes together; or give a CSV"
        got = printable(f"{listed(folds)}, which hold folders of the same names, in {shown}")
        raise LabelError("folders that are all splits, or all classes", got, fix)


def _are_below(files: Sequence[tuple[str, ...]], shown: str) -> bool:
    """Whether the folders inside the classes are splits: `cat/train/1.jpg`.

    Raises:
        LabelError: they are in some classes, and not in others.
    """
    labelled = [parts for parts in files if len(parts) > 1]
    named = [parts for parts in labelled if len(parts) > 2 and split_of(parts[1])]
    if len({split_of(parts[1]) for parts in named}) < 2:
        return False
    if len(named) < len(labelled):
        odd = next(parts for parts in labelled if not (len(parts) > 2 and split_of(parts[1])))
        got = printable(f"{'/'.join(named[0][:2])} beside {'/'.join(odd)}, in {shown}")
        raise LabelError("every image of a class in one of its splits, or none", got, "move it into a split")
    return True
