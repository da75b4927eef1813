from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from askance.pool import content_id
from askance.vocab import ImageRecord, Sighting


@dataclass(frozen=True)
class Pool:
    """Small files that stand for images, and what a scan would have said of them."""

    root: Path
    images: Mapping[str, ImageRecord]
    sightings: Mapping[str, Sighting]

    def id_of(self, name: str) -> str:
        sighting = self.sightings[str(self.root / name)]
        assert sighting.image is not None
        return sighting.image.id


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    """a.jpg, b.jpg; x/1.jpg and y/1.jpg differ; copy/b.jpg is b.jpg again; broken.jpg is quarantined."""
    root = tmp_path / "pool"
    contents = {"a.jpg": b"a", "b.jpg": b"b", "x/1.jpg": b"x1", "y/1.jpg": b"y1", "copy/twin.jpg": b"b"}
    images, sightings = {}, {}
    for name, data in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        image = ImageRecord(content_id(data), str(path), 4, 4, "JPEG")
        images.setdefault(image.id, image)
        sightings[str(path)] = Sighting(str(path), len(data), "1", image)
    bad = root / "broken.jpg"
    bad.write_bytes(b"?")
    sightings[str(bad)] = Sighting(str(bad), 1, "1", None, "truncated")
    return Pool(root, images, sightings)
