"""RetinaNet, FCOS, SSD and SSDLite: anchors are fixed, dropout of channels stands before the last convolutions.

Letters: M anchors of one image, U kept of them, K draws, C classes, D features, H channels, A anchors a cell.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad
from torchvision.models.detection import FCOS, RetinaNet
from torchvision.models.detection.ssd import SSD
from torchvision.ops import clip_boxes_to_image

from askance.networks.detectors.sampled import Head, Parts, sigmoid_logits, softmax_logits
from askance.networks.detectors.seen import Frame, framed
from askance.uncertainty import of_conv

_SURE = 1e-6
"""A score is a probability between this and one less this, so that it has a logit."""


@dataclass(frozen=True, slots=True, eq=False)
class Branch:
    """The end of a branch at one stride.

    Attributes:
        name: of its dropout; strides that share a layer share it.
        given: `[H, y, x]`, what goes into the last convolution.
        last: that convolution.
        out: `[cells x A, O]`, what it gives, anchor by anchor.
    """

    name: str
    given: Float[Tensor, "H y x"]
    last: nn.Conv2d
    out: Float[Tensor, "m O"]

    @classmethod
    def of(cls, name: str, given: Tensor, last: nn.Conv2d, columns: int) -> "Branch":
        """Run the last convolution on a map `[1, H, y, x]`; `columns` are the numbers of an anchor."""
        out = last(given)[0]
        return cls(name, given[0], last, out.view(-1, columns, *out.shape[1:]).permute(2, 3, 0, 1).flatten(0, 2))


@dataclass(frozen=True, slots=True, eq=False)
class DenseLook:
    """Anchors of one image, and what the two branches say of them.

    Attributes:
        frame: how the image went in.
        anchors: `[M, 4]`, pixels of what went in.
        classes: the branch of classes, stride by stride.
        boxes: the branch of boxes, likewise.
        scores: `[M, C]`.
        overlap: of the suppression of doubles.
        place: what the branch of boxes gives `[u, K, 4]`, and anchors `[u, 4]` -> edges `[u, K, 4]`.
        to_logits: candidates, and what the branch of classes gives `[u, K, O]` -> logits `[u, K, C + 1]`.
    """

    frame: Frame
    anchors: Float[Tensor, "M 4"]
    classes: Sequence[Branch]
    boxes: Sequence[Branch]
    scores: Float[Tensor, "M C"]
    overlap: float
    place: Callable[[Tensor, Tensor], Tensor]
    to_logits: Callable[[Tensor, Tensor], Tensor]

    def edges(self, which: Int[Tensor, "u"], label: Int[Tensor, "u"]) -> Float[Tensor, "u 4"]:
        """The boxes of some anchors; they are the same for all classes."""
        del label
        out = torch.cat([branch.out for branch in self.boxes])[which]
        return self._placed(which, out.unsqueeze(1)).squeeze(1)

    def head(self, which: Int[Tensor, "U"], label: Int[Tensor, "U"]) -> Head:
        """The last convolutions at some anchors."""
        del label
        return Head(
            self._features(which),
            self._parts(self.classes, which),
            self._parts(self.boxes, which),
            lambda given: self.to_logits(which, given),
            lambda given: self._placed(which, given),
        )

    def _placed(self, which: Tensor, given: Tensor) -> Tensor:
        moved = self.place(given, self.anchors[which])
        return self.frame.outside(clip_boxes_to_image(moved, self.frame.inside))

    def _rows(self, branches: Sequence[Branch], which: Tensor) -> list[tuple[Branch, Tensor, Tensor]]:
        """Of each stride: its branch, whose rows of the U it has, and which of its anchors they are."""
        found, first = [], 0
        for branch in branches:
            rows = torch.nonzero((which >= first) & (which < first + len(branch.out))).squeeze(-1)
            found.append((branch, rows, which[rows] - first))
            first += len(branch.out)
        return found

    def _parts(self, branches: Sequence[Branch], which: Tensor) -> Parts:
        layers = []
        for branch, rows, own in self._rows(branches, which):
            columns, n_anchors = branch.out.shape[1], branch.last.out_channels // branch.out.shape[1]
            cells, anchor = own // n_anchors, own % n_anchors
            outputs = anchor.unsqueeze(1) * columns + torch.arange(columns, device=own.device)
            if len(rows) or branch is branches[0]:
                layers.append((rows, of_conv(branch.name, branch.last, branch.given, cells, outputs)))
        return Parts(len(which), layers)

    def _features(self, which: Tensor) -> Float[Tensor, "U D"]:
        """What the branch of classes sees at each cell; narrower maps are filled up with zeros."""
        widest = max(len(branch.given) for branch in self.classes)
        out = self.anchors.new_zeros(len(which), widest)
        for branch, rows, own in self._rows(self.classes, which):
            cells = own // (branch.last.out_channels // branch.out.shape[1])
            seen = branch.given.flatten(1)[:, cells].T
            out[rows] = pad(seen, (0, widest - seen.shape[1]))
        return out


def _maps(net: Any, image: Tensor) -> tuple[Frame, list[Tensor], Tensor]:
    batch, frame = framed(net, image)
    maps = net.backbone(batch.tensors)
    levels = list(maps.values()) if isinstance(maps, dict) else [maps]
    return frame, levels, net.anchor_generator(batch, levels)[0]


def _deltas(net: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """Boxes as RetinaNet and SSD say them: shifts of an anchor."""

    def place(given: Tensor, anchors: Tensor) -> Tensor:
        edges: Tensor = net.box_coder.decode_single(given.flatten(1), anchors)
        return edges.view_as(given)

    return place


def _classes(head: Any, maps: Sequence[Tensor]) -> list[Branch]:
    """The branch of classes of RetinaNet and FCOS: all strides share its layers."""
    return [Branch.of("cls_logits", head.conv(level), head.cls_logits, head.num_classes) for level in maps]


def look_at_retinanet(net: RetinaNet, image: Tensor) -> DenseLook:
    """One pass over one image `[3, H, W]`, numbers in 0..1."""
    frame, maps, anchors = _maps(net, image)
    by_class, by_box = net.head.classification_head, net.head.regression_head
    classes = _classes(by_class, maps)
    boxes = [Branch.of("bbox_reg", by_box.conv(level), by_box.bbox_reg, 4) for level in maps]
    scores = torch.cat([branch.out for branch in classes]).sigmoid()
    return DenseLook(
        frame,
        anchors,
        classes,
        boxes,
        scores,
        net.nms_thresh,
        _deltas(net),
        lambda _, given: sigmoid_logits(given),
    )


def look_at_fcos(net: FCOS, image: Tensor) -> DenseLook:
    """One pass over one image; a score is the root of class times centre-ness, which stays as this pass has it."""
    frame, maps, anchors = _maps(net, image)
    by_class, by_box = net.head.classification_head, net.head.regression_head
    classes = _classes(by_class, maps)
    seen = [by_box.conv(level) for level in maps]
    boxes = [Branch.of("bbox_reg", one, by_box.bbox_reg, 4) for one in seen]
    central = torch.cat([Branch.of("", one, by_box.bbox_ctrness, 1).out for one in seen]).sigmoid()  # [M, 1]

    def score(logits: Tensor, centre: Tensor) -> Tensor:
        return (logits.sigmoid() * centre).sqrt()

    def to_logits(which: Tensor, given: Tensor) -> Tensor:
        return sigmoid_logits(score(given, central[which].unsqueeze(1)).clamp(_SURE, 1 - _SURE).logit())

    def place(given: Tensor, anchors: Tensor) -> Tensor:
        edges: Tensor = net.box_coder.decode(given.relu(), anchors.unsqueeze(1).expand_as(given))
        return edges

    scores = score(torch.cat([branch.out for branch in classes]), central)
    return DenseLook(frame, anchors, classes, boxes, scores, net.nms_thresh, place, to_logits)


def look_at_ssd(net: SSD, image: Tensor) -> DenseLook:
    """One pass over one image; each stride has last layers, and dropouts, of its own."""
    frame, maps, anchors = _maps(net, image)

    def branches(name: str, head: Any) -> list[Branch]:
        found = []
        for i, (level, module) in enumerate(zip(maps, head.module_list, strict=True)):
            before, last = ended(module)
            found.append(Branch.of(f"{name}.{i}", before(level), last, head.num_columns))
        return found

    classes = branches("cls_logits", net.head.classification_head)
    boxes = branches("bbox_reg", net.head.regression_head)
    scores = torch.cat([branch.out for branch in classes]).softmax(-1)[:, 1:]
    return DenseLook(
        frame,
        anchors,
        classes,
        boxes,
        scores,
        net.nms_thresh,
        _deltas(net),
        lambda _, given: softmax_logits(given),
    )


def ended(module: nn.Module) -> tuple[nn.Module, nn.Conv2d]:
    """What stands before the last convolution of a stride, and that convolution: of SSDLite, or of SSD."""
    if isinstance(module, nn.Sequential):
        *before, last = module
        assert isinstance(last, nn.Conv2d)
        return nn.Sequential(*before), last
    assert isinstance(module, nn.Conv2d)
    return nn.Identity(), module
