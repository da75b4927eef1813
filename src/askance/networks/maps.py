"""What a frozen trunk sees at several strides: maps of features, once an image and once for its mirror.

Whatever has a place (boxes, masks, points) is learnt by a small head from these maps, so that a round costs
seconds. They are kept on disk as float16 rows by image id, one row all maps of an image, in folders whose names
follow from weights, network and size of the input: maps of another trunk or size are never read as these.

Letters: n images, L levels from fine to coarse, C_l channels of level l, h_l x w_l its cells.
"""

import logging
from collections.abc import Mapping, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.networks.features import MemoryCache, Where, fingerprint
from askance.networks.map_network import MapNetwork
from askance.networks.pixels import Normalisation
from askance.networks.trunks import KnownTrunk, given_trunk
from askance.pool import FeatureCache, Images, Look
from askance.vocab import Damaged, Diverged, ModelError, Progress, silent
from askance.vocab.config import DetectorConfig, ModelConfig

_log = logging.getLogger(__name__)

_BATCH = 8
"""Images of one pass through the trunk: what fits the processor's cache, and few enough to keep memory flat."""


class Level(NamedTuple):
    """One map of an image.

    Attributes:
        stride: pixels of the input to a cell.
        channels: numbers a cell.
        height: cells.
        width: cells.
    """

    stride: int
    channels: int
    height: int
    width: int

    @property
    def numbers(self) -> int:
        """How many numbers the map has."""
        return self.channels * self.height * self.width


@dataclass(frozen=True, slots=True)
class Maps:
    """Maps of some images.

    Attributes:
        levels: `[n, C_l, h_l, w_l]` each, float16 or float32, fine to coarse.
        places: `[n]`, where these images stand in the ids that were asked for.
    """

    levels: tuple[Tensor, ...]
    places: list[int]

    def __len__(self) -> int:
        return len(self.places)


