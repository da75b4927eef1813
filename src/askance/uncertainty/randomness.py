"""Whatever a network asks chance for, answered so that a draw is one function.

A forward pass asks torch for random numbers in one place only: below Python, at the operators. That is where
`Randomness` stands, so that dropout as a layer or as a function, dropout of attention, of channels and of whole
branches, and noise, are all one case: an operator wants numbers of some shape.

Letters: N images, W numbers an image.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from askance.maths import keyed_seed
from askance.uncertainty.masks import place_in_round, shifted

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Request:
    """Random numbers that a forward pass asked for.

    Attributes:
        place: the innermost module that was running, dotted; the model itself is "".
        turn: how many times this place had asked before in the same pass.
        op: the operator, as torch names it.
        p: the probability of dropping, where it is dropout; else None.
        understood: whether the numbers can be the same for all images.
    """

    place: str
    turn: int
    op: str
    p: float | None
    understood: bool

    @property
    def key(self) -> str:
        """What masks are derived from: the place, and the turn if it is not the first."""
        return self.place if self.turn == 0 else f"{self.place}#{self.turn}"


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
        images: N, images of the batch: an operator that wants numbers `[N * W, ...]` gets W of them, N times.
        seed: what the numbers derive from.
        draw: which draw this is.
        shared: places of which several draws, one after another, have one mask between them, and how many.

    Attributes:
        requests: what was asked for, in order.
    """

    def __init__(
        self, places: Places, *, images: int, seed: int, draw: int, shared: Mapping[str, int] | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.requests: list[Request] = []
        self._places, self._images = places, images
        self._seed, self._draw, self._sharing = seed, draw, shared or {}
        self._shift = 0.0
        self._generator = torch.Generator()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Let everything pass that is not random."""
        given = dict(kwargs or {})
        if torch.Tag.nondeterministic_seeded not in func.tags or _is_certain(func, args):
            return func(*args, **given)
        place, turn = self._places.next()
        answer = _ANSWERS.get(func)
        request = Request(place, turn, str(func), _dropped(func, args, given), answer is not None)
        self.requests.append(request)
        number, self._shift = place_in_round(self._draw // self._sharing.get(request.key, 1), request.p or 0.0)
        self._generator.manual_seed(keyed_seed("dropout", self._seed, number, request.key))
        if answer is not None:
            return answer(self, args, given)
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(self._generator.initial_seed())
            return func(*args, **given)

    def uniform(self, like: Tensor | Sequence[int]) -> Tensor:
        """Numbers in [0, 1) of a shape, on the CPU, the same for all images."""
        return self._shared(like, torch.rand)

    def kept(self, like: Tensor, p: float) -> Tensor:
        """What dropout keeps, as `dropout_masks` has it."""
        return shifted(self.uniform(like), self._shift) >= p

    def normal(self, like: Tensor | Sequence[int]) -> Tensor:
        """Standard normal numbers of a shape, on the CPU, the same for all images."""
        return self._shared(like, torch.randn)

    def _shared(self, like: Tensor | Sequence[int], make: Callable[..., Tensor]) -> Tensor:
        shape = tuple(like.shape) if isinstance(like, Tensor) else tuple(like)
        n = self._images
        if shape and shape[0] % n == 0:  # [N * W, ...]: images come first, as in windows and heads of attention
            one = make((shape[0] // n, *shape[1:]), generator=self._generator)
            return one.repeat(n, *(1 for _ in shape[1:]))
        if len(shape) > 1 and shape[1] == n:  # [time, N, ...]
            return make((shape[0], 1, *shape[2:]), generator=self._generator).expand(shape)
        return make(shape, generator=self._generator)


@contextmanager
def visible_attention() -> Iterator[None]:
    """Attention by separate operators: fused kernels have a dropout of their own that nobody else can see."""
    with sdpa_kernel(SDPBackend.MATH):
        yield


def _bernoulli_(mode: Randomness, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    target: Tensor = args[0]
    p = _dropped(aten.bernoulli_.float, args, given) or 0.0
    return target.copy_(mode.kept(target, p))


def _native_dropout(mode: Randomness, args: Sequence[Any], given: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    x, p = args[0], float(args[1])
    kept = mode.kept(x, p).to(x.device)
    return x * kept / (1 - p) if p < 1 else torch.zeros_like(x), kept


def _rand(mode: Randomness, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    return _placed(mode.uniform(args[0]), args[0], given)


def _randn(mode: Randomness, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    return _placed(mode.normal(args[0]), args[0], given)


def _uniform_(mode: Randomness, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    target, low, high = args[0], _argument(args, given, 1, "from", 0.0), _argument(args, given, 2, "to", 1.0)
    filled: Tensor = target.copy_(low + (high - low) * mode.uniform(target))
    return filled


def _normal_(mode: Randomness, args: Sequence[Any], given: Mapping[str, Any]) -> Tensor:
    target, mean, std = args[0], _argument(args, given, 1, "mean", 0.0), _argument(args, given, 2, "std", 1.0)
    filled: Tensor = target.copy_(mean + std * mode.normal(target))
    return filled


def _argument(args: Sequence[Any], given: Mapping[str, Any], place: int, name: str, otherwise: float) -> float:
    return float(args[place] if len(args) > place else given.get(name, otherwise))


def _placed(values: Tensor, like: Tensor | Sequence[int], given: Mapping[str, Any]) -> Tensor:
    """Of the dtype and on the device that were asked for, else those of a tensor to be like, else torch's own."""
    dtype = given.get("dtype") or (like.dtype if isinstance(like, Tensor) else torch.get_default_dtype())
    device = given.get("device") or (like.device if isinstance(like, Tensor) else None)
    return values.to(device=device, dtype=dtype)


_ANSWERS: dict[Any, Callable[[Randomness, Sequence[Any], Mapping[str, Any]], Any]] = {
    aten.bernoulli_.float: _bernoulli_,
    aten.native_dropout.default: _native_dropout,
    aten.rand.default: _rand,
    aten.rand_like.default: _rand,
    aten.randn.default: _randn,
    aten.randn_like.default: _randn,
    aten.uniform_.default: _uniform_,
    aten.normal_.default: _normal_,
}


def _dropped(func: Any, args: Sequence[Any], given: Mapping[str, Any]) -> float | None:
    """The probability of dropping, where an operator is dropout."""
    if func is aten.bernoulli_.float:
        return round(1 - _argument(args, given, 1, "p", 0.5), 12)
    return float(args[1]) if func is aten.native_dropout.default else None


def _is_certain(func: Any, args: Sequence[Any]) -> bool:
    """Operators that may be random and here are not."""
    if func is aten.native_dropout.default:
        return args[1] == 0 or (len(args) > 2 and args[2] is False)
    return "scaled_dot_product" in str(func) and next((a for a in args[4:] if isinstance(a, float)), 0) == 0
