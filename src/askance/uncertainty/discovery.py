"""What is random in a network, found by running it: no list of layers could name what people write.

All modules but those that keep statistics are put in training mode for one pass, and whoever then asks for random
numbers is stochastic. Only those are in training mode while draws are made, so BatchNorm never moves.

Letters: N images, C classes.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from askance.uncertainty.axes import Axes
from askance.uncertainty.outputs import Read, one_each
from askance.uncertainty.outside import draws_outside, outside_seeded, outside_state
from askance.uncertainty.randomness import Places, Randomness, visible_attention
from askance.uncertainty.requests import Request
from askance.uncertainty.wrapped import ordinary
from askance.vocab import ModelError
from askance.vocab.theirs import theirs


@dataclass(frozen=True, slots=True)
class Discovery:
    """What of a network is random.

    Attributes:
        stochastic: the modules that have to be in training mode for it, and their names.
        watched: those that ask for random numbers themselves, and their names.
        requests: what one pass asks for, in order.
        shared: of which several draws, one after another, have one mask between them, and how many.
        axes: where the images lie in what is asked for; nothing is known until somebody looks.
        always: whether something is random in evaluation mode, too.
        outside: whether it draws numbers from Python's or numpy's generator, too.
    """

    stochastic: Mapping[nn.Module, str]
    watched: Mapping[nn.Module, str]
    requests: tuple[Request, ...]
    shared: Mapping[str, int] = field(default_factory=dict)
    axes: Axes = field(default_factory=Axes)
    always: bool = False
    outside: bool = False


@torch.inference_mode(False)
def discover(model: nn.Module, example: Tensor, read: Read) -> Discovery:
    """Find what is random by passes over a few images; flags and buffers are as before.

    A module that only leads to randomness (`if self.training: x = self.drop(x)`) is found too: where the calls do
    not come back with the askers alone in training mode, those around them join.

    Raises:
        ModelError: a model that cannot be run or fails, or whose output changes its shape when it is random.
    """
    ordinary(model)
    with outside_seeded("discover"):
        before = outside_state()
        found = _discovered(model, example, read)
        return found if outside_state() == before else _with_outside(model, example, found)


def _with_outside(model: nn.Module, example: Tensor, found: Discovery) -> Discovery:
    """Who draws numbers outside of torch is not seen: where it takes training mode, all are in it that can be."""
    everyone = {module: name for name, module in model.named_modules() if not keeps_statistics(module)}
    if draws_outside(lambda: _output(model, example, ())):
        return replace(found, outside=True, always=True)
    if draws_outside(lambda: _output(model, example, found.stochastic)):
        return replace(found, outside=True)
    try:
        if not draws_outside(lambda: _output(model, example, everyone)):
            return found
        if type(_output(model, example, everyone)) is not type(_output(model, example, ())):
            return found
        asked = tuple(_requests(model, example, everyone, found.watched))
    except ModelError:  # training mode does more than drop: auxiliary outputs that need larger images, for one
        return found
    return replace(found, stochastic=everyone, requests=asked, outside=True)


def _discovered(model: nn.Module, example: Tensor, read: Read) -> Discovery:
    names = {module: name for name, module in model.named_modules()}
    plain, always = _plainly(model, example, read)
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
    return Discovery(stochastic, watched, tuple(found), always=always)


@torch.inference_mode(False)
def random_pass(
    model: nn.Module, images: Tensor, read: Read, found: Discovery, *, seed: int, draw: int, nudged: str = ""
) -> tuple[Float[Tensor, "N C"], Randomness]:
    """Logits of one draw by one full pass, and what was asked for.

    Raises:
        ModelError: the model fails on these images.
    """
    places = Places(found.watched)
    randomness = Randomness(
        places,
        images=len(images),
        seed=seed,
        draw=draw,
        axes=found.axes,
        shared=found.shared,
        nudged=nudged or None,
    )
    with (
        training_alone(model, found.stochastic),
        places.watched(),
        visible_attention(),
        torch.no_grad(),
        theirs(*taking(model, images)),
        outside_seeded("draw", seed, draw) if found.outside else nullcontext(),
        randomness,
    ):
        output = model(images)
    return one_each(read(output), images), randomness


def taking(model: nn.Module, images: Tensor) -> tuple[str, str]:
    """What was wanted of a model that fails on images, and what to do."""
    return (
        f"{type(model).__name__} to take images {list(images.shape)} of {images.dtype}",
        "check the image size, channels and dtype; forward(images) has to work in evaluation mode",
    )


def _in_training(model: nn.Module) -> tuple[str, str]:
    return (
        f"{type(model).__name__} to run with its dropout on",
        "forward(images) has to work with the modules that drop in training mode",
    )


def is_random_in_evaluation(model: nn.Module, images: Tensor) -> bool:
    """Whether the network asks for random numbers though its dropout is off."""
    with outside_seeded("evaluation"):
        before = outside_state()
        if _requests(model, images, (), {}):
            return True
        return outside_state() != before and draws_outside(lambda: _output(model, images, ()))


def _plainly(model: nn.Module, images: Tensor, read: Read) -> tuple[Float[Tensor, "N C"], bool]:
    """Logits in evaluation mode, and whether they are random all the same."""
    nothing = Discovery({}, {}, ())
    logits, randomness = random_pass(model, images, read, nothing, seed=0, draw=0)
    return logits, bool(randomness.requests)


def run(model: nn.Module, images: Tensor, read: Read) -> Float[Tensor, "N C"]:
    """Logits in evaluation mode.

    Raises:
        ModelError: the model fails on these images.
    """
    return one_each(read(_output(model, images, ())), images)


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
    except ModelError:
        found: list[Request] = []
    for kind in dict.fromkeys(type(module) for module in everyone):
        with suppress(ModelError):
            found += _requests(model, images, [module for module in everyone if type(module) is kind], names)
    return found


def _requests(
    model: nn.Module, images: Tensor, training: Collection[nn.Module], watched: Mapping[nn.Module, str]
) -> list[Request]:
    places = Places(watched)
    randomness = Randomness(places, images=len(images), seed=0, draw=0)
    with (
        training_alone(model, training),
        places.watched(),
        visible_attention(),
        torch.no_grad(),
        theirs(*(_in_training(model) if training else taking(model, images))),
        randomness,
    ):
        model(images)
    return randomness.requests


def _output(model: nn.Module, images: Tensor, training: Collection[nn.Module]) -> Any:
    said = _in_training(model) if training else taking(model, images)
    with training_alone(model, training), torch.no_grad(), torch.random.fork_rng(devices=_cuda()), theirs(*said):
        return model(images)


def _cuda() -> range:
    return range(torch.cuda.device_count())


def _around(name: str, missing: Collection[str]) -> bool:
    """Whether a module contains one of these places."""
    return any(name == "" or place.startswith(f"{name}.") for place in missing)
