"""Records for tests, made from numbers."""

from datetime import UTC, datetime

from askance.vocab import ImageRecord, Label, Round, Sighting

NOON = datetime(2025, 6, 1, 12, 0, 0, 250_001, tzinfo=UTC)


def image_id(n):
    return f"{n * 2654435761 % 2**128:032x}"


def sighting(n, uri=None, *, group=None, stamp="1", width=640):
    """A healthy file: image number n at `uri`."""
    uri = uri or f"/pool/{n:06d}.jpg"
    return Sighting(uri, 1000 + n, stamp, ImageRecord(image_id(n), uri, width, 480, "JPEG", group))


def bad(uri, problem="cannot identify image file"):
    return Sighting(uri, 7, "1", None, problem)


def label(n, value="cat", *, who="ann", at=NOON, source="batch.csv", **more):
    return Label(image_id(n), value, who, at, source, **more)


def round_(number=1, **changed):
    given = {"state": "trained", "labels": 20, "seed": 2**62, "config": {"model": {"name": "gal-cnn"}}, "at": NOON}
    return Round(number, **{**given, **changed})
