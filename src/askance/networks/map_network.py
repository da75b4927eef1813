"""A network as maps at several strides, to be asked or to be trained.

Letters: n images, C_l channels of level l, h_l x w_l its cells.
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.maths import keyed_seed
from askance.vocab import ModelError


class MapNetwork(nn.Module):
    """A network of timm whose maps are taken at each stride from `finest` to 32.

    Args:
        network: of timm, with `forward_intermediates`.
        finest: stride of the finest map.
        name: what errors call it.
        compact: bring each map to half its channels.

    Raises:
        ModelError: a network without such maps.
    """

    def __init__(self, network: nn.Module, finest: int, name: str, *, compact: bool = False) -> None:
        super().__init__()
        self.network, self._name, self._compact = network, name, compact
        self._taps = list(_taps(network, finest, name))

    def forward(self, images: Float[Tensor, "n c h w"]) -> tuple[Float[Tensor, "n C_l h_l w_l"], ...]:
        """The maps of normalised images.

        Raises:
            ModelError: images of a size that the network does not take.
        """
        try:
            found = cast(Any, self.network).forward_intermediates(
                images, indices=self._taps, intermediates_only=True
            )
        except (RuntimeError, AssertionError, ValueError) as error:
            size = f"{images.shape[3]} x {images.shape[2]}"
            fix = "change detector.input, or tell the factory the size in model.options (timm: dynamic_img_size)"
            raise ModelError(f"{self._name} to take images of {size} pixels", str(error), fix) from error
        return tuple(halved(level) for level in found) if self._compact else tuple(found)

    def moving(self, moves: Literal["blocks", "all"], images: Float[Tensor, "n c h w"]) -> dict[str, nn.Parameter]:
        """The weights that training is to move, by their names in the network.

        Args:
            moves: `all` that the maps follow from, or the last `blocks`: those that the finest map does not
                follow from. Where there is one map alone, they are the last quarter of its weights.
            images: an image that the network takes, to see what follows from what.
        """
        named = dict(self.network.named_parameters())
        weights = list(named.values())
        before = [weight.requires_grad for weight in weights]
        for weight in weights:
            weight.requires_grad_(True)
        maps = self(images)
        reached = [_reached(level, weights) for level in maps]
        for weight, flag in zip(weights, before, strict=True):
            weight.requires_grad_(flag)
        used = [name for name, *found in zip(named, *reached, strict=True) if any(found)]
        if moves == "all":
            return {name: named[name] for name in used}
        finest = {name for name, found in zip(named, reached[0], strict=True) if found}
        last = [name for name in used if name not in finest] or used[-max(1, len(used) // 4) :]
        return {name: named[name] for name in last}

    def take(self, weights: Mapping[str, Tensor]) -> None:
        """Take weights by their names in the network; those that are not named stay.

        Raises:
            ModelError: weights of another network.
        """
        own = dict(self.network.named_parameters())
        strange = [name for name, one in weights.items() if name not in own or own[name].shape != one.shape]
        if strange:
            fix = "askance train makes it anew, from the same labels"
            raise ModelError(f"weights of {self._name}", f"{strange[0]} among them", fix)
        with torch.no_grad():
            for name, weight in weights.items():
                own[name].copy_(weight)


def halved(level: Float[Tensor, "n C h w"]) -> Float[Tensor, "n C2 h w"]:
    """A map of half the channels: products with orthonormal random directions, the same on every machine.

    Distances between cells stay about as they were (Johnson and Lindenstrauss 1984). Nothing is fitted, so that
    the maps of an image depend on no other.
    """
    channels = level.shape[1]
    generator = torch.Generator().manual_seed(keyed_seed("halved", channels))
    square = torch.randn(channels, channels, generator=generator, dtype=torch.float64)
    mixed = torch.linalg.qr(square).Q[: max(1, channels // 2)].to(level)
    return torch.einsum("dc,nchw->ndhw", mixed, level)


def _reached(level: Tensor, weights: list[nn.Parameter]) -> list[bool]:
    """Which weights a map follows from."""
    found = torch.autograd.grad(level.sum(), weights, allow_unused=True, retain_graph=True)
    return [one is not None for one in found]


def _taps(network: nn.Module, finest: int, name: str) -> tuple[int, ...]:
    """Places of the maps that are taken: of each stride from the finest to 32 the last."""
    info = getattr(network, "feature_info", None)
    if info is None or not hasattr(network, "forward_intermediates"):
        raise ModelError(
            "a network of timm that gives maps of features",
            name,
            "model.name = mobilenetv2_100, resnet18 or another",
        )
    strides = [one["reduction"] for one in getattr(info, "info", info)]
    last = {stride: place for place, stride in enumerate(strides) if finest <= stride <= 32}
    if not last:
        raise ModelError(
            f"maps of a stride between {finest} and 32", f"{strides} of {name}", "choose another network"
        )
    return tuple(last[stride] for stride in sorted(last))
