"""Images and where they lie, as functions of a connection."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Integer, Select, bindparam, delete, insert, select, type_coerce, update

from askance.store.columns import TextIfSo
from askance.store.schema import images, sightings
from askance.vocab import ImageRecord, Sighting, StoreError

T = TypeVar("T")

CHUNK = 1000
"""Rows a statement, and sightings a transaction."""

_SHAPE = [type_coerce(column, Integer).label(column.name) for column in (images.c.width, images.c.height)]

_seen = select(
    sightings.c.uri,
    type_coerce(sightings.c.size, Integer),
    type_coerce(sightings.c.stamp, TextIfSo),
    type_coerce(sightings.c.problem, TextIfSo),
    type_coerce(sightings.c.group_name, TextIfSo),
    images.c.id,
    *_SHAPE,
    images.c.format,
).select_from(sightings.outerjoin(images))
"""What stands there, whatever it is: `_sighting` looks at it."""

SPOILT = "its rows in the database are damaged: the next scan reads the file anew, and mends them"
"""What is wrong at a place of which the database has what Askance cannot have written."""


def batches(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """Lists of up to `size` items, as they come.

    >>> list(batches("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def few(items: Sequence[str], what: str) -> str:
    """How many, and the first few."""
    shown = ", ".join(items[:5]) + (", ..." if len(items) > 5 else "")
    return f"{len(items)} x {what}: {shown}"


def all_sightings(connection: Connection) -> dict[str, Sighting]:
    """Uri -> sighting, in no particular order."""
    return _read(connection, _seen)


def record(connection: Connection, batch: Sequence[Sighting]) -> None:
    """Write those that differ from what is stored; the last of a uri counts."""
    for sighting in batch:
        _check(sighting)
    new = {sighting.uri: sighting for sighting in batch}
    old = _read(connection, _seen.where(sightings.c.uri.in_(new)))
    different = [sighting for uri, sighting in new.items() if old.get(uri) != sighting]
    _record_images(connection, different)
    rows = [(sighting.uri in old, _row(sighting)) for sighting in different]
    if inserts := [row for known, row in rows if not known]:
        connection.execute(insert(sightings), inserts)
    if updates := [{**row, "key": row["uri"]} for known, row in rows if known]:
        connection.execute(update(sightings).where(sightings.c.uri == bindparam("key")), updates)


def forget(connection: Connection, uris: Sequence[str]) -> None:
    """Drop the sightings; their images, and all that was said about them, stay."""
    connection.execute(delete(sightings).where(sightings.c.uri.in_(uris)))


def quarantine(connection: Connection, image_id: str, problem: str) -> None:
    """Every place this image lies has the problem, and the next scan reads them all again: it may pass."""
    missing = unknown_images(connection, [image_id])
    if missing:
        raise StoreError("an image of this project", f"id {image_id}", "scan the pool first: askance scan")
    connection.execute(update(sightings).where(sightings.c.image_id == image_id).values(problem=problem, stamp=""))


def unknown_images(connection: Connection, ids: Iterable[str]) -> list[str]:
    """Those ids that no scan has ever met, in the order given, each once."""
    wanted = dict.fromkeys(ids)
    for batch in batches(list(wanted)):
        for known in connection.scalars(select(images.c.id).where(images.c.id.in_(batch))):
            del wanted[known]
    return list(wanted)


def healthy_images(seen: Iterable[Sighting]) -> dict[str, ImageRecord]:
    """Image id -> record at its smallest uri, in order of id; its group is the first its places have."""
    found: dict[str, ImageRecord] = {}
    for sighting in sorted(seen, key=lambda sighting: sighting.uri):
        if sighting.image is None:
            continue
        first = found.setdefault(sighting.image.id, sighting.image)
        if first.group is None and sighting.image.group is not None:
            found[first.id] = ImageRecord(
                first.id, first.uri, first.width, first.height, first.format, sighting.image.group
            )
    return dict(sorted(found.items()))


def _read(connection: Connection, query: Select[Any]) -> dict[str, Sighting]:
    return {row[0]: _sighting(row) for row in connection.execute(query).all()}


def _sighting(row: Sequence[Any]) -> Sighting:
    """A sighting; one whose rows are damaged is a problem without a stamp, so that the next scan mends them."""
    uri, size, stamp, problem, group, image_id, width, height, form = row
    if type(size) is not int or type(stamp) is not str or size < 0:
        return Sighting(uri, 0, "", None, SPOILT)
    if type(problem) is str:
        return Sighting(uri, size, stamp, None, problem)
    texts = type(image_id) is type(form) is str and (group is None or type(group) is str)
    if problem is None and texts and type(width) is type(height) is int and width > 0 and height > 0:
        return Sighting(uri, size, stamp, ImageRecord(image_id, uri, width, height, form, group))
    return Sighting(uri, size, "", None, SPOILT)


def _check(sighting: Sighting) -> None:
    image, problem = sighting.image, sighting.problem
    if (image is None) == (problem is None) or (image is not None and image.uri != sighting.uri):
        raise StoreError(
            "a sighting with either an image at its own uri or a problem",
            repr(sighting),
            "build it as pool.scan does",
        )


def _record_images(connection: Connection, seen: Sequence[Sighting]) -> None:
    new = {s.image.id: s.image for s in seen if s.image is not None}
    query = select(images.c.id, *_SHAPE, images.c.format)
    old = {row.id: row._asdict() for row in connection.execute(query.where(images.c.id.in_(new)))}
    rows = [{"id": i.id, "width": i.width, "height": i.height, "format": i.format} for i in new.values()]
    if inserts := [row for row in rows if row["id"] not in old]:
        connection.execute(insert(images), inserts)
    if updates := [{**row, "key": row["id"]} for row in rows if row["id"] in old and row != old[row["id"]]]:
        connection.execute(update(images).where(images.c.id == bindparam("key")), updates)


def _row(sighting: Sighting) -> dict[str, object]:
    image = sighting.image
    return {
        "uri": sighting.uri,
        "size": sighting.size,
        "stamp": sighting.stamp,
        "image_id": image and image.id,
        "group_name": image and image.group,
        "problem": sighting.problem,
    }
