"""Draws from any network: what is random in it is found, and what is not is run once.

Letters: N images, K draws, C classes, D features.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from askance.maths import Draws
from askance.uncertainty.batches import ImageSource, batches, first_two, grouped
from askance.uncertainty.discovery import (
    Discovery,
    Read,
    buffers_kept,
    checked,
    discover,
    logits_of,
    random_pass,
    run,
    training_alone,
)
from askance.uncertainty.heads import BLOCK
from askance.uncertainty.posterior import MOST_SHARED, DropoutPosterior, shared_masks
from askance.uncertainty.randomness import Places, Randomness, Request, visible_attention
from askance.uncertainty.replay import Memory, playing_back, remembering
from askance.uncertainty.split import SplitNet, head_width, is_plain, laid_out, no_dropout
from askance.uncertainty.stochastic import StochasticLayer
from askance.uncertainty.tail import Tail, features, plain_tail
from askance.vocab import ModelError

Way = Literal["head", "rest", "passes"]
"""How K draws are made: all before the first dropout once and a plain head K times; all before the first random
number once and the rest K times; or K full passes."""

WHOLE = 0.98
"""From this share of the work on, running the rest is running everything."""


@dataclass(frozen=True, slots=True)
class Work:
    """Multiplications of a network, counted and not timed.

    Attributes:
        once: of one full pass of one image.
        again: of what runs again for each draw.
    """

    once: int
    again: int

    def passes(self, k: int) -> float:
        """What K draws cost, in full passes: 1 is the price of one prediction.

        Where nothing could be counted (quantised layers), K, which is the most it can be.
        """
        if not self.once:
            return float(k)
        return (self.once - self.again + k * self.again) / self.once


class StochasticNet:
    """Any classifier, ready to be drawn from: K networks that differ by their random numbers (MC dropout).

    Finds what is random by running the model on a few images (see `discover`): dropout as a layer or a function,
    of single numbers, channels, attention or whole branches (stochastic depth), and noise. Numbers belong to
    (seed, draw, place) and are the same for all images, so draw k is one function, whatever the batch. Buffers,
    BatchNorm's above all, and training flags stay as they are, bit for bit.

    Args:
        model: images to logits `[N, C]`, or to a record with `logits`.
        example: one image or more, as the model takes them; or all of them, see `ImageSource`.
        read: from what the model returns to logits, as `lambda output: output["out"]`.
        key: of the images, where a loader gives dicts.

    Attributes:
        way: how draws are made.
        joint: whether draw k is one function of all images; False where numbers cannot be shared.
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
        example = laid_out(_two(example, self.model, key), self.model)
        self._found = discover(self.model, example, read)
        if not self._found.requests:
            raise no_dropout(self.model)
        self.joint, self._fragile = True, frozenset[int]()
        with buffers_kept(self.model):
            self._tail = self._plain_tail(example)
            self.joint = self._is_joint(example)
            self.work = self._count(example[:1])
        self.layers = [_row(self.model, request, self.joint) for request in self._found.requests]
        whole = self.work.again >= WHOLE * self.work.once
        self.way: Way = "head" if self._tail else "passes" if whole else "rest"

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
        if self._tail is not None:
            return Draws.cat(list(self._by_head(self._tail, parts, k, seed, batch)))
        logits = torch.cat([self._by_passes(laid_out(part, self.model), k, seed) for part in parts])
        return Draws.from_logits(logits.float() if logits.dtype.itemsize < 4 else logits, joint=self.joint)

    def full_passes(self, images: Tensor, *, k: int, seed: int) -> Draws:
        """The same draws by K full passes with nothing remembered: slow, and what `draws` is checked against."""
        return self._whole(self._found, images, range(k), seed)

    def _whole(self, found: Discovery, images: Tensor, draws: Iterable[int], seed: int) -> Draws:
        images = laid_out(images, self.model)
        passes = [random_pass(self.model, images, self._read, found, seed=seed, draw=i)[0] for i in draws]
        return Draws.from_logits(torch.stack(passes, dim=1).float(), joint=self.joint)

    def _by_head(self, tail: Tail, parts: Iterator[Tensor], k: int, seed: int, batch: int) -> Iterator[Draws]:
        posterior = DropoutPosterior(tail.head, k=k, seed=seed, names=tail.names)
        for some in grouped(parts, max(1, 4 * BLOCK // batch)):
            placed = [laid_out(part, self.model) for part in some]
            yield posterior(torch.cat([features(self.model, part, self._found) for part in placed]))

    def _by_passes(self, images: Tensor, k: int, seed: int) -> Tensor:
        """Logits `[n, K, C]`: one pass that remembers, then K - 1 that play back."""
        with self._ready() as places:
            first, memory = self._remember(images, places, seed)
            with playing_back(memory) as begin:
                rest = [self._again(begin, images, places, seed, draw) for draw in range(1, k)]
        return torch.stack([first, *rest], dim=1)

    @contextmanager
    def _ready(self) -> Iterator[Places]:
        """Everything for passes of this model: its stochastic modules on, attention visible, no gradients."""
        places = Places(self._found.watched)
        with (
            torch.inference_mode(False),
            torch.no_grad(),
            training_alone(self.model, self._found.stochastic),
            places.watched(),
            visible_attention(),
        ):
            yield places

    def _remember(self, images: Tensor, places: Places, seed: int) -> tuple[Tensor, Memory]:
        """Logits of the first draw, and what ran before its first random number.

        Where the pass wrote into an output that was not known to be written into, the memory is spoilt: once more.
        """
        while True:
            places.begin()
            randomness = Randomness(places, images=len(images), seed=seed, draw=0)
            with remembering(self.model, randomness, self._fragile) as memory, randomness:
                output = self.model(images)
            if memory.fragile <= self._fragile:
                return self._read(output), memory
            self._fragile = memory.fragile

    def _again(self, begin: Callable[[], None], images: Tensor, places: Places, seed: int, draw: int) -> Tensor:
        begin()
        places.begin()
        with Randomness(places, images=len(images), seed=seed, draw=draw):
            return self._read(self.model(images))

    def _plain_tail(self, example: Tensor) -> Tail | None:
        """The tail, if a head made of it gives the same numbers as the network itself."""
        tail = plain_tail(self.model, example, self._found, self._read)
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

    def _is_joint(self, example: Tensor) -> bool:
        """Whether an image's draws are the same alone and among others; and whether they can be had again.

        Raises:
            ModelError: the same draw differs from itself.
        """
        together, again, alone = (
            self.full_passes(images, k=2, seed=0).log_probs[-1] for images in (example, example, example[1:])
        )
        if not torch.allclose(together, again, atol=1e-4):
            raise ModelError(
                "a model that is random by torch alone",
                "different logits for the same image and the same random numbers",
                "draw its numbers with torch, not with numpy or random, and keep no state between passes",
            )
        return torch.allclose(together, alone, atol=1e-3)

    def _count(self, image: Tensor) -> Work:
        with FlopCounterMode(display=False) as once:
            random_pass(self.model, image, self._read, self._found, seed=0, draw=0)
        again = FlopCounterMode(display=False)
        with self._ready() as places:
            if self._tail is not None:
                seen = features(self.model, image, self._found)
                with training_alone(self._tail.head, ()), again:
                    self._tail.head(seen)
            else:
                _, memory = self._remember(image, places, 0)
                with playing_back(memory) as begin, again:
                    self._again(begin, image, places, 0, 1)
        return Work(once.get_total_flops(), again.get_total_flops())


def work_of(net: SplitNet, example: Tensor) -> Work:
    """What a draw of a cut network costs: its head again, whatever the kernels save of that."""
    image = laid_out(example[:1], net)
    once, again = FlopCounterMode(display=False), FlopCounterMode(display=False)
    with once:
        run(net, image, logits_of)
    seen = net.features(image)
    with again:
        run(net.head, seen, logits_of)
    return Work(once.get_total_flops(), again.get_total_flops())


class HeadDraws:
    """Draws of a head that is any network, as `DropoutPosterior` draws a plain one: features to K joint draws.

    Args:
        head: features `[N, D]` to logits `[N, C]`, whatever is in it.
        k: number of draws, K.
        seed: what its random numbers derive from.
        known: what `look_at` found in this head, so that nobody has to look again.
    """

    def __init__(self, head: nn.Sequential, *, k: int, seed: int, known: StochasticNet | None = None) -> None:
        self._net = known or look_at(head)
        self._k, self._seed = k, seed

    def __call__(self, features: Float[Tensor, "N D"]) -> Draws:
        """Log-probabilities of K draws, `[N, K, C]`."""
        return self._net.draws(features, k=self._k, seed=self._seed)


def look_at(head: nn.Sequential) -> StochasticNet:
    """What of a head is random, found by a dozen passes over two random images.

    It holds for the head's layers, whatever their weights become: they are read at each draw.
    """
    return StochasticNet(head, torch.rand(2, head_width(head), generator=torch.Generator().manual_seed(0)))


def head_posterior(head: nn.Sequential, *, k: int, seed: int) -> DropoutPosterior | HeadDraws:
    """The fastest posterior of a head by its own dropouts: kernels for a plain one, passes for any other.

    Raises:
        ModelError: nothing in it is random.
    """
    return (DropoutPosterior if is_plain(head) else HeadDraws)(head, k=k, seed=seed)


def ordinary(model: nn.Module) -> nn.Module:
    """The module itself, where it is wrapped.

    Raises:
        ModelError: no module; one without its weights; a scripted one, whose dropout Python does not see.
    """
    if not isinstance(model, nn.Module):
        raise ModelError(
            "a torch.nn.Module",
            f"a {type(model).__name__}",
            "of other models: Draws.from_probs(np.stack([m.predict_proba(x) for m in models], 1), joint=True)",
        )
    if empty := [name for name, tensor in model.named_parameters() if tensor.is_meta]:
        raise ModelError(
            "a model with its weights",
            f"{len(empty)} tensors without numbers (on the meta device), the first {empty[0]}",
            "load them: model.to_empty(device='cpu'), then model.load_state_dict(...)",
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise ModelError(
            "a model in Python, whose dropout can be answered",
            f"a scripted {model.original_name}",
            "give the nn.Module it was scripted from",
        )
    inner = getattr(model, "_orig_mod", None)  # torch.compile
    if inner is None and isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = model.module
    return inner if isinstance(inner, nn.Module) else model


def _two(example: ImageSource, model: nn.Module, key: str | None) -> Tensor:
    """Two images, made of one if need be.

    Raises:
        ModelError: no image.
    """
    some, _ = first_two(batches(example, 2, model=model, key=key))
    return some if len(some) > 1 else torch.cat([some, some.flip(-1)])


def _row(model: nn.Module, request: Request, joint: bool) -> StochasticLayer:
    kind = type(model.get_submodule(request.place)).__name__
    if request.p is None:
        note = f"noise by {request.op}"
    else:
        note = "one mask a draw, the same for all images" if joint else "one mask a draw"
    if not request.understood:
        note = f"random by {request.op}: seeded, but each image has numbers of its own"
    return StochasticLayer(request.key, kind, request.p or 0.0, request.understood, note)
