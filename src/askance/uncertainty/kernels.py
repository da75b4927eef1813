"""Three ways to run a head under K masks, all exact but for rounding, from the fastest that fits.

Where products are differences from the full product (`Pair`) rounding is relative to that: of a feature ten
thousand times the others a probability can be wrong by 1e-4.

Letters: n images of a block, D features, H hidden units, K draws, C classes. A mask `[K, width]` is True where
a unit is kept; what is kept is scaled by 1 / (1 - p), as in training (inverted dropout).
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

GATHER_LIMIT = 1 << 28
"""Bytes of sub-matrices that are kept for a whole scoring; beyond, they are gathered anew for each block."""

LONGEST = 16
"""Masks of a round whose products are held at a time, at most."""


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

    `W1 x` is the same in all draws, so a mask 1 costs H x |d| in place of H x D. Where more is dropped than kept
    (p1 >= 0.5) the kept inputs are multiplied instead. Draws one after another that have mask 1 in common have h
    in common. Masks that use every input once between them (`rounds`) have products that add up to `W1 x`: the
    first such round gives it for nothing, and of every other one the last product is what is left.
    Blocks are held `[D, n]`, so that gathering rows copies whole lines.
    """

    def __init__(
        self, inputs: Mask, first: nn.Linear, between: Sequence[nn.Module], hidden: Mask | None, second: nn.Linear
    ) -> None:
        self._sign = -1 if inputs.scale < 2 else 1
        used, sizes = torch.unique_consecutive(
            ~inputs.kept if self._sign < 0 else inputs.kept, dim=0, return_counts=True
        )
        self._rounds = rounds(used)
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
        whole = torch.mm(self._w1.t(), x) if self._sign < 0 and not self._rounds[0].covers else None
        for one in self._rounds:
            known = one.covers and whole is not None
            parts = [self._product(i, x, lines) for i in (one.masks[:-1] if known else one.masks)]
            if one.covers and whole is not None:
                parts.append(whole - sum(parts, start=x.new_zeros(())))
            elif one.covers:
                whole = torch.stack(parts).sum(0)
            for i, part in zip(one.masks, parts, strict=True):
                hidden = self._b1 + (part if self._sign > 0 or whole is None else whole - part)
                self._second.into(logits[self._draws[i]], self._act(hidden), self._draws[i])
        return logits.permute(2, 0, 1)

    def _product(self, i: int, x: Float[Tensor, "D n"], room: Float[Tensor, "D n"]) -> Float[Tensor, "H n"]:
        """Of the inputs that the i-th mask 1 uses."""
        columns = self._columns[i]
        weight = self._gathered[i] if self._gathered else self._w1[columns]
        return torch.mm(weight.t(), torch.index_select(x, 0, columns, out=room[: len(columns)]))


@dataclass(frozen=True, slots=True)
class Round:
    """Masks one after another.

    Attributes:
        masks: their numbers.
        covers: whether they use every input just once between them; else it is one mask alone.
    """

    masks: range
    covers: bool


def rounds(used: Bool[Tensor, "M D"]) -> list[Round]:
    """Cut a row of masks into rounds, as they come; rounds of more than `LONGEST` are left in single masks.

    >>> rounds(torch.tensor([[1, 0, 0], [0, 1, 1], [1, 1, 0]]).bool())
    [Round(masks=range(0, 2), covers=True), Round(masks=range(2, 3), covers=False)]
    """
    found: list[Round] = []
    start, seen = 0, torch.zeros_like(used[0])

    def single(end: int) -> None:
        found.extend(Round(range(i, i + 1), False) for i in range(start, end))

    for i, mask in enumerate(used):
        if i - start == LONGEST or bool((seen & mask).any()):
            single(i)
            start, seen = i, torch.zeros_like(mask)
        seen = seen | mask
        if bool(seen.all()):
            found.append(Round(range(start, i + 1), True))
            start, seen = i + 1, torch.zeros_like(mask)
    single(len(used))
    return found


class _Second:
    """The second mask and the last layer: hidden units `[H, n]` of some draws to their logits.

    Masked matrices of draws that have the hidden units in common are one product; where all K of them are too big
    to be kept, a draw's hidden units are masked instead.
    """

    def __init__(self, hidden: Mask | None, linear: nn.Linear, k: int) -> None:
        weight = linear.weight if hidden is None else linear.weight * hidden.scale
        kept = weight.new_ones(1, 1).expand(k, weight.shape[1]) if hidden is None else hidden.kept.to(weight.dtype)
        self._w, self._b, self._kept = weight, _bias(linear).unsqueeze(1), kept
        fits = k * weight.nbytes <= GATHER_LIMIT
        self._masked = weight * kept.unsqueeze(1) if fits else None  # [K, C, H]

    def room(self, x: Float[Tensor, "D n"]) -> Float[Tensor, "K C n"]:
        """Memory for the logits of all draws."""
        return x.new_empty(len(self._kept), len(self._b), x.shape[1])

    def into(self, logits: Float[Tensor, "k C n"], hidden: Float[Tensor, "H n"], draws: slice) -> None:
        """Write the logits of these draws."""
        if self._masked is not None:
            bias = self._b.repeat(len(logits), 1)
            torch.addmm(bias, self._masked[draws].flatten(0, 1), hidden, out=logits.flatten(0, 1))
            return
        for own, kept in zip(logits, self._kept[draws], strict=True):
            torch.addmm(self._b, self._w, hidden * kept.unsqueeze(1), out=own)


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
