"""Slow, obvious twins: a detector's whole head run again for every draw, and samples matched box by box."""

from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.ssd import SSD

from askance.networks.detectors.dense import ended
from askance.uncertainty import dropout_masks


def heads_of_draws(net: Any, image: Tensor, *, k: int, seed: int, p: float) -> tuple[Tensor, Tensor]:
    """What the classes' and the boxes' last layers give at all candidates, `[K, M, O]`, mask by mask.

    The masks are put before the layers by hooks, and the whole head runs.
    """
    batch, _ = net.transform([image])
    maps = net.backbone(batch.tensors)
    named = _last_layers(net)
    found = []
    for draw in range(k):
        hooks = [layer.register_forward_pre_hook(_masking(name, draw, seed, p)) for name, layer in named]
        try:
            found.append(_head(net, batch, maps))
        finally:
            for hook in hooks:
                hook.remove()
    classes, boxes = zip(*found, strict=True)
    return torch.stack(classes), torch.stack(boxes)


def _head(net: Any, batch: Any, maps: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    if isinstance(net, FasterRCNN):
        proposals, _ = net.rpn(batch, maps)
        pooled = net.roi_heads.box_roi_pool(maps, proposals, batch.image_sizes)
        return net.roi_heads.box_predictor(net.roi_heads.box_head(pooled))
    out = net.head(list(maps.values()))
    return out["cls_logits"][0], out["bbox_regression"][0]


def _last_layers(net: Any) -> list[tuple[str, Any]]:
    if isinstance(net, FasterRCNN):
        return [("box_predictor", net.roi_heads.box_predictor)]
    by_class, by_box = net.head.classification_head, net.head.regression_head
    if isinstance(net, SSD):
        return [
            (f"{name}.{i}", ended(module)[1])
            for name, branch in (("cls_logits", by_class), ("bbox_reg", by_box))
            for i, module in enumerate(branch.module_list)
        ]
    return [("cls_logits", by_class.cls_logits), ("bbox_reg", by_box.bbox_reg)]


def _masking(name: str, draw: int, seed: int, p: float) -> Any:
    def hook(_: Any, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        x = given[0]
        mask = dropout_masks(seed, name, k=draw + 1, width=x.shape[1], p=p)[draw]
        return (x * mask.to(x).view(1, -1, *[1] * (x.dim() - 2)) / (1 - p),)

    return hook


def iou_of(a: list[float], b: list[float]) -> float:
    """Overlap of two boxes over what they cover together."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(across, 0) * max(down, 0)
    whole = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / whole if whole > 0 else 0.0


def matched_by_hand(
    things: list[list[float]], passes: list[list[tuple[list[float], float, int]]], n_classes: int
) -> tuple[list[list[list[float]]], list[list[list[float] | None]]]:
    """Probabilities `[U][K][C + 1]` and boxes `[U][K]`, None where a pass does not have the thing."""
    probs, boxes = [], []
    for thing in things:
        of_thing, box_of = [], []
        for one in passes:
            best = None
            for box, score, label in one:
                overlap = iou_of(thing, box)
                if overlap >= 0.5 and (best is None or (overlap, score) > best[0]):
                    best = ((overlap, score), box, label)
            row = [0.0] * (n_classes + 1)
            row[-1] = 1.0
            if best is not None:
                (_, score), _, label = best
                row[label], row[-1] = score, 1 - score
            of_thing.append(row)
            box_of.append(None if best is None else best[1])
        probs.append(of_thing)
        boxes.append(box_of)
    return probs, boxes
