"""Whose label is it: rows of a foreign file find their image, or come back with the reason."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

from askance.integrations.classes import COMPARED, Spelling, unknown_class
from askance.integrations.find import Finder, Lost
from askance.integrations.rows import LabelRow, Matched, Rejected
from askance.integrations.several import several_rows
from askance.vocab import Annotation, ImageRecord, Label, Sighting, answer_of
from askance.vocab.errors import listed
from askance.vocab.names import class_fault, printable, shortened

T = TypeVar("T")

ANY = "classes"
"""What a message calls several labels, beside nothing and answers."""


def match(
    rows: Sequence[LabelRow],
    images: Mapping[str, ImageRecord],
    sightings: Mapping[str, Sighting],
    classes: Sequence[str],
    *,
    roots: Sequence[str] = (),
    doubtful: Mapping[str, str] = MappingProxyType({}),
    several: bool = False,
) -> Matched:
    """Find the image of each row; what cannot be taken is rejected with a reason, and the rest goes in.

    A key is tried as, in this order: content id; place of the last scan; path below one of `roots`; an existing
    file, by its content (an image that was sorted into another folder is still itself, and a file that the pool
    does not hold is never taken for one that only shares its name); the end of exactly one image's path, as `Ends`
    says; the base name of exactly one image. Names are the same with accents composed or not; a name with spaces
    around it is tried as it is written first.

    Args:
        rows: as read.
        images: `Store.images()`: present and healthy.
        sightings: `Store.sightings()`: every place, so that duplicates and quarantined files are known too.
        classes: names that may be used; empty: any.
        roots: folders or URLs that relative paths may start from: the pool's source first, then others, as the
            label file's folder.
        doubtful: class name -> why its rows are set aside, as `question` says of a first file.
        several: whether an image may have several labels: what rows of one image say is put together, and where
            one of its labels cannot be taken none is.
    """
    rows = several_rows(rows, classes) if several else _read(rows, Spelling(classes))
    finder = Finder(images, sightings, tuple(roots))
    doubt = _Doubt(classes, doubtful)
    taken: dict[str, list[int]] = defaultdict(list)
    reasons: dict[int, str] = {}
    for i, row in enumerate(rows):
        if _is_empty(row):
            continue
        found = Lost(row.problem) if row.problem else finder.find(row)
        if isinstance(found, Lost):
            reasons[i] = found.reason
        else:
            taken[found].append(i)
    labels: dict[str, LabelRow] = {}
    for image_id, places in taken.items():
        said = [rows[i] for i in places]
        named = [name for row in said for name in row.labels or ()] if several else [said[0].value]
        reason = _conflict(said) or next(filter(None, map(doubt, named)), None)
        if reason:
            reasons.update(dict.fromkeys(places, reason))
        else:
            labels[image_id] = _merged(said)
    rejected = tuple(Rejected(rows[i], reasons[i]) for i in sorted(reasons))
    return Matched(labels, rejected, empty=sum(map(_is_empty, rows)))


def as_labels(matched: Matched, *, who: str, at: datetime, source: str) -> list[Label]:
    """The matched rows as label revisions for `Store.add_labels`."""
    return [
        Label(image_id, row.value, who, at, source, row.answer, seconds=row.seconds)
        if row.labels is None
        else Label(
            image_id, None, who, at, source, annotation=Annotation.of_labels(*row.labels), seconds=row.seconds
        )
        for image_id, row in matched.labels.items()
    ]


def _is_empty(row: LabelRow) -> bool:
    return not row.says and row.problem is None


def _read(rows: Sequence[LabelRow], spell: Spelling) -> list[LabelRow]:
    """The rows with classes as the project spells them, or with answers, or with what is wrong with the class."""
    read = []
    for row in rows:
        name = spell(row)
        known = name in spell.known
        answer = answer_of(name) if name and not known else None
        problem = row.problem or (None if known or answer else class_fault(name))
        read.append(replace(row, value=None if answer else name or None, answer=answer, problem=problem))
    return read


def _conflict(rows: Sequence[LabelRow]) -> str | None:
    for what, values in (
        ("labels", [_kind(row) or row.says or None for row in rows]),
        ("splits", [row.split for row in rows]),
        ("groups", [row.group for row in rows]),
    ):
        told = {value: row for value, row in zip(values, rows, strict=True) if value is not None}
        if len(told) > 1:
            each = [f"{value} ({_where(row)})" for value, row in told.items()]
            return f"{len(told)} different {what} for one image: {listed(each)}"
    return None


def _kind(row: LabelRow) -> str | None:
    """Of several labels, whether there are any: some and some are put together; some and nothing are not."""
    return None if row.labels is None else ANY if row.labels else row.says


def _where(row: LabelRow) -> str:
    return f"line {row.line}" if row.line else shortened(printable(row.name or row.key))


class _Doubt:
    """Why a class is not taken; None where it is, and for an answer."""

    def __init__(self, classes: Sequence[str], doubtful: Mapping[str, str]) -> None:
        self._classes, self._known = classes, frozenset(classes)
        self._said: dict[str, str | None] = dict(doubtful)

    def __call__(self, value: str | None) -> str | None:
        if value is None or value in self._known:
            return None
        if value not in self._said:
            near = len(self._said) < COMPARED
            self._said[value] = unknown_class(value, self._classes, near=near) if self._known else None
        return self._said[value]


def _merged(rows: Sequence[LabelRow]) -> LabelRow:
    """One row of several that do not contradict each other."""
    labels = None
    if any(row.labels is not None for row in rows):
        labels = tuple(sorted({name for row in rows for name in row.labels or ()}))
    return replace(
        rows[0], labels=labels, split=_known(r.split for r in rows), group=_known(r.group for r in rows)
    )


def _known(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)
