"""Maps of a frozen trunk: computed once an image, found again, never those of another trunk or size."""

from typing import ClassVar

import numpy as np
import pytest
import torch

from askance.networks.map_network import _taps
from askance.networks.maps import MapReader, MapTrunk
from askance.training.devices import fabric_of
from askance.vocab import ModelError
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig
from tests.tasks.detection.place import SIZE, Place

PLACE = Place()
NAME = "timm/test_efficientnet"


def reader(images, folder, *, size=SIZE, finest=4, name=NAME, **detector):
    trunk = MapTrunk(ModelConfig(name=name), size, finest, None)
    fabric = fabric_of(TrainConfig(device="cpu"))
    return MapReader(images, trunk, DetectorConfig(**detector), fabric, folder)


def test_levels_are_of_each_stride_the_last():
    trunk = MapTrunk(ModelConfig(name=NAME), (96, 64), 8, None)
    assert [(level.stride, level.channels, level.height, level.width) for level in trunk.levels] == [
        (8, 32, 8, 12), (16, 48, 4, 6), (32, 64, 2, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("folder", [True, False])
def test_an_image_is_looked_at_once(tmp_path, folder):
    images = PLACE.images(broken=[2])
    one = reader(images, tmp_path if folder else None)
    first = one.of(PLACE.ids[:10])
    assert first.places == [0, 1, 3, 4, 5, 6, 7, 8, 9]
    seen = images.reads
    again = one.of([name for i, name in enumerate(PLACE.ids[:10]) if i != 2][::-1])
    assert images.reads == seen
    assert all(torch.equal(a.flip(0), b) for a, b in zip(first.levels, again.levels, strict=True))


def test_company_changes_nothing():
    whole = reader(PLACE.images(), None).of(PLACE.ids[:9]).levels
    alone = reader(PLACE.images(), None).of(PLACE.ids[8:9]).levels
    assert all(torch.equal(a[8:], b) for a, b in zip(whole, alone, strict=True))


def test_the_mirror_is_that_of_the_pixels():
    mirrored = reader(PLACE.images(), None).of(PLACE.ids[:2], mirrored=True).levels
    turned = Place()
    turned.pixels = turned.pixels[:, :, :, ::-1].copy()
    plain = reader(turned.images(), None).of(PLACE.ids[:2]).levels
    assert all(torch.equal(a, b) for a, b in zip(mirrored, plain, strict=True))


def test_maps_of_another_trunk_size_or_stride_are_never_read_as_these(tmp_path):
    images = PLACE.images()
    reader(images, tmp_path).of(PLACE.ids[:2])
    for other in ({"finest": 8}, {"name": "timm/test_resnet"}):
        before = images.reads
        reader(images, tmp_path, **other).of(PLACE.ids[:2])
        assert images.reads == before + 2
    before = images.reads
    reader(images, tmp_path).of(PLACE.ids[:2])
    assert images.reads == before


def test_the_mirror_has_a_cache_of_its_own(tmp_path):
    for folder in (None, tmp_path):
        one = reader(PLACE.images(), folder)
        plain, turned = (one.of(PLACE.ids[:2], mirrored=flip).levels for flip in (False, True))
        assert not torch.equal(plain[0], turned[0])
        for flip, wanted in ((False, plain), (True, turned)):
            again = reader(PLACE.images(), folder).of(PLACE.ids[:2], mirrored=flip).levels
            assert all(torch.equal(a, b) for a, b in zip(again, wanted, strict=True))


class AnyShape:
    """Images that come in whatever shape is asked for."""

    problems: ClassVar[dict[str, str]] = {}

    def load(self, ids, look):
        return np.full((len(ids), *look.shape), 9, np.uint8), list(range(len(ids)))


def test_maps_of_another_size_have_a_place_of_their_own(tmp_path):
    """Even where they have as many numbers."""
    sizes = [(96, 64), (64, 96)]
    found = {size: reader(AnyShape(), tmp_path, size=size).of(PLACE.ids[:2]).levels for size in sizes}
    for size in sizes:
        alone = reader(AnyShape(), None, size=size).of(PLACE.ids[:2]).levels
        assert all(torch.equal(a, b) for a, b in zip(found[size], alone, strict=True))
        assert found[size][0].shape[2:] == (size[1] // 4, size[0] // 4)


def test_beyond_the_bound_images_are_looked_at_every_time(tmp_path):
    images = PLACE.images()
    one = reader(images, tmp_path)
    bound = 4 * 2 * one.numbers
    small = reader(images, tmp_path / "small", cache=bound)
    whole = one.of(PLACE.ids[:10]).levels
    for _ in range(2):
        before = images.reads
        found = small.of(PLACE.ids[:10])
        assert all(torch.equal(a, b) for a, b in zip(found.levels, whole, strict=True))
    assert images.reads == before + 6
    assert small.bytes_of(10) == 10 * 2 * one.numbers


def test_rows_stand_in_the_order_that_was_asked_for_whatever_was_kept(tmp_path):
    whole = reader(PLACE.images(), None).of(PLACE.ids[:8]).levels
    one = reader(PLACE.images(), None)
    small = reader(PLACE.images(), tmp_path, cache=4 * 2 * one.numbers)
    small.of(PLACE.ids[4:8])  # now it is full, and those before come fresh
    found = small.of(PLACE.ids[:8])
    assert found.places == list(range(8))
    assert all(torch.equal(a, b) for a, b in zip(found.levels, whole, strict=True))


def test_of_several_maps_of_a_stride_the_last_is_taken():
    class Network:
        feature_info = [{"reduction": stride} for stride in (2, 4, 8, 8, 16, 16, 16, 32, 64)]  # noqa: RUF012

        def forward_intermediates(self):
            """Never called."""

    assert _taps(Network(), 8, "it") == (3, 6, 7)
    assert _taps(Network(), 3, "it") == (1, 3, 6, 7)


def test_a_network_without_maps_is_refused():
    with pytest.raises(ModelError, match="maps of features"):
        MapTrunk(ModelConfig(name="torchvision/resnet18"), SIZE, 8, None).levels  # noqa: B018


def test_compact_maps_take_half_the_room_and_are_others(tmp_path):
    images = PLACE.images()
    whole = reader(images, tmp_path)
    trunk = MapTrunk(ModelConfig(name=NAME), SIZE, 4, None, compact=True)
    small = MapReader(images, trunk, DetectorConfig(), fabric_of(TrainConfig(device="cpu")), tmp_path)
    assert small.numbers * 2 == whole.numbers
    wide, narrow = whole.of(PLACE.ids[:2]).levels, small.of(PLACE.ids[:2]).levels
    before = images.reads
    assert all(torch.equal(a, b) for a, b in zip(whole.of(PLACE.ids[:2]).levels, wide, strict=True))
    assert images.reads == before
    for a, b in zip(wide, narrow, strict=True):  # distances between cells are about as they were
        apart = [torch.pdist(level.float()[0].flatten(1).T[:40]) for level in (a, b)]
        kept = torch.corrcoef(torch.stack(apart))[0, 1]
        assert b.shape[1] == a.shape[1] // 2
        assert kept > 0.7
