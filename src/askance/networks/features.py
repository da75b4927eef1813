"""What a trained network says of images: features once an image, then K draws of the head.

Letters: N images asked for, n that could be read, D features, K draws.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from askance.maths import Draws
from askance.networks.model import moves_of
from askance.networks.pixels import Normalisation, Pixels, look, read
from askance.pool import FeatureCache, Images
from askance.uncertainty import SplitNet
from askance.vocab import Damaged, ModelError
from askance.vocab.config import ModelConfig
from askance.vocab.theirs import theirs

_log = logging.getLogger(__name__)

_BATCH = 64
"""Images of one pass through the trunk. The last is filled up: a row's rounding must not depend on its company."""


_TAKING = (
    f"the network to take {_BATCH} images at once",
    "its forward(images) has to work in evaluation mode, whatever the number of images",
)
"""What is wanted of a trunk, and what to do where it fails."""


class Features(NamedTuple):
    """Trunk features.

    Attributes:
        rows: `[n, D]` float32, each number one that float16 holds, so that a cache changes nothing.
        places: `[n]`, where they stand in the ids that were asked for.
    """

    rows: Float[Tensor, "n D"]
    places: list[int]


class Where(Protocol):
    """What trunks run on; `training.devices` has them."""

    @property
    def device(self) -> torch.device:
        """Of this process."""
        ...

    @property
    def precision(self) -> str:
        """As Lightning Fabric names it, `32-true` for full."""
        ...

    def autocast(self) -> AbstractContextManager[object]:
        """Inside, networks compute at the precision."""
        ...


class Cache(Protocol):
    """Rows by image id, as `pool.FeatureCache` keeps them on disk."""

    def missing(self, ids: Sequence[str]) -> list[int]:
        """The places of the ids without a row."""
        ...

    def append(self, ids: Sequence[str], rows: NDArray[np.float16]) -> None:
        """Keep rows."""
        ...

    def read(self, ids: Sequence[str]) -> NDArray[np.float16]:
        """Rows `[n, D]` of ids that are all there."""
        ...


class MemoryCache:
    """The `Cache` of a project without a folder for features."""

    def __init__(self, dim: int) -> None:
        self._rows: dict[str, NDArray[np.float16]] = {}
        self._dim = dim

    def missing(self, ids: Sequence[str]) -> list[int]:
        """The places of the ids without a row."""
        return [place for place, name in enumerate(ids) if name not in self._rows]

    def __len__(self) -> int:
        return len(self._rows)

    def append(self, ids: Sequence[str], rows: NDArray[np.float16]) -> None:
        """Keep rows."""
        self._rows.update(zip(ids, rows.copy(), strict=True))

    def read(self, ids: Sequence[str]) -> NDArray[np.float16]:
        """Rows `[n, D]` of ids that are all there."""
        return np.array([self._rows[name] for name in ids], np.float16).reshape(len(ids), self._dim)


class Extractor:
    """Runs trunks over images: at most once an image for a frozen trunk.

    Args:
        images: where pixels come from.
        config: how the trunk looks at them.
        fabric: on which device, at which precision.
        folder: where rows of frozen trunks are kept, one folder a trunk; None keeps them in memory.
    """

    def __init__(self, images: Images, config: ModelConfig, fabric: Where, folder: Path | None) -> None:
        self._images, self._config, self._fabric, self._folder = images, config, fabric, folder
        self._normalise = Normalisation(config.mean, config.std)
        self._caches: dict[str, Cache] = {}
        self._keys: WeakKeyDictionary[nn.Module, str] = WeakKeyDictionary()

    def of(self, net: SplitNet, ids: Sequence[str]) -> Features:
        """Features of a network's own trunk."""
        return (self.once if moves_of(self._config, net) == "head" else self.now)(net, ids)

    def all_of(self, net: SplitNet, ids: Sequence[str]) -> Features:
        """What draws are made of: for an ensemble of networks the features of all trunks, if they have weights."""
        several = net.others and net.trunk.state_dict()
        return self.each(net.members, ids) if several else self.of(net, ids)

    def once(self, net: SplitNet, ids: Sequence[str]) -> Features:
        """Features of a frozen trunk, from the cache where they are known and as they were written."""
        cache = self._cache(net)
        try:
            return self._known(cache, net, ids)
        except Damaged as error:
            _log.warning("%s: they are computed anew", error.got)
        return self._known(cache, net, ids)

    def _known(self, cache: Cache, net: SplitNet, ids: Sequence[str]) -> Features:
        new = [ids[place] for place in cache.missing(ids)]
        if new:
            fresh = self.now(net, new)
            cache.append([new[place] for place in fresh.places], fresh.rows.half().numpy())
        bad = set(cache.missing(ids)) if new else set()
        places = [place for place in range(len(ids)) if place not in bad]
        rows = cache.read([ids[place] for place in places])
        return Features(torch.from_numpy(rows).float(), places)

    def now(self, net: SplitNet, ids: Sequence[str]) -> Features:
        """Features of a trunk that training moves."""
        return self.each((net,), ids)

    def each(self, nets: Sequence[SplitNet], ids: Sequence[str]) -> Features:
        """Features of M trunks side by side, `[n, M D]`; images are read once."""
        pixels = read(self._images, ids, look(self._config))
        found = [of_pixels(net, pixels, self._normalise, self._fabric) for net in nets]
        return Features(torch.cat([features.rows for features in found], dim=1), pixels.places)

    def _cache(self, net: SplitNet) -> Cache:
        if net.trunk not in self._keys:  # a trunk that is frozen does not change, and hashing it is not free
            self._keys[net.trunk] = fingerprint(net.trunk, self._config, self._fabric)
        key = self._keys[net.trunk]
        if key not in self._caches:
            dim = net.n_features
            self._caches = {key: FeatureCache(self._folder / key, dim) if self._folder else MemoryCache(dim)}
        return self._caches[key]


def of_pixels(net: SplitNet, pixels: Pixels, normalise: Normalisation, fabric: Where) -> Features:
    """The trunk's answer, rounded through float16, on the CPU.

    Raises:
        ModelError: features that are not finite in float16.
    """
    trunk = net.to(fabric.device).trunk
    full = torch.zeros(_BATCH, *pixels.values.shape[1:], dtype=torch.uint8, device=fabric.device)
    rows = [torch.empty(0, net.n_features, dtype=torch.float16)]
    for block in torch.split(pixels.values, _BATCH):
        full[: len(block)] = block
        with theirs(*_TAKING), torch.inference_mode(), fabric.autocast():
            rows.append(trunk.eval()(normalise(full))[: len(block)].half().cpu())
    found = torch.cat(rows).float()
    if not bool(found.isfinite().all()):
        raise ModelError("finite features", "NaN or a number beyond float16", "check model.weights, mean and std")
    return Features(found, pixels.places)


def fingerprint(trunk: nn.Module, config: ModelConfig, fabric: Where) -> str:
    """32 hex digits of all that features follow from: the weights, the network, the look, the precision."""
    shape = (config.name, sorted(config.options.items()), look(config), config.mean, config.std)
    digest = blake2b(repr((shape, fabric.precision)).encode(), digest_size=16)
    for name, tensor in sorted(trunk.state_dict().items()):
        digest.update(f"{name} {list(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy())
    return digest.hexdigest()


def draw(posterior: Callable[[Tensor], Draws], features: Features) -> Draws:
    """K draws of each image, `[n, K, C]`, on the CPU."""
    return posterior(features.rows).cpu()
