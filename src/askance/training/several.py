"""Training on several devices of this machine: one process a device, for the minimisation alone.

This process keeps the project, the pool and the progress bar. The others are handed a network, examples and
a recipe, run the same `train.minimise` on a fabric of all of them, and the first hands back what it ended with.

They are started as a program of their own that imports Askance, never by running the caller's script again, so
that nothing has to be guarded or launched; and end when this process does, however it does.

Letters: w devices.
"""

import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from safetensors.torch import load
from torch import Tensor

from askance.training.devices import devices_of
from askance.training.resume import named
from askance.training.steps import Examples, Outcome, Recipe, minimise
from askance.uncertainty import SplitNet
from askance.vocab import AskanceError, ModelError, Progress, silent
from askance.vocab.files import allocate, temporary_folder, writing

_START = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "  # Ctrl-C is the parent's to answer
    "from askance.training.worker import main; main()"
)

_PATIENCE = 1.0
"""Seconds to look for the cause of an error that may only follow from the death of another process."""


class Minimise(Protocol):
    """What `train.minimise` does."""

    def __call__(  # noqa: D102
        self,
        net: SplitNet,
        examples: Examples,
        recipe: Recipe,
        *,
        decay: float,
        seed: int,
        progress: Progress = silent,
    ) -> Outcome: ...


@dataclass(frozen=True)
class Job:
    """A minimisation, as processes are told of it; `minimise` says what these are."""

    net: SplitNet
    examples: Examples
    recipe: Recipe
    decay: float
    seed: int


def devices_for(recipe: Recipe, examples: Examples) -> tuple[int, str]:
    """On how many devices a training runs, and why so many; each has two images of a minibatch or more."""
    asked = devices_of(recipe.config, recipe.fabric)
    if recipe.moves == "head":
        return 1, "only the head is trained"
    batch = min(recipe.config.batch, len(examples.targets))
    if asked > max(1, batch // 2):
        return max(1, batch // 2), f"minibatches are of {batch} images"
    return asked, "all there are" if recipe.config.devices == "auto" else "given"


@contextmanager
def together(devices: int) -> Iterator[Minimise]:
    """What minimises on so many devices, for as long as it is needed: `minimise` itself on one.

    On the same number of devices the same inputs give the same weights, bit for bit.

    Raises:
        ModelError: inside, a process ended, or something cannot be handed to another one.
    """
    if devices == 1:
        yield minimise
        return
    with ExitStack() as stack:
        with writing(temporary_folder(), "set TMPDIR to a folder on a disk with room"):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="askance-"))
        team = _Team(devices, Path(folder))
        try:
            yield team.minimise
        finally:
            team.end()


class _Team:
    """Processes that train one network after another.

    Args:
        size: w.
        folder: theirs, removed at the end.
    """

    def __init__(self, size: int, folder: Path) -> None:
        self._folder = folder
        self._files: dict[int, tuple[Tensor, Path]] = {}
        self._channels: list[Connection[Any, Any]] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        path = {
            "PYTHONPATH": os.pathsep.join([*filter(None, sys.path), os.getcwd()]),
            "TORCH_CPP_LOG_LEVEL": "ERROR",
        }
        threads = max(1, torch.get_num_threads() // size)
        for rank in range(size):
            ours, theirs = socket.socketpair()
            words = [theirs.fileno(), rank, size, threads, os.getpid(), folder]
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _START, *map(str, words)],
                    pass_fds=[theirs.fileno()],
                    env=os.environ | path,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                )
            self._channels.append(Connection(ours.detach()))
            self._processes.append(process)

    def end(self) -> None:
        """Whatever they are at."""
        for process in self._processes:
            process.kill()
        for process, channel in zip(self._processes, self._channels, strict=True):
            process.wait()
            channel.close()

    def minimise(
        self,
        net: SplitNet,
        examples: Examples,
        recipe: Recipe,
        *,
        decay: float,
        seed: int,
        progress: Progress = silent,
    ) -> Outcome:
        """As `train.minimise` does, each process its share."""
        parcel = self._packed(Job(net.cpu(), examples, recipe, decay, seed))
        for channel in self._channels:
            try:
                channel.send_bytes(parcel)
            except OSError:  # it is dead, which shows below
                continue
        outcome, weights = self._heard(progress)
        tensors = load(weights)
        with torch.no_grad():
            for name, tensor in named(net):
                tensor.copy_(tensors[name])
        net.eval()
        return outcome

    def _heard(self, progress: Progress) -> tuple[Outcome, bytes]:
        """What the first of them ends with, once all have ended; until then, how far it is."""
        found: tuple[Outcome, bytes] | None = None
        busy = list(self._channels)
        while busy:
            for channel in cast("list[Connection[Any, Any]]", wait(busy)):
                try:
                    match channel.recv():
                        case ("progress", *how_far):
                            progress(*how_far)
                        case ("failed", error):
                            raise self._cause(error)
                        case ("ended", outcome, weights):
                            busy.remove(channel)
                            found = (outcome, weights) if weights else found
                except (EOFError, ConnectionError):
                    raise self._death(self._channels.index(channel)) from None
        if found is None:
            raise AssertionError("the first process hands back the weights")
        return found

    def _cause(self, error: Exception) -> Exception:
        """An error of one process, or the death of another that it came from."""
        until = time.monotonic() + (0 if isinstance(error, AskanceError) else _PATIENCE)
        while time.monotonic() < until:
            for rank, process in enumerate(self._processes):
                if process.poll() is not None:
                    return self._death(rank)
            time.sleep(0.05)
        return error

    def _death(self, rank: int) -> ModelError:
        """What to say of a process that ended before its time."""
        code = self._processes[rank].wait()
        how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        return ModelError(
            f"{len(self._processes)} processes that train together, one a device",
            f"number {rank} {how}",
            "if memory was short lower train.devices or train.batch; run the same command again to go on",
        )

    def _packed(self, job: Job) -> bytes:
        """For the way through a pipe; pixels go beside it, in a file that all of them map."""
        into = BytesIO()
        try:
            _Packer(into, self._beside).dump(job)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ModelError(
                "a network that can be handed to other processes, for several devices",
                str(error),
                "set train.devices = 1, or define its parts at the top of a module",
            ) from error
        return into.getvalue()

    def _beside(self, pixels: Tensor) -> str:
        """A file of these bytes, written once."""
        if id(pixels) not in self._files:
            path = self._folder / f"pixels-{len(self._files)}"
            with writing(path, "set TMPDIR to a folder on a disk with room"), path.open("wb") as file:
                allocate(file.fileno(), max(1, pixels.numel()))
                pixels.contiguous().numpy().tofile(file)
            self._files[id(pixels)] = pixels, path
        return str(self._files[id(pixels)][1])


class _Packer(pickle.Pickler):
    """Leaves bytes of images to `beside`; all other tensors go along, where shared memory could run out."""

    def __init__(self, into: BytesIO, beside: Any) -> None:
        super().__init__(into)
        self._beside = beside

    def reducer_override(self, thing: Any) -> Any:
        """How a tensor of bytes is found again."""
        if isinstance(thing, Tensor) and thing.dtype == torch.uint8 and thing.dim() == 4:
            return mapped, (self._beside(thing), tuple(thing.shape))
        return NotImplemented


def mapped(path: str, shape: tuple[int, ...]) -> Tensor:
    """Pixels in a file, uint8 of this shape; nothing is read before it is used."""
    size = torch.Size(shape).numel()
    return torch.from_file(path, shared=False, size=size, dtype=torch.uint8).reshape(shape)
