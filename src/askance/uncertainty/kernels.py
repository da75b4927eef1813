"""Three ways to run a head under K masks, all exact, from the fastest that fits.

Letters: n images of a block, D features, H hidden units, K draws, C classes. A mask `[K, width]` is True where
a unit is kept; what is kept is scaled by 1 / (1 - p), as in training (inverted dropout).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

GATHER_LIMIT = 1 << 28
"""Bytes of sub-matrices that are kept for a whole scoring; beyond, they are gathered anew for each block."""

GROUP = 20
"""Draws whose hidden units are held at once: enough to make few calls, few enough to stay in cache."""


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

    With d the inputs that mask 1 drops, r the hidden units that mask 2 keeps, and W1, W2 already scaled::

        h = act( (W1 x + b1)[r] - W1[r, d] x[d] ),   logits = W2[:, r] h + b2

    `W1 x + b1` is the same in all draws, so a draw costs |r| x |d| in place of H x D. Where more is dropped than
    kept (p1 >= 0.5) the kept inputs are multiplied instead. Blocks are held `[D, n]`, so that gathering rows
    copies whole lines.
    """

    def __init__(
        self, inputs: Mask, first: nn.Linear, between: Sequence[nn.Module], hidden: Mask | None, second: nn.Linear
    ) -> None:
        self._complement = inputs.scale < 2
        self._w1, self._b1 = first.weight * inputs.scale, _bias(first).unsqueeze(1)
        self._w2, self._b2 = second.weight * (hidden.scale if hidden else 1.0), _bias(second).unsqueeze(1)
        self._act = nn.Sequential(*between)
        self._used = ~inputs.kept if self._complement else inputs.kept
        self._kept = hidden.kept if hidden else self._used.new_ones(len(self._used), first.out_features)
        entries = self._used.sum(1) @ self._kept.sum(1) + self._kept.sum() * second.out_features
        small = int(entries) * self._w1.element_size() <= GATHER_LIMIT
        self._gathered = list(self._groups()) if small else None

    def _groups(self) -> Iterator["_Group"]:
        for used, kept in zip(torch.split(self._used, GROUP), torch.split(self._kept, GROUP), strict=True):
            yield _Group.gather(used, kept, self._w1, self._w2)

    def __call__(self, x: Float[Tensor, "n D"]) -> Float[Tensor, "n K C"]:
        """Logits."""
        x = x.t().contiguous()
        base = torch.addmm(self._b1, self._w1, x) if self._complement else self._b1.expand(-1, x.shape[1])
        sign = -1 if self._complement else 1
        lines = torch.empty_like(x)  # reused: fresh memory costs more than the copying
        logits = []
        for group in self._gathered or self._groups():
            hidden = base.index_select(0, group.rows.flatten()).view(*group.rows.shape, -1)
            for units, columns, w1 in zip(hidden, group.columns, group.w1, strict=True):
                taken = torch.index_select(x, 0, columns, out=lines[: len(columns)])
                units[: len(w1)].addmm_(w1, taken, alpha=sign)
            logits.append(torch.baddbmm(self._b2, group.w2, self._act(hidden)))
        return torch.cat(logits).permute(2, 0, 1)


@dataclass(frozen=True, slots=True)
class _Group:
    """What some draws multiply: R is the most hidden units that one of them keeps, fewer are filled up.

    Attributes:
        rows: `[G, R]`, hidden units kept; what fills them up stands against zeros in `w2`.
        columns: the inputs to multiply, for each draw.
        w1: their weights, for each draw.
        w2: `[G, C, R]`.
    """

    rows: Int[Tensor, "G R"]
    columns: list[Tensor]
    w1: list[Tensor]
    w2: Float[Tensor, "G C R"]

    @classmethod
    def gather(cls, used: Tensor, kept: Tensor, w1: Tensor, w2: Tensor) -> "_Group":
        columns = [row.nonzero().squeeze(1) for row in used]
        rows = [row.nonzero().squeeze(1) for row in kept]
        filled = pad_sequence(rows, batch_first=True, padding_value=-1)
        second = w2[:, filled].transpose(0, 1) * (filled >= 0).unsqueeze(1)
        first = [
            w1[r.unsqueeze(1), c] for r, c in zip(rows, columns, strict=True)
        ]  # not one by one: thrice the time
        return cls(filled.clamp_min(0), columns, first, second.contiguous())


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
