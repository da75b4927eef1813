"""A source -> sightings: every image named by its bytes, every bad file with its reason, nothing read twice."""

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from askance.pool.decoding import BadImage, Bomb, decode
from askance.pool.sources import Place, places
from askance.pool.storage import Storage, explain, is_url
from askance.vocab import ImageRecord, Progress, Sighting, silent

_TELL_EVERY = 64


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
) -> Iterator[Sighting]:
    """Look at every place under a source once, in the order of their uris.

    What is in `known` with the same size and stamp is yielded again and not a byte of it is read, be it an image
    or a quarantined file. A file that could not be *read* (permissions, network) has an empty stamp, so it is
    tried again by the next scan; so is a bomb once `max_pixels` has changed.

    Args:
        source: a folder, a `.txt`, `.csv` or `.tsv` list of paths or URLs, or an fsspec URL of either.
        known: uri -> what the last scan saw there.
        max_pixels: an image with more is quarantined before it is decoded.
        workers: threads that read, hash and decode; unset: one a core, at least 16 for URLs.
        progress: told of every 64 places, and of the last.
        passed: counts the files of a folder that are taken for no images, by their ending; at the call.

    Raises:
        PoolError: the source is not there, has no image, or cannot be listed. Raised at the call.
        MissingExtra: its storage needs a package that is not installed. Raised at the call.
    """
    storage = Storage()
    found = places(source, storage, passed)
    cores = os.cpu_count() or 1
    threads = workers or (max(16, cores) if is_url(found[-1].uri) else cores)  # URLs sort after paths
    look = partial(_look, known=known, storage=storage, max_pixels=max_pixels)
    return _in_order(found, known, look, threads, max_pixels, progress)


def _in_order(
    found: Sequence[Place],
    known: Mapping[str, Sighting],
    look: Callable[[Place], Sighting],
    threads: int,
    max_pixels: int,
    progress: Progress,
) -> Iterator[Sighting]:
    """Sightings in the order of the places; threads work a few places ahead, never more."""
    pending: deque[Future[Sighting] | Sighting] = deque()
    ahead, done, total = 4 * threads, 0, len(found)
    executor = ThreadPoolExecutor(threads, "askance-scan")
    try:
        for started, place in enumerate(found, 1):
            again = _again(place, known.get(place.uri), max_pixels)
            pending.append(again or executor.submit(look, place))
            while pending and (started == total or len(pending) > ahead or isinstance(pending[0], Sighting)):
                first = pending.popleft()
                yield first if isinstance(first, Sighting) else first.result()
                done += 1
                if done % _TELL_EVERY == 0 or done == total:
                    progress("scanning", done, total)
    finally:
        executor.shutdown(cancel_futures=True)


def _again(place: Place, old: Sighting | None, max_pixels: int) -> Sighting | None:
    """The known sighting, if reading the file again would give the same; the group is the source's word."""
    if old is None or not place.stamp or old.size != place.size:
        return None
    image = old.image
    if image is None:
        return old if old.stamp in (place.stamp, _bomb_stamp(place.stamp, max_pixels)) else None
    if old.stamp != place.stamp or image.width * image.height > max_pixels:
        return None
    return old if image.group == place.group else replace(old, image=replace(image, group=place.group))


def _look(place: Place, *, known: Mapping[str, Sighting], storage: Storage, max_pixels: int) -> Sighting:
    """One place, whatever it takes: size and stamp, bytes, name, pixels."""
    uri = place.uri
    if place.problem is not None:
        return Sighting(uri, place.size, place.stamp or "", None, place.problem)
    try:
        if place.stamp is None:
            size, stamp = storage.stat(uri)
            place = place._replace(size=size, stamp=stamp)
            again = _again(place, known.get(uri), max_pixels)
            if again is not None:
                return again
        data = storage.read(uri)
    except Exception as error:  # every storage has its own errors, and one file never stops a scan
        return Sighting(uri, place.size, "", None, f"cannot be read: {explain(error)}")
    size, stamp = place.size, place.stamp or ""
    try:
        _, width, height, form = decode(data, max_pixels=max_pixels, enough=(1, 1))
    except Bomb as error:
        return Sighting(uri, size, _bomb_stamp(stamp, max_pixels), None, error.got)
    except BadImage as error:
        return Sighting(uri, size, stamp, None, error.got)
    image = ImageRecord(content_id(data), uri, width, height, form, place.group)
    return Sighting(uri, size, stamp, image)


def _bomb_stamp(stamp: str, max_pixels: int) -> str:
    """A bomb is one only by this limit, so the limit is part of what must not have changed."""
    return f"{stamp} max_pixels={max_pixels}" if stamp else ""
