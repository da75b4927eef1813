"""A training that was killed goes on: its whole state, now and then, in one file.

A training is a function of where it starts, its examples, its settings and its seed. Its file is named after a
fingerprint of these: no other training goes on from it, and of several (candidates, folds, members) each has its
own. What follows from seed and step alone, minibatches and changes of images, is not kept but worked out again.
Files stay until the model is saved, so that no training that has ended is done twice.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from askance.networks.tensor_file import read_tensors
from askance.training.adam import Optimiser
from askance.training.averages import Average, Best, Settled
from askance.training.devices import Device
from askance.uncertainty import SplitNet
from askance.vocab import Json, StoreError
from askance.vocab.files import write_whole

FORMAT = "askance-training-1"
"""Changes when an older file can no longer be gone on from."""

EVERY = 30.0
"""Seconds between two states of one training that are written."""

SHARE = 0.1
"""Of the time, at most, that writing may take: a large network's state is written less often, and never so rarely
that a kill costs more than ten times what one writing does."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Running:
    """All that a training remembers from one step to the next."""

    part: nn.Module
    adam: Optimiser
    fabric: Device
    settled: Settled
    average: Average
    best: Best | None

    def take(self, loss: float, step: int, *, last: bool) -> bool:
        """Count a step in, of this loss; whether training ends after it."""
        self.average.take(self.part)
        self.settled(loss)
        if self.best is not None:
            self.best(self.part, step, last=last)
        return last or self.ended

    @property
    def ended(self) -> bool:
        """Whether training has come to its end, and not to its last step."""
        return self.settled.reached if self.best is None else self.best.reached

    def put(self) -> None:
        """Give the module what is kept."""
        (self.average if self.best is None else self.best).put(self.part)

    def tensors(self) -> dict[str, Tensor]:
        """Weights and statistics, Adam's moments, averages, and the state of random numbers."""
        found = {f"part.{name}": tensor for name, tensor in named(self.part)}
        for name, weight in self.part.named_parameters():
            found |= {f"adam.{key}.{name}": value for key, value in self.adam.state.get(weight, {}).items()}
        found |= {f"average.{i}": tensor for i, tensor in enumerate(self.average.tensors())}
        if self.best is not None:
            found |= {f"best.{i}": tensor for i, tensor in enumerate(self.best.tensors())}
        found["random.cpu"] = torch.get_rng_state()
        if self.fabric.device.type != "cpu":
            found["random.device"] = torch.get_device_module(self.fabric.device).get_rng_state()
        return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in found.items()}

    def numbers(self) -> dict[str, Json]:
        """What is no tensor."""
        return {
            "settled": self.settled.numbers(),
            "average": self.average.numbers(),
            "best": None if self.best is None else self.best.numbers(),
            "precision": self.fabric.scaling(),
        }

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor], numbers: dict[str, Any]) -> None:
        """Be as it was, bit for bit."""
        for name, tensor in named(self.part):
            tensor.copy_(tensors[f"part.{name}"])
        for name, weight in self.part.named_parameters():
            self.adam.state[weight] = {
                key: _placed(tensors[f"adam.{key}.{name}"], weight)
                for key in ("step", "exp_avg", "exp_avg_sq")
                if f"adam.{key}.{name}" in tensors
            }
        self.settled.restore(numbers["settled"])
        self.average.restore(numbers["average"], _listed(tensors, "average"))
        if self.best is not None:
            self.best.restore(numbers["best"], _listed(tensors, "best"))
        self.fabric.rescale(numbers["precision"])
        torch.set_rng_state(tensors["random.cpu"])
        if self.fabric.device.type != "cpu":
            torch.get_device_module(self.fabric.device).set_rng_state(tensors["random.device"])


