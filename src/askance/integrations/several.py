"""Rows of images that may have several labels: several in a cell, several rows an image, or one column a class."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from askance.integrations.cells import bare
from askance.integrations.classes import Spelling
from askance.integrations.image_folder import split_of
from askance.integrations.read import LABELS, is_content_id, read_label_csv
from askance.integrations.rows import LabelRow
from askance.pool.tables import PATHS, Row, column_of, open_table, read_bytes, text_of
from askance.vocab import LabelError, answer_of
from askance.vocab.answers import labels_in, says_nothing
from askance.vocab.names import class_fault, printable, shortened, tidy

_YES, _NO = frozenset({"1", "1.0", "true", "yes", "x"}), frozenset({"0", "0.0", "false", "no", "-1"})
"""What says in a column of a class that an image has it, and that it has not."""

_BESIDE = frozenset({"id", "split", "group", "who", "at", "source", "number", "rank", "gain", "original", *PATHS})
"""Columns that are no class."""


def several_rows(rows: Iterable[LabelRow], classes: Sequence[str]) -> list[LabelRow]:
    """The rows with all the classes that each names, as the project spells them, or with an answer."""
    spell = Spelling(classes)
    return [_several(row, spell) for row in rows]


def one_each(rows: Iterable[LabelRow]) -> list[LabelRow]:
    """A row for each class that rows name, so that names can be counted."""
    found = []
    for row in several_rows(rows, ()):
        names = row.labels if row.labels is not None else ()
        found += [replace(row, value=name, labels=None, value_as_written=name) for name in names]
    return found


def read_several_csv(path: Path) -> list[LabelRow]:
    """Read a CSV file as `read_label_csv` does, or one with a column for each class, of 1 and 0.

    Without a column `label`, every column but those of the image, `split` and `group` is a class. A row of 0 alone
    says that the image has none of them; one without a cell, that nobody has labelled it.

    Raises:
        LabelError: as `read_label_csv`.
    """
    place, what = printable(str(path)), "a CSV file of labels"
    text = text_of(read_bytes(path, what, LabelError), place, what, LabelError)
    table = open_table(text, place, partial(_columns, place=place), LabelError)
    if table is None:
        return read_label_csv(path)
    names = tuple(tidy(table.header[i]) for i in table.columns.classes)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise LabelError("one column a class", f"{', '.join(twice)} twice in {place}", "take one of them out")
    return [_row(row, table.columns, names) for row in table.rows]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where in a line things stand."""

    path: int | None
    id: int | None
    split: int | None
    group: int | None
    classes: tuple[int, ...]


def _columns(names: Sequence[str], place: str) -> _Columns | None:
    if any(name in names for name in LABELS):
        return None
    find = partial(column_of, names, error=LabelError, place=place)
    path, key = find(PATHS), find(["id"])
    classes = tuple(i for i, name in enumerate(names) if name and name not in _BESIDE)
    if (path is None and key is None) or len(classes) < 2:
        return None
    return _Columns(path, key, find(["split"]), find(["group"]), classes)


def _row(row: Row, columns: _Columns, names: Sequence[str]) -> LabelRow:
    def cell(column: int | None) -> str:
        return bare(row.cells[column]) if column is not None and column < len(row.cells) else ""

    path, identity = cell(columns.path), cell(columns.id)
    written = identity if is_content_id(identity.strip()) or not path.strip() else path
    cells = [cell(i).strip().casefold() for i in columns.classes]
    split, problem, labels = cell(columns.split).strip(), row.fault, None
    if any(cells):
        problem = problem or _cells_fault(cells, names) or ("" if written.strip() else "it names no image") or None
        labels = tuple(name for name, said in zip(names, cells, strict=True) if said in _YES)
        if split and split_of(split) is None:
            problem = problem or f"its split is {shortened(split)}: write train, val or test, or nothing"
    return LabelRow(
        written.strip(),
        None,
        split_of(split),
        tidy(cell(columns.group)) or None,
        row.line,
        problem,
        name=path.strip() if written != path else "",
        key_as_written=written,
        labels=labels,
    )


def _cells_fault(cells: Sequence[str], names: Sequence[str]) -> str | None:
    """Why cells do not say of each class whether the image has it."""
    for name, said in zip(names, cells, strict=True):
        if said not in _YES | _NO:
            what = "is empty" if not said else f"has {shortened(said)}"
            return f"its column {shortened(name)} {what}: write 1, or 0 where the image does not have it"
    return None


def _several(row: LabelRow, spell: Spelling) -> LabelRow:
    if row.labels is not None:
        return replace(row, labels=tuple(sorted({_spelt(spell, name) for name in row.labels})))
    if row.value is None:
        return row
    whole = spell(row)
    if whole in spell.known:
        return replace(row, value=None, labels=(whole,))
    if answer_of(whole) == "unreadable":
        return replace(row, value=None, answer="unreadable")
    names = sorted({_spelt(spell, name) for name in labels_in(whole, spell.known)} - {""})
    answers = [name for name in names if name not in spell.known and answer_of(name)]
    problem = row.problem or next(filter(None, (class_fault(n) for n in names if n not in spell.known)), None)
    if not names and not says_nothing(whole):
        problem = problem or f"no class in {shortened(whole)}"
    if answers:
        problem = problem or f"{answers[0]} beside classes: write the answer alone, or the classes"
    return replace(row, value=None, labels=tuple(names), problem=problem)


def _spelt(spell: Spelling, name: str) -> str:
    return spell(LabelRow("", name, value_as_written=name))
