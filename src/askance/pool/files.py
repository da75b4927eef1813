"""Images that lie in files and buckets, brought to the shape a model takes."""

import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from askance.pool.decoding import MAX_PIXELS, BadImage, Decoded, bad, decode, turn_of
from askance.pool.images import Look
from askance.pool.limits import Limits
from askance.pool.scanning import content_id
from askance.pool.storage import Storage, explain, local_path
from askance.vocab import ConfigError

_GAP = 2.0
"""Decode at no less than this times the size wanted; the antialiased resize does the rest."""


class FileImages:
    """Images by id, read from where a scan saw them. Satisfies `Images`.

    Pixels depend on the file and the look alone: not on threads, batches or what was read before. Bytes are held
    against the id, so a file that has changed since the scan is a problem and never another image's pixels.

    Args:
        uris: image id (BLAKE2b-128 of the bytes, as `scan` gives it) -> absolute path or URL.
        max_pixels: an image with more is refused before it is decoded.
        workers: threads; unset: one a core.
        cache_bytes: decoded looks are kept in memory up to this many bytes, the least recently used go first.
        limits: on bytes, and on silence; unset: those of a new project.
    """

    def __init__(
        self,
        uris: Mapping[str, str],
        *,
        max_pixels: int,
        workers: int | None = None,
        cache_bytes: int = 256 << 20,
        limits: Limits | None = None,
    ) -> None:
        self.problems: dict[str, str] = {}
        self._uris = uris
        self._max_pixels = max_pixels
        self._workers = workers or os.cpu_count() or 1
        self._storage = Storage(limits or Limits())
        self._cache = _Recent(cache_bytes)

    def load(self, ids: Sequence[str], look: Look) -> tuple[NDArray[np.uint8], list[int]]:
        """As `Images.load`: `[n, *look.shape]` of the readable images, and their places in `ids`."""
        pixels = np.empty((len(ids), *look.shape), np.uint8)
        places: list[int] = []
        for place, found in enumerate(self._each(ids, look)):
            if found is not None:
                pixels[len(places)] = found
                places.append(place)
        return pixels[: len(places)], places

    def _each(self, ids: Sequence[str], look: Look) -> Iterator[NDArray[np.uint8] | None]:
        threads = min(self._workers, len(ids))
        if threads <= 1:
            yield from (self._one(image_id, look) for image_id in ids)
            return
        with ThreadPoolExecutor(threads, "askance-images") as executor:
            yield from executor.map(lambda image_id: self._one(image_id, look), ids)

    def _one(self, image_id: str, look: Look) -> NDArray[np.uint8] | None:
        found = self._cache.get((image_id, look))
        if found is not None:
            return found
        try:
            found = fitted(self._bytes(image_id), look, self._max_pixels)
        except BadImage as error:
            self.problems[image_id] = error.got
            return None
        self.problems.pop(image_id, None)  # it could not be read before, and now it can
        self._cache.put((image_id, look), found)
        return found

    def _bytes(self, image_id: str) -> bytes:
        uri = self._uris.get(image_id)
        if uri is None:
            raise bad("no file of this pool has this id: scan again")
        data = read(uri, self._storage)
        if content_id(data) != image_id:
            raise bad(f"{uri} has changed since the scan: scan again")
        return data


class _Recent:
    """Arrays by key within a budget of bytes, safe between threads."""

    def __init__(self, budget: int) -> None:
        self._budget, self._used = budget, 0
        self._kept: OrderedDict[tuple[str, Look], NDArray[np.uint8]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: tuple[str, Look]) -> NDArray[np.uint8] | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: tuple[str, Look], pixels: NDArray[np.uint8]) -> None:
        with self._lock:
            if pixels.nbytes > self._budget or key in self._kept:
                return
            self._kept[key] = pixels
            self._used += pixels.nbytes
            while self._used > self._budget:
                self._used -= self._kept.popitem(last=False)[1].nbytes


