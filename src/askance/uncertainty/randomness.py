"""Whatever a network asks chance for, answered so that a draw is one function.

A forward pass asks torch for random numbers in one place only: below Python, at the operators. That is where
`Randomness` stands, so that dropout as a layer or as a function, dropout of attention, of channels and of whole
branches, and noise, are all one case: an operator wants numbers of some shape.

Letters: N images.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from askance.maths import keyed_seed
from askance.uncertainty.answers import ANSWERS, dropped, is_certain
from askance.uncertainty.axes import Axes
from askance.uncertainty.masks import place_in_round, shifted
from askance.uncertainty.requests import Request


class Places:
    """Which module is running: the innermost of those that are watched.

    Args:
        names: the modules that are watched, and what they are called.
    """

    def __init__(self, names: Mapping[nn.Module, str]) -> None:
        self._names = names
        self._running: list[nn.Module] = []
        self._turns: dict[str, int] = {}

    @contextmanager
    def watched(self) -> Iterator["Places"]:
        """Watch inside; hooks are gone afterwards, also after an error."""
        self._running.clear()
        self._turns.clear()
        handles = []
        for module in self._names:
            handles.append(module.register_forward_pre_hook(self._enter))
            handles.append(module.register_forward_hook(self._leave, always_call=True))
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def begin(self) -> None:
        """A new pass: nothing has been asked for."""
        self._turns.clear()

    def next(self) -> tuple[str, int]:
        """The innermost running place, and how many times it has asked already."""
        place = self._names[self._running[-1]] if self._running else ""
        turn = self._turns.get(place, 0)
        self._turns[place] = turn + 1
        return place, turn

    def _enter(self, module: nn.Module, _: object) -> None:
        self._running.append(module)

    def _leave(self, module: nn.Module, *_: object) -> None:
        self._running.pop()


class Randomness(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Answers requests for random numbers from (seed, draw, place, turn), the same for every image of a batch.

    Args:
        places: what is running.
        images: N, images of the batch.
        seed: what the numbers derive from.
        draw: which draw this is.
        axes: where the images lie in what is asked for; what it does not know is not shared between images.
        shared: places of which several draws, one after another, have one mask between them, and how many.
        nudged: the key of a request of which the numbers second along the axis of images are other ones.

    Attributes:
        requests: what was asked for, in order.
        odd: of those, the ones that `axes` knows otherwise or not at all.
    """

    def __init__(
        self,
        places: Places,
        *,
        images: int,
        seed: int,
        draw: int,
        axes: Axes | None = None,
        shared: Mapping[str, int] | None = None,
        nudged: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.requests: list[Request] = []
        self.odd: list[Request] = []
        self._places, self._images, self._axes = places, images, axes or Axes()
        self._seed, self._draw, self._sharing, self._nudged = seed, draw, shared or {}, nudged
        self._key, self._shift = "", 0.0
        self._shape: tuple[int, ...] = ()
        self._generator = torch.Generator()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Let everything pass that is not random."""
        given = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags or is_certain(func, args):
            return func(*args, **given)
        place, turn = self._places.next()
        answer, p = ANSWERS.get(func), dropped(func, args, given)
        self._key = place if turn == 0 else f"{place}#{turn}"
        number, self._shift = place_in_round(self._draw // self._sharing.get(self._key, 1), p or 0.0)
        self._generator.manual_seed(keyed_seed("dropout", self._seed, number, self._key))
        if answer is None:
            found = self._own(func, args, given)
            self._shape = next((tuple(leaf.shape) for leaf in tree_leaves(found) if isinstance(leaf, Tensor)), ())
        else:
            found = answer(self, args, given)
        request = Request(place, turn, str(func), p, answer is not None, self._shape)
        self.requests.append(request)
        axis = self._axes.of.get(self._key)
        if axis is None or axis.of(self._images) != self._shape:
            self.odd.append(request)
        return found

    def uniform(self, like: Tensor | Sequence[int]) -> Tensor:
        """Numbers in [0, 1) of a shape, on the CPU, the same for all images."""
        return self._spread(like, lambda shape: torch.rand(shape, generator=self._generator))

    def kept(self, like: Tensor, p: float) -> Tensor:
        """What dropout keeps, as `dropout_masks` has it."""
        return self._spread(
            like, lambda shape: shifted(torch.rand(shape, generator=self._generator), self._shift) >= p
        )

    def normal(self, like: Tensor | Sequence[int]) -> Tensor:
        """Standard normal numbers of a shape, on the CPU, the same for all images."""
        return self._spread(like, lambda shape: torch.randn(shape, generator=self._generator))

    def _spread(self, like: Tensor | Sequence[int], make: Callable[[tuple[int, ...]], Tensor]) -> Tensor:
        """Numbers of one image for all of them; where it is not known which are whose, for each its own."""
        self._shape = tuple(like.shape) if isinstance(like, Tensor) else tuple(like)
        axis = self._axes.of.get(self._key)
        if axis is None or axis.of(self._images) != self._shape:
            return make(self._shape)
        numbers = axis.spread(make(axis.of(1)), self._images)
        return numbers if self._key != self._nudged or axis.place is None else _other(numbers, axis.place)

    def _own(self, func: Any, args: Sequence[Any], given: Mapping[str, Any]) -> Any:
        """What the operator itself gives, from the key."""
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self._generator.initial_seed())
            return func(*args, **given)


def _other(numbers: Tensor, place: int) -> Tensor:
    """The same, but for those that are second along an axis."""
    changed = numbers.clone()
    second = changed.select(place, 1)
    second.copy_(~second if second.dtype == torch.bool else 1 - second)
    return changed


@contextmanager
def visible_attention() -> Iterator[None]:
    """Attention by separate operators: fused kernels have a dropout of their own that nobody else can see."""
    with sdpa_kernel(SDPBackend.MATH):
        yield
