"""A network whose randomness is all in a plain tail: found, cut off, and run by the kernels of a head.

Most classifiers are deterministic up to a dropout before their last one or two linear layers, however their
`forward` is written. One pass shows it: from the first dropout on, every layer takes what the one before it gave.

Letters: N images, D features, C classes.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from askance.uncertainty.discovery import Discovery, discover, run, taking, training_alone
from askance.uncertainty.outputs import Read, logits_of
from askance.uncertainty.randomness import Places, Randomness, visible_attention
from askance.uncertainty.split import ELEMENTWISE, SplitNet, no_dropout
from askance.vocab import ModelError
from askance.vocab.theirs import theirs


@dataclass(frozen=True, slots=True)
class Tail:
    """The part of a network from its first dropout on, as a head.

    Attributes:
        head: dropout, linear and elementwise layers; weights are shared with the network.
        names: of its dropouts, as the network's own draws know them.
    """

    head: nn.Sequential
    names: tuple[str, ...]


_ACTIVATIONS: dict[Any, type[nn.Module]] = {
    functional.relu: nn.ReLU,
    torch.relu: nn.ReLU,
    Tensor.relu: nn.ReLU,
    functional.silu: nn.SiLU,
    functional.tanh: nn.Tanh,
    torch.tanh: nn.Tanh,
    Tensor.tanh: nn.Tanh,
    torch.sigmoid: nn.Sigmoid,
    Tensor.sigmoid: nn.Sigmoid,
}
"""Activations that a `forward` may call as functions, and the layers that do the same."""


_FLATTENINGS = {torch.flatten, Tensor.flatten, torch.reshape, Tensor.reshape, Tensor.view}
"""Functions that, where they give one row an image, change nothing but the shape."""


@dataclass(frozen=True, slots=True)
class _Step:
    layer: nn.Module
    given: Tensor
    gave: Tensor


class _Dropouts(TorchFunctionMode):
    """Calls `act` at each dropout that drops, and `pass_by` after activations and flattenings called as functions.

    Args:
        act: (input, p, the dropout itself) -> what is given in its place.
        pass_by: (the layer that does the same, input, output).
    """

    def __init__(
        self,
        act: Callable[[Tensor, float, Callable[[], Tensor]], Tensor],
        pass_by: Callable[[nn.Module, Tensor, Tensor], None] | None = None,
    ) -> None:
        super().__init__()
        self._act, self._pass_by = act, pass_by

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is not functional.dropout:
            result = func(*args, **given)
            like = _ACTIVATIONS.get(func) or (nn.Flatten if func in _FLATTENINGS else None)
            if self._pass_by is not None and like is not None:
                self._pass_by(like(), args[0] if args else given["input"], result)
            return result
        x, p, training = _arguments(*args, **given)
        if not training or not 0 < p < 1:
            return func(*args, **given)
        return self._act(x, p, lambda: func(*args, **given))


class _Reached(BaseException):  # not an error, and not for a network's own `except Exception`
    def __init__(self, features: Tensor) -> None:
        super().__init__()
        self.features = features


class BeforeDropout(nn.Module):
    """The part of a network before its first dropout, as a module: images `[N, ...]` to features `[N, D]`.

    It trains as any module does. What lies behind the dropout is not in it.

    Args:
        model: the network; layers of its tail are taken out of it.
        stochastic: names of the modules that have to be in training mode for dropout to be called.
        tail: names of the layers that are in the head now.
    """

    def __init__(self, model: nn.Module, stochastic: Sequence[str], tail: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self._stochastic = tuple(stochastic)
        for name in tail:
            model.set_submodule(name, nn.Identity())

    def forward(self, images: Tensor) -> Float[Tensor, "N D"]:
        """What the first dropout is given, flattened."""
        askers = [self.model.get_submodule(name) for name in self._stochastic]
        flags = [module.training for module in askers]
        try:
            for module in askers:
                module.training = True
            with _Dropouts(_stop):
                self.model(images)
        except _Reached as reached:
            return reached.features.reshape(len(images), -1)
        finally:
            for module, training in zip(askers, flags, strict=True):
                module.training = training
        raise _not_reached(images)


def cut(
    model: nn.Module, example: Tensor, read: Read = logits_of, found: Discovery | None = None
) -> SplitNet | None:
    """A network in two parts at its first dropout, where all behind it is a plain head; else None.

    The model is taken apart: its own classifier is in the head of what is returned.

    Args:
        model: images to logits.
        example: two images or more.
        read: from what it returns to logits.
        found: what of it is random, where somebody has looked already.

    Raises:
        ModelError: nothing is random, or the model fails on the example.

    >>> whole = nn.Sequential(nn.Conv2d(3, 4, 2), nn.Dropout(0.5), nn.Flatten(), nn.Linear(4, 2))
    >>> net = cut(whole, torch.ones(2, 3, 2, 2))
    >>> [type(layer).__name__ for layer in net.head]
    ['Dropout', 'Linear']
    """
    found = found or discover(model, example, read)
    if not found.requests:
        raise no_dropout(model)
    tail = plain_tail(model, example, found, read)
    if tail is None:
        return None
    inside = {id(layer) for layer in tail.head if isinstance(layer, nn.Linear)}
    names = [name for name, module in model.named_modules() if id(module) in inside]
    before = _logits(model, example, read, found)
    net = SplitNet(BeforeDropout(model, tuple(found.stochastic.values()), names), tail.head)
    with training_alone(net, ()):
        after = _logits(net, example, logits_of, found)
    if not torch.allclose(after, before, rtol=1e-4, atol=1e-4, equal_nan=True):
        raise ModelError(
            f"{type(model).__name__} to be the same in two parts, cut at its first dropout",
            f"logits that differ by {float((after - before).abs().max()):.3g}",
            "give a network that ends in dropout and linear layers, or one whose forward is the same each time",
        )
    return net


def _logits(model: nn.Module, images: Tensor, read: Read, found: Discovery) -> Tensor:
    """In evaluation mode, and where that is random too, without its dropout: as a network of two parts is."""
    if not found.always:
        return run(model, images, read)
    nothing = _Dropouts(lambda x, *_: x)
    with theirs(*taking(model, images)), training_alone(model, ()), torch.no_grad(), nothing:
        return read(model(images))


def _stop(x: Tensor, _: float, __: Callable[[], Tensor]) -> Tensor:
    raise _Reached(x)


@torch.inference_mode(False)
def features(model: nn.Module, images: Tensor, found: Discovery) -> Float[Tensor, "N D"]:
    """What reaches the first dropout; nothing behind it runs."""
    try:
        on = training_alone(model, found.stochastic)
        with theirs(*taking(model, images)), on, torch.no_grad(), _Dropouts(_stop):
            model(images)
    except _Reached as reached:
        return reached.features.reshape(len(images), -1)
    raise _not_reached(images)


def _not_reached(images: Tensor) -> ModelError:
    return ModelError(
        "a network that comes to its dropout whatever images it is given",
        f"{len(images)} of {list(images.shape[1:])} with which it does not",
        "let forward drop in every batch, or give batches of another size",
    )


@torch.inference_mode(False)
def plain_tail(model: nn.Module, example: Tensor, found: Discovery, read: Read) -> Tail | None:
    """The tail as a head, or None where there is more to it than dropout, linear and elementwise layers."""
    steps: list[_Step] = []

    def drop(x: Tensor, p: float, run: Callable[[], Tensor]) -> Tensor:
        gave = run()
        steps.append(_Step(nn.Dropout(p), x, gave))
        return gave

    def pass_by(layer: nn.Module, given: Tensor, gave: Tensor) -> None:
        if not steps:
            return
        if type(layer) is not nn.Flatten:
            steps.append(_Step(layer, given, gave))
        elif (
            given.dim() > 1 and _same(steps[-1].gave, given) and gave.shape == given.flatten(1).shape
        ):  # or a copy
            steps[-1] = replace(steps[-1], gave=gave)

    def leave(layer: nn.Module, given: tuple[Any, ...], gave: Any) -> None:
        told = bool(steps) and steps[-1].gave is gave  # by the function that the layer calls
        if steps and given and not told and (type(layer) is nn.Linear or type(layer) in ELEMENTWISE):
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
        stack.enter_context(_Dropouts(drop, pass_by))
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
