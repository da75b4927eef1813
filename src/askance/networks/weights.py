"""What a trunk starts from: a file, or what its library has for its name. Every layer is accounted for."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from askance.networks import TRANSFORMERS, HubFile, cached, check_library, fetched, library_of, listed
from askance.networks.backbones import Backbone, Logits, is_timm, torchvision_names
from askance.networks.hub import WEIGHTS, fault_of
from askance.networks.huggingface import transformers_model
from askance.networks.tensor_file import digest_of, read_tensors
from askance.networks.torch_hub import of_torchvision, torchvision_file, torchvision_place
from askance.vocab import ModelError, StoreError
from askance.vocab.config import NO_WEIGHTS, PRETRAINED, ModelConfig

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sealed:
    """What a file says of itself if Askance wrote it; others say nothing."""

    digest: str | None = None


class Given(NamedTuple):
    """Weights, and where they came from.

    Attributes:
        tensors: by the names of the network's layers.
        where: for people: a repository and the file in the cache, or a path.
        fix: what to do if they are another network's.
    """

    tensors: Mapping[str, Tensor]
    where: str
    fix: str = "set model.name (and model.options) to what the weights were made for"


def given(config: ModelConfig) -> Given:
    """The weights that `model.weights` stands for; there are some.

    Raises:
        ModelError: a file that cannot be read, or pretrained weights that cannot be had: how to get them is said.
    """
    if config.weights == PRETRAINED:
        return _pretrained(config)
    path = Path(str(config.weights))
    return Given(read(path), str(path))


def read(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        ModelError: there is none.
    """
    fix = f'set model.weights in askance.toml to a safetensors file, to "{PRETRAINED}" or to "{NO_WEIGHTS}"'
    if not path.is_file():
        raise ModelError("a safetensors file for model.weights", f"{path}, which is not there", fix)
    try:
        found, about = read_tensors(path, _Sealed)
    except StoreError as error:
        raise ModelError(
            "a safetensors file for model.weights", f"{fault_of(path) or error.got}: {path}", fix
        ) from error
    if about.digest is not None and about.digest != digest_of(found):
        raise ModelError("weights as Askance saved them", f"{path}: other numbers than its digest says", fix)
    return found


def fill(made: Backbone, given: Given) -> None:
    """Fill the trunk, key by key; only the old classifier may be left over.

    Raises:
        ModelError: weights of another network.
    """
    found, classifier = given.tensors, made.classifier
    if any(key.startswith("trunk.") for key in found):  # a whole model saved by Askance
        found = {key.removeprefix("trunk."): value for key, value in found.items() if key.startswith("trunk.")}
        classifier = ()
    target = made.trunk.model if isinstance(made.trunk, Logits) else made.trunk
    old = tuple(f"{name}." for name in classifier)
    wanted = {key: value for key, value in target.state_dict().items() if not key.startswith(old)}
    ignored = [key for key in found if key.startswith(old)]
    rest = {key: value for key, value in found.items() if key not in ignored}
    if wrong := _differences(wanted, rest):
        shown = "; ".join(wrong[:6]) + (f"; and {len(wrong) - 6} more" if len(wrong) > 6 else "")
        raise ModelError(
            f"weights for every layer of the trunk, and no others, in {given.where}", shown, given.fix
        )
    target.load_state_dict(rest, strict=False)
    if ignored:
        _log.info("%s: left the classifier in the file: %s", given.where, ", ".join(sorted(ignored)))


def _differences(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """What is missing, too much, or of another shape, in words."""
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}  # nothing is computed from them
    wrong = [f"missing {key}" for key in wanted.keys() - given.keys() - counters]
    wrong += [f"unexpected {key}" for key in given.keys() - wanted.keys()]
    wrong += [
        f"{key} is {list(given[key].shape)}, not {list(wanted[key].shape)}"
        for key in given.keys() & wanted.keys()
        if given[key].shape != wanted[key].shape
    ]
    return sorted(wrong)


def _pretrained(config: ModelConfig) -> Given:
    """What the network's own library has for it."""
    what = f"the pretrained weights of {config.name}"
    library, name = library_of(config.name)
    check_library(config.name)
    if library == TRANSFORMERS:
        path = fetched(HubFile(name), what)
        model, absent = transformers_model(name, config, weights=path.parent)
        tensors = {key: value for key, value in model.state_dict().items() if key not in absent}
        return _of_file(tensors, HubFile(name), path)
    file = hub_file(config.name)
    if file is None:
        return Given(*of_torchvision(name, what))
    path = fetched(file, what)
    return _of_file(read(path), file, path)


def is_here(name: str) -> bool:
    """Whether the file of a network's pretrained weights is in its library's cache, whatever is in it."""
    library, rest = library_of(name)
    if library == TRANSFORMERS:
        return cached(HubFile(rest, "config.json")) is not None and cached(HubFile(rest)) is not None
    file = hub_file(name)
    return torchvision_place(rest)[0].is_file() if file is None else cached(file) is not None


def fetch(name: str) -> Path:
    """The file of a network's pretrained weights, fetched if need be; what is in it is not looked at closely.

    Raises:
        ModelError: it cannot be had, or there is none.
    """
    check_library(name)
    what = f"the pretrained weights of {name}"
    library, rest = library_of(name)
    if library == TRANSFORMERS:
        fetched(HubFile(rest, "config.json"), f"what {name} is made of")
        return fetched(HubFile(rest), what)
    file = hub_file(name)
    return torchvision_file(rest, what)[0] if file is None else fetched(file, what)


def _of_file(tensors: Mapping[str, Tensor], file: HubFile, path: Path) -> Given:
    fix = (
        "if model.options, size and channels are as they should be, the file is another network's: "
        f"hf download {file.repo} {file.name} --force-download"
    )
    return Given(tensors, f"{file.repo} of the hub ({path})", fix)


def hub_file(name: str) -> HubFile | None:
    """Where on the hub the weights of timm's network of that name are; None where torchvision makes it.

    Raises:
        ModelError: a name that neither knows, or one that timm has no weights for.
    """
    if (known := listed(name)) is not None:
        return known.file
    library, bare = library_of(name)
    if not is_timm(name):
        if library in ("", "torchvision") and bare in torchvision_names():
            return None
        raise ModelError("a network that timm or torchvision has weights for", name, "askance models lists some")
    import timm

    try:
        found = timm.models.get_pretrained_cfg(bare)
    except (RuntimeError, ValueError):  # a tag that it does not have
        found = None
    if found is None or not found.hf_hub_id:
        stem = bare.partition(".")[0]
        others = [other for other in timm.list_pretrained(f"{stem}.*") if other != bare]
        fix = f"model.name = {' or '.join(others[:3])}" if others else "askance models lists networks with weights"
        raise ModelError(f"a network that timm has weights for, as model.weights = {PRETRAINED}", name, fix)
    return HubFile(found.hf_hub_id, found.hf_hub_filename or WEIGHTS)
