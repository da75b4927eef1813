"""Three ways to run a head under K masks, all exact, from the fastest that fits.

Letters: n images of a block, D features, H hidden units, K draws, C classes. A mask `[K, width]` is True where
a unit is kept; what is kept is scaled by 1 / (1 - p), as in training (inverted dropout).
"""

from collections.abc import Sequence

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
        used = ~inputs.kept if self._complement else inputs.kept
        kept = hidden.kept if hidden else torch.ones_like(self._w1[:, 0], dtype=torch.bool).expand(len(used), -1)
        self._columns = [row.nonzero().squeeze(1) for row in used]
        self._rows = [row.nonzero().squeeze(1) for row in kept]
        sizes = (len(r) * len(c) for r, c in zip(self._rows, self._columns, strict=True))
        small = sum(sizes) * self._w1.element_size() <= GATHER_LIMIT
        self._gathered = [self._gather(draw) for draw in range(len(used))] if small else None

    def _gather(self, draw: int) -> tuple[Tensor, Tensor]:
        rows, columns = self._rows[draw], self._columns[draw]
        return self._w1[rows][:, columns], self._w2[:, rows]

    def __call__(self, x: Float[Tensor, "n D"]) -> Float[Tensor, "n K C"]:
        """Logits."""
        x = x.t().contiguous()
        base = torch.addmm(self._b1, self._w1, x) if self._complement else self._b1
        sign = -1 if self._complement else 1
        lines = x.new_empty(
            max(map(len, self._columns)), x.shape[1]
        )  # reused: fresh memory costs more than copying
        logits = x.new_empty(len(self._rows), len(self._w2), x.shape[1])
        for draw, (rows, columns) in enumerate(zip(self._rows, self._columns, strict=True)):
            w1, w2 = self._gathered[draw] if self._gathered else self._gather(draw)
            taken = torch.index_select(x, 0, columns, out=lines[: len(columns)])
            hidden = torch.addmm(base.index_select(0, rows), w1, taken, alpha=sign)
            torch.addmm(self._b2, w2, self._act(hidden), out=logits[draw])
        return logits.permute(2, 0, 1)


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
