"""A trained network as one safetensors file, whole or not at all."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from askance.networks.drawing import fill, tensors_of
from askance.networks.model import build, build_head, join
from askance.networks.tensor_file import digest_of, read_tensors
from askance.networks.trunks import filled_later, stays
from askance.uncertainty import SplitNet
from askance.vocab import Damaged, ModelError, StoreError
from askance.vocab.config import ModelConfig
from askance.vocab.files import write_whole

FORMAT = "askance-classification-1"
"""Changes when an older file can no longer be read."""

_ANEW = "delete that file: askance train then makes the model anew, from the same labels"

_STARTS = ("weights", "train", "prior")
"""What decides how training began and went, not what the network is, nor how its posterior is read."""


@dataclass(frozen=True, slots=True)
class _About:
    """What a file says of itself; the digest came later."""

    format: str | None = None
    model: dict[str, Any] = field(default_factory=dict)
    classes: list[str] = field(default_factory=list)
    digest: str | None = None


def save(net: SplitNet, config: ModelConfig, classes: Sequence[str], path: Path) -> None:
    """Write the network, whole or not at all; same network, same bytes."""
    tensors = tensors_of(net)
    about = {"format": FORMAT, "model": config.model_dump(mode="json"), "classes": list(classes)}
    about["digest"] = digest_of(tensors)
    write_whole(path, to_bytes(tensors, metadata={"askance": json.dumps(about, sort_keys=True)}))


def read_whole(path: Path) -> tuple[dict[str, Tensor], _About]:
    """What a model's file holds, and says of itself; one from before there were digests is taken at its word.

    Raises:
        StoreError: it cannot be read.
        Damaged: it is not as it was written.
    """
    tensors, about = read_tensors(path, _About)
    if about.digest is not None and about.digest != digest_of(tensors):
        raise Damaged(f"{path} as Askance wrote it", "other numbers than its digest says", _ANEW)
    return tensors, about


def load(path: Path, config: ModelConfig, classes: Sequence[str]) -> SplitNet:
    """Rebuild the network and fill it.

    A file with *fewer or more* classes loads as well, as the round before a class was added: such a network
    can be trained on from (then from scratch) and is refused for everything else.

    Raises:
        ModelError: no such file, a damaged one, not of this format, of another network, or of other classes.
    """
    fix = "run with the configuration it was trained under, or train again"
    try:
        tensors, about = read_whole(path)
    except StoreError as error:
        way = _ANEW if isinstance(error, Damaged) else fix
        raise ModelError("a model saved by Askance", f"{path}: {error.got}", way) from error
    if about.format != FORMAT:
        raise ModelError(f"a file of format {FORMAT}", f"{about.format} in {path}", fix)
    _check(about.model, config, path, fix)
    saved = about.classes
    if len(saved) == len(classes) and list(saved) != list(classes):
        raise ModelError(f"the classes {', '.join(classes)}", f"{', '.join(saved)} in {path}", fix)
    try:
        net = fill(_empty(tensors, config, len(saved)), tensors, config)
    except RuntimeError as error:
        raise ModelError(f"the tensors of {config.name}", f"{path}: {error}", fix) from error
    for member in net.members:
        member.to(memory_format=torch.channels_last).eval()
    return net


def _empty(tensors: dict[str, Tensor], config: ModelConfig, n_classes: int) -> SplitNet:
    """A network of these layers, to be filled; a trunk that stays as it is is not built for that.

    Raises:
        RuntimeError: tensors without a head.
    """
    if not stays(config):
        return build(config.model_copy(update={"weights": None}), n_classes, seed=0)
    layers = [name for name in sorted(tensors) if re.fullmatch(r"head\.\d+\.weight", name)]
    if not layers:
        raise RuntimeError("there is no head")
    return join(filled_later(config), build_head(config, tensors[layers[0]].shape[-1], n_classes, 0))


def _check(saved: dict[str, object], config: ModelConfig, path: Path, fix: str) -> None:
    now = config.model_dump(mode="json")
    saved = {**ModelConfig().model_dump(mode="json"), **saved}  # a setting that came later was as it is unset
    other = [key for key in now if key not in _STARTS and saved.get(key) != now[key]]
    if other:
        wanted = ", ".join(f"{key} = {now[key]}" for key in other)
        got = ", ".join(f"{key} = {saved.get(key)}" for key in other)
        raise ModelError(f"a model with {wanted}", f"{got} in {path}", fix)
