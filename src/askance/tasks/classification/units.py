"""What a unit is in classification: the image itself."""

from collections.abc import Callable, Iterator, Sequence

import torch

from askance.maths import Chunk, Draws, Units
from askance.tasks.classification.predict import Features
from askance.vocab import Progress, silent

CHUNK = 256
"""Images that are decoded, and scored, at a time."""


def stream(
    ids: Sequence[str],
    features: Callable[[Sequence[str]], Features],
    draw: Callable[[Features], Draws],
    progress: Progress = silent,
) -> Iterator[Chunk]:
    """Draws chunk by chunk, one unit an image; memory does not grow with the number of images.

    Args:
        ids: of the images, in any order.
        features: the trunk, over some of the ids.
        draw: the head's K draws, the same functions at every call.
        progress: told of `scoring` after each chunk.
    """
    for start in range(0, len(ids), CHUNK):
        found = features(ids[start : start + CHUNK])
        if found.places:
            positions = torch.tensor(found.places) + start
            yield Chunk(positions, Units.one_each(draw(found)))
        progress("scoring", min(start + CHUNK, len(ids)), len(ids))
