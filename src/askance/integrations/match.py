"""Whose label is it: rows of a foreign file find their image, or come back with the reason."""

import os
import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar
from unicodedata import normalize

from askance.integrations.classes import unknown_class
from askance.integrations.rows import LabelRow, Matched, Rejected
from askance.pool import content_id
from askance.pool.storage import is_url
from askance.vocab import ImageRecord, Label, Sighting, answer_of
from askance.vocab.errors import listed

T = TypeVar("T")


def match(
    rows: Sequence[LabelRow],
    images: Mapping[str, ImageRecord],
    sightings: Mapping[str, Sighting],
    classes: Sequence[str],
    *,
    roots: Sequence[str] = (),
    doubtful: Mapping[str, str] = MappingProxyType({}),
) -> Matched:
    """Find the image of each row; what cannot be taken is rejected with a reason, and the rest goes in.

    A key is tried as, in this order: content id; place of the last scan; path below one of `roots`; an existing
    file, by its content (an image that was sorted into another folder is still itself, and a file that the pool
    does not hold is never taken for one that only shares its name); the end of exactly one image's path; the base
    name of exactly one image.

    Args:
        rows: as read.
        images: `Store.images()`: present and healthy.
        sightings: `Store.sightings()`: every place, so that duplicates and quarantined files are known too.
        classes: names that may be used; empty: any.
        roots: folders or URLs that relative paths may start from: the pool's source, the label file's folder.
        doubtful: class name -> why its rows are set aside, as `question` says of a first file.
    """
    rows = _read(rows, classes)
    finder = _Finder(images, sightings, tuple(roots))
    taken: dict[str, list[int]] = defaultdict(list)
    reasons: dict[int, str] = {}
    for i, row in enumerate(rows):
        if _is_empty(row):
            continue
        found = _Lost(row.problem) if row.problem else finder.find(row.key)
        if isinstance(found, _Lost):
            reasons[i] = found.reason
        else:
            taken[found].append(i)
    labels: dict[str, LabelRow] = {}
    for image_id, places in taken.items():
        said = [rows[i] for i in places]
        reason = _conflict(said) or _doubt(said[0].value, classes, doubtful)
        if reason:
            reasons.update(dict.fromkeys(places, reason))
        else:
            labels[image_id] = _merged(said)
    rejected = tuple(Rejected(rows[i], reasons[i]) for i in sorted(reasons))
    return Matched(labels, rejected, empty=sum(map(_is_empty, rows)))


def as_labels(matched: Matched, *, who: str, at: datetime, source: str) -> list[Label]:
    """The matched rows as label revisions for `Store.add_labels`."""
    return [Label(image_id, row.value, who, at, source, row.answer) for image_id, row in matched.labels.items()]


def _is_empty(row: LabelRow) -> bool:
    return not row.says and row.problem is None


def _read(rows: Sequence[LabelRow], classes: Sequence[str]) -> list[LabelRow]:
    """The rows with classes as the project spells them, whatever way accents are encoded, or with answers."""
    spelt = {normalize("NFC", name): name for name in classes}
    read = []
    for row in rows:
        plain = normalize("NFC", row.value or "")
        answer = answer_of(plain) if plain not in spelt else None
        value = None if answer or row.value is None else spelt.get(plain, plain)
        read.append(replace(row, value=value, answer=answer))
    return read


@dataclass(frozen=True, slots=True)
class _Lost:
    reason: str


