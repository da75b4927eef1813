"""torchvision's detectors by name: what they find, what they might have found, what they learn.

Letters: N images, U boxes, K draws, C classes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, dropout2d
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.ssd import SSD

from askance.networks.detectors.dense import ended, look_at_fcos, look_at_retinanet, look_at_ssd
from askance.networks.detectors.rcnn import look_at_rcnn
from askance.networks.detectors.sampled import Look, found_in, joined
from askance.networks.found import Found
from askance.uncertainty import How
from askance.vocab import Annotation

BATCH_NORM = (nn.modules.batchnorm._BatchNorm,)


@dataclass(frozen=True, slots=True, eq=False)
class TorchvisionDetector:
    """One of torchvision's detectors with a posterior in its head. See `networks.found.Trainable`.

    Attributes:
        net: in evaluation mode, and it stays so.
        classes: its C classes.
        dropout: p of the dropouts before its last layers.
        how: where its draws come from.
    """

    net: nn.Module
    classes: tuple[str, ...]
    dropout: float = 0.1
    how: How = "mc-dropout"

    @property
    def head(self) -> Sequence[nn.Module]:
        """All behind the maps of its backbone."""
        net: Any = self.net
        return [net.rpn, net.roi_heads] if isinstance(net, FasterRCNN) else [net.head]

    @torch.inference_mode()
    def found(self, images: Sequence[Tensor], *, k: int, seed: int, least: float = 0.05, most: int = 100) -> Found:
        """Boxes of one deterministic pass, and K draws at exactly these. See `networks.found.Detector`."""
        self.net.eval()
        parts = []
        for image in images:
            look = look_at(self.net, scaled(image, self.net))
            parts.append(found_in(look, self.how, k=k, seed=seed, p=self.dropout, least=least, most=most))
        return joined(parts)

    def losses(self, images: Sequence[Tensor], targets: Sequence[Annotation]) -> Mapping[str, Tensor]:
        """torchvision's own losses, dropout on, BatchNorm as it is. See `networks.found.Trainable`."""
        shift = 1 if isinstance(self.net, FasterRCNN | SSD) else 0  # there class 0 is background
        place = {name: i + shift for i, name in enumerate(self.classes)}
        device = next(self.net.parameters()).device
        said = [boxes_of(target, place, image, device) for image, target in zip(images, targets, strict=True)]
        drop = dropout if isinstance(self.net, FasterRCNN) else dropout2d
        with learning(self.net), dropping(last_layers(self.net), self.dropout, drop):
            losses: Mapping[str, Tensor] = self.net([scaled(image, self.net) for image in images], said)
        return losses

    def anew(self) -> Self:
        """The same with a copy of the network."""
        return replace(self, net=deepcopy(self.net))


def look_at(net: nn.Module, image: Tensor) -> Look:
    """One deterministic pass, by the kind of the network."""
    match net:
        case FasterRCNN():
            return look_at_rcnn(net, image)
        case RetinaNet():
            return look_at_retinanet(net, image)
        case FCOS():
            return look_at_fcos(net, image)
        case SSD():
            return look_at_ssd(net, image)
    raise TypeError(f"no detector of torchvision that is known here: {type(net).__name__}")


def scaled(image: Tensor, net: nn.Module) -> Tensor:
    """`[3, H, W]` uint8 as numbers in 0..1, where the network is."""
    like = next(net.parameters())
    return image.to(like.device).to(like.dtype) / 255


def boxes_of(said: Annotation, place: Mapping[str, int], image: Tensor, device: torch.device) -> dict[str, Tensor]:
    """Boxes `[n, 4]` within the image, and their classes `[n]`; crowds, and what has no area, are left out."""
    height, width = image.shape[-2:]
    rows, labels = [], []
    for thing in said.objects or ():
        box = None if thing.crowd or thing.bounds is None else thing.bounds.within(width, height)
        if box is not None and box.width >= 1e-2 and box.height >= 1e-2:
            rows.append([box.left, box.top, box.right, box.bottom])
            labels.append(place[thing.name])
    return {
        "boxes": torch.tensor(rows, dtype=torch.float32, device=device).view(-1, 4),
        "labels": torch.tensor(labels, dtype=torch.int64, device=device),
    }


@contextmanager
def learning(net: nn.Module) -> Iterator[None]:
    """The network gives losses; its BatchNorms stay as they are, statistics too."""
    try:
        for module in net.modules():
            module.training = not isinstance(module, BATCH_NORM)
        yield
    finally:
        net.eval()


@contextmanager
def dropping(layers: Sequence[nn.Module], p: float, drop: Callable[..., Tensor]) -> Iterator[None]:
    """Dropout before some layers, where draws have it, while the network learns. No layer is renamed.

    Args:
        layers: each once, though a network may have it in several places.
        p: of the dropout.
        drop: `dropout`, or `dropout2d` of whole channels.
    """

    def dropped(_: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (drop(given[0], p, True), *given[1:])

    hooks = [layer.register_forward_pre_hook(dropped) for layer in dict.fromkeys(layers)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def last_layers(net: Any) -> list[nn.Module]:
    """The layers that dropout stands before."""
    if isinstance(net, FasterRCNN):
        return [net.roi_heads.box_predictor]
    by_class, by_box = net.head.classification_head, net.head.regression_head
    if isinstance(net, SSD):
        return [ended(module)[1] for branch in (by_class, by_box) for module in branch.module_list]
    return [by_class.cls_logits, by_box.bbox_reg]
