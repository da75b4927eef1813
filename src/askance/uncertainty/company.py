"""Whether a draw is one function of an image, whatever other images stand beside it.

It is where each request for random numbers is answered along the right axis, and where the network itself looks at
one image at a time. Both are tried rather than believed: at batches of 2 and 3 for the axes, and of 5, 3 and 1 for
what comes out.

Letters: N images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from askance.uncertainty.axes import Axes, axes_of
from askance.uncertainty.discovery import Discovery, random_pass
from askance.uncertainty.outputs import Read
from askance.uncertainty.randomness import Randomness
from askance.uncertainty.requests import Request
from askance.vocab import ModelError

SEVERAL = 5
"""Images that a network is examined on."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What of a network is random, where its images lie in it, and whether its draws are joint.

    Attributes:
        found: with axes.
        why: in words, why draws are not joint; "" where they are.
    """

    found: Discovery
    why: str


def several(images: Tensor) -> Tensor:
    """`SEVERAL` images, of one or more; what is missing is made up, between the least and the most of these.

    >>> several(torch.tensor([[1.0, 3.0]])).shape
    torch.Size([5, 2])
    """
    missing = SEVERAL - len(images)
    if missing <= 0:
        return images[:SEVERAL]
    shape = (missing, *images.shape[1:])
    generator = torch.Generator().manual_seed(0)
    if images.is_floating_point():
        whole = images.float()
        low, high = (whole.min(), whole.max()) if whole.numel() else (0.0, 1.0)
        uniform = torch.rand(shape, generator=generator).to(images.device)
        made = low + uniform * ((high - low) if high > low else 1.0)
    elif images.dtype == torch.bool or not images.numel():
        made = torch.zeros(shape, device=images.device)
    else:
        bounds = int(images.min()), int(images.max()) + 1
        made = torch.randint(*bounds, shape, generator=generator).to(images.device)
    return torch.cat([images, made.to(images.dtype)])


def examine(model: nn.Module, images: Tensor, read: Read, found: Discovery) -> Examined:
    """Find the axes, and try them.

    Args:
        model: of which `found` is.
        images: `SEVERAL` of them, as the model takes them.
        read: from what it returns to logits.
        found: what of it is random; its requests are of draw 0 of two images of that shape.

    Raises:
        ModelError: the same draw of the same image differs from itself: it is random by something else than torch.
    """
    trial = _Trial(model, images, read)
    try:
        three, asked = trial.run(images[:3], found, draw=0)
    except ModelError as error:
        trial.run_again(found)
        return Examined(found, _fails(error))
    examined = replace(found, axes=axes_of(found.requests, asked.requests, (2, 3)))
    why, examined = trial.differs(examined, three)
    axes = examined.axes
    if any("quantized.dynamic" in type(module).__module__ for module in model.modules()):
        return Examined(examined, "it scales numbers by all images of a batch (dynamic quantisation)")
    if why and not axes.why and axes.folded:
        other = replace(found, axes=trial.unfolded(examined))
        if other.axes != axes and not trial.differs(other, three)[0]:
            return Examined(other, "")
    return Examined(examined, axes.why or why)


def learnt(model: nn.Module, images: Tensor, read: Read, found: Discovery, *, seed: int, draw: int) -> Discovery:
    """With the axes of what one more draw asks for: it may go another way through the network.

    Args:
        model: of which `found` is.
        images: three or more.
        read: from what it returns to logits.
        found: what is known.
        seed: of the draw.
        draw: which.
    """
    bare = replace(found, axes=Axes())
    few, many = (random_pass(model, images[:n], read, bare, seed=seed, draw=draw)[1].requests for n in (2, 3))
    axes = axes_of(few, many, (2, 3))
    known = {**axes.of, **found.axes.of}
    return replace(found, axes=Axes(known, found.axes.why or axes.why))


class Witness:
    """Whether the batches of one scoring ask alike for random numbers.

    Attributes:
        why: in words, why draws are not joint after all; "" as long as they are.
    """

    def __init__(self) -> None:
        self.why = ""
        self._keys: dict[int, list[str]] = {}

    def saw(self, asked: Sequence[Randomness], known: Examined) -> None:
        """One batch more.

        Args:
            asked: of each draw.
            known: of images of that shape.
        """
        self.why = self.why or known.why
        if known.found.requests and not all(one.requests for one in asked):
            self.why = self.why or "it asks for no random numbers in some batches"
        for draw, one in enumerate(asked):
            keys = [request.key for request in one.requests]
            if not self.why and self._keys.setdefault(draw, keys) != keys:
                self.why = "it asks for random numbers in some batches that it does not ask for in others"
            self.why = self.why or _odd(one.odd)


def unknown(asked: Sequence[Randomness], axes: Axes) -> tuple[int, str] | None:
    """The first draw that asked for something that was never seen, and its key."""
    for draw, one in enumerate(asked):
        for request in one.odd:
            if request.key not in axes.of:
                return draw, request.key
    return None


@dataclass(frozen=True, slots=True)
class _Trial:
    model: nn.Module
    images: Tensor
    read: Read

    def run(self, images: Tensor, found: Discovery, draw: int = 1, nudged: str = "") -> tuple[Tensor, Randomness]:
        """Log-probabilities of one draw, and what was asked for."""
        logits, randomness = random_pass(self.model, images, self.read, found, seed=0, draw=draw, nudged=nudged)
        return torch.log_softmax(logits.float(), dim=-1), randomness

    def run_again(self, found: Discovery, first: Tensor | None = None) -> None:
        """Refuse what torch does not see.

        Args:
            found: what is random.
            first: log-probabilities of the last image under draw 1, if they are known.

        Raises:
            ModelError: the same draw differs from itself.
        """
        one = self.images[:2] if first is None else self.images[-1:]
        first = self.run(one, found)[0] if first is None else first
        if not torch.allclose(first, self.run(one, found)[0], atol=1e-4, equal_nan=True):
            raise ModelError(
                "a model that is random by torch alone",
                "different logits for the same image and the same random numbers",
                "draw its numbers with torch, not with numpy or random, and keep no state between passes",
            )

    def differs(self, found: Discovery, other: Tensor) -> tuple[str, Discovery]:
        """How an image's draw depends on its company, in words, "" where it does not; and what was found besides.

        Args:
            found: with axes.
            other: log-probabilities of the first images under another draw.
        """
        whole = self.images
        try:
            together, asked = self.run(whole, found)
            if any(one.key not in found.axes.of for one in asked.odd) and not found.axes.why:
                found = learnt(self.model, whole, self.read, found, seed=0, draw=1)
                together, asked = self.run(whole, found)
            last = len(whole) - 1
            allowed, why = _allowed(together[: len(other)], other), ""
            for some in (slice(2, None), slice(last, None)):
                apart, fewer = self.run(whole[some], found)
                why = why or _odd([*asked.odd, *fewer.odd])
                if _gap(together[some], apart) > allowed:
                    why = why or "the same image under the same draw gives other logits beside other images"
        except ModelError as error:
            self.run_again(found)
            return _fails(error), found
        self.run_again(found, apart)
        return why, found

    def unfolded(self, found: Discovery) -> Axes:
        """Axes, where several numbers are one image's: it is tried whose logits the second along them changes."""
        axes, two = found.axes, self.images[:2]
        plain = self.run(two, found)[0]
        for key in axes.folded:
            changed = (self.run(two, found, nudged=key)[0] - plain).abs().amax(1) > 1e-6
            if changed.tolist() == [False, True]:
                axes = axes.turned(key)
        return axes


def _odd(asked: Sequence[Request]) -> str:
    """In words, what was asked for in another way than the axes have it."""
    if not asked:
        return ""
    return f"{asked[0].key or 'the model'} asks for other random numbers in other batches: {list(asked[0].shape)}"


def _gap(first: Tensor, second: Tensor) -> float:
    return float((first - second).abs().max()) if first.shape == second.shape else float("inf")


def _allowed(one: Tensor, other: Tensor) -> float:
    """What rounding may come to: a fiftieth of what two draws differ by, between 2e-5 and 2e-4."""
    return min(2e-4, max(2e-5, _gap(one, other) / 50))


def _fails(error: ModelError) -> str:
    return f"it does not take every batch: {error.wanted}; {error.got}"
