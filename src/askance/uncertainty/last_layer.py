"""Dropout before the last layer of a head, at some places alone: draws for almost nothing, and exact moments.

Letters: U places (boxes, peaks), H channels that go into the layer, O numbers that come out, K draws.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.maths import GaussianLogits, keyed_seed
from askance.uncertainty.masks import dropout_masks

How = Literal["mc-dropout", "dropout-moments", "softmax"]
"""mc-dropout: K masks, the same at all places; dropout-moments: a Gaussian with the moments of infinitely many;
softmax: the layer as it is, one draw."""


@dataclass(frozen=True, slots=True, eq=False)
class LastLayer:
    """What each input channel of a linear or a convolutional layer adds to its outputs, at U places.

    Dropping whole channels (`Dropout2d`; of a linear layer, plain dropout) keeps or drops whole parts, so with
    v_h the part of channel h, and m_h 0 or 1 / (1 - p)::

        output = rest + sum_h m_h v_h,   mean = rest + sum_h v_h,   covariance = p / (1 - p) sum_h v_h v_h^T

    Args:
        name: of the dropout, which its masks belong to.
        parts: `[U, H, O]`.
        rest: `[U, O]`, what no channel adds: the bias.
    """

    name: str
    parts: Float[Tensor, "U H O"]
    rest: Float[Tensor, "U O"]

    @property
    def mean(self) -> Float[Tensor, "U O"]:
        """What comes out without dropout, which is the mean over all masks."""
        return self.parts.sum(1) + self.rest

    def moments(self, p: float) -> GaussianLogits:
        """Mean `[U, O]` and covariance `[U, O, O]`: what infinitely many masks would give, exactly.

        >>> layer = LastLayer("last", torch.tensor([[[1.0], [2.0]]]), torch.zeros(1, 1))
        >>> layer.moments(0.5).covariance
        tensor([[[5.]]])
        """
        return GaussianLogits(self.mean, (p / (1 - p)) * (self.parts.mT @ self.parts))

    def masked(self, k: int, seed: int, p: float) -> Float[Tensor, "U K O"]:
        """K draws; mask k depends on the seed, k and the name alone, so it is one function of all images.

        >>> layer = LastLayer("last", torch.ones(2, 4, 1), torch.zeros(2, 1))
        >>> bool((layer.masked(3, 0, 0.5)[0] == layer.masked(3, 0, 0.5)[1]).all())
        True
        """
        masks = dropout_masks(seed, self.name, k=k, width=self.parts.shape[1], p=p).to(self.parts) / (1 - p)
        return masks @ self.parts + self.rest.unsqueeze(1)

    def drawn(self, how: How, *, k: int, seed: int, p: float) -> Float[Tensor, "U K O"]:
        """K draws, or one where nothing is random."""
        if how == "mc-dropout":
            return self.masked(k, seed, p)
        if how == "softmax":
            return self.mean.unsqueeze(1)
        generator = torch.Generator().manual_seed(keyed_seed("gaussian last layer", seed, self.name))
        return self.moments(p).sample(k, generator).to(self.parts)


def of_linear(name: str, layer: nn.Linear, given: Float[Tensor, "U H"]) -> LastLayer:
    """A linear layer as the inputs of U places see it.

    >>> given = torch.tensor([[1.0, 2.0]])
    >>> layer = nn.Linear(2, 3)
    >>> torch.allclose(of_linear("last", layer, given).mean, layer(given))
    True
    """
    return rows_of_linear(name, layer, given, slice(None))


def rows_of_linear(name: str, layer: nn.Linear, given: Float[Tensor, "U H"], rows: Tensor | slice) -> LastLayer:
    """The same, of some outputs only: `rows` `[U, O]` says which, place by place."""
    bias = layer.bias if layer.bias is not None else layer.weight.new_zeros(len(layer.weight))
    weight = layer.weight[rows]  # [O, H], or [U, O, H]
    return LastLayer(name, given.unsqueeze(-1) * weight.mT, bias[rows].expand(len(given), weight.shape[-2]))


def of_conv(
    name: str, layer: nn.Conv2d, given: Float[Tensor, "H y x"], cells: Tensor, outputs: Tensor
) -> LastLayer:
    """A convolution of stride 1 that keeps the size of a map, at U cells of it.

    Args:
        name: of the dropout before it.
        layer: an odd kernel, no groups.
        given: the map that goes into it.
        cells: `[U]`, row by row: y * width + x.
        outputs: `[U, O]`, which of its output channels are asked for, cell by cell.

    >>> layer, given = nn.Conv2d(2, 4, 3, padding=1), torch.arange(24.0).view(2, 3, 4)
    >>> found = of_conv("last", layer, given, torch.tensor([5]), torch.tensor([[0, 3]])).mean
    >>> torch.allclose(found[0], layer(given)[[0, 3], 1, 1])
    True
    """
    high, wide = layer.kernel_size
    width = given.shape[-1]
    padded = nn.functional.pad(given, (wide // 2, wide // 2, high // 2, high // 2))
    rows = (cells // width)[:, None, None] + torch.arange(high, device=cells.device)[:, None]
    columns = (cells % width)[:, None, None] + torch.arange(wide, device=cells.device)
    patches = padded[:, rows, columns].flatten(2)  # [H, U, taps]
    bias = layer.bias if layer.bias is not None else layer.weight.new_zeros(len(layer.weight))
    parts = patches.new_empty(len(cells), len(given), outputs.shape[-1])
    kinds, kind_of = torch.unique(outputs, dim=0, return_inverse=True)
    for i, kind in enumerate(kinds):  # one an anchor
        here = kind_of == i
        weight = layer.weight[kind].flatten(2).permute(1, 2, 0)  # [H, taps, O]
        parts[here] = (patches[:, here] @ weight).transpose(0, 1)
    return LastLayer(name, parts, bias[outputs])
