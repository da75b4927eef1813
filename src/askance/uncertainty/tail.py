"""A network whose randomness is all in a plain tail: found, cut off, and run by the kernels of a head.

Most classifiers are deterministic up to a dropout before their last one or two linear layers, however their
`forward` is written. One pass shows it: from the first dropout on, every layer takes what the one before it gave.

Letters: N images, D features, C classes.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from askance.uncertainty.discovery import Discovery, Read, training_alone
from askance.uncertainty.randomness import Places, Randomness, visible_attention
from askance.uncertainty.split import ELEMENTWISE


@dataclass(frozen=True, slots=True)
class Tail:
    """The part of a network from its first dropout on, as a head.

    Attributes:
        head: dropout, linear and elementwise layers; weights are shared with the network.
        names: of its dropouts, as the network's own draws know them.
    """

    head: nn.Sequential
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Step:
    layer: nn.Module
    given: Tensor
    gave: Tensor


class _Dropouts(TorchFunctionMode):
    """Calls `act` with (input, p) at each dropout that drops; what it returns, unless None, is the result."""

    def __init__(self, act: Callable[[Tensor, float, Callable[[], Tensor]], Tensor]) -> None:
        super().__init__()
        self._act = act

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is not functional.dropout:
            return func(*args, **given)
        x, p, training = _arguments(*args, **given)
        if not training or not 0 < p < 1:
            return func(*args, **given)
        return self._act(x, p, lambda: func(*args, **given))


class _Reached(Exception):
    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


def features(model: nn.Module, images: Tensor, found: Discovery) -> Float[Tensor, "N D"]:
    """What reaches the first dropout; nothing behind it runs."""

    def stop(x: Tensor, _: float, __: Callable[[], Tensor]) -> Tensor:
        raise _Reached(x)

    try:
        with training_alone(model, found.stochastic), torch.no_grad(), _Dropouts(stop):
            model(images)
    except _Reached as reached:
        return reached.features.flatten(1)
    raise AssertionError("a network whose tail was found has a dropout")


def plain_tail(model: nn.Module, example: Tensor, found: Discovery, read: Read) -> Tail | None:
    """The tail as a head, or None where there is more to it than dropout, linear and elementwise layers."""
    steps: list[_Step] = []

    def drop(x: Tensor, p: float, run: Callable[[], Tensor]) -> Tensor:
        gave = run()
        steps.append(_Step(nn.Dropout(p), x, gave))
        return gave

    def leave(layer: nn.Module, given: tuple[Any, ...], gave: Any) -> None:
        if steps and (type(layer) is nn.Linear or type(layer) in ELEMENTWISE):
            steps.append(_Step(layer, given[0], gave))

    places = Places(found.watched)
    with ExitStack() as stack:
        for module in model.modules():
            stack.callback(module.register_forward_hook(leave).remove)
        stack.enter_context(training_alone(model, found.stochastic))
        stack.enter_context(places.watched())
        stack.enter_context(visible_attention())
        stack.enter_context(torch.no_grad())
        randomness = stack.enter_context(Randomness(places, images=len(example), seed=0, draw=0))
        stack.enter_context(_Dropouts(drop))
        logits = read(model(example))
    dropouts = sum(type(step.layer) is nn.Dropout for step in steps)
    if not steps or dropouts != len(randomness.requests) or not _is_chain(steps, logits):
        return None
    return Tail(
        nn.Sequential(*(step.layer for step in steps)), tuple(request.key for request in randomness.requests)
    )


def _is_chain(steps: Sequence[_Step], logits: Tensor) -> bool:
    """Whether each step takes what the one before gave and the last gives the logits.

    Between them it may be flattened, which commutes with all that acts on each number alone.
    """
    flat = all(step.given.dim() == 2 for step in steps if isinstance(step.layer, nn.Linear))
    outputs = [step.gave for step in steps]
    inputs = [step.given for step in steps[1:]] + [logits]
    return flat and all(_same(gave, given) for gave, given in zip(outputs, inputs, strict=True))


def _same(a: Tensor, b: Tensor) -> bool:
    return a.data_ptr() == b.data_ptr() and (len(a), a.numel()) == (len(b), b.numel())


def _arguments(
    x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> tuple[Tensor, float, bool]:
    """As `functional.dropout` takes them."""
    return x, p, training
