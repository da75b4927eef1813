"""A small head on maps of features: what a dense task learns, in seconds.

Letters: n images, L levels, C_l channels of level l, h x w cells of the finest map, D width, O outputs.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, dropout2d, interpolate

from askance.networks.maps import Level


class Standard(NamedTuple):
    """What channels of a level are standardised by.

    Attributes:
        mean: `[C_l, 1, 1]`.
        scale: `[C_l, 1, 1]`, one over the deviation.
    """

    mean: Float[Tensor, "C 1 1"]
    scale: Float[Tensor, "C 1 1"]


def standards_of(parts: Iterable[Sequence[Tensor]]) -> list[Standard]:
    """Mean and scale of every channel of each level over all parts: maps `[n, C_l, h_l, w_l]` of a few images."""
    sums: list[tuple[Tensor, Tensor, int]] = []
    for levels in parts:
        flat = [level.transpose(0, 1).flatten(1).double() for level in levels]
        now = [(one.sum(1), one.square().sum(1), one.shape[1]) for one in flat]
        sums = [(a + d, b + e, c + f) for (a, b, c), (d, e, f) in zip(sums, now, strict=True)] if sums else now
    found = []
    for total, squares, count in sums:
        mean = total / count
        deviation = (squares / count - mean.square()).clamp_min(0).sqrt().clamp_min(1e-4)
        found.append(Standard(mean.reshape(-1, 1, 1), (1 / deviation).reshape(-1, 1, 1)))
    return found


class DenseHead(nn.Module):
    """Maps at several strides to O numbers a cell of the finest.

    Each level is standardised by channel and brought to D channels; all are summed at the finest, and two 3x3
    convolutions look around. What is last is dropout and one linear layer, the same for every cell, so that a
    posterior over a linear head is a posterior over this one: `last` takes features `[N, D]` of whatever cells.

    Args:
        levels: of the maps, fine to coarse.
        width: D.
        outputs: O.
        dropout: of a cell's features before the last layer, by whole channels.
        separable: depthwise convolutions, each followed by a 1x1.
    """

    def __init__(
        self,
        levels: Sequence[Level],
        outputs: int,
        *,
        width: int = 64,
        dropout: float = 0.1,
        separable: bool = False,
    ) -> None:
        super().__init__()
        self.mean = nn.ParameterList(
            [nn.Parameter(torch.zeros(level.channels, 1, 1), requires_grad=False) for level in levels]
        )
        self.scale = nn.ParameterList(
            [nn.Parameter(torch.ones(level.channels, 1, 1), requires_grad=False) for level in levels]
        )
        self.laterals = nn.ModuleList([nn.Conv2d(level.channels, width, 1) for level in levels])
        self.body = nn.Sequential(*_around(width, separable), *_around(width, separable))
        self.dropout = dropout
        self.last = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, outputs))

    @torch.no_grad()
    def standardise(self, standards: Sequence[Standard]) -> None:
        """Take mean and scale of each channel, level by level, from `standards_of` the labelled images."""
        for mean, scale, found in zip(self.mean, self.scale, standards, strict=True):
            mean.copy_(found.mean)
            scale.copy_(found.scale)

    def features(self, maps: Sequence[Tensor]) -> Float[Tensor, "n D h w"]:
        """What the last layer sees of every cell."""
        found = None
        for lateral, mean, scale, level in zip(self.laterals, self.mean, self.scale, maps, strict=True):
            one = lateral((level.float() - mean) * scale)
            if found is not None:
                one = interpolate(one, size=found.shape[-2:], mode="nearest")
            found = one if found is None else found + one
        assert found is not None
        rectified: Tensor = self.body(torch.relu(found))
        return rectified

    def forward(self, maps: Sequence[Tensor]) -> Float[Tensor, "n O h w"]:
        """All outputs of every cell; in training, channels of an image are dropped together."""
        return self.everywhere(dropout2d(self.features(maps), self.dropout, self.training))

    def everywhere(self, features: Float[Tensor, "n D h w"]) -> Float[Tensor, "n O h w"]:
        """The last layer at every cell, without dropout."""
        return conv2d(features, self.linear.weight[:, :, None, None], self.linear.bias)

    @property
    def linear(self) -> nn.Linear:
        """The last layer."""
        return cast(nn.Linear, self.last[1])


def _around(width: int, separable: bool) -> list[nn.Module]:
    """A look at the eight cells around."""
    convolutions: list[nn.Module] = (
        [nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False), nn.Conv2d(width, width, 1, bias=False)]
        if separable
        else [nn.Conv2d(width, width, 3, padding=1, bias=False)]
    )
    return [*convolutions, nn.GroupNorm(8, width), nn.ReLU()]
