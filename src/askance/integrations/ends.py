"""Places by the ends of their paths: which of them does a path from elsewhere mean?"""

import os
import posixpath
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import dropwhile, takewhile

from askance.pool.endings import LISTS, ending
from askance.pool.storage import is_url, local_path
from askance.vocab.names import tidy, tidy_place

_LAST = "\U0010ffff"
"""Sorts after every letter of a name."""


class Ends:
    """Places, found by the end of a path.

    Names are the same with accents composed or not and with or without spaces around. Where the path and a place
    both name folders, these have to agree from the end up as far as both go; of a place, the folders below the
    source go, and all of them where it lies elsewhere. So a folder that was moved is found, and an image of one
    folder is never taken for its namesake in another.

    Args:
        places: paths and URLs.
        source: the pool's: a folder, a list or a URL.
    """

    def __init__(self, places: Iterable[str], source: str | None) -> None:
        self._whole: dict[str, list[str]] = defaultdict(list)
        tails: list[tuple[str, str]] = []
        below = _Below(source, places)
        for place in below.places:
            path = tidy_place(inside(place))
            tails.append((_turned(path.strip("/").split("/")), place))
            self._whole[tidy_place(below.of(place))].append(place)
        tails.sort()
        self._turned = [turned for turned, _ in tails]
        self._places = [place for _, place in tails]

    def find(self, path: str) -> list[str]:
        """The places that a path may mean: none, the one, or those that it does not tell apart."""
        plain = tidy_place(path)
        parts = posixpath.normpath(plain).strip("/").split("/")
        parts = list(dropwhile(lambda part: part == "..", parts)) or [""]
        if not parts[-1] or parts[-1] in (".", ".."):
            return []
        found = self._whole.get("/".join(parts)) or self._ending(parts)
        start = 1
        while not found and start < len(parts):
            found, start = self._whole.get("/".join(parts[start:]), []), start + 1
        return self._just(found, path)

    def named(self, base: str) -> list[str]:
        """All places with a base name, in whatever folder."""
        return self._ending([tidy(base)])

    def _ending(self, parts: Sequence[str]) -> list[str]:
        turned = _turned(parts)
        return self._places[bisect_left(self._turned, turned) : bisect_left(self._turned, turned + _LAST)]

    @staticmethod
    def _just(found: list[str], path: str) -> list[str]:
        """Of places that are the same name those that are written just so, if there are any."""
        if len(found) < 2:
            return found
        end = posixpath.normpath(path.replace("\\", "/")).split("/")[::-1]
        return [
            place for place in found if _is_just(inside(place).replace("\\", "/").split("/")[::-1], end)
        ] or found


def _is_just(own: Sequence[str], other: Sequence[str]) -> bool:
    """Whether parts of two paths, from the end up, are written alike as far as they are the same names."""
    same = takewhile(lambda pair: tidy(pair[0]) == tidy(pair[1]), zip(own, other, strict=False))
    return all(a == b for a, b in same)


class _Below:
    """What of a place's path lies below the source."""

    def __init__(self, source: str | None, places: Iterable[str]) -> None:
        self.places = list(places)
        self._first, self._chain = _split(local_path(source) or source) if source else ("", "")
        if ending(self._first) in LISTS:
            self._first = posixpath.dirname(self._first)
        self._shared = _shared([inside(place) for place in self.places if self._below(place) is None])

    def of(self, place: str) -> str:
        below = self._below(place)
        return inside(place)[self._shared :].strip("/") if below is None else below

    def _below(self, place: str) -> str | None:
        first, chain = _split(place)
        root = self._first.rstrip("/")
        if not self._first or chain != self._chain or not first.startswith(f"{root}/"):
            return None
        return first[len(root) :].strip("/")


def inside(uri: str) -> str:
    """A place without the archive around it.

    >>> inside("zip://site/1.png::/data/photos.zip"), inside("/belt::7.jpg")
    ('site/1.png', '/belt::7.jpg')
    """
    return uri.partition("::")[0].partition("://")[2] if is_url(uri) and "::" in uri else uri


def _split(place: str) -> tuple[str, str]:
    """A path or URL, and the archive around it; a path in an archive begins with a slash."""
    if not is_url(place):
        return os.path.normpath(place), ""
    first, _, chain = place.partition("::")
    return ("/" + first.partition("://")[2].lstrip("/"), chain) if chain else (first, "")


def _shared(paths: Sequence[str]) -> int:
    """Letters of the folders around all of some paths, short of one that images lie in directly."""
    if not paths:
        return 0
    folders = {posixpath.dirname(path) for path in paths}
    split = [folder.split("/") for folder in folders]
    low, high = min(split), max(split)
    n = next((i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high)))
    shared = low[:n]
    if "/".join(shared) in folders:
        shared = shared[:-1]
    return len("/".join(shared))


def _turned(parts: Sequence[str]) -> str:
    """A path from its end up, each part closed off so that the beginning of one is no part."""
    return "".join(f"{part}/" for part in reversed(parts))
