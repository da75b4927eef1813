"""COCO's own count of average precision, by faster-coco-eval: what `maths.detection` is held against.

Slower by an order of magnitude than `detection_metrics`, since everything goes through COCO's dictionaries.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from askance.maths.boxes import Predictions, Truths
from askance.maths.detection import MOST
from askance.vocab import LabelError


def coco_metrics(
    predictions: Predictions, truths: Truths, names: Sequence[str], *, most: int = MOST
) -> dict[str, float]:
    """`ap`, `ap50`, `ap75`, and `ap50/NAME` of each class that there is, as faster-coco-eval gives them.

    Raises:
        LabelError: no truth beside crowds.
    """
    from faster_coco_eval import COCO, COCOeval_faster  # here where it is used: it imports much

    if truths.crowd.all():
        raise LabelError("a labelled object or more", "none", "label objects in some of these images")
    said = COCO(coco_record(truths, len(names)))
    found = said.loadRes(coco_results(predictions)) if len(predictions.boxes) else COCO(_nothing(said))
    judge = COCOeval_faster(said, found, "bbox", print_function=lambda *words: None)
    judge.params.maxDets = [most]
    judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e20]], ["all"]
    judge.evaluate()
    judge.accumulate()
    at = np.asarray(judge.eval["precision"])[:, :, :, 0, 0]
    by_class = np.where(at > -1, at, np.nan).mean(axis=1)
    there = ~np.isnan(by_class[0])
    per_class = {
        f"ap50/{name}": float(ap) for name, ap in zip(names, by_class[0], strict=True) if not np.isnan(ap)
    }
    rows = {"ap": by_class, "ap50": by_class[:1], "ap75": by_class[5:6]}
    return {name: float(row[:, there].mean()) for name, row in rows.items()} | per_class


def coco_record(truths: Truths, n_classes: int) -> dict[str, Any]:
    """The truths as a COCO file's dictionary; ids count from 1, categories from 0."""
    annotations = [
        {"id": i + 1, "image_id": int(image), "category_id": int(c), "bbox": _bbox(box), "iscrowd": int(crowd)}
        | {"area": float((box[2] - box[0]) * (box[3] - box[1]))}
        for i, (box, c, image, crowd) in enumerate(
            zip(truths.boxes, truths.classes, truths.image, truths.crowd, strict=True)
        )
    ]
    return {
        "images": [{"id": image} for image in range(truths.n_images)],
        "annotations": annotations,
        "categories": [{"id": c, "name": str(c)} for c in range(n_classes)],
    }


def coco_results(predictions: Predictions) -> list[dict[str, Any]]:
    """The predictions as COCO's list of results."""
    rows = zip(predictions.boxes, predictions.scores, predictions.classes, predictions.image, strict=True)
    return [
        {"image_id": int(image), "category_id": int(c), "bbox": _bbox(box), "score": float(score)}
        for box, score, c, image in rows
    ]


def _bbox(box: Any) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]


def _nothing(said: Any) -> dict[str, Any]:
    return {**{name: said.dataset[name] for name in ("images", "categories")}, "annotations": []}
