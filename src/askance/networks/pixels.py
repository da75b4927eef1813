"""From image ids to what a network takes: pixels decoded once, normalised batch by batch.

Letters: n images that could be read, of those asked for, b of a minibatch, c channels, h x w pixels.
"""

import mmap
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from askance.pool import Images, Look
from askance.vocab import Progress, silent
from askance.vocab.config import ModelConfig
from askance.vocab.files import open_room

IN_MEMORY = 2 << 30
"""Bytes of pixels that training keeps in memory; more go to a temporary file, decoded once all the same."""

_READ = 256
"""Images decoded at a time."""


class Normalisation(NamedTuple):
    """`(pixel / 255 - mean) / std`, one mean and std for all channels or one for each of three."""

    mean: float | tuple[float, float, float]
    std: float | tuple[float, float, float]

    def __call__(self, pixels: UInt8[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """What the trunk takes, float32 and laid out channels last, on the device the pixels are on."""
        scaled = torch.empty(pixels.shape, device=pixels.device, memory_format=torch.channels_last)
        scaled.copy_(pixels)
        if isinstance(self.mean, tuple) or isinstance(self.std, tuple):
            mean, std = (_by_channel(value, pixels) for value in (self.mean, self.std))
            return scaled.div_(255 * std).sub_(mean / std)
        return scaled.div_(255 * self.std).sub_(self.mean / self.std)


class Pixels(NamedTuple):
    """Decoded images.

    Attributes:
        values: `[n, channels, height, width]`, uint8.
        places: `[n]`, where they stand in the ids that were asked for; the others could not be read.
    """

    values: UInt8[Tensor, "n c h w"]
    places: list[int]


def _by_channel(value: float | tuple[float, float, float], pixels: Tensor) -> Float[Tensor, "c 1 1"]:
    """One number a channel; a single one stands for all of them."""
    numbers = torch.tensor(value, dtype=torch.float32, device=pixels.device)
    return numbers.expand(pixels.shape[1]).reshape(-1, 1, 1)


def look(config: ModelConfig) -> Look:
    """How the model wants its images."""
    return Look(config.size, config.channels, config.fit)


def read(images: Images, ids: Sequence[str], look: Look, progress: Progress = silent) -> Pixels:
    """Decode each image once, into memory or, beyond `IN_MEMORY`, into a temporary file.

    Raises:
        StoreError: there is no room for that file.
    """
    values = _room((len(ids), *look.shape))
    places: list[int] = []
    for start in range(0, len(ids), _READ):
        found, kept = images.load(ids[start : start + _READ], look)
        values[len(places) : len(places) + len(kept)] = found
        places += [start + place for place in kept]
        progress("reading images", min(start + _READ, len(ids)), len(ids))
    return Pixels(torch.from_numpy(values[: len(places)]), places)


def _room(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    size = int(np.prod(shape, dtype=np.int64))
    if size <= IN_MEMORY:
        return np.empty(shape, np.uint8)
    handle = open_room(size)
    try:
        return np.frombuffer(mmap.mmap(handle, size), np.uint8).reshape(shape)
    finally:
        os.close(handle)  # the mapping keeps the unnamed file alive
