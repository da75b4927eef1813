"""One round's training: candidates, the choice between them, and what to say of it."""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace

from jaxtyping import Int
from torch import Tensor

from askance.maths import Draws, keyed_seed, log_mean_probs
from askance.tasks.classification.train import Examples, Outcome, Recipe, check_options, minimise
from askance.uncertainty import SplitNet
from askance.vocab import Fitted, Json, Progress, silent

VALIDATION_DRAWS = 20
"""K of the predictive distribution that weight decay is chosen by."""


@dataclass(frozen=True)
class Validation:
    """What candidates are chosen by.

    Attributes:
        draws: a network, K and a seed -> draws of the validation images.
        targets: `[n]`, their class indices; may be empty, then nothing can be chosen.
    """

    draws: Callable[[SplitNet, int, int], Draws]
    targets: Int[Tensor, "n"]


def choose(
    start: SplitNet, train: Examples, val: Validation, recipe: Recipe, *, seed: int, progress: Progress = silent
) -> Fitted[SplitNet]:
    """Train a copy of `start` for each weight decay and keep the one of the least validation loss.

    Without validation labels the first candidate is taken. The log: `steps`, `loss` (training, nats;
    `balanced_loss`, the mean over classes, where they are balanced), `weight_decay` and why it, `validation_nll`
    by candidate, `best_step` where validation says which weights are kept, `seconds` of processor and wall time.
    """
    began, busy = time.perf_counter(), time.process_time()
    grid = recipe.config.weight_decay
    can_choose = len(val.targets) > 0
    check_options(recipe.config, recipe.moves, validated=can_choose)
    if recipe.config.stop == "validation":
        recipe = replace(recipe, watch=lambda net: _validation_nll(net, val, seed))
    if not can_choose:
        grid = grid[:1]
    best: tuple[float, float, SplitNet, Outcome] | None = None
    losses: dict[str, Json] = {}
    for decay in grid:
        net = _copy(start, recipe)
        outcome = minimise(net, train, recipe, decay=decay, seed=seed, progress=progress)
        loss = _validation_nll(net, val, seed) if can_choose and len(grid) > 1 else 0.0
        losses[f"{decay:g}"] = loss
        if best is None or loss < best[0]:
            best = loss, decay, net, outcome
    if best is None:
        raise AssertionError("TrainConfig holds at least one weight decay")
    _, decay, net, outcome = best
    why = "the only candidate" if len(recipe.config.weight_decay) == 1 else "least validation loss"
    log: dict[str, Json] = {
        "steps": outcome.steps,
        "loss" if recipe.config.balance == "none" else "balanced_loss": outcome.loss,
        "weight_decay": decay,
        "weight_decay_by": why if can_choose else "the first candidate: no validation labels",
        "cpu_seconds": round(time.process_time() - busy, 3),
        "seconds": round(time.perf_counter() - began, 3),
    }
    if outcome.best is not None:
        log["best_step"] = outcome.best
    if can_choose and len(grid) > 1:
        log["validation_nll"] = losses
    return Fitted(net, outcome.converged, log)


def _copy(start: SplitNet, recipe: Recipe) -> SplitNet:
    """A network that training may change; a trunk that stays as it is is shared."""
    if recipe.moves == "head":
        return SplitNet(start.trunk, deepcopy(start.head))
    copy = deepcopy(start)
    copy.posterior = None
    return copy


def _validation_nll(net: SplitNet, val: Validation, seed: int) -> float:
    draws = val.draws(net, VALIDATION_DRAWS, keyed_seed("validation", seed))
    nll = -log_mean_probs(draws.log_probs).gather(1, val.targets[:, None]).mean()
    return float(nll) if bool(nll.isfinite()) else math.inf
