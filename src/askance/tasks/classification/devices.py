"""Where training runs, at which precision, and which part of a step each of several devices takes.

Letters: b images of a minibatch, w devices, each with a process of its own.
"""

import logging
import os
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from lightning_fabric import Fabric
from torch import Tensor

from askance.maths import keyed_seed
from askance.vocab import ConfigError
from askance.vocab.config import TrainConfig

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
"""Weights stay float32: what is saved does not depend on the machine."""


logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # what it tells of precision is in our own logs


def fabric_of(train: TrainConfig) -> Fabric:
    """One device, at the precision asked for.

    Raises:
        ConfigError: another precision, or a device this machine does not have.
    """
    if train.precision not in PRECISIONS:
        raise ConfigError(f"train.precision one of {', '.join(PRECISIONS)}", train.precision, "choose one of them")
    try:
        return Fabric(accelerator=train.device, devices=1, precision=train.precision)  # type: ignore[arg-type]
    except (ValueError, RuntimeError, ImportError) as error:
        raise ConfigError(
            "a device this machine has", f"{train.device}: {error}", "set train.device = 'auto'"
        ) from error


def devices_of(train: TrainConfig, fabric: Fabric) -> int:
    """How many devices may train together; of processors, a process a core at most.

    Raises:
        ConfigError: more than this machine has, or several where processes cannot be handed a pipe.
    """
    kind, on_cpu = fabric.device.type, fabric.device.type == "cpu"
    there = (os.cpu_count() or 1) if on_cpu else int(fabric.accelerator.auto_device_count())
    asked = (1 if on_cpu else there) if train.devices == "auto" else train.devices
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

    fabric: Fabric

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
