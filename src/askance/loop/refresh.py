"""Bring the store up to date with the pool: what is new, changed, broken, gone."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from askance.loop.project import Project
from askance.pool import scan
from askance.vocab import Progress, Sighting, silent

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a scan found.

    Attributes:
        places: files or URLs looked at.
        read: of these, new or changed, so that their bytes were read.
        gone: places of the last scan that are no more.
        quarantined: places that hold no readable image.
        images: distinct images in the pool now.
    """

    places: int
    read: int
    gone: int
    quarantined: int
    images: int


def refresh(project: Project, progress: Progress = silent) -> Refreshed:
    """Scan the pool and record what changed; an unchanged file is not read again.

    Raises:
        PoolError: the source as a whole is missing or empty; then nothing is forgotten.
    """
    with _collection_paused():
        return _refresh(project, progress)


def _refresh(project: Project, progress: Progress) -> Refreshed:
    known = project.store.sightings()
    seen: set[str] = set()
    images: set[str] = set()
    read = broken = 0
    sightings = scan(project.source, known, max_pixels=project.config.pool.max_pixels, progress=progress)
    for batch in _batches(sightings, 1000):
        fresh = [s for s in batch if s is not known.get(s.uri)]  # what is unchanged is yielded again as it was
        if fresh:
            project.store.record_sightings(fresh)
            gc.collect(1)  # decoding may leave cycles; what lives longer is not looked through again and again
        seen.update(s.uri for s in batch)
        images.update(s.image.id for s in batch if s.image is not None)
        read += len(fresh)
        broken += sum(s.image is None for s in batch)
    gone = known.keys() - seen
    project.store.forget(sorted(gone))
    return Refreshed(len(seen), read, len(gone), broken, len(images))


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


__all__ = ["Refreshed", "Sighting", "quarantine_unreadable", "refresh"]
