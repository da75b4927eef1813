"""What is random in a network, found by running it: no list of layers could name what people write.

All modules but those that keep statistics are put in training mode for one pass, and whoever then asks for random
numbers is stochastic. Only those are in training mode while draws are made, so BatchNorm never moves.

Letters: N images, C classes.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from askance.uncertainty.randomness import Places, Randomness, Request, visible_attention
from askance.vocab import ModelError

Read: TypeAlias = Callable[[Any], Tensor]
"""From what a model returns to its logits `[N, C]`."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What of a network is random.

    Attributes:
        stochastic: the modules that have to be in training mode for it, and their names.
        watched: those that ask for random numbers themselves, and their names.
        requests: what one pass asks for, in order.
        shared: of which several draws, one after another, have one mask between them, and how many.
    """

    stochastic: Mapping[nn.Module, str]
    watched: Mapping[nn.Module, str]
    requests: tuple[Request, ...]
    shared: Mapping[str, int] = field(default_factory=dict)


def discover(model: nn.Module, example: Tensor, read: Read) -> Discovery:
    """Find what is random by passes over a few images; flags and buffers are as before.

    A module that only leads to randomness (`if self.training: x = self.drop(x)`) is found too: where the calls do
    not come back with the askers alone in training mode, those around them join.

    Raises:
        ModelError: a model that fails, or whose output changes its shape when it is random.
    """
    names = {module: name for name, module in model.named_modules()}
    plain = run(model, example, read)
    everyone = [module for module in names if not keeps_statistics(module)]
    with buffers_kept(model):
        first = _asked(model, example, everyone, names)
        askers = {request.place for request in first}
        watched = {module: name for module, name in names.items() if name in askers}
        stochastic = dict(watched)
        found = _requests(model, example, stochastic, watched)
        missing = {r.place for r in first} - {r.place for r in found}
        around = {m: name for m, name in names.items() if _around(name, missing) and m in everyone}
        if around:
            wider = stochastic | around
            more = _requests(model, example, wider, watched)
            if type(_output(model, example, wider)) is type(_output(model, example, ())):
                stochastic, found = wider, more  # else auxiliary outputs: their dropout is not the prediction's
        shape = read(_output(model, example, stochastic)).shape
    if shape != plain.shape:
        raise ModelError(
            f"the same output {list(plain.shape)} with dropout on",
            str(list(shape)),
            "give a model whose training mode changes nothing but dropout",
        )
    return Discovery(stochastic, watched, tuple(found))


def random_pass(
    model: nn.Module, images: Tensor, read: Read, found: Discovery, *, seed: int, draw: int
) -> tuple[Float[Tensor, "N C"], list[Request]]:
    """Logits of one draw by one full pass, and what was asked for."""
    places = Places(found.watched)
    randomness = Randomness(places, images=len(images), seed=seed, draw=draw, shared=found.shared)
    with (
        training_alone(model, found.stochastic),
        places.watched(),
        visible_attention(),
        torch.no_grad(),
        randomness,
    ):
        output = model(images)
    return read(output), randomness.requests


def run(model: nn.Module, images: Tensor, read: Read) -> Float[Tensor, "N C"]:
    """Logits in evaluation mode.

    Raises:
        ModelError: the model fails on these images.
    """
    try:
        output = _output(model, images, ())
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"{type(model).__name__} to take images {list(images.shape)} of {images.dtype}",
            f"{type(error).__name__}: {error}",
            "check the image size, channels and dtype; forward(images) has to work in evaluation mode",
        ) from error
    return read(output)


def logits_of(output: Any) -> Float[Tensor, "N C"]:
    """The logits `[N, C]` of what a classifier returns: a tensor, or a record or dict that has `logits`.

    Raises:
        ModelError: neither.

    >>> logits_of({"logits": torch.zeros(2, 3)}).shape
    torch.Size([2, 3])
    """
    found = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", output)
    if _are_logits(found):
        return cast(Tensor, found)
    got = f"{list(found.shape)} of {found.dtype}" if isinstance(found, Tensor) else _described(output)
    which = repr(next(iter(output), "out")) if isinstance(output, Mapping) else "0"
    raise ModelError(
        "logits [N, C], or a record with `logits`, from the model",
        got,
        f"say where they are: read=lambda output: output[{which}], or wrap the model to return them alone",
    )


def checked(read: Read) -> Read:
    """The same reading, which says so where it does not find logits.

    Raises:
        ModelError: when called, where `read` fails or gives something else.
    """
    if read is logits_of:
        return read

    def reading(output: Any) -> Tensor:
        try:
            found = read(output)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ModelError(
                "read to find the logits in what the model returns",
                f"{type(error).__name__}: {error}, in {_described(output)}",
                "change read",
            ) from error
        if _are_logits(found):
            return found
        got = f"{list(found.shape)} of {found.dtype}" if isinstance(found, Tensor) else _described(found)
        raise ModelError("logits [N, C] from read", got, "let read return one row of numbers an image")

    return reading


def _are_logits(found: object) -> bool:
    return isinstance(found, Tensor) and found.dim() == 2 and found.is_floating_point()


@contextmanager
def training_alone(model: nn.Module, modules: Collection[nn.Module]) -> Iterator[None]:
    """These modules in training mode, all others in evaluation mode; flags as they were afterwards."""
    flags = {module: module.training for module in model.modules()}
    try:
        for module in flags:
            module.training = module in modules
        yield
    finally:
        for module, training in flags.items():
            module.training = training


@contextmanager
def buffers_kept(model: nn.Module) -> Iterator[None]:
    """Every buffer as it was, afterwards, bit for bit."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, buffer in model.named_buffers():
                if name in before and buffer.shape == before[name].shape:
                    buffer.copy_(before[name])


