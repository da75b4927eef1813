"""What people said about images, read back, as functions of a connection."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import dropwhile
from typing import Any

from sqlalchemy import Connection, Select, func, select

from askance.store.columns import Unreadable
from askance.store.images import batches
from askance.store.schema import labels
from askance.vocab import Label
from askance.vocab.annotations import canonical

_label = select(
    labels.c.revision,
    labels.c.image_id,
    labels.c.value,
    labels.c.who,
    labels.c.at,
    labels.c.source,
    labels.c.answer,
    labels.c.opinion,
    labels.c.settles,
    labels.c.annotation,
    labels.c.seconds,
).order_by(labels.c.revision)


def withdraws(label: Label) -> bool:
    """Whether it says that nothing is said any more."""
    return label.value is None and label.answer is None and label.annotation is None


def is_settled(force: Label | None, words: Mapping[str, Label]) -> bool:
    """Whether the word in force settles, and nobody has said something else since.

    Args:
        force: the label in force.
        words: person -> their newest word, oldest word first.
    """
    if force is None or not force.settles:
        return False
    since = dropwhile(lambda who: who != force.who, words)
    return all(what(words[who]) == what(force) for who in since)


def what(label: Label) -> tuple[str | None, str | None, str | None]:
    """What it says, whoever said it: two labels that say the same are equal in this."""
    return label.value, label.answer, None if label.annotation is None else canonical(label.annotation)


def in_force(connection: Connection, ids: Collection[str] | None = None) -> dict[int, Label]:
    """Revision -> the newest of each image (of those in `ids`) that is no opinion, withdrawals included."""
    newest = select(func.max(labels.c.revision)).where(~labels.c.opinion).group_by(labels.c.image_id)
    return _read(connection, newest, ids)


def words(
    connection: Connection, ids: Collection[str] | None = None, *, settling: bool = True
) -> dict[int, Label]:
    """Revision -> each person's newest on each image, withdrawals included, oldest first.

    Args:
        connection: to read by.
        ids: of these images only.
        settling: whether what was said to settle a difference counts; else what they said before.
    """
    newest = select(func.max(labels.c.revision)).group_by(labels.c.image_id, labels.c.who)
    return _read(connection, newest if settling else newest.where(~labels.c.settles), ids)


def opinions(
    connection: Connection, ids: Collection[str] | None = None, *, settling: bool = True
) -> dict[str, dict[str, Label]]:
    """Image id -> person -> their newest word, oldest word first; `opinion` is False for the one in force."""
    force = in_force(connection, ids)
    found: dict[str, dict[str, Label]] = {}
    for revision, label in words(connection, ids, settling=settling).items():
        if not withdraws(label):
            beside = revision not in force
            word = replace(label, opinion=beside, settles=label.settles and not beside)
            found.setdefault(label.image_id, {})[label.who] = word
    return dict(sorted(found.items()))


def speakers(connection: Connection) -> list[str]:
    """Everybody who ever said something, sorted."""
    return sorted(connection.scalars(select(labels.c.who).distinct()))


def revisions(connection: Connection, image_id: str | None = None) -> list[Label]:
    """Every revision (of one image), oldest first."""
    query = _label if image_id is None else _label.where(labels.c.image_id == image_id)
    return [_made(row) for row in connection.execute(query)]


def _made(row: Sequence[Any]) -> Label:
    """The label of a row of `_label`."""
    try:
        return Label(*row[1:])
    except ValueError as error:
        raise Unreadable(f"revision {row[0]} of the labels: {error}") from error


def _read(connection: Connection, newest: Select[int], ids: Collection[str] | None) -> dict[int, Label]:
    asked = [newest] if ids is None else [newest.where(labels.c.image_id.in_(b)) for b in batches(sorted(ids))]
    found = {
        row[0]: _made(row)
        for query in asked
        for row in connection.execute(_label.where(labels.c.revision.in_(query)))
    }
    return dict(sorted(found.items()))
