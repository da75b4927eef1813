"""A detection model on cached maps: a few heads, each of another start, and the file they are kept in."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save as to_bytes
from torch import Tensor

from askance.networks.dense import DenseHead
from askance.networks.maps import Level
from askance.networks.tensor_file import digest_of, read_tensors
from askance.tasks.detection.loss import distances
from askance.vocab import ModelError, StoreError
from askance.vocab.files import write_whole

FORMAT = "askance-dense-1"
"""Changes when an older file can no longer be read."""
_TRUNK = "trunk."
"""How names of weights of the trunk begin in a file."""
_EDGES = 4
_RARE = -4.0
"""Where the logits of peaks start: of all cells hardly any is one."""
_START = 1.0
"""Where log distances start: edges about three cells away."""


@dataclass(frozen=True, slots=True)
class DenseModel:
    """Heads on the maps of a frozen trunk.

    Attributes:
        heads: M of them, in evaluation mode; their outputs are C logits of peaks and 4 log distances.
        levels: of the maps they take.
        classes: their names.
        quality: `[C]`, how well each class is learnt, 0 to 1, see `fitting.quality`.
        moved: weights of the trunk that training moved, by their names in the network; none where it is frozen.
    """

    heads: tuple[DenseHead, ...]
    levels: tuple[Level, ...]
    classes: tuple[str, ...]
    quality: tuple[float, ...]
    moved: dict[str, Tensor] = field(default_factory=dict)

    def can_go_on(self, levels: Sequence[Level], classes: Sequence[str]) -> bool:
        """Whether its heads are of these classes, on such maps of the trunk as it came."""
        return (self.levels, self.classes, self.moved) == (tuple(levels), tuple(classes), {})

    def mean(self, maps: Sequence[Tensor]) -> tuple[Float[Tensor, "n C h w"], Float[Tensor, "n 4 h w"]]:
        """Of every cell the mean over the heads of probabilities and of distances, in cells."""
        outputs = torch.stack([head(maps) for head in self.heads])
        n_classes = len(self.classes)
        return torch.sigmoid(outputs[:, :, :n_classes]).mean(0), distances(outputs[:, :, n_classes:]).mean(0)


def new_head(levels: Sequence[Level], n_classes: int, shape: "Shape", seed: int) -> DenseHead:
    """A head before training; same seed, same weights."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        head = DenseHead(
            levels, n_classes + _EDGES, width=shape.width, dropout=shape.dropout, separable=shape.separable
        )
    with torch.no_grad():
        head.linear.bias[:n_classes] = _RARE
        head.linear.bias[n_classes:] = _START
    return head


@dataclass(frozen=True, slots=True)
class Shape:
    """What a head is made of.

    Attributes:
        width: channels.
        separable: depthwise convolutions.
        dropout: before the last layer.
    """

    width: int
    separable: bool
    dropout: float


@dataclass(frozen=True, slots=True)
class _About:
    """What a file says of itself."""

    format: str | None = None
    trunk: str = ""
    levels: list[list[int]] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    quality: list[float] = field(default_factory=list)
    shape: dict[str, Any] = field(default_factory=dict)
    digest: str | None = None


def save(model: DenseModel, trunk: str, shape: Shape, path: Path) -> None:
    """Write all heads, and what was moved of the trunk, whole or not at all; same model, same bytes.

    Args:
        model: the heads.
        trunk: of what network and size the maps are, in words.
        shape: of the heads.
        path: where.
    """
    tensors = {
        f"head.{m}.{name}": tensor.detach().cpu().contiguous().clone()
        for m, head in enumerate(model.heads)
        for name, tensor in head.state_dict().items()
    } | {f"{_TRUNK}{name}": tensor.detach().cpu().contiguous().clone() for name, tensor in model.moved.items()}
    about = {
        "format": FORMAT,
        "trunk": trunk,
        "levels": [list(level) for level in model.levels],
        "classes": list(model.classes),
        "quality": list(model.quality),
        "shape": {"width": shape.width, "separable": shape.separable, "dropout": shape.dropout},
        "digest": digest_of(tensors),
    }
    write_whole(path, to_bytes(tensors, metadata={"askance": json.dumps(about, sort_keys=True)}))


def load(path: Path, trunk: str) -> DenseModel:
    """Read the heads back; same bytes, same answers.

    Raises:
        ModelError: no such file, a damaged one, or one of other maps.
    """
    fix = "askance train makes it anew, from the same labels"
    try:
        tensors, about = read_tensors(path, _About)
    except StoreError as error:
        raise ModelError("a model saved by Askance", f"{path}: {error.got}", fix) from error
    if about.format != FORMAT or about.digest != digest_of(tensors):
        got = f"{about.format}" if about.format != FORMAT else "other numbers than its digest says"
        raise ModelError(f"a file of format {FORMAT} as Askance wrote it", f"{path}: {got}", fix)
    if about.trunk != trunk:
        raise ModelError(f"a model on {trunk}", f"{path}: one on {about.trunk}", fix)
    levels = tuple(Level(*level) for level in about.levels)
    shape = Shape(**about.shape)
    members = 1 + max(int(name.split(".")[1]) for name in tensors if name.startswith("head."))
    own = [_beginning(tensors, f"head.{m}.") for m in range(members)]
    heads = []
    for state in own:
        head = new_head(levels, len(about.classes), shape, 0)
        try:
            head.load_state_dict(state)
        except RuntimeError as error:
            raise ModelError("heads on these maps", f"{path}: {error}", fix) from error
        heads.append(head.to(memory_format=torch.channels_last).eval())
    return DenseModel(
        tuple(heads), levels, tuple(about.classes), tuple(about.quality), _beginning(tensors, _TRUNK)
    )


def _beginning(tensors: dict[str, Tensor], start: str) -> dict[str, Tensor]:
    """Those whose names begin so, without that beginning."""
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