class MapTrunk:
    """A network that knows photographs, as maps at several strides.

    Args:
        config: its name, weights and look; a timm network.
        size: width and height of the input, pixels.
        finest: stride of the finest map.
        folder: where weights that were read are kept; None: nowhere.
        compact: bring each map to half its channels.

    Raises:
        ModelError: a network without such maps, or weights that cannot be had.
    """

    def __init__(
        self,
        config: ModelConfig,
        size: tuple[int, int],
        finest: int,
        folder: Path | None,
        *,
        compact: bool = False,
    ) -> None:
        self.config, self.size, self._finest, self.compact = config, size, finest, compact
        self._trunk = _trunk_of(config, folder)

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """Its maps, fine to coarse."""
        width, height = self.size
        blank = torch.zeros(1, self.config.channels, height, width)
        found = self(blank)
        return tuple(Level(round(width / each.shape[3]), *each.shape[1:]) for each in found)

    def __call__(self, images: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n C_l h_l w_l"], ...]:
        """The maps of normalised images."""
        network = self._network  # built outside of the mode: it may be copied to be trained
        with torch.inference_mode():
            found: tuple[Tensor, ...] = network(images)
        return found

    def movable(self) -> MapNetwork:
        """A copy of the network to be trained; nothing in it asks for a gradient yet."""
        return deepcopy(self._network).requires_grad_(False)

    def moved(self, weights: Mapping[str, Tensor]) -> "MapTrunk":
        """The same with weights that training moved, by their names in the network.

        Raises:
            ModelError: weights of another network.
        """
        network = self.movable()
        network.take(weights)
        other = copy(self)
        other._trunk, other._network = network.network, network
        return other

    @property
    def trunk(self) -> nn.Module:
        """The network, or its weights where it has not been built."""
        return self._trunk

    @cached_property
    def _network(self) -> MapNetwork:
        network = self._trunk.network() if isinstance(self._trunk, KnownTrunk) else self._trunk.eval()
        return MapNetwork(network, self._finest, self.config.name, compact=self.compact).eval()


def _trunk_of(config: ModelConfig, folder: Path | None) -> nn.Module:
    if config.has_weights:
        return given_trunk(config, folder)[0]
    from askance.networks.model import build_trunk

    return build_trunk(config, 0).to(memory_format=torch.channels_last).eval()


class MapReader:
    """Maps of images by id: from the cache where they are known, else from the trunk, each once.

    Args:
        images: where pixels come from.
        trunk: whose maps.
        detector: what may be kept.
        fabric: on which device, at which precision.
        folder: where maps are kept; None: in memory.
    """

    def __init__(
        self, images: Images, trunk: MapTrunk, detector: DetectorConfig, fabric: Where, folder: Path | None
    ) -> None:
        self._images, self._trunk, self._fabric, self._folder = images, trunk, fabric, folder
        self._detector, self._bound = detector, detector.cache
        config = trunk.config
        self.look = Look(trunk.size, config.channels, "corner")
        self._normalise = Normalisation(config.mean, config.std)
        self._caches: dict[bool, FeatureCache | MemoryCache] = {}
        self._met = False  # whether something was missing at the last look: else nothing can be absent

    @property
    def numbers(self) -> int:
        """How many numbers all maps of an image have; each takes 2 bytes."""
        return sum(level.numbers for level in self._trunk.levels)

    def bytes_of(self, n: int) -> int:
        """What the maps of n images take on the disk; their mirrors take as much again."""
        return 2 * self.numbers * n

    def prepare(self, ids: Sequence[str], *, mirrored: bool = False, progress: Progress = silent) -> list[int]:
        """Compute the maps that are missing and may be kept; the places of the images that could be read."""
        cache = self._cache(mirrored)
        fresh = self._fill(cache, ids, mirrored, progress)
        absent = set(cache.missing(ids)) - fresh.keys()
        return [place for place in range(len(ids)) if place not in absent]

    def known(self, ids: Sequence[str], *, mirrored: bool = False) -> tuple[Tensor, ...]:
        """Maps of images that could be read, in their order.

        Raises:
            ModelError: one that can be read no longer.
        """
        found = self.of(ids, mirrored=mirrored)
        _all_there(len(found), len(ids))
        return found.levels

    def of(self, ids: Sequence[str], *, mirrored: bool = False, progress: Progress = silent) -> Maps:
        """Maps of images, or of their mirrors; one that cannot be read is left out. All are in memory at once."""
        cache = self._cache(mirrored)
        for _ in range(2):
            fresh = self._fill(cache, ids, mirrored, progress)
            absent = set(cache.missing(ids)) if len(fresh) or self._met else set()
            kept = [place for place in range(len(ids)) if place not in absent]
            try:
                rows = torch.from_numpy(cache.read([ids[place] for place in kept]))
                break
            except Damaged as error:
                _log.warning("%s: they are computed anew", error.got)
        else:
            raise ModelError("maps as they were written", "a disk that changes them", "look after that disk")
        if fresh:
            rows = torch.cat([rows, torch.stack(list(fresh.values()))])
            places = [*kept, *fresh]
            order = sorted(range(len(places)), key=places.__getitem__)
            return Maps(self._apart(rows[order]), [places[i] for i in order])
        return Maps(self._apart(rows), kept)

    def pixels(self, ids: Sequence[str], *, mirrored: bool = False) -> Float[Tensor, "n c h w"]:
        """Images that could be read, or their mirrors, as the trunk takes them.

        Raises:
            ModelError: one that can be read no longer.
        """
        found, kept = self._images.load(ids, self.look)
        _all_there(len(kept), len(ids))
        pixels = torch.from_numpy(found).to(self._fabric.device)
        return self._normalise(pixels.flip(3) if mirrored else pixels)

    def of_trunk(self, trunk: MapTrunk) -> "MapReader":
        """The same of another trunk, whose maps are not kept."""
        return MapReader(self._images, trunk, self._detector.model_copy(update={"cache": 0}), self._fabric, None)

    def _fill(
        self, cache: FeatureCache | MemoryCache, ids: Sequence[str], mirrored: bool, progress: Progress
    ) -> dict[int, Tensor]:
        """Compute what is missing and keep what may be kept; the maps of the others by their places."""
        missing = cache.missing(ids)
        self._met = bool(missing)
        room = self._bound // self.bytes_of(1) - len(cache)
        told = f"looking at images ({self.bytes_of(len(missing)) / 1e6:,.0f} MB of maps)"
        fresh: dict[int, Tensor] = {}
        for start in range(0, len(missing), _BATCH):
            places = missing[start : start + _BATCH]
            pixels, kept = self._images.load([ids[place] for place in places], self.look)
            if kept:
                rows = self._rows(torch.from_numpy(pixels), mirrored)
                read = [places[i] for i in kept]
                n = max(0, min(len(read), room))
                cache.append([ids[place] for place in read[:n]], rows[:n].numpy())
                fresh |= dict(zip(read[n:], rows[n:], strict=True))
                room -= n
            progress(told, min(start + _BATCH, len(missing)), len(missing))
        return fresh

    def _rows(self, pixels: Tensor, mirrored: bool) -> Float[Tensor, "n d"]:
        """All maps of each image as one row, float16; the batch is filled up, so that company changes nothing."""
        full = torch.zeros(_BATCH, *pixels.shape[1:], dtype=torch.uint8, device=self._fabric.device)
        full[: len(pixels)] = pixels.flip(3) if mirrored else pixels
        with self._fabric.autocast():
            found = self._trunk(self._normalise(full))
        rows = torch.cat([level[: len(pixels)].flatten(1) for level in found], dim=1).half().cpu()
        if not bool(rows.isfinite().all()):
            raise Diverged(
                "finite features", "NaN or a number beyond float16", "check model.weights, mean and std"
            )
        return rows

    def _apart(self, rows: Tensor) -> tuple[Tensor, ...]:
        parts = torch.split(rows, [level.numbers for level in self._trunk.levels], dim=1)
        return tuple(
            part.reshape(len(rows), level.channels, level.height, level.width)
            for part, level in zip(parts, self._trunk.levels, strict=True)
        )

    def _cache(self, mirrored: bool) -> FeatureCache | MemoryCache:
        if mirrored not in self._caches:
            key = f"maps-{self._key}{'-mirrored' if mirrored else ''}"
            dim = self.numbers
            self._caches[mirrored] = FeatureCache(self._folder / key, dim) if self._folder else MemoryCache(dim)
        return self._caches[mirrored]

    @cached_property
    def _key(self) -> str:
        whole = fingerprint(self._trunk.trunk, self._trunk.config, self._fabric)
        told = repr((whole, self.look, [level.stride for level in self._trunk.levels]))
        told += " compact" if self._trunk.compact else ""
        return blake2b(told.encode(), digest_size=16).hexdigest()


def _all_there(found: int, wanted: int) -> None:
    if found < wanted:
        got = f"{wanted - found} can be read no longer"
        raise ModelError("the images that are trained on", got, "run it again")
