"""What posteriors over a head have in common: a copy that stays, its last layer, features in blocks.

Letters: n images of a block, N images, D features, G inputs of the last layer, K draws, C classes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.maths import Draws
from askance.uncertainty.split import flat_layers, head_tensor, head_width
from askance.vocab import LabelError, ModelError
from askance.vocab.theirs import theirs

BLOCK = 128
"""Images of one pass through a head; the last block is filled up. Chunks of a multiple of it give
the same bits however many images there are; other chunks agree to rounding, about 1e-6 nats in float32."""

_HEAD = "head."
"""What the names of a head's own tensors begin with."""


def frozen(head: nn.Sequential) -> nn.Sequential:
    """A copy in evaluation mode and without gradients, which training does not reach."""
    return deepcopy(head).eval().requires_grad_(False)


def wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype that logits are normalised in: at least float32."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype


def check_k(k: int, most: int | None = None) -> None:
    """Refuse a number of draws that cannot be had.

    Raises:
        ModelError: k < 1, or more than there are.
    """
    if k < 1:
        raise ModelError("at least one draw", f"k={k}", "ask for k=100, or as many as there is time for")
    if most is not None and k > most:
        raise ModelError(
            f"at most {most} draws: there are no more functions than that",
            f"k={k}",
            f"ask for k={most}, or take a posterior that never runs out (dropout, Laplace, SWAG)",
        )


def check_features(features: Tensor, width: int) -> None:
    """Refuse what a head does not take.

    Raises:
        ModelError: features that are not `[N, width]`.
    """
    if features.dim() != 2 or features.shape[1] != width:
        raise ModelError(
            f"features [N, {width}]",
            str(list(features.shape)),
            "give the trunk's output, as the head takes it",
        )


def check_labels(labels: Tensor, n: int, c: int) -> None:
    """Refuse labels that are not one class an image.

    Raises:
        LabelError: another number of labels than images, no integers, or outside 0..C-1.
    """
    if labels.shape != (n,) or labels.is_floating_point() or labels.is_complex():
        raise LabelError(
            f"integer labels [{n}], one an image", f"{labels.dtype} {list(labels.shape)}", "give class numbers"
        )
    if n and not 0 <= int(labels.min()) <= int(labels.max()) < c:
        raise LabelError(
            f"class numbers from 0 to {c - 1}",
            f"{int(labels.min())} to {int(labels.max())}",
            "number the classes as the head's outputs are",
        )


@torch.no_grad()
def in_blocks(function: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    """Apply a function of each row alone to blocks of one size, the last one filled up with zeros."""
    return torch.cat([function(block)[:n] for block, n in _blocks(features)])


@torch.no_grad()
def draws_in_blocks(logits: Callable[[Tensor], Tensor], features: Float[Tensor, "N D"], *, joint: bool) -> Draws:
    """`in_blocks` of a function that gives logits `[n, K, C]`, normalised in at least float32."""

    def of(block: Tensor) -> Draws:
        found = logits(block)
        return Draws.from_logits(found.to(wide(found.dtype)), joint=joint)

    return Draws.cat([of(block)[:n] for block, n in _blocks(features)])


def _blocks(features: Tensor) -> Iterator[tuple[Tensor, int]]:
    """Blocks of one size, and how many rows of each are not filling."""
    for block in torch.split(features, BLOCK):  # one empty block where N = 0
        gap = BLOCK - len(block)
        yield torch.cat([block, block.new_zeros(gap, block.shape[1])]) if gap else block, len(block)


def draws_of(heads: Iterable[Callable[[Tensor], Tensor]], features: Tensor, like: nn.Sequential) -> Draws:
    """One draw from each of K functions from features to logits, `[N, K, C]`, joint.

    Args:
        heads: used one after another, so that a generator has to hold one set of weights alone.
        features: `[N, D]`, on any device.
        like: the head whose width, device and dtype they have.
    """
    check_features(features, head_width(like))
    weight = head_tensor(like)

    def log_probs(head: Callable[[Tensor], Tensor]) -> Tensor:
        def of_block(block: Tensor) -> Tensor:
            with theirs("the head to take features", "give a head of layers that take [N, D], of one dtype"):
                logits = head(block.to(weight))
            return torch.log_softmax(logits.to(wide(logits.dtype)), dim=-1)

        return in_blocks(of_block, features)

    return Draws(torch.stack([log_probs(head) for head in heads], dim=1), joint=True)


@dataclass(frozen=True, slots=True, eq=False)
class LastLayer:
    """A head cut before its last linear layer, with dropout off.

    Attributes:
        before: features `[N, D]` to the inputs of the last layer, `[N, G]`.
        linear: those to logits.
        width: D.
    """

    before: nn.Sequential
    linear: nn.Linear
    width: int

    @classmethod
    def of(cls, head: nn.Sequential) -> "LastLayer":
        """Cut a frozen copy of a head.

        Raises:
            ModelError: its last layer is not `nn.Linear`.

        >>> LastLayer.of(nn.Sequential(nn.Linear(9, 4), nn.ReLU(), nn.Linear(4, 2))).before
        Sequential(
          (0): Linear(in_features=9, out_features=4, bias=True)
          (1): ReLU()
        )
        """
        layers = [layer for _, layer in flat_layers(frozen(head))]
        last = layers.pop() if layers else nn.Identity()
        if type(last) is not nn.Linear:
            raise ModelError(
                "a head that ends with nn.Linear(features, classes)",
                f"{type(last).__name__} at its end",
                "leave the softmax to the loss; draws are normalised here",
            )
        return cls(nn.Sequential(*layers), last, head_width(head))

    @torch.no_grad()
    def inputs(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N G"]:
        """What the last layer takes, in its own dtype but at least float32.

        Raises:
            ModelError: features that are not `[N, D]`.
        """
        check_features(features, self.width)
        given: Tensor = in_blocks(lambda block: self.before(block.to(self.linear.weight)), features)
        return given.to(wide(given.dtype))

    @property
    def dtype(self) -> torch.dtype:
        """Of the draws."""
        return wide(self.linear.weight.dtype)


def head_tensors(head: nn.Sequential) -> dict[str, Tensor]:
    """The head's weights and buffers by name."""
    return {_HEAD + name: tensor.detach().contiguous() for name, tensor in head.state_dict().items()}


def head_from(tensors: Mapping[str, Tensor], head: nn.Sequential) -> nn.Sequential:
    """A frozen head of the same layers with the tensors' numbers, dtype and device.

    Raises:
        ModelError: the tensors are of another head.
    """
    own = {name.removeprefix(_HEAD): tensor.clone() for name, tensor in tensors.items() if name.startswith(_HEAD)}
    copy = deepcopy(head)
    try:
        copy.load_state_dict(own, assign=True)
    except RuntimeError as error:
        raise ModelError("the tensors of this head", str(error), "build the head as it was when fitted") from error
    return copy.eval().requires_grad_(False)


def tensor_of(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    """One fitted tensor.

    Raises:
        ModelError: there is none of that name.
    """
    if name not in tensors:
        raise ModelError(
            f"a fitted tensor {name!r}",
            ", ".join(sorted(tensors)) or "no tensors",
            "load what the same kind of posterior saved",
        )
    return tensors[name]
