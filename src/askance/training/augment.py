"""Training images changed a little each time they are seen, as what they show would not mind.

Changes are made to pixels, image by image, before they are normalised, and only in training: an image that is
scored or measured is always as it is.

Letters: b images of a minibatch, c channels, s pixels a side.
"""

from typing import Any, Literal

import torch
from jaxtyping import UInt8
from torch import Tensor

from askance.networks.model import seeded

Kind = Literal["none", "flips", "standard"]

CROP = (0.7, 1.0)
"""Shares of the image's area that a crop keeps, before it is brought back to size."""

RATIO = (0.9, 1.1)
"""Width over height of a crop."""

JITTER = 0.2
"""Brightness, contrast and saturation are multiplied by 1 - 0.2 to 1 + 0.2; the hue stays, it may be the class."""


def augmented(pixels: UInt8[Tensor, "b c s s"], kind: Kind, seed: int) -> UInt8[Tensor, "b c s s"]:
    """Each image changed in its own way; same images in the same order, same seed: the same pixels.

    Args:
        pixels: on the CPU; left as they are.
        kind: `none`; `flips`: left-right and up-down, each of even chance; `standard`: left-right, a crop of
            `CROP` brought back to size, and `JITTER` of the light where there are three channels.
        seed: of every choice; torch's global generator is left as it was.
    """
    if kind == "none" or not len(pixels):
        return pixels
    change = _change(kind, pixels.shape[1], pixels.shape[-1])
    with seeded(seed):
        return torch.stack([change(image) for image in pixels])


def _change(kind: Kind, channels: int, size: int) -> Any:
    """What is done to one image, `[c, s, s]`; all its choices are of torch's global generator."""
    from torchvision.transforms import v2

    if kind == "flips":
        return v2.Compose([v2.RandomHorizontalFlip(), v2.RandomVerticalFlip()])
    steps = [
        v2.RandomHorizontalFlip(),
        v2.RandomResizedCrop((size, size), scale=CROP, ratio=RATIO, antialias=True),
    ]
    if channels == 3:
        steps.append(v2.ColorJitter(JITTER, JITTER, JITTER))
    return v2.Compose(steps)
