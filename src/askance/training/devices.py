"""Where training runs, at which precision, and which part of a step each of several devices takes.

One processor or one card at full precision needs nothing but torch. All else is by Lightning Fabric, which is
imported where it is asked for: that takes several times as long as importing torch.

Letters: b images of a minibatch, w devices, each with a process of its own.
"""

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from askance.maths import keyed_seed
from askance.training.adam import Adam, Groups, Optimiser
from askance.vocab import ConfigError, Json
from askance.vocab.config import TrainConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
"""Weights stay float32: what is saved does not depend on the machine."""

FULL = "32-true"
"""The precision at which nothing is cast or scaled."""


class Device(Protocol):
    """What trunks and trainings run on: this process's device, and how many processes there are."""

    @property
    def device(self) -> torch.device:
        """Of this process."""
        ...

    @property
    def precision(self) -> str:
        """One of `PRECISIONS`."""
        ...

    @property
    def world_size(self) -> int:
        """w, 1 where there is no other process."""
        ...

    @property
    def global_rank(self) -> int:
        """The number of this process, from 0."""
        ...

    def there(self) -> int:
        """How many devices of this kind the machine has."""
        ...

    def setup(self, part: nn.Module, groups: Groups, rate: float) -> tuple[nn.Module, Optimiser]:
        """The module to call in training, moved to the device, and Adam over its weights."""
        ...

    def autocast(self) -> AbstractContextManager[object]:
        """Inside, networks compute at the precision."""
        ...

    def backward(self, loss: Tensor) -> None:
        """Gradients, averaged over all processes."""
        ...

    def broadcast(self, number: float) -> float:
        """What the first process says."""
        ...

    def scaling(self) -> dict[str, Json]:
        """What is remembered of how losses are scaled; nothing at full precision."""
        ...

    def rescale(self, scaling: dict[str, Any]) -> None:
        """Scale as it was."""
        ...


@dataclass(frozen=True)
class OneDevice:
    """One processor or one card, at full precision."""

    device: torch.device
    precision: str = FULL
    world_size: int = 1
    global_rank: int = 0

    def there(self) -> int:
        """How many of this kind the machine has."""
        if self.device.type == "cuda":
            return torch.cuda.device_count()
        return 1 if self.device.type == "mps" else os.cpu_count() or 1

    def setup(self, part: nn.Module, groups: Groups, rate: float) -> tuple[nn.Module, Optimiser]:
        """The module itself, and our Adam."""
        return part.to(self.device), Adam(groups, rate)

    def autocast(self) -> AbstractContextManager[object]:
        """Nothing is cast."""
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Gradients."""
        loss.backward()  # type: ignore[no-untyped-call]

    def broadcast(self, number: float) -> float:
        """The number itself."""
        return number

    def scaling(self) -> dict[str, Json]:
        """Nothing is scaled."""
        return {}

    def rescale(self, scaling: dict[str, Any]) -> None:
        """Nothing is scaled."""


@dataclass(frozen=True)
class OfFabric:
    """Several devices, or another precision, by Lightning Fabric."""

    fabric: "Fabric"

    @property
    def device(self) -> torch.device:
        """Of this process."""
        return self.fabric.device

    @property
    def precision(self) -> str:
        """One of `PRECISIONS`."""
        return str(self.fabric.strategy.precision.precision)

    @property
    def world_size(self) -> int:
        """How many processes there are."""
        return int(self.fabric.world_size)

    @property
    def global_rank(self) -> int:
        """The number of this process."""
        return int(self.fabric.global_rank)

    def there(self) -> int:
        """How many of this kind the machine has."""
        return (os.cpu_count() or 1) if self.device.type == "cpu" else self.fabric.accelerator.auto_device_count()

    def setup(self, part: nn.Module, groups: Groups, rate: float) -> tuple[nn.Module, Optimiser]:
        """The module as Fabric wraps it, and torch's Adam."""
        adam = torch.optim.Adam(groups, lr=rate, fused=True)
        return cast("tuple[nn.Module, Optimiser]", self.fabric.setup(part, adam))

    def autocast(self) -> AbstractContextManager[object]:
        """Inside, networks compute at the precision."""
        return self.fabric.autocast()

    def backward(self, loss: Tensor) -> None:
        """Gradients, averaged over all processes."""
        self.fabric.backward(loss)

    def broadcast(self, number: float) -> float:
        """What the first process says."""
        return float(self.fabric.broadcast(number))

    def scaling(self) -> dict[str, Json]:
        """How losses are scaled."""
        return dict(self.fabric.strategy.precision.state_dict())

    def rescale(self, scaling: dict[str, Any]) -> None:
        """Scale as it was."""
        self.fabric.strategy.precision.load_state_dict(scaling)


