"""A batch folder that comes back: cells that were filled in, images that were sorted, or both."""

import os
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePath

from askance.integrations.batch_folder import COLUMNS, LABELS, BatchMark, read_mark
from askance.integrations.names import same_name
from askance.integrations.read import is_content_id, plain_name, read_label_csv, read_table
from askance.integrations.rows import LabelRow
from askance.pool import content_id
from askance.pool.endings import SUFFIXES, ending
from askance.pool.folders import folders_below
from askance.pool.passed_over import is_nothing
from askance.pool.place import NOT_TEXT
from askance.vocab import LabelError, answer_of
from askance.vocab.names import is_text, printable, tidy

_SHEETS = ("labels.xlsx", "labels.xls", "labels.ods", "labels.numbers")
"""What a spreadsheet may have been saved as, in place of `labels.csv`."""

_COPY = re.compile(r"( - copy| copy|[ _]?\(\d+\))+$|^copy of ", re.IGNORECASE)
"""What systems add to the name of a copy."""


@dataclass(frozen=True, slots=True)
class _Said:
    """One thing that was said of an image, and where."""

    row: LabelRow
    where: str


def find_batch_folder(path: Path) -> Path | None:
    """The batch folder that a path names: itself, or the only folder in it (an unpacked archive); else None."""
    if _is_batch_folder(path):
        return path
    try:
        inside = [entry for entry in path.iterdir() if not is_nothing(entry.name)] if path.is_dir() else []
    except OSError:  # reading it says why
        return None
    return inside[0] if len(inside) == 1 and _is_batch_folder(inside[0]) else None


def read_batch_folder(
    folder: Path, pool: Container[str] = frozenset(), *, several: bool = False
) -> list[LabelRow]:
    """Read a batch folder: one row an image, or more where several things were said of it.

    A filled cell of `labels.csv` counts, and the folder an image was moved into; either may be missing, and an
    image of which neither is known has an empty row. Where they contradict each other, each comes back with
    `problem` set. An image is known by its content, or by its name in the folder where no image has that content.
    Keys are image ids; of images that neither the batch nor the pool holds, absolute paths.

    Args:
        folder: where.
        pool: ids of all images of the pool: an image of another batch that was put here is still itself.
        several: whether an image may have several labels: then one in several folders has all of these.

    Raises:
        LabelError: `labels.csv` cannot be read as text, or there is nothing in the folder.
    """
    names = Names.of(folder, pool)
    said: dict[str, list[_Said]] = {image_id: [] for image_id in names.ids}
    loose: list[LabelRow] = []
    for one in [*_cells(folder, names), *_sorted(folder, names)]:
        if one.row.problem is None and one.row.key in said:
            said[one.row.key].append(one)
        else:
            loose.append(one.row)
    known = frozenset(names.mark.folders.values())
    rows = [
        row
        for image_id, ones in said.items()
        for row in ([one.row for one in ones] if several and ones else _agreed(image_id, ones, known))
    ]
    if not rows and not loose:
        raise LabelError(
            "a batch folder with its images or labels.csv", f"{folder}, which has neither", "check it"
        )
    return rows + loose + _unsaved(folder, rows)


def read_batch_cells(folder: Path, pool: Container[str] = frozenset()) -> list[LabelRow]:
    """The rows of `labels.csv` in a batch folder, those with an empty cell too; whatever else lies there.

    Args:
        folder: where.
        pool: ids of all images of the pool.
    """
    names = Names.of(folder, pool)
    said = {one.row.key: one.row for one in _cells(folder, names)}
    return [*said.values(), *(LabelRow(image_id, None) for image_id in names.ids if image_id not in said)]


def is_untouched(folder: Path, mark: BatchMark) -> bool:
    """Whether a folder holds just the batch of this mark, whole, and nothing was said in it yet."""
    found = read_mark(folder)
    if found is None or list(found.files.items()) != list(mark.files.items()) or found != mark:
        return False
    if not (folder / LABELS).is_file() or not all((folder / name).is_file() for name in mark.files):
        return False
    return all(row.value is None and row.problem is None for row in read_batch_folder(folder))


def _is_batch_folder(path: Path) -> bool:
    if read_mark(path) is not None:
        return True
    table = path / LABELS
    if not table.is_file():
        return False
    try:
        rows = read_table(table)
    except LabelError:
        return False
    return bool(rows) and {plain_name(name) for name in COLUMNS} <= rows[0][1].keys()


def _table(folder: Path) -> dict[int, dict[str, str]]:
    """Line -> cells by column, of `labels.csv`; empty where it is gone."""
    return dict(read_table(folder / LABELS)) if (folder / LABELS).is_file() else {}


