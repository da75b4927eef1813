"""A scan with the promises that hold for every scan checked on the way."""

from pathlib import Path

from askance.pool import scan
from askance.vocab import Sighting

PLENTY = 10**8


def seen(source: object, known: dict[str, Sighting] | None = None, **options: object) -> dict[str, Sighting]:
    sightings = list(scan(str(source), known or {}, **{"max_pixels": PLENTY, **options}))
    assert [s.uri for s in sightings] == sorted({s.uri for s in sightings})
    assert all((s.image is None) == (s.problem is not None) for s in sightings)
    assert all(s.image is None or s.image.uri == s.uri for s in sightings)
    return {s.uri: s for s in sightings}


def problem(source: Path, known: dict[str, Sighting] | None = None, **options: object) -> str | None:
    (sighting,) = seen(source, known, **options).values()
    return sighting.problem