def read(uri: str, storage: Storage) -> bytes:
    """All bytes of a file, or `BadImage` with the reason in words."""
    try:
        return storage.read(uri)
    except Exception as error:  # every storage has its own errors
        raise bad(f"cannot be read: {explain(error)}") from error


def open_image(
    source: str | os.PathLike[str] | bytes, *, max_pixels: int = MAX_PIXELS, grey: bool = False
) -> Image.Image:
    """One image from a path, a URL or its bytes, upright, 8-bit `RGB` or `L`; `decode` says how.

    Raises:
        BadImage: it cannot be read or decoded, or has more than `max_pixels`.
    """
    if isinstance(source, bytes):
        return decode(source, max_pixels=max_pixels, grey=grey).pixels
    uri = os.fspath(source)
    return decode(read(local_path(uri) or uri, Storage()), max_pixels=max_pixels, grey=grey).pixels


def thumbnail(uri: str, side: int, *, max_pixels: int = MAX_PIXELS, limits: Limits | None = None) -> bytes:
    """A JPEG of an image whose longer side is at most `side` pixels; small images are not enlarged.

    Raises:
        BadImage: the image cannot be read or decoded, or has more than `max_pixels`.
    """
    data = read(local_path(uri) or uri, Storage(limits or Limits()))
    found = decode(data, max_pixels=max_pixels, enough=(_GAP * side, _GAP * side))
    scale = min(1.0, side / max(found.width, found.height))
    size = (max(1, round(found.width * scale)), max(1, round(found.height * scale)))
    small = found.pixels.resize(size, Image.Resampling.BICUBIC, reducing_gap=_GAP)
    out = BytesIO()
    small.save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue()


def orientation(uri: str, *, limits: Limits | None = None) -> int:
    """How EXIF says that an image's pixels are turned, 1 to 8; 1 is upright, from 5 on width and height change.

    Raises:
        BadImage: the image cannot be read.
    """
    return turn_of(read(local_path(uri) or uri, Storage(limits or Limits())))


def fitted(data: bytes, look: Look, max_pixels: int) -> NDArray[np.uint8]:
    """An image file -> an array of `look.shape`, antialiased (bicubic).

    Raises:
        BadImage: as `decode`.
        ConfigError: the look asks for what there is not.
    """
    if look.fit not in ("stretch", "crop", "pad", "corner") or look.channels not in (1, 3):
        raise ConfigError("fit = stretch, crop, pad or corner, and 1 or 3 channels", str(look), "change [model]")
    channels, height, width = look.shape
    enough = (_GAP * width, _GAP * height)
    found = decode(data, max_pixels=max_pixels, grey=channels == 1, enough=enough)
    pixels = np.asarray(_brought_to(found, look))
    return np.ascontiguousarray(pixels.reshape(height, width, channels).transpose(2, 0, 1))


def _brought_to(found: Decoded, look: Look) -> Image.Image:
    image = found.pixels if look.channels == 1 else found.pixels.convert("RGB")
    width, height = image.size
    _, tall, wide = look.shape
    size, bicubic = (wide, tall), Image.Resampling.BICUBIC
    if look.fit == "stretch":
        return image.resize(size, bicubic, reducing_gap=_GAP)
    if look.fit == "crop":
        narrow = width * tall <= height * wide  # in whole numbers: a box that is out by a rounding is refused
        part = (width, width * tall / wide) if narrow else (height * wide / tall, height)
        left, top = (width - part[0]) / 2, (height - part[1]) / 2
        return image.resize(size, bicubic, (left, top, width - left, height - top), _GAP)
    scale = look.scale(found.width, found.height)
    inner = (max(1, round(found.width * scale)), max(1, round(found.height * scale)))
    filled = Image.new(image.mode, size)
    left, top = (0, 0) if look.fit == "corner" else ((wide - inner[0]) // 2, (tall - inner[1]) // 2)
    filled.paste(image.resize(inner, bicubic, reducing_gap=_GAP), (left, top))
    return filled
