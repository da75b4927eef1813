"""A small head trained on cached maps, for whatever a task wants of every cell.

Letters: n labelled images, b of a minibatch, O outputs, h x w cells.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from askance.networks.dense import DenseHead
from askance.vocab import Diverged, Progress, silent

BATCH = 8
"""Images a step."""
MEAN = 0.95
"""Of the moving average of the weights, which is what is kept: one start is then much like another."""
STEEPEST = 5.0
"""The longest gradient that is followed."""

Reading: TypeAlias = Callable[[Sequence[int], bool], tuple[Tensor, ...]]
"""From places of labelled images to their maps `[b, C_l, h_l, w_l]`, or to their mirrors'."""


class DenseObjective(Protocol):
    """What a head is trained for."""

    def __call__(
        self, outputs: Float[Tensor, "b O h w"], chosen: Int[Tensor, "b"], mirrored: Bool[Tensor, "b"]
    ) -> Float[Tensor, ""]:
        """The loss of some labelled images, by their places; of those that are mirrored, of the mirror."""
        ...


@dataclass(frozen=True, slots=True)
class DenseRecipe:
    """How a head is trained: AdamW over one cycle of rates, the mean of the weights kept.

    Attributes:
        epochs: times each image is seen; None: `epochs_of` as many as there are.
        rate: the highest.
        decay: of the weights.
        mirror: whether an image is as often its mirror.
    """

    epochs: int | None = None
    rate: float = 4e-3
    decay: float = 1e-3
    mirror: bool = True

    def warmed(self, n: int) -> "DenseRecipe":
        """The same from heads that know most of n images already: a quarter of the epochs, at half the rate."""
        return replace(self, epochs=max(2, (self.epochs or epochs_of(n)) // 4), rate=self.rate / 2)


def epochs_of(n: int) -> int:
    """Times each of n images is seen: fewer images are seen more often, 30 times at 50.

    >>> [epochs_of(n) for n in (10, 50, 200, 5000)]
    [60, 30, 15, 8]
    """
    return round(min(60.0, max(8.0, 30 * math.sqrt(50 / max(n, 1)))))


def fit_dense(
    head: DenseHead,
    maps: Reading,
    n: int,
    objective: DenseObjective,
    recipe: DenseRecipe,
    *,
    seed: int,
    progress: Progress = silent,
) -> tuple[DenseHead, float]:
    """Train a head, and give the moving average of it with its last loss. Same seed and images: same weights.

    Args:
        head: as it starts, its channels standardised; it is moved.
        maps: of the labelled images.
        n: how many there are.
        objective: the loss.
        recipe: how.
        seed: of the order, of the mirrors and of the dropout.
        progress: told of `training`.

    Raises:
        Diverged: the loss is no longer finite.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        return _fit(head, maps, n, objective, recipe, progress)


def _fit(
    head: DenseHead, maps: Reading, n: int, objective: DenseObjective, recipe: DenseRecipe, progress: Progress
) -> tuple[DenseHead, float]:
    batch = min(BATCH, n)
    steps = math.ceil(n / batch) * (recipe.epochs or epochs_of(n))
    head = head.to(memory_format=torch.channels_last).train()
    mean = deepcopy(head)
    moved: list[Tensor] = [weight for weight in head.parameters() if weight.requires_grad]
    averages: list[Tensor] = [weight for weight in mean.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(moved, lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.rate, total_steps=steps)
    last = math.nan
    for step, (chosen, mirrored) in enumerate(minibatches(n, batch, steps, mirror=recipe.mirror)):
        outputs = head(_some(maps, chosen, mirrored))
        loss = objective(outputs, torch.tensor(chosen), mirrored)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(moved, STEEPEST)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            torch._foreach_lerp_(averages, moved, 1 - MEAN)
        last = checked(loss, step)
        progress("training", step + 1, steps)
    return mean.eval(), last


def minibatches(n: int, batch: int, steps: int, *, mirror: bool) -> Iterator[tuple[list[int], Tensor]]:
    """Places of `batch` images a step, each as often as the others, and whether each is mirrored, `[batch]`."""
    order: list[int] = []
    for _ in range(steps):
        while len(order) < batch:
            order += torch.randperm(n).tolist()
        chosen, order = sorted(order[:batch]), order[batch:]
        yield chosen, torch.rand(batch) < 0.5 if mirror else torch.zeros(batch, dtype=torch.bool)


def checked(loss: Tensor, step: int) -> float:
    """The loss as a number.

    Raises:
        Diverged: it is no longer finite.
    """
    value = float(loss.detach())
    if not math.isfinite(value):
        raise Diverged("a loss that is a number", f"{value} at step {step + 1}", "lower detector.learning_rate")
    return value


def _some(maps: Reading, chosen: Sequence[int], mirrored: Bool[Tensor, "b"]) -> tuple[Tensor, ...]:
    """Maps of a minibatch, some of them of mirrors."""
    plain = [place for place, flip in zip(chosen, mirrored.tolist(), strict=True) if not flip]
    turned = [place for place, flip in zip(chosen, mirrored.tolist(), strict=True) if flip]
    parts = [maps(some, flip) for some, flip in ((plain, False), (turned, True)) if some]
    at = torch.argsort(torch.argsort(mirrored.long(), stable=True))
    return tuple(
        torch.cat(levels)[at].contiguous(memory_format=torch.channels_last) for levels in zip(*parts, strict=True)
    )