@dataclass(frozen=True)
class _Finder:
    images: Mapping[str, ImageRecord]
    sightings: Mapping[str, Sighting]
    roots: tuple[str, ...]

    def find(self, key: str) -> str | _Lost:
        """An image's id, or why there is none."""
        if key in self.images or key in self._sighted:
            return self._healthy(key)
        places = self._places(key)
        for place in places:
            if place in self._by_uri:
                return self._judge(self._by_uri[place])
        for place in places:
            if "://" not in place and Path(place).is_file():
                return self._of_content(Path(place))
        return self._by_name(key.replace("\\", "/"))

    def _judge(self, sighting: Sighting) -> str | _Lost:
        if sighting.image is None:
            return _Lost(f"the image is quarantined: {sighting.problem or 'it cannot be read'}")
        return self._healthy(sighting.image.id)

    def _healthy(self, image_id: str) -> str | _Lost:
        if image_id in self.images:
            return image_id
        if image_id in self._sighted:
            return _Lost(f"the image is quarantined: {self._sighted[image_id].problem or 'it cannot be read'}")
        return _Lost("unknown image: the pool holds no image with this content")

    def _of_content(self, path: Path) -> str | _Lost:
        try:
            return self._healthy(content_id(path.read_bytes()))
        except OSError as error:
            return _Lost(f"unknown image: {path} cannot be read: {error.strerror}")

    def _places(self, key: str) -> list[str]:
        """The key as a place: as it is, then below each root."""
        if "://" in key:
            return [key, key.removeprefix("file://")]
        keys = list(dict.fromkeys((key, key.replace("\\", "/"))))
        joined = [_join(root, name) for name in keys for root in self.roots]
        return [os.path.normpath(name) for name in keys if os.path.isabs(name)] + joined

    def _by_name(self, key: str) -> str | _Lost:
        parts = posixpath.normpath(key).strip("/").split("/")
        named = self._names.get(parts[-1], [])
        exact = [sighting for tail, sighting in named if tail[-len(parts) :] == parts]
        for candidates in (exact, [sighting for _, sighting in named]):
            verdicts = {s.image.id if s.image else s.uri: s for s in candidates}
            if len(verdicts) == 1:
                return self._judge(next(iter(verdicts.values())))
            if verdicts:
                uris = sorted(s.uri for s in verdicts.values())
                return _Lost(f"ambiguous: {len(uris)} images have this name: {listed(uris)}")
        return _Lost("unknown image: no id, path or file name of the pool fits")

    @cached_property
    def _by_uri(self) -> dict[str, Sighting]:
        own = {image.uri: Sighting(image.uri, 0, "", image) for image in self.images.values()}
        return {uri.replace("\\", "/"): s for uri, s in own.items()} | own | dict(self.sightings)

    @cached_property
    def _sighted(self) -> dict[str, Sighting]:
        return {s.image.id: s for s in self.sightings.values() if s.image is not None}

    @cached_property
    def _names(self) -> dict[str, list[tuple[list[str], Sighting]]]:
        names: dict[str, list[tuple[list[str], Sighting]]] = defaultdict(list)
        for uri, sighting in self._by_uri.items():
            parts = _inside(uri).replace("\\", "/").split("/")
            names[parts[-1]].append((parts, sighting))
        return dict(names)


def _inside(uri: str) -> str:
    """A place without the archive around it.

    >>> _inside("zip://site/1.png::/data/photos.zip"), _inside("/belt::7.jpg")
    ('site/1.png', '/belt::7.jpg')
    """
    return uri.partition("::")[0].partition("://")[2] if is_url(uri) and "::" in uri else uri


def _join(root: str, name: str) -> str:
    if "://" in root:
        return root.rstrip("/") + "/" + posixpath.normpath(name).lstrip("/")
    return os.path.normpath(os.path.join(os.path.abspath(root), name))


def _conflict(rows: Sequence[LabelRow]) -> str | None:
    for what, values in (
        ("labels", [row.says or None for row in rows]),
        ("splits", [row.split for row in rows]),
        ("groups", [row.group for row in rows]),
    ):
        told = {value: row for value, row in zip(values, rows, strict=True) if value is not None}
        if len(told) > 1:
            listed = ", ".join(f"{value} ({_where(row)})" for value, row in told.items())
            return f"{len(told)} different {what} for one image: {listed}"
    return None


def _where(row: LabelRow) -> str:
    return f"line {row.line}" if row.line else row.name or row.key


def _doubt(value: str | None, classes: Sequence[str], doubtful: Mapping[str, str]) -> str | None:
    """Why a class is not taken; None where it is, and for an answer."""
    if value is None or value in classes:
        return None
    return doubtful.get(value) or (unknown_class(value, classes) if classes else None)


def _merged(rows: Sequence[LabelRow]) -> LabelRow:
    """One row of several that do not contradict each other."""
    return replace(rows[0], split=_known(r.split for r in rows), group=_known(r.group for r in rows))


def _known(values: Iterable[T | None]) -> T | None:
    return next((value for value in values if value is not None), None)
