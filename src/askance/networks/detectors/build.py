"""A detector by its name, with random weights or those of its library, and as one file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from inspect import signature
from pathlib import Path
from typing import Any, TypeAlias, get_args

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from askance.networks import library_of
from askance.networks.detectors.detr import DetrDetector
from askance.networks.detectors.detr_net import transformers_net
from askance.networks.detectors.filling import filled
from askance.networks.detectors.torchvision import BATCH_NORM, TorchvisionDetector
from askance.networks.tensor_file import digest_of, read_tensors
from askance.networks.torch_hub import of_torchvision
from askance.networks.weights import read
from askance.uncertainty import How
from askance.vocab import ModelError, StoreError
from askance.vocab.config import NO_WEIGHTS, PRETRAINED, ModelConfig
from askance.vocab.files import write_whole

FORMAT = "askance-detector-1"
"""Changes when an older file can no longer be read."""

NAMES = (
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
    "ssd300_vgg16",
    "ssdlite320_mobilenet_v3_large",
)
"""Of torchvision, as `torchvision/NAME`."""

DETR_TYPES = ("rt_detr", "rt_detr_v2", "d_fine")
"""Of transformers, as `transformers/TYPE`."""

_BACKGROUND_FIRST = ("fasterrcnn", "ssd")
_NO_EPSILON = ("fasterrcnn_resnet50_fpn", "retinanet_resnet50_fpn")
"""Their published weights were trained with a BatchNorm that adds nothing to the variance."""

NetDetector: TypeAlias = TorchvisionDetector | DetrDetector


@dataclass(frozen=True, slots=True)
class Spec:
    """Which detector.

    Attributes:
        name: `torchvision/fasterrcnn_resnet50_fpn`, or `transformers/rt_detr`.
        classes: its C classes.
        dropout: p before its last layers.
        how: where its draws come from.
        options: of its library's factory, as `min_size`.
    """

    name: str
    classes: tuple[str, ...]
    dropout: float = 0.1
    how: How = "mc-dropout"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        library, rest = library_of(self.name)
        known = [f"torchvision/{one}" for one in NAMES] + [f"transformers/{one}" for one in DETR_TYPES]
        if library not in ("torchvision", "transformers") or (library == "torchvision" and rest not in NAMES):
            raise ModelError("a detector by its name", self.name, f"name one of {', '.join(known)}")
        if self.how not in get_args(How):
            raise ModelError(
                f"a posterior that {self.name} has: {', '.join(get_args(How))}",
                self.how,
                'set model.posterior = "dropout-moments", or name a timm backbone for an ensemble of heads',
            )
        if not self.classes:
            raise ModelError("classes to find", "none", "label some objects first")

    @classmethod
    def of(cls, config: ModelConfig, classes: tuple[str, ...]) -> "Spec":
        """What a project's settings say."""
        how: Any = config.posterior
        return cls(config.name, classes, config.dropout, how, dict(config.options))


def is_detector(name: str) -> bool:
    """Whether a name is of a library of detectors, and not of a backbone whose maps are cached.

    >>> is_detector("torchvision/fcos_resnet50_fpn"), is_detector("mobilenetv2_100"), is_detector("timm/resnet18")
    (True, False, False)
    """
    return library_of(name)[0] in ("torchvision", "transformers")


def build(spec: Spec, *, weights: str | None = None, seed: int = 0) -> NetDetector:
    """Make a detector.

    Args:
        spec: which.
        weights: "pretrained": its library's, from the library's own cache or else fetched; a path of a safetensors
            file; None or "none": random. Layers that depend on the classes start from random numbers always.
        seed: of random numbers.

    Raises:
        ModelError: weights that cannot be had or are another network's, options that it does not take.
        MissingExtra: transformers is not installed.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        if library_of(spec.name)[0] == "transformers":
            net, look = transformers_net(spec.name, spec.classes, spec.options, weights)
            return DetrDetector(net.eval(), spec.classes, look, spec.dropout, spec.how)
        made = _torchvision_net(spec)
    if weights not in (None, NO_WEIGHTS):
        _fill(made, spec, str(weights))
    return TorchvisionDetector(made.eval(), spec.classes, spec.dropout, spec.how)


def save(detector: NetDetector, spec: Spec, path: Path) -> None:
    """Write a detector, whole or not at all; same network, same bytes."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in _named(detector.net).items()}
    about = {"format": FORMAT, "spec": {**asdict(spec), "options": dict(spec.options)}}
    write_whole(
        path,
        to_bytes(
            tensors, metadata={"askance": json.dumps({**about, "digest": digest_of(tensors)}, sort_keys=True)}
        ),
    )


