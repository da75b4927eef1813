"""What people said about images, and which images are set apart, as functions of a connection."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, insert, select

from askance.store.images import batches, unknown_images
from askance.store.schema import labels, splits
from askance.vocab import Label, LabelError, Split, StoreError

_label = select(labels.c.image_id, labels.c.value, labels.c.who, labels.c.at, labels.c.source)


@dataclass(frozen=True, slots=True)
class Added:
    """What came of labels that were handed in.

    Attributes:
        new: images that had no label and now have one.
        changed: labels that say something else than before; a withdrawal is one.
        unchanged: labels that said what was known; nothing was written.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0


def add(connection: Connection, given: Sequence[Label]) -> Added:
    """Append what differs from the current labels.

    Raises:
        LabelError: an image is unknown, or a time has no zone; nothing is written.
    """
    _check(connection, given)
    now = {label.image_id: label.value for label in current(connection, {label.image_id for label in given})}
    new = changed = 0
    rows = []
    for label in given:
        before = now.get(label.image_id)
        if label.value == before:
            continue
        new, changed = (new + 1, changed) if before is None else (new, changed + 1)
        now[label.image_id] = label.value
        rows.append(
            {
                "image_id": label.image_id,
                "value": label.value,
                "who": label.who,
                "at": label.at,
                "source": label.source,
            }
        )
    if rows:
        connection.execute(insert(labels), rows)
    return Added(new, changed, len(given) - len(rows))


def current(connection: Connection, ids: Collection[str] | None = None) -> list[Label]:
    """The newest revision of each image (of those in `ids`), withdrawals included, in order of id."""
    if ids is None:
        found = _newest(connection, select(func.max(labels.c.revision)))
    else:
        found = [
            label
            for batch in batches(sorted(ids))
            for label in _newest(
                connection, select(func.max(labels.c.revision)).where(labels.c.image_id.in_(batch))
            )
        ]
    return sorted(found, key=lambda label: label.image_id)


def history(connection: Connection, image_id: str) -> list[Label]:
    """Every revision, oldest first."""
    query = _label.where(labels.c.image_id == image_id).order_by(labels.c.revision)
    return [Label(*row) for row in connection.execute(query)]


def freeze(connection: Connection, ids: Collection[str], split: Split) -> None:
    """Set images apart for ever.

    Raises:
        StoreError: one is unknown, or is already in another split; nothing is written.
    """
    missing = unknown_images(connection, ids)
    if missing:
        raise StoreError(
            "images of this project", _few(missing, "unknown id"), "scan the pool first: askance scan"
        )
    before = {
        image_id: was
        for batch in batches(dict.fromkeys(ids))
        for image_id, was in connection.execute(
            select(splits.c.image_id, splits.c.split).where(splits.c.image_id.in_(batch))
        )
    }
    moved = [f"{image_id} (in {was})" for image_id, was in before.items() if was != split]
    if moved:
        raise StoreError(
            f"images that are free to go to {split}",
            _few(moved, "already frozen image"),
            "leave them where they are: a frozen image never moves",
        )
    rows = [{"image_id": image_id, "split": split} for image_id in dict.fromkeys(ids) if image_id not in before]
    if rows:
        connection.execute(insert(splits), rows)


def frozen(connection: Connection) -> dict[str, Split]:
    """Image id -> its split, in order of id."""
    return dict(sorted((row[0], row[1]) for row in connection.execute(select(splits.c.image_id, splits.c.split))))


def _newest(connection: Connection, revisions: Select[int]) -> list[Label]:
    query = _label.where(labels.c.revision.in_(revisions.group_by(labels.c.image_id)))
    return [Label(*row) for row in connection.execute(query)]


def _check(connection: Connection, given: Sequence[Label]) -> None:
    naive = [label.image_id for label in given if label.at.tzinfo is None]
    if naive:
        raise LabelError("times with a zone", _few(naive, "label without one, of image"), "use datetime.now(UTC)")
    missing = unknown_images(connection, (label.image_id for label in given))
    if missing:
        raise LabelError(
            "labels of images that a scan has met",
            _few(missing, "unknown image id"),
            "scan the pool first (askance scan), or check the ids",
        )


def _few(items: Sequence[str], what: str) -> str:
    """How many, and the first few."""
    shown = ", ".join(items[:5]) + (", ..." if len(items) > 5 else "")
    return f"{len(items)} x {what}: {shown}"
