"""Which image of the pool a key means: an id, a place, a file by its content, the end of a path."""

import hashlib
import os
import posixpath
import stat
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from askance.integrations.ends import Ends
from askance.integrations.rows import LabelRow
from askance.vocab import ImageRecord, Sighting
from askance.vocab.errors import listed
from askance.vocab.names import printable, shortened, tidy_place

LONGEST_KEY = 4096
"""Letters of a path, URL or id: what a system takes at most."""


@dataclass(frozen=True, slots=True)
class Lost:
    """No image, and why."""

    reason: str


@dataclass(frozen=True)
class Finder:
    """Finds images by what other people's files call them.

    Attributes:
        images: id -> image: present and healthy.
        sightings: uri -> what the last scan saw there.
        roots: where relative paths may start; the pool's source is the first.
    """

    images: Mapping[str, ImageRecord]
    sightings: Mapping[str, Sighting]
    roots: tuple[str, ...]

    def find(self, row: LabelRow) -> str | Lost:
        """An image's id, or why there is none."""
        if len(row.key) > LONGEST_KEY:
            return Lost(f"{len(row.key):,} letters are no path, URL or id: {shortened(printable(row.key))}")
        keys = list(dict.fromkeys(key for key in (row.key_as_written, row.key) if key))
        for key in keys:
            if key in self.images or key in self._sighted:
                return self._healthy(key)
        places = [place for key in keys for place in self._places(key)]
        for place in places:
            if place in self._by_uri:
                return self._judge(self._by_uri[place])
        for place in places:
            found = self._file(place) if "://" not in place else None
            if found is not None:
                return found
        if keys[0] not in self._ended:
            self._ended[keys[0]] = self._by_end(keys[0])
        return self._ended[keys[0]]

    def _judge(self, sighting: Sighting) -> str | Lost:
        if sighting.image is None:
            return Lost(f"the image is quarantined: {sighting.problem or 'it cannot be read'}")
        return self._healthy(sighting.image.id)

    def _healthy(self, image_id: str) -> str | Lost:
        if image_id in self.images:
            return image_id
        if image_id in self._sighted:
            return Lost(f"the image is quarantined: {self._sighted[image_id].problem or 'it cannot be read'}")
        return Lost("unknown image: the pool holds no image with this content")

    def _file(self, path: str) -> str | Lost | None:
        """The image in a file, by its content; None where there is no such file."""
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                return None
            if self._sizes and status.st_size not in self._sizes:  # no need to read what no image has
                return self._healthy("")
            with open(path, "rb") as file:
                return self._healthy(_content_id(file.fileno()))
        except PermissionError as error:
            return Lost(f"unknown image: {printable(path)} cannot be looked at: {error.strerror}")
        except (OSError, ValueError):  # no such file, and names that can be none: too long, with zeros
            return None

    def _places(self, key: str) -> list[str]:
        """The key as a place: as it is, then below each root."""
        if "://" in key:
            return [key, key.removeprefix("file://")]
        keys = list(dict.fromkeys((key, key.replace("\\", "/"))))
        joined = [_join(root, name) for name in keys for root in self.roots]
        return [os.path.normpath(name) for name in keys if os.path.isabs(name)] + joined

    def _by_end(self, key: str) -> str | Lost:
        verdicts = self._verdicts(self._ends.find(key))
        if len(verdicts) == 1:
            return self._judge(verdicts[0])
        if verdicts:
            uris = sorted(s.uri for s in verdicts)
            return Lost(f"ambiguous: {len(uris):,} images have this name: {listed(uris)}")
        base = posixpath.basename(posixpath.normpath(tidy_place(key)))
        if base not in self._namesakes:
            self._namesakes[base] = Lost(self._unknown(base))
        return self._namesakes[base]

    def _unknown(self, base: str) -> str:
        """Why there is no image, with those that have the same base name elsewhere."""
        named = sorted(s.uri for s in self._verdicts(self._ends.named(base)))
        if named:
            return (
                f"unknown image: of this name there {'is' if len(named) == 1 else 'are'} {len(named):,} in other "
                f"folders, {listed(named, 3)}: mend the folders of the path, or write the name alone"
            )
        near = self._capitals.get(base.casefold(), [])
        more = f"; {listed(near, 3)} has other capitals" if near else ""
        return f"unknown image: no id, path or file name of the pool fits{more}"

    def _verdicts(self, places: Sequence[str]) -> list[Sighting]:
        """One sighting of each image, and each that has none."""
        found = [self._by_uri[place] for place in places]
        return list({s.image.id if s.image else s.uri: s for s in found}.values())

    @cached_property
    def _ended(self) -> dict[str, str | Lost]:
        """What was found by the end of a path, kept: many rows may have one name."""
        return {}

    @cached_property
    def _namesakes(self) -> dict[str, Lost]:
        """The same for what was not found, by the base name."""
        return {}

    @cached_property
    def _by_uri(self) -> dict[str, Sighting]:
        own = {image.uri: Sighting(image.uri, 0, "", image) for image in self.images.values()}
        return {uri.replace("\\", "/"): s for uri, s in own.items()} | own | dict(self.sightings)

    @cached_property
    def _sighted(self) -> dict[str, Sighting]:
        return {s.image.id: s for s in self.sightings.values() if s.image is not None}

    @cached_property
    def _sizes(self) -> frozenset[int]:
        """Bytes of all images; empty where that is not known of each."""
        sizes = frozenset(s.size for s in self.sightings.values() if s.image is not None)
        return frozenset() if 0 in sizes or self.images.keys() - self._sighted.keys() else sizes

    @cached_property
    def _ends(self) -> Ends:
        return Ends(self._by_uri, self.roots[0] if self.roots else None)

    @cached_property
    def _capitals(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for uri in self._by_uri:
            name = posixpath.basename(tidy_place(uri.partition("::")[0]))
            if name not in found[name.casefold()]:
                found[name.casefold()].append(name)
        return dict(found)


def _content_id(handle: int) -> str:
    """The id of the image in an open file, as `pool.content_id` has it, in little memory."""
    digest = hashlib.blake2b(digest_size=16)
    while chunk := os.read(handle, 1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _join(root: str, name: str) -> str:
    if "://" in root:
        return root.rstrip("/") + "/" + posixpath.normpath(name).lstrip("/")
    return os.path.normpath(os.path.join(os.path.abspath(root), name))
