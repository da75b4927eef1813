"""How an image goes into one of torchvision's detectors, and where its pixels come out again."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Frame:
    """Two sizes of one image.

    Attributes:
        inside: height and width of what went in, pixels, without what was filled up.
        shown: height and width as people see it.
    """

    inside: tuple[int, int]
    shown: tuple[int, int]

    def outside(self, edges: Float[Tensor, "*U 4"]) -> Float[Tensor, "*U 4"]:
        """Edges in pixels of what went in, as pixels of the image as people see it.

        >>> Frame((10, 20), (30, 40)).outside(torch.tensor([2.0, 5.0, 20.0, 10.0]))
        tensor([ 4., 15., 40., 30.])
        """
        down, across = (s / i for s, i in zip(self.shown, self.inside, strict=True))
        return edges * torch.tensor([across, down, across, down], device=edges.device, dtype=edges.dtype)


def framed(net: nn.Module, image: Tensor) -> tuple[Any, Frame]:
    """The batch of one image that the network's own transform makes, and its sizes.

    An image goes in alone: in a batch it is filled up to the largest one, which moves what is seen at its edges,
    and draws would depend on what else was asked for.
    """
    transform: Any = net.transform
    batch, _ = transform([image])
    return batch, Frame(batch.image_sizes[0], (image.shape[-2], image.shape[-1]))