class Bookmark:
    """The file of one training.

    Args:
        path: where it is, or will be.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._wait = path, EVERY
        self._since = time.monotonic()
        self._open = True

    def restore(self, running: Running) -> int:
        """Bring a training to where it was; the number of steps it had taken, 0 where there is no whole file."""
        found = _read(self._path)
        if found is None:
            return 0
        tensors, numbers = found
        running.restore(tensors, numbers)
        _log.info("training goes on from step %d", numbers["step"])
        return int(numbers["step"])

    def note(self, running: Running, step: int, *, ended: bool) -> None:
        """After a step: write the state if it is time, or the training has ended.

        A disk that says no ends the keeping, not the training.
        """
        began = time.monotonic()
        if not self._open or not (ended or began - self._since >= self._wait):
            return
        try:
            _write(self._path, running.tensors(), {"step": step, **running.numbers()})
        except StoreError as error:
            _log.warning("this training is not kept, a kill would start it over: %s", error)
            self._open = False
        self._since = time.monotonic()
        self._wait = max(self._wait, (self._since - began) / SHARE)


class Bookmarks:
    """The files of the trainings that make one model.

    Args:
        folder: theirs alone; what lies there of other models' trainings is removed.
        of: fingerprint of what the model is made from.
    """

    def __init__(self, folder: Path, of: str) -> None:
        self._folder, self._of = folder, of
        clear(folder, but=of)

    def of(self, net: SplitNet, *words: object) -> Bookmark:
        """Of the training that starts from this network and is otherwise told by these words."""
        own = fingerprint(net, self._of, *words)
        return Bookmark(self._folder / f"{self._of}-{own}.safetensors")


def clear(folder: Path, but: str | None = None) -> None:
    """Remove the files of trainings, but those of one model, and the folder if nothing is left."""
    if not folder.is_dir():
        return
    try:
        for pattern in ("*.safetensors", ".*.tmp"):
            for file in folder.glob(pattern):
                if but is None or not file.name.startswith(but):
                    file.unlink(missing_ok=True)
        if not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:  # they cost room and nothing else
        _log.warning("%s cannot be cleared: %s", folder, error.strerror or error)


def fingerprint(net: nn.Module, *words: object) -> str:
    """Of a network's weights and whatever else is told by its words, in 24 hex digits; tensors count in full."""
    found = blake2b(digest_size=12)
    own = dict(named(net))
    known = {name: tensor for name, tensor in net.state_dict().items() if name not in own}  # of a trunk not built
    for name, tensor in (own | known).items():
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        found.update(_bytes(tensor))
    for word in words:
        found.update(_bytes(word) if isinstance(word, Tensor) else repr(word).encode())
        found.update(b"\n")
    return found.hexdigest()


@dataclass(frozen=True)
class _About:
    """What the file of a training says of itself."""

    format: str
    numbers: dict[str, Any]
    digest: str


def _write(path: Path, tensors: dict[str, Tensor], numbers: dict[str, Json]) -> None:
    about = {"format": FORMAT, "of": path.name, "numbers": numbers, "digest": _digest(path, tensors, numbers)}
    write_whole(path, to_bytes(tensors, metadata={"askance": json.dumps(about)}))


def fault(path: Path) -> str | None:
    """What is wrong with the file of a training; None if it is what was written."""
    found = _whole(path)
    return found if isinstance(found, str) else None


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The state in a file, if there is one and it is what was written."""
    if not path.exists():
        return None
    found = _whole(path)
    if not isinstance(found, str):
        return found
    _log.warning("this training starts over, as %s cannot be gone on from: %s", path, found)
    return None


def _whole(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | str:
    """The state in a file, or why there is none."""
    try:
        tensors, about = read_tensors(path, _About)
    except StoreError as error:
        return error.got
    if about.format == FORMAT and about.digest == _digest(path, tensors, about.numbers):
        return tensors, about.numbers
    return "it is of another version, of another training, or damaged"


def _digest(path: Path, tensors: Mapping[str, Tensor], numbers: object) -> str:
    """Of all that a file holds, and of its name."""
    found = blake2b(f"{path.name} {json.dumps(numbers)}\n".encode(), digest_size=16)
    for name in sorted(tensors):
        found.update(f"{name} {list(tensors[name].shape)}\n".encode())
        found.update(_bytes(tensors[name]))
    return found.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def named(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Weights and statistics, each once."""
    yield from module.named_parameters()
    yield from module.named_buffers()


def _placed(tensor: Tensor, weight: Tensor) -> Tensor:
    """A moment of Adam's laid out as its weight is, or its count of steps, on the weight's device."""
    if tensor.shape != weight.shape:
        return tensor.to(weight.device)
    return torch.empty_like(weight, dtype=tensor.dtype).copy_(tensor)


def _listed(tensors: Mapping[str, Tensor], name: str) -> list[Tensor]:
    return [tensors[f"{name}.{i}"] for i in range(sum(key.startswith(f"{name}.") for key in tensors))]
