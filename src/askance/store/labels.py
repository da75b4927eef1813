"""Labels added to those there are, as functions of a connection: whose word counts, what is kept beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, insert

from askance.store.images import few, unknown_images
from askance.store.said import in_force, is_settled, what, withdraws, words
from askance.store.schema import labels
from askance.vocab import Answer, Label, LabelError

Outcome = Literal["new", "changed", "unchanged", "agreed", "differed", "settled"]


@dataclass(frozen=True, slots=True)
class Added:
    """What came of labels that were handed in.

    Attributes:
        new: images that had no label and now have one.
        changed: labels in force that say something else than before; a withdrawal is one.
        unchanged: labels that said what was known; nothing was written.
        agreed: said of an image whose label another person said, and the same; kept beside it.
        differed: the same, but something else; kept beside it, and the label in force stays.
        settled: labels in force that were confirmed although somebody says otherwise.
        changes: the changed ones: the label before, and the one after.
        beside: the ones that differed: the label in force, and what was said.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    agreed: int = 0
    differed: int = 0
    settled: int = 0
    changes: tuple[tuple[Label, Label], ...] = field(default=(), compare=False)
    beside: tuple[tuple[Label, Label], ...] = field(default=(), compare=False)


@dataclass(slots=True)
class _Known:
    """What is known of one image while labels are added: the label in force and everybody's word, oldest first."""

    force: Label | None = None
    words: dict[str, Label] = field(default_factory=dict)

    def take(self, label: Label, *, settle: bool) -> tuple[Outcome, Label | None]:
        """What becomes of a label, and the row to write for it, if any."""
        label = replace(label, opinion=False, settles=False)
        mine = self.force is not None and self.force.who == label.who
        if withdraws(label):
            return self._withdraw(label, here=mine or (settle and self.force is not None))
        if self.force is None:
            return self._write("new", label)
        same = what(self.force) == what(label)
        if settle and self._is_open(label):
            return self._write("settled" if same else "changed", replace(label, settles=True))
        if mine:
            return ("unchanged", None) if same else self._write("changed", label)
        own = self.words.get(label.who)
        if own is not None and what(own) == what(label):
            return "unchanged", None
        return self._write("agreed" if same else "differed", replace(label, opinion=True))

    def _is_open(self, label: Label) -> bool:
        """Whether somebody else says otherwise, and this person has not settled that already."""
        others = any(what(word) != what(label) for who, word in self.words.items() if who != label.who)
        mine = self.force is not None and self.force.who == label.who and what(self.force) == what(label)
        done = mine and is_settled(self.force, self.words)
        return others and not done

    def _withdraw(self, label: Label, *, here: bool) -> tuple[Outcome, Label | None]:
        if here:
            self.force = None
        elif label.who not in self.words:
            return "unchanged", None
        self.words.pop(label.who, None)
        return "changed", replace(label, opinion=not here)

    def _write(self, outcome: Outcome, label: Label) -> tuple[Outcome, Label]:
        self.words.pop(label.who, None)
        self.words[label.who] = label
        if not label.opinion:
            self.force = label
        return outcome, label


def add(connection: Connection, given: Sequence[Label], *, settle: bool = False) -> Added:
    """Append what differs from what is known.

    Raises:
        LabelError: an image is unknown, or a time has no zone; nothing is written.
    """
    _check(connection, given)
    known = _known(connection, {label.image_id for label in given})
    counts: dict[Outcome, int] = dict.fromkeys(("new", "changed", "unchanged", "agreed", "differed", "settled"), 0)
    rows, changes, beside = [], [], []
    for label in given:
        one = known[label.image_id]
        before = one.force if one.force and (settle or one.force.who == label.who) else one.words.get(label.who)
        force = one.force
        outcome, row = one.take(label, settle=settle)
        counts[outcome] += 1
        if row is not None:
            rows.append(row)
        if outcome == "changed" and row is not None and before is not None:
            changes.append((before, row))
        if outcome == "differed" and row is not None and force is not None:
            beside.append((force, row))
    append(connection, rows)
    return Added(**counts, changes=tuple(changes), beside=tuple(beside))


def rewrite(
    connection: Connection,
    values: Sequence[str],
    new: tuple[str | None, Answer | None],
    at: datetime,
    source: Callable[[str], str],
) -> int:
    """Say every word of some classes anew under another name, or as an answer; who said it stays.

    What is in force stays in force, what is beside it stays beside, and what was settled stays settled.

    Returns:
        How many labels in force were said anew.
    """
    force = in_force(connection)
    found = {**words(connection, settling=False), **words(connection)}
    touched = {label.image_id for label in found.values() if _names(label, values)}
    beside, standing = [], []
    for revision, label in sorted(found.items()):
        if label.image_id not in touched:
            continue
        named = _names(label, values)
        again = replace(label, at=at, opinion=revision not in force, settles=False)
        if named:
            again = replace(_renamed(again, values, new), source=source(label.source))
        if revision in force and (named or label.settles):
            standing.append(replace(again, settles=label.settles))
        elif revision not in force and named:
            beside.append(again)
    append(connection, beside + standing)  # in force last: what was settled is the last word of its image
    return sum(_names(found[revision], values) for revision in force if revision in found)


def _names(label: Label, values: Sequence[str]) -> bool:
    """Whether it says one of these classes."""
    if label.annotation is not None:
        return not label.annotation.names.isdisjoint(values)
    return label.value in values


def _renamed(label: Label, values: Sequence[str], new: tuple[str | None, Answer | None]) -> Label:
    """The same with another name for some classes; objects and labels for which there is none are left out."""
    value, answer = new
    if label.annotation is None:
        return replace(label, value=value, answer=answer)
    return replace(label, annotation=label.annotation.renamed(lambda name: value if name in values else name))


def append(connection: Connection, rows: Sequence[Label]) -> None:
    """Write revisions as they are."""
    if rows:
        names = [column.name for column in labels.columns if column.name != "revision"]
        connection.execute(insert(labels), [{name: getattr(row, name) for name in names} for row in rows])


def _known(connection: Connection, ids: set[str]) -> dict[str, _Known]:
    known = {image_id: _Known() for image_id in ids}
    for label in words(connection, ids).values():
        if not withdraws(label):
            known[label.image_id].words[label.who] = label
    for label in in_force(connection, ids).values():
        known[label.image_id].force = None if withdraws(label) else label
    return known


def _check(connection: Connection, given: Sequence[Label]) -> None:
    naive = [label.image_id for label in given if label.at.tzinfo is None]
    if naive:
        raise LabelError("times with a zone", few(naive, "label without one, of image"), "use datetime.now(UTC)")
    missing = unknown_images(connection, (label.image_id for label in given))
    if missing:
        raise LabelError(
            "labels of images that a scan has met",
            few(missing, "unknown image id"),
            "scan the pool first (askance scan), or check the ids",
        )
