"""One round's training: candidates, the choice between them, and what to say of it."""

import math
import os
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor

from askance.training.folds import cross_validated, folds_of
from askance.training.objective import HeldOut
from askance.training.rates import Rates, rates_of
from askance.training.several import devices_for, together
from askance.training.steps import Examples, Outcome, Recipe, check_options, minimise
from askance.uncertainty import SplitNet
from askance.vocab import Fitted, Json, Progress, silent
from askance.vocab.config import TrainConfig


@dataclass(frozen=True)
class Watch:
    """The validation loss, nats; another process can be handed it."""

    val: HeldOut
    seed: int

    def __call__(self, net: SplitNet) -> float:
        """Of a network as it is; inf where it is no number."""
        return _held_out_loss(net, self.val, self.seed)


class Candidate(NamedTuple):
    """What is chosen: c of the weight decay, and the head's learning rate."""

    decay: float
    rate: float


def choose(
    start: SplitNet, train: Examples, val: HeldOut, recipe: Recipe, *, seed: int, progress: Progress = silent
) -> Fitted[SplitNet]:
    """Train a copy of `start` for each weight decay and learning rate; keep the one of the least validation loss.

    Without validation labels it is the one of least cross-validated loss, or the first where there are no folds.
    The log: `steps`, `loss` (training, nats; `balanced_loss`, the mean over classes, where they are balanced),
    `weight_decay`, `learning_rate`, `trunk_learning_rate` if it is another, and why these, `validation_nll` or
    `folds_nll` by candidate, `best_step` where validation says which weights are kept, `devices` and why so many
    where not one was asked for, `seconds` of processor and wall time.

    Raises:
        LabelError: validation labels are to say when training ends, and there are none.
    """
    began, busy = time.perf_counter(), _processor_seconds()
    can_choose = len(val) > 0
    check_options(recipe.config, recipe.moves, validated=can_choose)
    if recipe.config.stop == "validation":
        recipe = replace(recipe, watch=Watch(val, seed))
    rates = rates_of(start, recipe.config, recipe.moves, given=recipe.freeze_statistics)
    all_of_them = [Candidate(decay, rate) for decay in recipe.config.weight_decay for rate in rates.values]
    grid, why, by_fold = _candidates(start, train, recipe, all_of_them, (rates, can_choose, seed))
    best: tuple[float, Candidate, SplitNet, Outcome] | None = None
    losses: dict[str, Json] = {}
    devices, why_devices = devices_for(recipe, train)
    with together(devices) as minimised:
        for candidate in grid:
            net = _copy(start, recipe)
            own = replace(recipe, config=rates.fixed(recipe.config, candidate.rate))
            outcome = minimised(net, train, own, decay=candidate.decay, seed=seed, progress=progress)
            loss = _held_out_loss(net, val, seed) if can_choose and len(grid) > 1 else 0.0
            losses[_name(candidate, rates)] = loss
            if best is None or loss < best[0]:
                best = loss, candidate, net, outcome
    if best is None:
        raise AssertionError("TrainConfig holds at least one weight decay")
    _, candidate, net, outcome = best
    log: dict[str, Json] = {
        "steps": outcome.steps,
        "loss" if recipe.config.balance == "none" else "balanced_loss": outcome.loss,
        **_said(candidate, rates, recipe.config, why),
        **({} if recipe.config.devices == 1 else {"devices": devices, "devices_by": why_devices}),
        "cpu_seconds": round(_processor_seconds() - busy, 3),
        "seconds": round(time.perf_counter() - began, 3),
    }
    if outcome.best is not None:
        log["best_step"] = outcome.best
    if can_choose and len(grid) > 1:
        log["validation_nll"] = losses
    if by_fold:
        log["folds_nll"] = by_fold
    return Fitted(net, outcome.converged, log)


def _processor_seconds() -> float:
    """Of this process and of those it started that have ended."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system


def _said(candidate: Candidate, rates: Rates, config: TrainConfig, why: str) -> dict[str, Json]:
    """What was chosen, and why it."""
    one_decay, one_rate = len(config.weight_decay) == 1, len(rates.values) == 1
    log: dict[str, Json] = {
        "weight_decay": candidate.decay,
        "weight_decay_by": why if one_rate or not one_decay else "the only candidate",
        "learning_rate": candidate.rate,
        "learning_rate_by": rates.why if one_rate else why,
    }
    trunk = rates.fixed(config, candidate.rate).trunk_learning_rate
    return log if trunk is None else {**log, "trunk_learning_rate": trunk}


def _name(candidate: Candidate, rates: Rates) -> str:
    """By which a candidate stands in the log."""
    return f"{candidate.decay:g}" + (f" at {candidate.rate:g}" if len(rates.values) > 1 else "")


def _candidates(
    start: SplitNet, train: Examples, recipe: Recipe, grid: list[Candidate], told: tuple[Rates, bool, int]
) -> tuple[list[Candidate], str, dict[str, Json]]:
    """The candidates left to try on all labels, why these, and their cross-validated losses if need be.

    Args:
        start: where training starts.
        train: all labels.
        recipe: of training.
        grid: all there are.
        told: the rates, whether there are validation labels, and the seed.
    """
    rates, can_choose, seed = told
    config = recipe.config
    if can_choose:
        return grid, "the only candidate" if len(grid) == 1 else "least validation loss", {}
    folds = folds_of(train.ids, train.targets, config.folds, seed) if config.folds and len(grid) > 1 else None
    if folds is None or int(folds.max()) < 1:
        short = ", and no class has two labels for folds" if folds is not None else ""
        return grid[:1], f"the first candidate: no validation labels{short}", {}
    found = {}
    for one in grid:
        own = replace(recipe, config=rates.fixed(config, one.rate))
        found[one] = _cross_validated_loss(start, train, folds, own, one.decay, seed)
    why = f"least loss over {int(folds.max()) + 1} folds of the training labels: no validation labels"
    return [min(found, key=found.__getitem__)], why, {_name(one, rates): loss for one, loss in found.items()}


def _cross_validated_loss(
    start: SplitNet, train: Examples, folds: Int[Tensor, "N"], recipe: Recipe, decay: float, seed: int
) -> float:
    """Of one weight decay: negative log-likelihood of held-out labels, as of validation labels."""

    def losses(some: Examples, held_out: Examples) -> Tensor:
        net = _copy(start, recipe)
        minimise(net, some, recipe, decay=decay, seed=seed)
        rows = held_out.read(torch.arange(len(held_out.targets))).cpu()
        return recipe.objective.losses(net.to(recipe.fabric.device), rows, held_out.targets, seed)

    return cross_validated(train, folds, losses)


def _copy(start: SplitNet, recipe: Recipe) -> SplitNet:
    """A network that training may change; a trunk that stays as it is is shared."""
    if recipe.moves == "head":
        return SplitNet(start.trunk, deepcopy(start.head))
    return deepcopy(SplitNet(start.trunk, start.head))


def _held_out_loss(net: SplitNet, val: HeldOut, seed: int) -> float:
    """The mean over held-out examples, nats; inf where it is no number."""
    loss = val(net, seed).mean()
    return float(loss) if bool(loss.isfinite()) else math.inf
