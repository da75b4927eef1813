"""A source -> sightings: every image named by its bytes, every bad file with its reason, nothing read twice."""

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from askance.pool.decoding import BadImage, Bomb, NoMemory, decode
from askance.pool.limits import Limits, too_large
from askance.pool.sources import Place, places
from askance.pool.storage import Storage, explain, is_url
from askance.vocab import ImageRecord, Progress, Sighting, silent

_TELL_EVERY = 64


_NO_REASONS = ("PngImagePlugin.MAX_TEXT", "Too much memory used in text chunks")
"""Words of earlier versions for files that are sound: these are looked at again."""


class Most(NamedTuple):
    """Limits on one file, which are part of what must not have changed where they are the reason."""

    pixels: int
    bytes: int

    def bomb(self, stamp: str | None) -> str:
        """The stamp of a file that has more pixels."""
        return f"{stamp} max_pixels={self.pixels}" if stamp else ""

    def large(self, stamp: str | None) -> str:
        """The stamp of a file that has more bytes."""
        return f"{stamp} max_bytes={self.bytes}" if stamp else ""


def content_id(data: bytes) -> str:
    """The name of an image: BLAKE2b-128 of its file's bytes, 32 hex digits.

    >>> content_id(b"")
    'cae66941d9efbd404e4d88758ea67670'
    """
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def scan(
    source: str,
    known: Mapping[str, Sighting],
    *,
    max_pixels: int,
    workers: int | None = None,
    progress: Progress = silent,
    passed: Counter[str] | None = None,
    limits: Limits | None = None,
) -> Iterator[Sighting]:
    """Look at every place under a source once, in the order of their uris.

    What is in `known` with the same size and stamp is yielded again and not a byte of it is read, be it an image
    or a quarantined file. A file that could not be *read* (permissions, network) has an empty stamp, so it is
    tried again by the next scan; so is a bomb once `max_pixels` has changed, or a large file once `max_bytes` has.

    Args:
        source: a folder, a `.txt`, `.csv` or `.tsv` list of paths or URLs, or an fsspec URL of either.
        known: uri -> what the last scan saw there.
        max_pixels: an image with more is quarantined before it is decoded.
        workers: threads that read, hash and decode; unset: one a core, at least 16 for URLs.
        progress: told of every 64 places, and of the last.
        passed: counts the files of a folder that are taken for no images, by their ending; at the call.
        limits: on bytes, on folders in folders, and on silence; unset: those of a new project.

    Raises:
        PoolError: the source is not there, has no image, or cannot be listed. Raised at the call.
        MissingExtra: its storage needs a package that is not installed. Raised at the call.
    """
    storage = Storage(limits or Limits())
    most = Most(max_pixels, storage.limits.max_bytes)
    found = places(source, storage, passed)
    cores = os.cpu_count() or 1
    threads = workers or (max(16, cores) if is_url(found[-1].uri) else cores)  # URLs sort after paths
    look = partial(_look, known=known, storage=storage, most=most)
    return _in_order(found, known, look, threads, most, progress)


def _in_order(
    found: Sequence[Place],
    known: Mapping[str, Sighting],
    look: Callable[[Place], Sighting],
    threads: int,
    most: Most,
    progress: Progress,
) -> Iterator[Sighting]:
    """Sightings in the order of the places; threads work a few places ahead, never more."""
    pending: deque[Future[Sighting] | Sighting] = deque()
    ahead, done, total = 4 * threads, 0, len(found)
    executor = ThreadPoolExecutor(threads, "askance-scan")
    try:
        for started, place in enumerate(found, 1):
            again = _again(place, known.get(place.uri), most)
            pending.append(again or executor.submit(look, place))
            while pending and (started == total or len(pending) > ahead or isinstance(pending[0], Sighting)):
                first = pending.popleft()
                yield first if isinstance(first, Sighting) else first.result()
                done += 1
                if done % _TELL_EVERY == 0 or done == total:
                    progress("scanning", done, total)
    finally:
        executor.shutdown(cancel_futures=True)


def _again(place: Place, old: Sighting | None, most: Most) -> Sighting | None:
    """The known sighting, if reading the file again would give the same; the group is the source's word."""
    if old is None or not place.stamp or old.size != place.size:
        return None
    image = old.image
    if image is None:
        same = old.stamp in (place.stamp, most.bomb(place.stamp), most.large(place.stamp))
        return old if same and not any(reason in str(old.problem) for reason in _NO_REASONS) else None
    if old.stamp != place.stamp or image.width * image.height > most.pixels or old.size > most.bytes:
        return None
    return old if image.group == place.group else replace(old, image=replace(image, group=place.group))


def _look(place: Place, *, known: Mapping[str, Sighting], storage: Storage, most: Most) -> Sighting:
    """One place, whatever it takes: size and stamp, bytes, name, pixels."""
    uri = place.uri
    if place.problem is not None:
        return Sighting(uri, place.size, place.stamp or "", None, place.problem)
    try:
        if place.stamp is None:
            size, stamp = storage.stat(uri)
            place = place._replace(size=size, stamp=stamp)
            again = _again(place, known.get(uri), most)
            if again is not None:
                return again
        if place.size > most.bytes:
            return Sighting(uri, place.size, most.large(place.stamp), None, too_large(place.size, most.bytes))
        data = storage.read(uri)
    except Exception as error:  # every storage has its own errors, and one file never stops a scan
        return Sighting(uri, place.size, "", None, f"cannot be read: {explain(error)}")
    return _judged(place, data, most)


def _judged(place: Place, data: bytes, most: Most) -> Sighting:
    """What the bytes of a place are."""
    uri, size, stamp = place.uri, place.size, place.stamp or ""
    try:
        _, width, height, form = decode(data, max_pixels=most.pixels, enough=(1, 1))
    except BadImage as error:
        if isinstance(error, NoMemory):
            stamp = ""
        elif isinstance(error, Bomb):
            stamp = most.bomb(stamp)
        return Sighting(uri, size, stamp, None, error.got)
    return Sighting(uri, size, stamp, ImageRecord(content_id(data), uri, width, height, form, place.group))
