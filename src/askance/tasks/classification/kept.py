"""What is kept of a training: not the last step's weights but their running average (Polyak & Juditsky 1992).

A constant learning rate bounces about the minimum, its average lies in it. That takes the place of a schedule,
which would have to know the last step beforehand.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

AVERAGE = 0.98
"""Of the weights' running average: it looks back about 1 / (1 - 0.98) = 50 steps."""

EVERY = 50
"""Steps between two looks at the validation loss."""

LOOKS = 4
"""Looks in a row without a lower validation loss after which training ends."""


class Average:
    """The running average of a module's weights and statistics, whose first steps count in full.

    After step t it moves by `1 - min(AVERAGE, t / (t + 10))` towards the weights of that step.
    """

    def __init__(self, module: nn.Module) -> None:
        self._mean = [tensor.clone() for tensor in _moving(module)]
        self._step = 0

    @torch.no_grad()
    def take(self, module: nn.Module) -> None:
        """Count a step in."""
        self._step += 1
        share = 1 - min(AVERAGE, self._step / (self._step + 10))
        torch._foreach_lerp_(self._mean, _moving(module), share)

    @torch.no_grad()
    def put(self, module: nn.Module) -> None:
        """Give the module the average."""
        torch._foreach_copy_(_moving(module), self._mean)


class Best:
    """Says when the validation loss has stopped falling, and keeps the average it was least with.

    It looks every `EVERY` steps and at the last; training may end when `LOOKS` looks in a row found nothing lower,
    never before `at_least` steps. The first of equals is kept.

    Args:
        measure: the validation loss, nats, of the module as it is when called; inf where it is no number.
        average: what is measured, and kept.
        at_least: steps before which training goes on.
    """

    def __init__(self, measure: Callable[[], float], average: Average, at_least: int) -> None:
        self.step, self.loss, self.reached = 0, math.inf, False
        self._measure, self._average, self._at_least = measure, average, at_least
        self._weights: list[Tensor] = []
        self._stale = 0

    @torch.no_grad()
    def __call__(self, module: nn.Module, step: int, *, last: bool) -> bool:
        """After a step: whether training may end; the module is left as it was."""
        if step % EVERY and not last:
            return False
        before = _copies(module)
        self._average.put(module)
        loss = self._measure()
        self._stale += 1
        if loss < self.loss or not self.step:
            self.step, self.loss, self._weights, self._stale = step, loss, _copies(module), 0
        torch._foreach_copy_(_moving(module), before)
        self.reached = self._stale >= LOOKS and step >= self._at_least
        return self.reached

    @torch.no_grad()
    def put(self, module: nn.Module) -> None:
        """Give the module the average it was best with."""
        torch._foreach_copy_(_moving(module), self._weights)


def _copies(module: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in _moving(module)]


def _moving(module: nn.Module) -> list[Tensor]:
    """What training moves: weights, and the statistics of normalisation layers."""
    tensors = [*module.parameters(), *module.buffers()]
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