@dataclass(frozen=True)
class Names:
    """Whose image it is, by its name in the folder."""

    mark: BatchMark
    table: Mapping[int, Mapping[str, str]]
    pool: Container[str]

    @classmethod
    def of(cls, folder: Path, pool: Container[str]) -> "Names":
        """Those of a batch folder.

        Args:
            folder: of the batch.
            pool: ids of all images of the pool.
        """
        return cls(read_mark(folder) or BatchMark({}, {}, False), _table(folder), pool)

    @cached_property
    def ids(self) -> list[str]:
        """All images of the batch, in its order."""
        return list(dict.fromkeys(self._by_name.values()))

    def of_line(self, line: int, row: LabelRow) -> LabelRow:
        """A row of `labels.csv` with the image's id as its key."""
        cells = self.table.get(line, {})
        name = cells.get("path", "")
        by_name, by_id = self.find(name), cells.get("id", "")
        if by_name and is_content_id(by_id) and by_name != by_id:
            problem = f"its path {name} and its id are of two images: was one column sorted without the others?"
            return replace(row, problem=row.problem or problem)
        return replace(row, key=by_name or row.key)

    def of_file(self, path: Path) -> str | None:
        """The image in a file: by its content, else, where that is no image of the pool, by its name."""
        try:
            found = content_id(path.read_bytes()) if path.is_file() else ""
        except OSError:
            found = ""
        return found if found in self._known or found in self.pool else self.find(path.name)

    def find(self, name: str) -> str | None:
        """The image of a name, whatever its folder or ending now, and whatever a system added to a copy's name."""
        base = PurePath(name.replace("\\", "/")).name
        stem = base.rpartition(".")[0] or base
        for like in (base, stem, _COPY.sub("", stem)):
            found = self._by_name.get(same_name(like)) or self._by_stem.get(same_name(like))
            if found:
                return found
        return None

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.ids)

    @cached_property
    def _by_name(self) -> dict[str, str]:
        listed = {cells.get("path", ""): cells.get("id", "") for cells in self.table.values()}
        both = {
            **{name: identity for name, identity in listed.items() if is_content_id(identity)},
            **self.mark.files,
        }
        ordered = {**dict.fromkeys(self.mark.files), **both}
        return {same_name(name): both[name] for name in ordered}

    @cached_property
    def _by_stem(self) -> dict[str, str]:
        return {name.rpartition(".")[0]: image_id for name, image_id in self._by_name.items()}


def _cells(folder: Path, names: Names) -> Iterator[_Said]:
    """The filled cells of `labels.csv`."""
    if not names.table:
        return
    for row in read_label_csv(folder / LABELS):
        if row.value is not None or row.problem is not None:
            yield _Said(names.of_line(row.line, row), f"{LABELS}, line {row.line}")


def _sorted(folder: Path, names: Names) -> Iterator[_Said]:
    """The images that lie in folders named after what they show."""
    folders = {same_name(tidy(name)): value for name, value in names.mark.folders.items()}
    for path in _files(folder):
        parts = path.relative_to(folder).parts
        inside = tuple(map(printable, parts))
        name = tidy(inside[0])
        value = folders.get(same_name(name), name)
        where = "/".join(inside)
        known = names.of_file(path)
        problem = None if known or ending(path.name) in SUFFIXES else f"{where} is no image that Askance reads"
        problem = problem if is_text(parts[0]) else NOT_TEXT
        key = known or printable(os.path.abspath(path))
        yield _Said(LabelRow(key, value, problem=problem, name=where, value_as_written=inside[0]), where)


def _files(folder: Path) -> Iterator[Path]:
    """All files in folders of the folder, links followed, hidden ones and those of systems left out."""
    found = folders_below(str(folder), own=True)
    files = [Path(entry.path) for place in found if place.path != str(folder) for entry in place.files]
    yield from sorted(files)


def _agreed(image_id: str, ones: list[_Said], known: Container[str]) -> list[LabelRow]:
    """The rows of one image: one empty, one that all agree on, or all with what is wrong.

    Of two ways to write an answer that of the folders counts: `None-of-these` in a cell is `none of these`.
    """
    if not ones:
        return [LabelRow(image_id, None)]
    answers = {one.row.value or "" for one in ones}
    alike = len({answer_of(answer) or answer for answer in answers}) == 1 and not all(
        answer in known for answer in answers
    )
    if len(answers) == 1 or alike:
        return [next((one.row for one in ones if one.row.value in known), ones[0].row)]
    both = ", ".join(f"{one.row.value} ({one.where})" for one in ones)
    return [replace(one.row, problem=f"{len(answers)} different labels for one image: {both}") for one in ones]


def _unsaved(folder: Path, rows: list[LabelRow]) -> list[LabelRow]:
    """A spreadsheet that was saved as something else, where nothing else says a label."""
    if any(row.value is not None for row in rows):
        return []
    found = [name for name in _SHEETS if (folder / name).is_file()]
    return [
        LabelRow(name, None, problem=f"save {name} as {LABELS}, as CSV UTF-8, and import again") for name in found
    ]
