"""What a unit is in classification: the image itself, or one of its labels."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from askance.maths import Chunk, Draws, Units
from askance.networks.features import Features
from askance.vocab import Progress, silent

CHUNK = 256
"""Images that are decoded, and scored, at a time."""


def stream(
    ids: Sequence[str],
    features: Callable[[Sequence[str]], Features],
    draw: Callable[[Features], Draws],
    progress: Progress = silent,
    units: Callable[[Draws], Units] = Units.one_each,
) -> Iterator[Chunk]:
    """Draws chunk by chunk, one unit an image; memory does not grow with the number of images.

    Args:
        ids: of the images, in any order.
        features: the trunk, over some of the ids.
        draw: the head's K draws, the same functions at every call.
        progress: told of `scoring` after each chunk.
        units: what is made of the draws of images.
    """
    for positions, found in chunks(ids, features, progress):
        yield Chunk(positions, units(draw(found)))


def chunks(
    ids: Sequence[str], features: Callable[[Sequence[str]], Features], progress: Progress = silent
) -> Iterator[tuple[Tensor, Features]]:
    """Features of the images that can be read, and `[n]` their places in the ids, chunk by chunk."""
    for start in range(0, len(ids), CHUNK):
        found = features(ids[start : start + CHUNK])
        if found.places:
            yield torch.tensor(found.places) + start, found
        progress("scoring", min(start + CHUNK, len(ids)), len(ids))
