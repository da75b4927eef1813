"""Three ways to run a head under K masks, all exact, from the fastest that fits.

Letters: n images of a block, D features, H hidden units, K draws, C classes. A mask `[K, width]` is True where
a unit is kept; what is kept is scaled by 1 / (1 - p), as in training (inverted dropout).
"""

from collections.abc import Sequence
from copy import copy

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

GATHER_LIMIT = 1 << 28
"""Bytes of sub-matrices that are kept for a whole scoring; beyond, they are gathered anew for each block."""


class Mask:
    """The masks of one dropout layer in K draws.

    Attributes:
        kept: `[K, width]`.
        scale: 1 / (1 - p).
    """

    def __init__(self, kept: Bool[Tensor, "K W"], p: float) -> None:
        self.kept = kept
        self.scale = 1 / (1 - p)


class Folded:
    """Dropout -> linear: a masked weight matrix a draw, all of them one matrix product, `[n, D] -> [n, K, C]`."""

    @staticmethod
    def fits(mask: Mask, linear: nn.Linear) -> bool:
        """Whether K masked matrices are small enough to be kept."""
        return len(mask.kept) * linear.weight.nbytes <= GATHER_LIMIT

    def __init__(self, mask: Mask, linear: nn.Linear) -> None:
        self.k, self.c = len(mask.kept), linear.out_features
        factors = mask.kept.to(linear.weight.dtype) * mask.scale
        self._weight = torch.einsum("cd,kd->dkc", linear.weight, factors).flatten(1)
        self._bias = _bias(linear).repeat(self.k)

    def __call__(self, x: Float[Tensor, "n D"]) -> Float[Tensor, "n K C"]:
        """Logits."""
        return torch.addmm(self._bias, x, self._weight).view(len(x), self.k, self.c)


class Pair:
    """Dropout -> linear -> activation -> dropout -> linear, multiplying only what a mask leaves.

    With d the inputs that mask 1 drops, W1 already scaled, and m the second mask, scaled::

        h = act( W1 x + b1 - W1[:, d] x[d] ),   logits = W2 (m h) + b2

    `W1 x + b1` is the same in all draws, so a mask 1 costs H x |d| in place of H x D; and it costs nothing itself
    where the first masks drop every input once, as their products add up to it. Where more is dropped than kept
    (p1 >= 0.5) the kept inputs are multiplied instead. Draws one after another that have mask 1 in common have
    h in common. Blocks are held `[D, n]`, so that gathering rows copies whole lines.
    """

    def __init__(
        self, inputs: Mask, first: nn.Linear, between: Sequence[nn.Module], hidden: Mask | None, second: nn.Linear
    ) -> None:
        self._sign = -1 if inputs.scale < 2 else 1
        used, sizes = torch.unique_consecutive(
            ~inputs.kept if self._sign < 0 else inputs.kept, dim=0, return_counts=True
        )
        self._round = _round(used) if self._sign < 0 else 0
        self._columns = [mask.nonzero().squeeze(1) for mask in used]
        ends = sizes.cumsum(0)
        self._draws = [slice(a, b) for a, b in zip((ends - sizes).tolist(), ends.tolist(), strict=True)]
        self._w1, self._b1 = (first.weight * inputs.scale).t().contiguous(), _bias(first).unsqueeze(1)
        small = int(used.sum()) * self._w1[0].nbytes <= GATHER_LIMIT
        self._gathered = [self._w1[columns] for columns in self._columns] if small else None
        self._act = nn.Sequential(*(_in_place(layer) for layer in between))
        self._second = _Second(hidden, second, len(inputs.kept))

    def __call__(self, x: Float[Tensor, "n D"]) -> Float[Tensor, "n K C"]:
        """Logits, images fastest in memory."""
        x = x.t().contiguous()
        lines, logits = torch.empty_like(x), self._second.room(x)
        parts = [torch.mm(self._weight(i).t(), self._inputs(i, x, lines)) for i in range(self._round)]
        base = self._base(x, parts)
        for i, draws in enumerate(self._draws):
            if i < self._round:
                hidden = base - parts[i]
            else:
                hidden = torch.addmm(base, self._weight(i).t(), self._inputs(i, x, lines), alpha=self._sign)
            self._second.into(logits[draws], self._act(hidden), draws)
        return logits.permute(2, 0, 1)

    def _base(self, x: Float[Tensor, "D n"], parts: list[Tensor]) -> Float[Tensor, "H n"]:
        """What masks subtract from, or add to."""
        if self._sign > 0:
            return self._b1.expand(-1, x.shape[1])
        return sum(parts, start=self._b1) if parts else torch.addmm(self._b1, self._w1.t(), x)

    def _inputs(self, i: int, x: Float[Tensor, "D n"], room: Float[Tensor, "D n"]) -> Float[Tensor, "d n"]:
        """What the i-th mask 1 multiplies."""
        return torch.index_select(x, 0, self._columns[i], out=room[: len(self._columns[i])])

    def _weight(self, i: int) -> Float[Tensor, "d H"]:
        """By what."""
        return self._gathered[i] if self._gathered else self._w1[self._columns[i]]


