"""Adam, as `torch.optim.Adam` with `fused=True` computes it, to the bit.

torch's own imports the compiler of networks when it is given its first weights, which costs twice what importing
torch does: more than the training of a head. This is the same kernel, and remembers the same under the same names.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor, nn

Groups: TypeAlias = list[dict[str, Any]]
"""Weights under `params`, and where it is not the common one their own `lr` or `weight_decay`."""

_BETAS = (0.9, 0.999)
_EPS = 1e-8


class Optimiser(Protocol):
    """What training asks of an optimiser."""

    @property
    def state(self) -> Any:
        """Weight -> `step`, `exp_avg` and `exp_avg_sq`; nothing before a weight's first step."""
        ...

    def step(self) -> object:
        """Move the weights by their gradients."""
        ...

    def zero_grad(self) -> object:
        """Forget the gradients."""
        ...


class _Group(NamedTuple):
    """Weights on one device and of one kind, that move alike."""

    weights: list[nn.Parameter]
    rate: float
    decay: float


class Adam:
    """Adam (Kingma & Ba 2015) with an L2 term, by one fused kernel for all weights of a group.

    Args:
        groups: of weights.
        lr: the learning rate where a group has none of its own.

    >>> weight = nn.Parameter(torch.ones(2))
    >>> adam = Adam([{"params": [weight]}], lr=0.1)
    >>> weight.grad = torch.ones(2)
    >>> adam.step()
    >>> weight.data
    tensor([0.9000, 0.9000])
    """

    def __init__(self, groups: Groups, lr: float) -> None:
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        self._groups = [part for group in groups for part in _alike(group, lr)]

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights that have a gradient."""
        for group in self._groups:
            moved: list[Tensor] = [weight for weight in group.weights if weight.grad is not None]
            if not moved:
                continue
            known = [self._of(weight) for weight in moved]
            steps = [one["step"] for one in known]
            torch._foreach_add_(steps, 1)
            torch._fused_adam_(
                moved,
                [weight.grad for weight in moved if weight.grad is not None],
                [one["exp_avg"] for one in known],
                [one["exp_avg_sq"] for one in known],
                [],
                steps,
                lr=group.rate,
                beta1=_BETAS[0],
                beta2=_BETAS[1],
                weight_decay=group.decay,
                eps=_EPS,
                amsgrad=False,
                maximize=False,
            )

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self._groups:
            for weight in group.weights:
                weight.grad = None

    def _of(self, weight: Tensor) -> Mapping[str, Tensor]:
        if weight not in self.state:
            self.state[weight] = {
                "step": torch.zeros((), dtype=torch.float32, device=weight.device),
                "exp_avg": torch.zeros_like(weight, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(weight, memory_format=torch.preserve_format),
            }
        return self.state[weight]


def _alike(group: Mapping[str, Any], lr: float) -> Iterable[_Group]:
    """A group, apart by device and number format: a kernel takes tensors of one kind."""
    found: defaultdict[tuple[torch.device, torch.dtype], list[nn.Parameter]] = defaultdict(list)
    for weight in group["params"]:
        found[weight.device, weight.dtype].append(weight)
    return [_Group(weights, group.get("lr", lr), group.get("weight_decay", 0.0)) for weights in found.values()]
