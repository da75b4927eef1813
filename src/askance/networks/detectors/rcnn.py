"""Faster R-CNN: proposals are fixed, and dropout stands before the predictor of classes and boxes.

Letters: M proposals of one image, U kept of them, K draws, C classes, H features.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.ops import clip_boxes_to_image

from askance.networks.detectors.sampled import Head, softmax_logits
from askance.networks.detectors.seen import Frame, framed
from askance.uncertainty import of_linear, rows_of_linear

DROPOUT = "box_predictor"
"""The one dropout: classes and boxes are read off the same features, so they share its masks."""


@dataclass(frozen=True, slots=True, eq=False)
class RcnnLook:
    """Proposals of one image, and what the head says of them.

    Attributes:
        net: the network.
        frame: how the image went in.
        proposals: `[M, 4]`, pixels of what went in.
        given: `[M, H]`, what goes into the predictor.
        scores: `[M, C]`.
        deltas: `[M, C, 4]`.
    """

    net: FasterRCNN
    frame: Frame
    proposals: Float[Tensor, "M 4"]
    given: Float[Tensor, "M H"]
    scores: Float[Tensor, "M C"]
    deltas: Float[Tensor, "M C 4"]

    @property
    def overlap(self) -> float:
        """As the network was made with."""
        return float(self.net.roi_heads.nms_thresh)

    def edges(self, which: Int[Tensor, "u"], label: Int[Tensor, "u"]) -> Float[Tensor, "u 4"]:
        """The boxes of some proposals."""
        return self._placed(which, self.deltas[which, label].unsqueeze(1)).squeeze(1)

    def head(self, which: Int[Tensor, "U"], label: Int[Tensor, "U"]) -> Head:
        """The predictor at some proposals: all classes, and the box of one class each."""
        predictor, given = self.net.roi_heads.box_predictor, self.given[which]
        rows = 4 * (label + 1).unsqueeze(1) + torch.arange(4, device=label.device)
        return Head(
            given,
            of_linear(DROPOUT, predictor.cls_score, given),
            rows_of_linear(DROPOUT, predictor.bbox_pred, given, rows),
            softmax_logits,
            lambda deltas: self._placed(which, deltas),
        )

    def _placed(self, which: Tensor, deltas: Float[Tensor, "u K 4"]) -> Float[Tensor, "u K 4"]:
        coder = self.net.roi_heads.box_coder
        moved = coder.decode_single(deltas.flatten(1), self.proposals[which]).view_as(deltas)
        return self.frame.outside(clip_boxes_to_image(moved, self.frame.inside))


def look_at_rcnn(net: FasterRCNN, image: Tensor) -> RcnnLook:
    """One pass over one image `[3, H, W]`, numbers in 0..1."""
    batch, frame = framed(net, image)
    maps = net.backbone(batch.tensors)
    maps = maps if isinstance(maps, dict) else {"0": maps}
    proposals, _ = net.rpn(batch, maps)
    heads = net.roi_heads
    given = heads.box_head(heads.box_roi_pool(maps, proposals, batch.image_sizes))
    given = given.flatten(1)
    logits, deltas = heads.box_predictor(given)
    scores = logits.softmax(-1)[:, 1:]
    return RcnnLook(net, frame, proposals[0], given, scores, deltas.view(len(given), -1, 4)[:, 1:])
