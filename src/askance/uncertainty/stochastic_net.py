"""Draws from any network: what is random in it is found, and what is not is run once.

Letters: N images, K draws, C classes, D features.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from askance.maths import Draws
from askance.uncertainty.axes import Axes
from askance.uncertainty.batches import ImageSource, batches, first_few, grouped
from askance.uncertainty.company import SEVERAL, Examined, Witness, examine, learnt, several, unknown
from askance.uncertainty.discovery import Discovery, buffers_kept, discover, random_pass, training_alone
from askance.uncertainty.heads import BLOCK
from askance.uncertainty.outputs import Read, checked, finite, logits_of
from askance.uncertainty.passes import Passes
from askance.uncertainty.posterior import MOST_SHARED, DropoutPosterior, shared_masks
from askance.uncertainty.requests import Request
from askance.uncertainty.split import laid_out, no_dropout
from askance.uncertainty.stochastic import StochasticLayer
from askance.uncertainty.tail import Tail, features, plain_tail
from askance.uncertainty.work import Work
from askance.uncertainty.wrapped import ordinary
from askance.vocab import ModelError

Way = Literal["head", "rest", "passes"]
"""How K draws are made: all before the first dropout once and a plain head K times; all before the first random
number once and the rest K times; or K full passes."""

WHOLE = 0.98
"""From this share of the work on, running the rest is running everything."""


class StochasticNet:
    """Any classifier, ready to be drawn from: K networks that differ by their random numbers (MC dropout).

    Finds what is random by running the model on a few images (see `discover`): dropout as a layer or a function,
    of single numbers, channels, attention or whole branches (stochastic depth), and noise of any kind. Numbers
    belong to (seed, draw, place) and are the same for all images, so draw k is one function, whatever the batch.
    Along which axis of them the images lie is found at several sizes of a batch, and tried (see `examine`); where
    a doubt is left, draws are not joint. Buffers, BatchNorm's above all, and training flags stay as they are.

    Args:
        model: images to logits `[N, C]`, or to a record with `logits`.
        example: one image or more, as the model takes them, five for all that is tried to be tried on images of
            yours; or all of them, see `ImageSource`.
        read: from what the model returns to logits, as `lambda output: output["out"]`.
        key: of the images, where a loader gives dicts.

    Attributes:
        way: how draws are made.
        joint: whether draw k is one function of all images; False where numbers cannot be shared, or the model
            itself looks at several images together. It may turn out at images of another shape or batch.
        why: why draws are not joint, in words; "" where they are.
        layers: what is random, a row for each place.
        work: what a draw costs.

    Raises:
        ModelError: nothing is random; the model fails, is compiled or scripted, gives something other than
            logits, or is random in a way that torch does not see.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 3))
    >>> drawn = StochasticNet(net, torch.zeros(1, 3, 2, 2))
    >>> drawn.way, drawn.draws(torch.zeros(5, 3, 2, 2), k=7, seed=0).log_probs.shape
    ('head', torch.Size([5, 7, 3]))
    """

    def __init__(
        self, model: nn.Module, example: ImageSource, *, read: Read = logits_of, key: str | None = None
    ) -> None:
        self.model = ordinary(model)
        self._read = read = checked(read)
        self._key = key
        some, _ = first_few(batches(example, SEVERAL, model=self.model, key=key), SEVERAL)
        if not len(some):
            raise ModelError("one image or more", "none", "give images as the model takes them, [N, ...]")
        example = laid_out(several(some), self.model)
        found = discover(self.model, example[:2], read)
        if not found.requests and not found.outside:
            raise no_dropout(self.model)
        self._examined: dict[tuple[int, ...], Examined] = {}
        with buffers_kept(self.model), finite(self.model):
            known = self._examined[tuple(example.shape[1:])] = examine(self.model, example, read, found)
            self._found, self.why = known.found, known.why
            self._passes = Passes(self.model, read, found)
            self._tail = self._plain_tail(example[:2])
            self.work = self._count(example)
            if not found.requests and _are_equal(self._passes.draw(example, found.axes, k=10, seed=0).logits):
                raise no_dropout(self.model)
        self.layers = [_row(self.model, request, self.why) for request in self._found.requests]
        if found.outside:
            self.layers.append(_row_of_outside(self.model))
        whole = self.work.again >= WHOLE * self.work.once
        self.way: Way = "head" if self._tail else "passes" if whole else "rest"

    @property
    def joint(self) -> bool:
        """Whether draw k is one function of all images, as far as was seen."""
        return not self.why

    def draws(self, images: ImageSource, *, k: int, seed: int, batch: int = 64) -> Draws:
        """K draws of images `[N, ...]`, `[N, K, C]` log-probabilities in nats.

        Args:
            images: a tensor, an array, a list, a data set or a loader, see `ImageSource`.
            k: number of draws, K.
            seed: what the random numbers derive from.
            batch: images of one pass, whatever the batches of a loader are.

        Raises:
            ModelError: k < 1, or images the model cannot take.
        """
        if k < 1:
            raise ModelError("at least one draw", f"k={k}", "ask for k=100, or as many as there is time for")
        parts = batches(images, batch, model=self.model, key=self._key)
        with finite(self.model):
            if self._tail is not None:
                return Draws.cat(list(self._by_head(self._tail, parts, k, seed, batch)))
            return self._all_by_passes(parts, k, seed)

    def _all_by_passes(self, parts: Iterator[Tensor], k: int, seed: int) -> Draws:
        witness = Witness()
        logits = torch.cat([self._by_passes(laid_out(part, self.model), k, seed, witness) for part in parts])
        self.why = self.why or witness.why
        return Draws.from_logits(logits.float() if logits.dtype.itemsize < 4 else logits, joint=self.joint)

    def full_passes(self, images: Tensor, *, k: int, seed: int) -> Draws:
        """The same draws by K full passes with nothing remembered: slow, and what `draws` is checked against."""
        found = replace(self._known(laid_out(images, self.model)).found, shared=self._found.shared)
        return self._whole(found, images, range(k), seed)

    def _whole(self, found: Discovery, images: Tensor, draws: Iterable[int], seed: int) -> Draws:
        images = laid_out(images, self.model)
        passes = [random_pass(self.model, images, self._read, found, seed=seed, draw=i)[0] for i in draws]
        return Draws.from_logits(torch.stack(passes, dim=1).float(), joint=self.joint)

    def _by_head(self, tail: Tail, parts: Iterator[Tensor], k: int, seed: int, batch: int) -> Iterator[Draws]:
        posterior = DropoutPosterior(tail.head, k=k, seed=seed, names=tail.names)
        for some in grouped(parts, max(1, 4 * BLOCK // batch)):
            placed = [laid_out(part, self.model) for part in some]
            drawn = posterior(torch.cat([features(self.model, part, self._found) for part in placed]))
            yield drawn if self.joint else Draws(drawn.log_probs, joint=False)

    def _known(self, images: Tensor) -> Examined:
        """What is known of images of that shape: axes of another shape would be a guess."""
        shape = tuple(images.shape[1:])
        if shape not in self._examined:
            example = laid_out(several(images), self.model)
            asked = random_pass(
                self.model, example[:2], self._read, replace(self._found, axes=Axes()), seed=0, draw=0
            )
            found = replace(self._found, requests=tuple(asked[1].requests))
            with buffers_kept(self.model):
                self._examined[shape] = examine(self.model, example, self._read, found)
        return self._examined[shape]

    def _by_passes(self, images: Tensor, k: int, seed: int, witness: Witness) -> Tensor:
        """Logits `[n, K, C]`. A draw that goes a way not seen before is looked at, and all is run again."""
        while True:
            known = self._known(images) if len(images) else Examined(self._found, self.why)
            drawn = self._passes.draw(images, known.found.axes, k=k, seed=seed)
            new = None if known.why else unknown(drawn.asked, known.found.axes)
            if new is None:
                witness.saw(drawn.asked, known)
                return drawn.logits
            self._examined[tuple(images.shape[1:])] = self._again(images, known.found, seed, *new)

    def _again(self, images: Tensor, found: Discovery, seed: int, draw: int, key: str) -> Examined:
        """What is known when one more draw was looked at, of which something that it asks for is new."""
        with buffers_kept(self.model):
            more = learnt(
                self.model, laid_out(several(images), self.model), self._read, found, seed=seed, draw=draw
            )
        only = "" if key in more.axes.of else f"{key or 'the model'} asks for random numbers in some batches alone"
        return Examined(more, more.axes.why or only)

    def _plain_tail(self, example: Tensor) -> Tail | None:
        """The tail, if a head made of it gives the same numbers as the network itself."""
        tail = None if self._found.outside else plain_tail(self.model, example, self._found, self._read)
        if tail is None:
            return None
        found = replace(self._found, shared=shared_masks(tail.head, tail.names))
        some = (0, MOST_SHARED + 1)  # of another mask, and of another place in its round
        posterior = DropoutPosterior(tail.head, k=some[-1] + 1, seed=0, names=tail.names)
        by_head = posterior(features(self.model, example, found)).log_probs[:, some]
        if not torch.allclose(by_head, self._whole(found, example, some, 0).log_probs, atol=1e-4):
            return None
        self._found = found
        return tail

    def _count(self, example: Tensor) -> Work:
        """Of one image; of two, halved, where the model does not take one alone."""
        try:
            return self._counted(example[:1])
        except ModelError:
            two = self._counted(example[:2])
            return Work(two.once // 2, two.again // 2)

    def _counted(self, image: Tensor) -> Work:
        with FlopCounterMode(display=False) as once:
            random_pass(self.model, image, self._read, self._found, seed=0, draw=0)
        if self._tail is None:
            return Work(once.get_total_flops(), self._passes.count(image, self._found.axes))
        again = FlopCounterMode(display=False)
        seen = features(self.model, image, self._found)
        with torch.no_grad(), training_alone(self._tail.head, ()), again:
            self._tail.head(seen)
        return Work(once.get_total_flops(), again.get_total_flops())


def _are_equal(logits: Tensor) -> bool:
    return bool((logits == logits[:, :1]).all())


def _row_of_outside(model: nn.Module) -> StochasticLayer:
    note = "numbers of Python's random or of numpy: seeded by the draw, so all runs again for each"
    return StochasticLayer("", type(model).__name__, 0.0, True, note)


def _row(model: nn.Module, request: Request, why: str) -> StochasticLayer:
    kind = type(model.get_submodule(request.place)).__name__
    if request.p is None:
        note = f"noise by {request.op}"
    else:
        note = "one mask a draw, the same for all images" if not why else "one mask a draw"
    if not request.understood:
        note = f"random by {request.op}: seeded, but each image has numbers of its own"
    elif why:
        note += f"; not joint: {why}"
    return StochasticLayer(request.key, kind, request.p or 0.0, request.understood, note)