def _round(used: Bool[Tensor, "M D"]) -> int:
    """How many of the first masks use every input just once between them; 0 where none do.

    >>> _round(torch.tensor([[1, 0, 0], [0, 1, 1], [1, 1, 0]]).bool())
    2
    """
    times = used.cumsum(0)
    return next((i + 1 for i, row in enumerate(times) if bool((row == 1).all())), 0)


class _Second:
    """The second mask and the last layer: hidden units `[H, n]` of some draws to their logits.

    Masked matrices of draws that have the hidden units in common are one product; where all K of them are too big
    to be kept, a draw's hidden units are masked instead.
    """

    def __init__(self, hidden: Mask | None, linear: nn.Linear, k: int) -> None:
        self._k, self._w, self._b = k, linear.weight, _bias(linear).unsqueeze(1)
        kept = self._w.new_ones(k, linear.in_features) if hidden is None else hidden.kept * hidden.scale
        self._kept = kept.to(self._w.dtype).unsqueeze(-1)
        fits = k * self._w.nbytes <= GATHER_LIMIT
        self._masked = self._w * self._kept.mT if fits else None  # [K, C, H]

    def room(self, x: Float[Tensor, "D n"]) -> Float[Tensor, "K C n"]:
        """Memory for the logits of all draws."""
        return x.new_empty(self._k, len(self._b), x.shape[1])

    def into(self, logits: Float[Tensor, "k C n"], hidden: Float[Tensor, "H n"], draws: slice) -> None:
        """Write the logits of these draws."""
        if self._masked is not None:
            bias = self._b.repeat(len(logits), 1)
            torch.addmm(bias, self._masked[draws].flatten(0, 1), hidden, out=logits.flatten(0, 1))
            return
        for own, kept in zip(logits, self._kept[draws], strict=True):
            torch.addmm(self._b, self._w, hidden * kept, out=own)


class Plain:
    """Any layers, one draw after another, each dropout a product with its mask.

    Args:
        layers: a `Mask` where a dropout stood, else the module, in evaluation mode.
    """

    def __init__(self, layers: Sequence[Mask | nn.Module], k: int) -> None:
        self._layers = layers
        self._k = k

    def __call__(self, x: Float[Tensor, "n D"]) -> Float[Tensor, "n K C"]:
        """Logits."""
        return torch.stack([self._draw(draw, x) for draw in range(self._k)], dim=1)

    def _draw(self, draw: int, x: Tensor) -> Tensor:
        for layer in self._layers:
            x = x * layer.kept[draw] * layer.scale if isinstance(layer, Mask) else layer(x)
        return x


def _bias(linear: nn.Linear) -> Tensor:
    return linear.weight.new_zeros(linear.out_features) if linear.bias is None else linear.bias


def _in_place(layer: nn.Module) -> nn.Module:
    """The same activation, writing where it read, if it can."""
    if not hasattr(layer, "inplace"):
        return layer
    own = copy(layer)
    setattr(own, "inplace", True)  # noqa: B010 -- not every module has one
    return own
