"""A frozen trunk by its weights: the network itself is only built when images have to go through it.

Where the features of all images are known, a round needs a head and nothing else, and building a network costs
many times that: its library has to be imported. So the weights of a trunk, once read, are kept in a file whose
name is made of all they follow from. Nothing is taken on trust: another weights file, another setting or another
version of the library is another name, and features are found by the weights themselves (`predict.fingerprint`).

Letters: N images, D features.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b, file_digest
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from askance.networks import PIXELS, TRANSFORMERS, HubFile, cached, library_of, listed
from askance.networks.model import build_trunk, features_of, is_own
from askance.networks.tensor_file import digest_of, read_tensors
from askance.uncertainty.split import laid_out
from askance.vocab import StoreError
from askance.vocab.config import PRETRAINED, ModelConfig
from askance.vocab.files import write_whole

FORMAT = "askance-trunk-1"
"""Changes when an older file can no longer be read."""

LIBRARIES = ("torch", "torchvision", "timm", "transformers")
"""What makes networks, and might read a weights file in another way when it is another version."""

_log = logging.getLogger(__name__)


class KnownTrunk(nn.Module):
    """A trunk in evaluation mode that is built at its first image; until then it is its tensors.

    Its state dict is the network's. It has no parameters, for nothing in it is trained.

    Args:
        tensors: the network's weights and statistics, by name.
        make: makes the network, with whatever weights.
    """

    def __init__(self, tensors: Mapping[str, Tensor], make: Callable[[], nn.Module]) -> None:
        super().__init__()
        self._tensors, self._make = dict(tensors), make
        self._made: list[nn.Module] = []  # a list, so that it is no part of the module
        self._place = torch.empty(0)

    def forward(self, images: Float[Tensor, "N ..."]) -> Float[Tensor, "N D"]:
        """What the network makes of images, on the device that this module was moved to."""
        network = self.network()
        features: Tensor = network(laid_out(images, network))
        return features

    def network(self) -> nn.Module:
        """The network itself.

        Raises:
            RuntimeError: tensors of another network.
        """
        if not self._made:
            network = self._make()
            network.load_state_dict(self._tensors)
            network.to(memory_format=torch.channels_last).eval()
            self._made.append(network.requires_grad_(False))
        return self._made[0].to(self._place.device)

    def _apply(self, function: Callable[[Tensor], Tensor], recurse: bool = True) -> "KnownTrunk":
        """Remember where it is moved to."""
        self._place = function(self._place)
        return self

    def _save_to_state_dict(self, destination: dict[str, Tensor], prefix: str, keep_vars: bool) -> None:
        destination |= {f"{prefix}{name}": tensor for name, tensor in self._tensors.items()}

    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *_: Any) -> None:
        own = {name: tensor for name, tensor in state_dict.items() if name.startswith(prefix)}
        self._tensors = {name.removeprefix(prefix): tensor for name, tensor in own.items()}
        self._made.clear()


def stays(config: ModelConfig) -> bool:
    """Whether training leaves the trunk of this network as it is."""
    wanted = config.train or ("head" if config.has_weights else "all")
    return wanted == "head" and config.name != PIXELS and not is_own(config)


def filled_later(config: ModelConfig) -> KnownTrunk:
    """A trunk that is to be given its tensors."""
    return KnownTrunk({}, partial(build_trunk, config.model_copy(update={"weights": None}), 0))


def given_trunk(config: ModelConfig, folder: Path | None) -> tuple[nn.Module, int]:
    """The trunk with the weights that the settings name, and D; built only if it is not known yet.

    Args:
        config: with weights.
        folder: where trunks are kept; None: nowhere, it is built.

    Raises:
        ModelError: as `build_trunk`.
    """
    path = _place(folder / "trunks", config) if folder and stays(config) else None
    known = _read(path) if path else None
    if known is not None:
        trunk = filled_later(config)
        trunk.load_state_dict(known[0])
        return trunk, known[1]
    built = build_trunk(config, 0)
    width = features_of(built, config)
    if path:
        _write(path, built, width)
    return built, width


def made_from(config: ModelConfig) -> str:
    """Of all that a trunk's weights follow from, in 32 hex digits: settings, weights, versions of the libraries.

    Of a weights file its content counts, not its name. Pretrained weights are their file in the hub's cache, as it
    is now: its link leads to a name made of its content. Of those that are not there, or are of a network that
    only its library can tell the file of, the name of the network counts.
    """
    return _key(config, _library_file(config))


def _place(folder: Path, config: ModelConfig) -> Path:
    """The file of a trunk. Without pretrained weights in the cache it is the one that was read last."""
    file, nameless = _library_file(config), _key(config, None)
    key, note = _key(config, file), folder / f"{nameless}.last"
    if file is None:
        with suppress(OSError, UnicodeDecodeError):
            last = folder / f"{note.read_text('utf-8').strip()}.safetensors"
            return last if last.is_file() else folder / f"{nameless}.safetensors"
    elif not note.is_file() or note.read_bytes() != key.encode():
        write_whole(note, key.encode())
    return folder / f"{key}.safetensors"


def _library_file(config: ModelConfig) -> Path | None:
    """The file of pretrained weights in the hub's cache, if it is there and known without a library's import."""
    if config.weights != PRETRAINED:
        return None
    if (known := listed(config.name)) is not None:
        return cached(known.file)
    library, repo = library_of(config.name)
    return cached(HubFile(repo)) if library == TRANSFORMERS else None


def _key(config: ModelConfig, library_file: Path | None) -> str:
    """See `made_from`."""
    path = Path(str(config.weights))
    if path.is_file():
        with path.open("rb") as file:
            weights = file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()
    elif library_file is not None:
        stat = library_file.stat()
        weights = f"{library_file.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    else:
        weights = f"not a file: {config.weights}"
    look = (config.name, sorted(config.options.items()), config.size, config.channels)
    words = (FORMAT, look, weights, [(name, _version(name)) for name in LIBRARIES])
    return blake2b(repr(words).encode(), digest_size=16).hexdigest()


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"


@dataclass(frozen=True, slots=True)
class _About:
    """What a trunk's file says of itself."""

    format: str
    width: int
    digest: str


def _write(path: Path, trunk: nn.Module, width: int) -> None:
    """Keep a trunk; a disk that says no costs the next round the time to build it."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in trunk.state_dict().items()}
    about = {"format": FORMAT, "width": width, "digest": digest_of(tensors)}
    try:
        write_whole(path, to_bytes(tensors, metadata={"askance": json.dumps(about)}))
    except StoreError as error:
        _log.warning("the trunk is not kept: %s: %s", path, error.got)


def fault(path: Path) -> str | None:
    """What is wrong with the file of a trunk; None if it is what was written."""
    found = _whole(path)
    return found if isinstance(found, str) else None


def _read(path: Path) -> tuple[dict[str, Tensor], int] | None:
    """The tensors in a file and D, if there is one and it is what was written."""
    if not path.exists():
        return None
    found = _whole(path)
    if not isinstance(found, str):
        return found
    _log.warning("the trunk is built anew, as %s cannot be used: %s", path, found)
    return None


def _whole(path: Path) -> tuple[dict[str, Tensor], int] | str:
    """The tensors in a file and D, or why there are none."""
    try:
        tensors, about = read_tensors(path, _About)
    except StoreError as error:
        return error.got
    same = about.format == FORMAT and about.digest == digest_of(tensors)
    return (tensors, about.width) if same else "it is of another version, or damaged"
