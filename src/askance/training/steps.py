"""Fitting a network to labels until its loss has settled.

What is minimised is a task's objective + c/N ||W||^2, as Gal, Islam, Ghahramani 2017 have it for cross-entropy,
over the weights W that dropout is applied to, that is of the head's linear layers; biases and the trunk are not
decayed. Of a network that is one head, only the classifier is. Dividing by N makes c the strength of one prior,
whatever the number of labels.

What is kept is not the last step's weights but their running average, see `kept`: the one at the end, or where the
validation loss was least.

Letters: N training images, D features, C classes, c the weight decay.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Int
from torch import Tensor, nn

from askance.maths import keyed_seed
from askance.networks.model import classifier_of, seeded
from askance.training.adam import Groups, Optimiser
from askance.training.averages import WINDOW, Average, Best, Settled
from askance.training.balance import balanced_minibatches, balanced_weights
from askance.training.devices import Device, Share
from askance.training.objective import Objective
from askance.training.rates import rate_of
from askance.training.resume import Bookmarks, Running
from askance.uncertainty import SplitNet, is_plain
from askance.vocab import ConfigError, LabelError, ModelError, Progress, silent
from askance.vocab.config import TrainConfig
from askance.vocab.theirs import theirs

_TRAINABLE = (
    "a network that can be trained on a minibatch",
    "let its forward work in training mode, and give logits [N, C] through which gradients reach its weights",
)
"""What is wanted of a network, and what to do where a step fails."""


@dataclass(frozen=True)
class Examples:
    """Training examples.

    Attributes:
        read: positions `[b]` -> network input of these b examples, on the training device.
        targets: `[N]`, class indices.
        ids: of the images, `[N]`, by which folds are made; none: no folds can be made.
        varied: the same as `read` of images changed at random, by a seed; None: there is nothing to change.
    """

    read: Callable[[Tensor], Tensor]
    targets: Int[Tensor, "N"]
    ids: tuple[str, ...] = ()
    varied: Callable[[Tensor, int], Tensor] | None = None

    def at(self, chosen: Int[Tensor, "b"], seed: int) -> Tensor:
        """What a step is made of, changed by that seed if it is to be changed."""
        return self.read(chosen) if self.varied is None else self.varied(chosen, seed)


@dataclass(frozen=True)
class Outcome:
    """How one minimisation went.

    Attributes:
        steps: optimiser steps taken.
        loss: mean cross-entropy of the last window, nats; where classes are balanced, of each class alike.
        converged: False when `max_steps` came first.
        best: the step whose weights were kept, where validation decides; None: the last.
    """

    steps: int
    loss: float
    converged: bool
    best: int | None = None


@dataclass(frozen=True)
class Recipe:
    """What all trainings of a task share.

    Attributes:
        objective: what networks are trained for.
        moves: `head`: examples are features and only the head is trained; `all`: examples are images.
        freeze_statistics: keep BatchNorm in eval mode, as its statistics came with the weights.
        observe: told of what is trained after each step, and the number of the step.
        watch: the validation loss of a network, nats: its least ends training and is kept; None: training ends
            when its own loss has settled.
        bookmarks: where trainings are kept while they run, so that one that was killed goes on; None: nowhere.
    """

    config: TrainConfig
    fabric: Device
    objective: Objective
    moves: Literal["head", "all"]
    freeze_statistics: bool
    observe: Callable[[nn.Module, int], None] | None = None
    watch: Callable[[SplitNet], float] | None = None
    bookmarks: Bookmarks | None = None


def check_options(config: TrainConfig, moves: Literal["head", "all"], *, validated: bool) -> None:
    """Refuse, before anything is trained, what could have no effect.

    Args:
        config: how training is to go.
        moves: what it moves.
        validated: whether there are validation labels.

    Raises:
        ConfigError: images changed at random, or a rate for the trunk, where only the head is trained; folds where
            it is not.
        LabelError: no validation labels, and they are to say when training ends.
    """
    if config.stop == "validation" and not validated:
        raise LabelError(
            "validation labels on images that can be read, for train.stop = validation",
            "none",
            'label some for the validation split, or set train.stop = "settled"',
        )
    if moves == "all" and config.folds:
        raise ConfigError(
            f"only the head to be trained, for train.folds = {config.folds}",
            "the whole network is, and would be once more for every fold and candidate",
            'set model.train = "head", or train.folds = 0 and label a validation split',
        )
    if moves == "head" and config.trunk_learning_rate is not None:
        raise ConfigError(
            "a trunk that training moves, for train.trunk_learning_rate",
            f"{config.trunk_learning_rate:g}, and only the head is trained",
            'set model.train = "all", or leave train.trunk_learning_rate out',
        )
    if moves == "head" and config.augment != "none":
        raise ConfigError(
            f"a trunk that training moves, for train.augment = {config.augment}",
            "only the head is trained, on features that are computed once an image",
            'set model.train = "all", or train.augment = "none"',
        )


def minimise(
    net: SplitNet, examples: Examples, recipe: Recipe, *, decay: float, seed: int, progress: Progress = silent
) -> Outcome:
    """Train `net` in place and leave it in eval mode on the CPU; same inputs, same weights, bit for bit.

    Where the recipe's fabric is of several processes each of them calls this, and the first has what is kept: the
    others' statistics of normalisation are of their own shares.

    Args:
        net: where training starts from.
        examples: what it is trained on; they alone set the order of the minibatches.
        decay: c, see the module.
        seed: of minibatches, dropout and random changes of images.

    Raises:
        ModelError: the loss is no longer a finite number.
    """
    config, fabric, share = recipe.config, recipe.fabric, Share(recipe.fabric)
    part: nn.Module = net.head if recipe.moves == "head" else net
    bookmark = None
    if recipe.bookmarks is not None and recipe.observe is None:  # what has been observed is not in the file
        told = (examples.ids, examples.targets, recipe.moves, config, decay, seed)
        bookmark = recipe.bookmarks.of(net, *told, *(() if share.alone else (fabric.world_size,)))
    strength = decay / len(examples.targets)
    rate = rate_of(config)
    module, optimiser = fabric.setup(part, _groups(net, part, strength, config.trunk_learning_rate), rate)
    _training_mode(part, recipe.freeze_statistics)
    running = _running(net, part, optimiser, recipe)
    order = _order(examples, config, keyed_seed("minibatches", seed))
    weights = balanced_weights(examples.targets) if config.balance == "weights" else None
    with seeded(keyed_seed("dropout", seed)), torch.backends.cudnn.flags(deterministic=True):
        step = 0 if bookmark is None else bookmark.restore(running)
        for _ in range(step):
            next(order)
        while step < config.max_steps and not running.ended:
            step += 1
            chosen = next(order)
            mine = share.of(chosen)
            share.begin(seed, step)
            targets = examples.targets[mine].to(fabric.device)
            inputs = examples.at(mine, share.key("augment", seed, step))
            with theirs(*_TRAINABLE):
                loss = recipe.objective.loss(module(inputs), targets, None if weights is None else weights[mine])
                loss = share.scaled(loss, len(mine), len(chosen))
                fabric.backward(loss)
                optimiser.step()
                optimiser.zero_grad()
            if recipe.observe is not None:
                recipe.observe(part, step)
            number = _finite(share.mean(loss), step, rate)
            ended = running.take(number, step, last=step == config.max_steps)
            if bookmark is not None and share.first:
                bookmark.note(running, step, ended=ended)
            if step % WINDOW == 0 and not ended:
                progress("training", step, config.max_steps)
    progress("training", step, step)
    running.put()
    net.eval().cpu()
    best = None if running.best is None else running.best.step
    return Outcome(step, running.settled.mean, running.ended, best)


def _running(net: SplitNet, part: nn.Module, adam: Optimiser, recipe: Recipe) -> Running:
    """A training before its first step."""
    average, at_least = Average(part), recipe.config.min_steps
    best = None if recipe.watch is None else Best(_watched(net, part, recipe), average, at_least)
    return Running(part, adam, recipe.fabric, Settled(at_least), average, best)


def minibatches(n: int, batch: int, seed: int) -> Iterator[Int[Tensor, "b"]]:
    """Positions of min(n, batch) examples, for ever: one shuffled pass after another, cut into equal pieces."""
    generator = torch.Generator().manual_seed(seed)
    left = torch.empty(0, dtype=torch.long)
    size = min(n, batch)
    while True:
        while len(left) < size:
            left = torch.cat([left, torch.randperm(n, generator=generator)])
        yield left[:size]
        left = left[size:]


def _watched(net: SplitNet, part: nn.Module, recipe: Recipe) -> Callable[[], float]:
    """The validation loss of the network as it stands in its training, which goes on as it was."""
    watch, first = recipe.watch, Share(recipe.fabric).first

    def loss() -> float:
        if watch is None:
            raise AssertionError("nothing is watched")
        with seeded(0):  # so that training's own dropout does not notice
            found = watch(net.eval()) if first else math.nan
        _training_mode(part, recipe.freeze_statistics)
        return recipe.fabric.broadcast(found)

    return loss


def _order(examples: Examples, config: TrainConfig, seed: int) -> Iterator[Int[Tensor, "b"]]:
    """The minibatches that the configuration asks for."""
    if config.balance == "sampling":
        return balanced_minibatches(examples.targets, config.batch, seed)
    return minibatches(len(examples.targets), config.batch, seed)


def _groups(net: SplitNet, part: nn.Module, strength: float, trunk_rate: float | None = None) -> Groups:
    """For Adam whose L2 term is `strength * ||W||^2` over the weights W; its gradient is `2 * strength * W`.

    With a rate of its own the trunk is all that is trained but the head; of a network that is one head, but the
    classifier.
    """
    layers = net.head if is_plain(net.head) else classifier_of(net)
    decayed = [weight for weight in layers.parameters() if weight.dim() > 1]
    others = _without(part, decayed)
    groups: Groups = [{"params": decayed, "weight_decay": 2 * strength}, {"params": others}]
    trunk = _without(part, list(layers.parameters()))
    if trunk_rate is not None and trunk:
        groups[1]["params"] = [weight for weight in layers.parameters() if weight.dim() <= 1]
        groups.append({"params": trunk, "lr": trunk_rate})
    return groups


def _without(part: nn.Module, some: list[nn.Parameter]) -> list[nn.Parameter]:
    """The weights of a module but some."""
    names = {id(weight) for weight in some}
    return [weight for weight in part.parameters() if id(weight) not in names]


def _training_mode(part: nn.Module, freeze_statistics: bool) -> None:
    part.train()
    if freeze_statistics:
        for layer in part.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.eval()


def _finite(loss: float, step: int, rate: float) -> float:
    if not math.isfinite(loss):
        raise ModelError(
            "a finite training loss",
            f"{loss} at step {step}",
            f"lower train.learning_rate (now {rate:g}), or use train.precision = '32-true'"
            if step > 1
            else "nothing was trained yet: look at model.weights, and for a division or logarithm in forward",
        )
    return loss
