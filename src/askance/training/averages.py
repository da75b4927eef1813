"""What is kept of a training, and when it ends.

Kept are not the last step's weights but their running average (Polyak & Juditsky 1992). A constant learning rate
bounces about the minimum, its average lies in it. That takes the place of a schedule, which would have to know the
last step beforehand.

Each of these says what it remembers, as `numbers` and `tensors`, and can be given it back: then it is as it was.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from askance.vocab import Json

WINDOW = 50
"""Steps the training loss is averaged over."""

PATIENCE = 2
"""Windows without progress after which training has converged."""

TOLERANCE = 0.05
"""Progress is a mean loss lower by this fraction."""

FLOOR = 0.02
"""A mean loss, in nats, below which there is nothing left to fit."""

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

    def numbers(self) -> dict[str, Json]:
        """What it remembers beside the average."""
        return {"step": self._step}

    def tensors(self) -> list[Tensor]:
        """The average."""
        return list(self._mean)

    @torch.no_grad()
    def restore(self, numbers: dict[str, Any], tensors: Sequence[Tensor]) -> None:
        """Be as it was."""
        self._step = numbers["step"]
        for mean, tensor in zip(self._mean, tensors, strict=True):
            mean.copy_(tensor)


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

    def numbers(self) -> dict[str, Json]:
        """What it remembers beside the best weights."""
        return {"step": self.step, "loss": self.loss, "reached": self.reached, "stale": self._stale}

    def tensors(self) -> list[Tensor]:
        """The best weights; none before the first look."""
        return list(self._weights)

    @torch.no_grad()
    def restore(self, numbers: dict[str, Any], tensors: Sequence[Tensor]) -> None:
        """Be as it was."""
        self.step, self.loss = numbers["step"], numbers["loss"]
        self.reached, self._stale = numbers["reached"], numbers["stale"]
        like = self._average.tensors()[: len(tensors)]
        self._weights = [torch.empty_like(mean).copy_(tensor) for mean, tensor in zip(like, tensors, strict=True)]


class Settled:
    """Says when a noisy loss has stopped falling: compares means of successive windows.

    Converged: `PATIENCE` windows in a row did not bring the mean below the best by a fraction `TOLERANCE`, or
    the mean is below `FLOOR`; never before `at_least` steps.

    >>> settled = Settled(at_least=0)
    >>> [step for step in range(1, 400) if settled(1.0)][0]
    150
    """

    def __init__(self, at_least: int) -> None:
        self.reached = False
        self.mean = math.inf
        self._at_least = at_least
        self._seen, self._stale = 0, 0
        self._best = math.inf
        self._window: deque[float] = deque(maxlen=WINDOW)

    def __call__(self, loss: float) -> bool:
        """Take the loss of one step; whether training may end after it."""
        self._seen += 1
        self._window.append(loss)
        self.mean = math.fsum(self._window) / len(self._window)
        if self._seen % WINDOW == 0:
            better = self.mean < self._best * (1 - TOLERANCE)
            self._stale = 0 if better else self._stale + 1
            self._best = min(self._best, self.mean)
            done = self._stale >= PATIENCE or self.mean < FLOOR
            self.reached = done and self._seen >= self._at_least
        return self.reached

    def numbers(self) -> dict[str, Json]:
        """What it remembers."""
        numbers: dict[str, Json] = {"reached": self.reached, "mean": self.mean, "best": self._best}
        return numbers | {"seen": self._seen, "stale": self._stale, "window": list(self._window)}

    def restore(self, numbers: dict[str, Any]) -> None:
        """Be as it was."""
        self.reached, self.mean, self._best = numbers["reached"], numbers["mean"], numbers["best"]
        self._seen, self._stale = numbers["seen"], numbers["stale"]
        self._window = deque(numbers["window"], maxlen=WINDOW)


def _copies(module: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in _moving(module)]


def _moving(module: nn.Module) -> list[Tensor]:
    """What training moves: weights, and the statistics of normalisation layers."""
    tensors = [*module.parameters(), *module.buffers()]
    return [tensor.detach() for tensor in tensors if tensor.is_floating_point()]
