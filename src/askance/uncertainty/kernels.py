"""Three ways to run a head under K masks, all exact, from the fastest that fits.

Letters: n images of a block, D features, H hidden units, K draws, C classes. A mask `[K, width]` is True where
a unit is kept; what is kept is scaled by 1 / (1 - p), as in training (inverted dropout).
"""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

GATHER_LIMIT = 1 << 28
"""Bytes of sub-matrices that are kept for a whole scoring; beyond, they are gathered anew for each block."""

NEAR = 128
"""Draws among which partners are sought; even."""


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
    kept (p1 >= 0.5) the kept inputs are multiplied instead. Draws go two and two, see `_Two`. Blocks are held
    `[D, n]`, so that gathering rows copies whole lines.
    """

    def __init__(
        self, inputs: Mask, first: nn.Linear, between: Sequence[nn.Module], hidden: Mask | None, second: nn.Linear
    ) -> None:
        self._k, self._sign = len(inputs.kept), -1 if inputs.scale < 2 else 1
        self._w1, self._b1 = first.weight * inputs.scale, _bias(first).unsqueeze(1)
        self._w2, self._b2 = second.weight * (hidden.scale if hidden else 1.0), _bias(second).unsqueeze(1)
        self._act = nn.Sequential(*(_in_place(layer) for layer in between))
        used = ~inputs.kept if self._sign < 0 else inputs.kept
        kept = hidden.kept if hidden else used.new_ones(len(used), first.out_features)
        if self._k % 2:  # one more, that uses and keeps nothing
            used, kept = (torch.cat([mask, mask.new_zeros(1, mask.shape[1])]) for mask in (used, kept))
        self._used, self._kept = used, kept
        self._partners = partners(used, kept)
        entries = used.sum(1) @ kept.sum(1) + kept.sum() * second.out_features
        small = int(entries) * self._w1.element_size() <= GATHER_LIMIT
        self._gathered = list(self._twos()) if small else None

    def _twos(self) -> Iterator["_Two"]:
        for a, b in self._partners:
            yield _Two.gather((a, b), self._used, self._kept, self._w1, self._w2)

    def __call__(self, x: Float[Tensor, "n D"]) -> Float[Tensor, "n K C"]:
        """Logits, images fastest in memory."""
        x = x.t().contiguous()
        base = torch.addmm(self._b1, self._w1, x) if self._sign < 0 else self._b1.expand(-1, x.shape[1])
        logits = x.new_empty(len(self._used), len(self._b2), x.shape[1])
        room = _Room(x, len(base))
        for two in self._gathered or self._twos():
            hidden = two.hidden(x, base, room, self._sign)
            for draw, units, w2 in zip(two.draws, hidden, two.w2, strict=True):
                torch.addmm(self._b2, w2, self._act(units), out=logits[draw])
        return logits[: self._k].permute(2, 0, 1)


def partners(used: Bool[Tensor, "K D"], kept: Bool[Tensor, "K H"]) -> list[tuple[int, int]]:
    """Draws two and two, so that much of what they multiply is the same.

    Each takes the best that is left among its neighbours.

    Args:
        used: the inputs that each of an even number of draws multiplies.
        kept: by how many hidden units.

    >>> used = torch.tensor([[1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 1, 0]]).bool()
    >>> partners(used, torch.ones(4, 2).bool())
    [(0, 3), (1, 2)]
    """
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(used), NEAR):
        near = slice(start, start + NEAR)
        inputs, units = (mask[near].cpu().float() for mask in (used, kept))  # counts, exact
        shared = (inputs @ inputs.T).double() * (units @ units.T)
        shared.fill_diagonal_(-1)
        free = [True] * len(shared)
        for draw in range(len(shared)):
            if free[draw]:
                best = int(shared[draw].argmax())
                shared[:, [draw, best]] = -1
                free[best] = False
                pairs.append((start + draw, start + best))
    return pairs


class _Room:
    """Memory that is used again and again: fresh memory costs more than the copying."""

    def __init__(self, x: Float[Tensor, "D n"], h: int) -> None:
        self.lines = torch.empty_like(x)
        self.union = x.new_empty(h, x.shape[1])
        self.units = x.new_empty(2 * h, x.shape[1])


@dataclass(frozen=True, slots=True)
class _Two:
    """What two draws multiply; what both use, for any unit that either keeps, is multiplied once for both.

    At p = 0.25 and 0.5 that saves 6 to 8 % of the multiplications and an eighth of the copying, and gives larger
    pieces of work.

    Attributes:
        draws: which two, a and b.
        columns: the inputs to multiply: of a alone, of both, of b alone, one after another.
        sizes: how many of each.
        rows: hidden units that a or b keeps.
        places: where in `rows` those of a stand, then those of b.
        w1: weights of a alone for its units, of both for `rows`, of b alone for its units.
        w2: `[C, units of a]`, `[C, units of b]`.
    """

    draws: tuple[int, int]
    columns: Int[Tensor, "Q"]
    sizes: list[int]
    rows: Int[Tensor, "R"]
    places: Int[Tensor, "S"]
    w1: tuple[Tensor, Tensor, Tensor]
    w2: tuple[Tensor, Tensor]

    @classmethod
    def gather(cls, draws: tuple[int, int], used: Tensor, kept: Tensor, w1: Tensor, w2: Tensor) -> "_Two":
        a, b = (used[draw] for draw in draws)
        own, other = (kept[draw] for draw in draws)
        either = own | other
        columns = [_where(a & ~b), _where(a & b), _where(b & ~a)]
        units = [_where(own), _where(either), _where(other)]
        first, both, second = (w1[r.unsqueeze(1), c] for r, c in zip(units, columns, strict=True))
        return cls(
            draws,
            torch.cat(columns),
            [len(some) for some in columns],
            units[1],
            torch.cat([_where(own[either]), _where(other[either])]),
            (first, both, second),
            (w2[:, units[0]], w2[:, units[2]]),
        )

    def hidden(
        self, x: Float[Tensor, "D n"], base: Float[Tensor, "H n"], room: _Room, sign: int
    ) -> tuple[Float[Tensor, "A n"], Float[Tensor, "B n"]]:
        """What the two draws put into the activation."""
        lines = torch.index_select(x, 0, self.columns, out=room.lines[: len(self.columns)])
        alone, both, other = torch.split(lines, self.sizes)
        union = torch.index_select(base, 0, self.rows, out=room.union[: len(self.rows)])
        union.addmm_(self.w1[1], both, alpha=sign)
        units = torch.index_select(union, 0, self.places, out=room.units[: len(self.places)])
        a, b = units.tensor_split([len(self.w1[0])])
        return a.addmm_(self.w1[0], alone, alpha=sign), b.addmm_(self.w1[2], other, alpha=sign)


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


def _where(mask: Bool[Tensor, "W"]) -> Int[Tensor, "w"]:
    return mask.nonzero().squeeze(1)


def _in_place(layer: nn.Module) -> nn.Module:
    """The same activation, writing where it read, if it can."""
    if not hasattr(layer, "inplace"):
        return layer
    own = copy(layer)
    setattr(own, "inplace", True)  # noqa: B010 -- not every module has one
    return own
