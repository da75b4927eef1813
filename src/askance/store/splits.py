"""Which images are set apart for good, as functions of a connection."""

from collections.abc import Collection

from sqlalchemy import Connection, insert, select

from askance.store.images import batches, few, unknown_images
from askance.store.schema import splits
from askance.vocab import Split, StoreError


def freeze(connection: Connection, ids: Collection[str], split: Split) -> None:
    """Set images apart for ever.

    Raises:
        StoreError: one is unknown, or is already in another split; nothing is written.
    """
    missing = unknown_images(connection, ids)
    if missing:
        raise StoreError("images of this project", few(missing, "unknown id"), "scan the pool first: askance scan")
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
            few(moved, "already frozen image"),
            "leave them where they are: a frozen image never moves",
        )
    rows = [{"image_id": image_id, "split": split} for image_id in dict.fromkeys(ids) if image_id not in before]
    if rows:
        connection.execute(insert(splits), rows)


def frozen(connection: Connection) -> dict[str, Split]:
    """Image id -> its split, in order of id."""
    return dict(sorted((row[0], row[1]) for row in connection.execute(select(splits.c.image_id, splits.c.split))))