def fabric_of(train: TrainConfig) -> Device:
    """One device, at the precision asked for.

    Raises:
        ConfigError: another precision, or a device this machine does not have.
    """
    if train.precision not in PRECISIONS:
        raise ConfigError(f"train.precision one of {', '.join(PRECISIONS)}", train.precision, "choose one of them")
    plain = plain_device(train.device) if train.precision == FULL else None
    if plain is not None:
        return OneDevice(plain)
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # what it tells is in our own logs
    try:
        return OfFabric(Fabric(accelerator=train.device, devices=1, precision=train.precision))  # type: ignore[arg-type]
    except (ValueError, RuntimeError, ImportError) as error:
        raise ConfigError(
            "a device this machine has", f"{train.device}: {error}", "set train.device = 'auto'"
        ) from error


def plain_device(name: str) -> torch.device | None:
    """The device of that name, the first of its kind, chosen as Fabric would; None where that is Fabric's to know.

    >>> plain_device("cpu")
    device(type='cpu')
    """
    here: dict[str, Callable[[], bool]] = {
        "mps": torch.backends.mps.is_available,
        "cuda": torch.cuda.is_available,
        "cpu": lambda: True,
    }
    if name == "auto" and find_spec("torch_xla") is None:
        name = next(kind for kind, there in here.items() if there())
    if name not in here or not here[name]():
        return None
    return torch.device(name) if name == "cpu" else torch.device(name, 0)


def devices_of(train: TrainConfig, fabric: Device) -> int:
    """How many devices may train together; of processors, a process a core at most.

    Raises:
        ConfigError: more than this machine has, or several where processes cannot be handed a pipe.
    """
    kind, there = fabric.device.type, fabric.there()
    asked = (1 if kind == "cpu" else there) if train.devices == "auto" else train.devices
    if asked > there:
        fix = f'set train.devices = {there} or less, or "auto"'
        raise ConfigError(f"train.devices = {asked} devices", f"{there} of kind {kind} here", fix)
    if asked > 1 and os.name != "posix":
        raise ConfigError("Linux or macOS, for several devices", os.name, "set train.devices = 1")
    return asked


@dataclass(frozen=True)
class Share:
    """What this process does of each step; it is all where there is no other.

    The minibatch is the same for all, and cut into contiguous parts that differ by one image at most. A part's
    mean loss counts by its size, so that the mean over processes, as gradients are averaged, is that of the whole.

    Attributes:
        fabric: knows this process's rank, and w.
    """

    fabric: Device

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return bool(self.fabric.world_size == 1)

    @property
    def first(self) -> bool:
        """Whether this is the process that validates, keeps and tells."""
        return bool(self.fabric.global_rank == 0)

    def of(self, chosen: Int[Tensor, "b"]) -> Int[Tensor, "_"]:
        """Its part of a minibatch."""
        return chosen if self.alone else chosen.tensor_split(self.fabric.world_size)[self.fabric.global_rank]

    def key(self, *words: str | int) -> int:
        """A seed that no other process has."""
        return keyed_seed(*words) if self.alone else keyed_seed(*words, "of", self.fabric.global_rank)

    def begin(self, seed: int, step: int) -> None:
        """Of several, start random numbers anew at each step, so that they follow from it and need not be kept."""
        if not self.alone:
            torch.manual_seed(self.key("dropout", seed, step))

    def scaled(self, loss: Float[Tensor, ""], part: int, whole: int) -> Float[Tensor, ""]:
        """The mean loss of a part, so that its mean over processes is the minibatch's."""
        return loss if self.alone else loss * (part * self.fabric.world_size / whole)

    def mean(self, loss: Float[Tensor, ""]) -> float:
        """Of scaled losses over all processes: the minibatch's, and the same number everywhere."""
        if self.alone:
            return float(loss.detach())
        losses = [torch.empty_like(loss) for _ in range(self.fabric.world_size)]
        torch.distributed.all_gather(losses, loss.detach())
        return float(torch.stack(losses).mean())
