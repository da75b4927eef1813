"""K passes of a network under its random numbers, where what comes before the first of them runs once.

Letters: n images, K draws, C classes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from askance.uncertainty.axes import Axes
from askance.uncertainty.discovery import Discovery, random_pass, taking, training_alone
from askance.uncertainty.outputs import Read, one_each
from askance.uncertainty.randomness import Places, Randomness, visible_attention
from askance.uncertainty.replay import Memory, playing_back, remembering
from askance.vocab.theirs import theirs


class Drawn(NamedTuple):
    """Logits `[n, K, C]`, and what each draw asked for, in order."""

    logits: Float[Tensor, "n K C"]
    asked: list[Randomness]


@dataclass(frozen=True, slots=True)
class _Run:
    """What the K passes over one batch have in common."""

    images: Tensor
    places: Places
    axes: Axes
    seed: int

    def randomness(self, draw: int) -> Randomness:
        """A new pass: nothing has been asked for."""
        self.places.begin()
        return Randomness(self.places, images=len(self.images), seed=self.seed, draw=draw, axes=self.axes)


class Passes:
    """Runs a network again and again.

    Args:
        model: left as it is: training flags, and `forward` where it stands in an instance.
        read: from what it returns to logits.
        found: what of it is random.
    """

    def __init__(self, model: nn.Module, read: Read, found: Discovery) -> None:
        self._model, self._read, self._found = model, read, found
        self._fragile = frozenset[int]()

    def draw(self, images: Tensor, axes: Axes, *, k: int, seed: int) -> Drawn:
        """One pass that remembers, then K - 1 that play back; K passes where numbers come from outside of torch.

        Raises:
            ModelError: the model fails on these images.
        """
        if self._found.outside:
            found = replace(self._found, axes=axes)
            passes = [
                random_pass(self._model, images, self._read, found, seed=seed, draw=draw) for draw in range(k)
            ]
            return Drawn(torch.stack([logits for logits, _ in passes], dim=1), [asked for _, asked in passes])
        with self._ready() as places:
            run = _Run(images, places, axes, seed)
            first, asked, memory = self._remember(run)
            logits_of_each, asked_of_each = [first], [asked]
            with playing_back(memory) as begin:
                for draw in range(1, k):
                    logits, asked = self._again(begin, run, draw)
                    logits_of_each.append(logits)
                    asked_of_each.append(asked)
        return Drawn(torch.stack(logits_of_each, dim=1), asked_of_each)

    def count(self, image: Tensor, axes: Axes) -> int:
        """Multiplications that run again for each draw of an image."""
        counter = FlopCounterMode(display=False)
        if self._found.outside:
            with counter:
                random_pass(self._model, image, self._read, replace(self._found, axes=axes), seed=0, draw=1)
            return counter.get_total_flops()
        with self._ready() as places:
            run = _Run(image, places, axes, 0)
            *_, memory = self._remember(run)
            with playing_back(memory) as begin, counter:
                self._again(begin, run, 1)
        return counter.get_total_flops()

    @contextmanager
    def _ready(self) -> Iterator[Places]:
        """Everything for passes of this model: its stochastic modules on, attention visible, no gradients."""
        places = Places(self._found.watched)
        with (
            torch.inference_mode(False),
            torch.no_grad(),
            training_alone(self._model, self._found.stochastic),
            places.watched(),
            visible_attention(),
        ):
            yield places

    def _remember(self, run: _Run) -> tuple[Tensor, Randomness, Memory]:
        """Logits of the first draw, what it asked for, and what ran before its first random number.

        Where the pass wrote into an output that was not known to be written into, the memory is spoilt: once more.
        """
        while True:
            randomness = run.randomness(0)
            with (
                theirs(*taking(self._model, run.images)),
                remembering(self._model, randomness, self._fragile) as memory,
                randomness,
            ):
                output = self._model(run.images)
            if memory.fragile <= self._fragile:
                return one_each(self._read(output), run.images), randomness, memory
            self._fragile = memory.fragile

    def _again(self, begin: Callable[[], None], run: _Run, draw: int) -> tuple[Tensor, Randomness]:
        begin()
        randomness = run.randomness(draw)
        with theirs(*taking(self._model, run.images)), randomness:
            output = self._model(run.images)
        return one_each(self._read(output), run.images), randomness
