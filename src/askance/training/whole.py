"""A trunk trained together with the small heads on its maps, or its last blocks alone.

Letters: n labelled images, b of a minibatch, M heads.
"""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.networks.dense import DenseHead
from askance.networks.map_network import MapNetwork
from askance.training.dense import BATCH, MEAN, STEEPEST, DenseObjective, checked, minibatches
from askance.vocab import Progress, silent

Photographs: TypeAlias = Callable[[Sequence[int], bool], Float[Tensor, "b c h w"]]
"""From places of labelled images to what the network takes of them, or of their mirrors."""


@dataclass(frozen=True, slots=True)
class WholeRecipe:
    """How trunk and heads are trained together: AdamW over one cycle of rates, the mean of the weights kept.

    Attributes:
        moves: the last blocks of the trunk, or all of it.
        epochs: times each image is seen.
        rate: the highest, of the heads.
        trunk_rate: the highest, of the trunk.
        decay: of the weights.
        mirror: whether an image is as often its mirror.
    """

    moves: Literal["blocks", "all"]
    epochs: int = 15
    rate: float = 2e-3
    trunk_rate: float = 2e-4
    decay: float = 1e-3
    mirror: bool = True


@dataclass(frozen=True, slots=True)
class Whole:
    """What came of it.

    Attributes:
        heads: M, in evaluation mode.
        weights: of the trunk, those that were moved, by their names in the network.
        loss: the last one, the mean over the heads.
    """

    heads: tuple[DenseHead, ...]
    weights: dict[str, Tensor]
    loss: float


def fit_whole(  # noqa: PLR0913 - all that the weights follow from
    network: MapNetwork,
    heads: Sequence[DenseHead],
    photographs: Photographs,
    n: int,
    objective: DenseObjective,
    recipe: WholeRecipe,
    *,
    seed: int,
    progress: Progress = silent,
) -> Whole:
    """Train a trunk and its heads, which were trained on the maps of the trunk as it came.

    The trunk follows the sum of the heads' losses. Its BatchNorm keeps its statistics, which a few images know
    less well than those it was trained on. Same seed and images: same weights.

    Args:
        network: to be moved; on the device that `photographs` come on.
        heads: M to begin with; they stay as they are.
        photographs: of the labelled images.
        n: how many there are.
        objective: what heads are trained for.
        recipe: how.
        seed: of the order, of the mirrors and of the dropout.
        progress: told of `training`.

    Raises:
        Diverged: the loss is no longer finite.
    """
    batch = min(BATCH, n)
    steps = math.ceil(n / batch) * recipe.epochs
    first = photographs([0], False)
    network = network.to(first.device).eval()
    moving = network.moving(recipe.moves, first)
    made = nn.ModuleList([deepcopy(head).to(first.device).train() for head in heads])
    parts: list[list[Tensor]] = [list(moving.values())]
    parts += [[weight for weight in head.parameters() if weight.requires_grad] for head in made]
    for weight in parts[0]:
        weight.requires_grad_(True)
    averages = [[weight.detach().clone() for weight in part] for part in parts]
    rates = [recipe.trunk_rate, *(recipe.rate for _ in made)]
    optimiser = torch.optim.AdamW([{"params": part} for part in parts], lr=recipe.rate, weight_decay=recipe.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps)
    last = math.nan
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        for step, (chosen, mirrored) in enumerate(minibatches(n, batch, steps, mirror=recipe.mirror)):
            maps = network(_some(photographs, chosen, mirrored))
            places = torch.tensor(chosen)
            losses = [objective(head(maps).float().cpu(), places, mirrored) for head in made]
            loss = torch.stack(losses).sum()
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            for part in parts:
                nn.utils.clip_grad_norm_(part, STEEPEST)
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                for mean, part in zip(averages, parts, strict=True):
                    torch._foreach_lerp_(mean, part, 1 - MEAN)
            last = checked(loss, step) / len(made)
            progress("training", step + 1, steps)
    with torch.no_grad():
        for mean, part in zip(averages, parts, strict=True):
            for weight, value in zip(part, mean, strict=True):
                weight.copy_(value)
    moved = {name: weight.detach().cpu().clone() for name, weight in moving.items()}
    return Whole(tuple(head.cpu().eval() for head in made), moved, last)  # type: ignore[misc]  # they are DenseHeads


def _some(photographs: Photographs, chosen: Sequence[int], mirrored: Tensor) -> Tensor:
    """A minibatch, some of it mirrored, in its order."""
    one_by_one = [photographs([place], flip) for place, flip in zip(chosen, mirrored.tolist(), strict=True)]
    return torch.cat(one_by_one).contiguous(memory_format=torch.channels_last)