def keeps_statistics(module: nn.Module) -> bool:
    """Whether training mode would make it move: BatchNorm and its kin, by class or by their buffers."""
    running = any(name.startswith("running_") for name, _ in module.named_buffers(recurse=False))
    return isinstance(module, _NormBase) or running


def _asked(
    model: nn.Module, images: Tensor, everyone: Collection[nn.Module], names: Mapping[nn.Module, str]
) -> list[Request]:
    """What is asked for with everyone in training mode; where that fails, class by class, as far as each works.

    It fails where training mode does more than drop: auxiliary outputs that need larger images, for one.
    """
    try:
        return _requests(model, images, everyone, names)
    except RuntimeError:
        found: list[Request] = []
    for kind in dict.fromkeys(type(module) for module in everyone):
        with suppress(RuntimeError):
            found += _requests(model, images, [module for module in everyone if type(module) is kind], names)
    return found


def _requests(
    model: nn.Module, images: Tensor, training: Collection[nn.Module], watched: Mapping[nn.Module, str]
) -> list[Request]:
    places = Places(watched)
    randomness = Randomness(places, images=len(images), seed=0, draw=0)
    with training_alone(model, training), places.watched(), visible_attention(), torch.no_grad(), randomness:
        model(images)
    return randomness.requests


def _output(model: nn.Module, images: Tensor, training: Collection[nn.Module]) -> Any:
    with training_alone(model, training), torch.no_grad(), torch.random.fork_rng(devices=_cuda()):
        return model(images)


def _cuda() -> range:
    return range(torch.cuda.device_count())


def _around(name: str, missing: Collection[str]) -> bool:
    """Whether a module contains one of these places."""
    return any(name == "" or place.startswith(f"{name}.") for place in missing)


def _described(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"a dict of {', '.join(map(str, output))}"
    if isinstance(output, Tensor):
        return f"a tensor {list(output.shape)} of {output.dtype}"
    if isinstance(output, tuple | list):
        return f"a {type(output).__name__} of {len(output)}"
    return type(output).__name__