@dataclass(frozen=True, slots=True)
class _About:
    format: str | None = None
    spec: dict[str, Any] = field(default_factory=dict)
    digest: str | None = None


def load(path: Path, spec: Spec) -> NetDetector:
    """Read it back; same bytes, same answers.

    Raises:
        ModelError: no such file, a damaged one, of another format, network or other classes.
    """
    fix = "run with the configuration it was trained under, or train again"
    try:
        tensors, about = read_tensors(path, _About)
    except StoreError as error:
        raise ModelError("a detector saved by Askance", f"{path}: {error.got}", fix) from error
    if about.format != FORMAT:
        raise ModelError(f"a file of format {FORMAT}", f"{about.format} in {path}", fix)
    if about.digest != digest_of(tensors):
        raise ModelError("a detector as Askance saved it", f"{path}: other numbers than its digest says", fix)
    wanted = {"name": spec.name, "classes": list(spec.classes), "options": dict(spec.options)}
    if other := [key for key, value in wanted.items() if about.spec.get(key) != value]:
        said = ", ".join(f"{key} = {about.spec.get(key)}" for key in other)
        raise ModelError(", ".join(f"{key} = {wanted[key]}" for key in other), f"{said} in {path}", fix)
    made = build(spec)
    for name, tensor in _named(made.net).items():
        if name not in tensors or tensors[name].shape != tensor.shape:
            raise ModelError(f"the tensors of {spec.name}", f"{path}: {name} is missing or of another shape", fix)
        tensor.data.copy_(tensors[name])
    made.net.eval()
    return made


def _named(net: nn.Module) -> dict[str, Tensor]:
    """Tensors by name, those that several layers share once."""
    seen: set[int] = set()
    named = {}
    for name, tensor in net.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            named[name] = tensor
    return named


def _torchvision_net(spec: Spec) -> nn.Module:
    import torchvision

    _, name = library_of(spec.name)
    n = len(spec.classes) + name.startswith(_BACKGROUND_FIRST)
    options = dict(spec.options)
    builder = torchvision.models.get_model_builder(name)
    kind = next(kind for start, kind in _KINDS.items() if name.startswith(start))
    known = {one for made in (builder, kind, GeneralizedRCNNTransform) for one in signature(made).parameters}
    known -= {"weights", "weights_backbone", "num_classes", "backbone", "kwargs", "progress"}
    if unknown := sorted(options.keys() - known):  # the library itself passes over them
        raise ModelError(
            f"options that torchvision's {name} takes: {', '.join(sorted(known))}",
            ", ".join(unknown),
            "correct model.options, as {min_size = 640, max_size = 640}",
        )
    made: nn.Module = builder(weights=None, weights_backbone=None, num_classes=n, **options)
    return made


_KINDS: Mapping[str, type[nn.Module]] = {
    "fasterrcnn": FasterRCNN,
    "retinanet": RetinaNet,
    "fcos": FCOS,
    "ssd": SSD,
}


def _fill(net: nn.Module, spec: Spec, weights: str) -> None:
    """All layers but those that depend on the classes."""
    if weights == PRETRAINED:
        _, name = library_of(spec.name)
        found, where, _ = of_torchvision(name, f"the pretrained weights of {spec.name}")
    else:
        found, where = read(Path(weights)), weights
    if weights == PRETRAINED and spec.name.endswith(_NO_EPSILON):
        for module in net.modules():
            if isinstance(module, BATCH_NORM):
                module.eps = 0.0
    filled(net, found, f"weights of {spec.name} in {where}", _BY_CLASS)


_BY_CLASS = ("box_predictor.", "cls_logits.", "classification_head.module_list")
