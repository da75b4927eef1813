"""Bring the store up to date with the pool: what is new, changed, broken, gone."""

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeVar

from askance.loop.project import CONFIG, Project
from askance.pool import Limits, scan
from askance.vocab import PoolError, Progress, Sighting, StoreError, silent
from askance.vocab.files import read_json, write_json

T = TypeVar("T")

_PASSED = "passed-over.json"
"""The file in a project that keeps how many files of which ending the last scan passed over, for `status`."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a scan found.

    Attributes:
        places: files or URLs looked at.
        read: of these, new or changed, so that their bytes were read.
        gone: places of the last scan that are no more, and whose image did not come up elsewhere.
        quarantined: places that hold no readable image.
        images: distinct images in the pool now.
        moved: places whose image is at a new place now.
        passed: ending -> files in the pool's folder that are taken for no images.
    """

    places: int
    read: int
    gone: int
    quarantined: int
    images: int
    moved: int = 0
    passed: Mapping[str, int] = field(default_factory=dict)


def refresh(project: Project, progress: Progress = silent) -> Refreshed:
    """Scan the pool and record what changed; an unchanged file is not read again.

    Raises:
        PoolError: the source as a whole is missing or empty; then nothing is forgotten.
    """
    try:
        with _collection_paused():
            return _refresh(project, progress)
    except PoolError as error:
        if (project.root / CONFIG).exists() and source_is_missing(project):
            raise PoolError(
                error.wanted, error.got, f"if the images were moved, mend pool.source in {project.root / CONFIG}"
            ) from error
        raise


def source_is_missing(project: Project) -> bool:
    """Whether the pool is no more where `pool.source` says, as far as that can be seen without a network."""
    source = project.source
    return not ("://" in source or "::" in source or Path(source).exists())


def passed_over_before(project: Project) -> dict[str, int]:
    """Ending -> files that the last scan passed over; empty where nothing is known of it."""
    try:
        return read_json(project.root / _PASSED, dict[str, int])
    except StoreError:
        return {}


def _refresh(project: Project, progress: Progress) -> Refreshed:
    known = project.store.sightings()
    seen: set[str] = set()
    images: set[str] = set()
    found: set[str] = set()
    passed = Counter[str]()
    read = broken = 0
    pool = project.config.pool
    limits = Limits.of(pool)
    sightings = scan(
        project.source, known, max_pixels=pool.max_pixels, progress=progress, passed=passed, limits=limits
    )
    for batch in _batches(sightings, 1000):
        fresh = [s for s in batch if s is not known.get(s.uri)]  # what is unchanged is yielded again as it was
        if fresh:
            project.store.record_sightings(fresh)
            gc.collect(1)  # decoding may leave cycles; what lives longer is not looked through again and again
        seen.update(s.uri for s in batch)
        images.update(s.image.id for s in batch if s.image is not None)
        found.update(s.image.id for s in fresh if s.image is not None)
        read += len(fresh)
        broken += sum(s.image is None for s in batch)
    gone = known.keys() - seen
    project.store.forget(sorted(gone))
    moved = sum((image := known[uri].image) is not None and image.id in found for uri in gone)
    if passed != passed_over_before(project):
        with suppress(StoreError):  # it is for a line of `status`, and stops nothing
            write_json(project.root / _PASSED, dict(sorted(passed.items())))
    return Refreshed(len(seen), read, len(gone) - moved, broken, len(images), moved, passed)


@contextmanager
def _collection_paused() -> Iterator[None]:
    """No search for cycles among many thousand records that have none: a third of an unchanged scan's time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def quarantine_unreadable(project: Project, problems: dict[str, str]) -> None:
    """Remember images that could be scanned but not read when they were needed."""
    for image_id, problem in sorted(problems.items()):
        project.store.quarantine(image_id, problem)


__all__ = [
    "Refreshed",
    "Sighting",
    "passed_over_before",
    "quarantine_unreadable",
    "refresh",
    "source_is_missing",
]
