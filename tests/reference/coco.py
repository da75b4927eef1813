"""Average precision by pycocotools, the evaluation code of COCO itself."""

import contextlib
import io
import math

import numpy as np

from askance.maths.boxes import Predictions, Truths
from askance.maths.coco import coco_record, coco_results


def precisions(
    predictions: Predictions, truths: Truths, n_classes: int, ious: list[float], most: int = 100
) -> list[list[float]]:
    """`[T][C]`; NaN where a class has no truth."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        said, found = COCO(), COCO()
        said.dataset = coco_record(truths, n_classes)
        results = [
            row | {"id": i + 1, "iscrowd": 0, "area": row["bbox"][2] * row["bbox"][3]}
            for i, row in enumerate(coco_results(predictions))
        ]
        found.dataset = {**said.dataset, "annotations": results}
        said.createIndex()
        found.createIndex()
        judge = COCOeval(said, found, "bbox")
        judge.params.iouThrs = np.array(ious)
        judge.params.maxDets = [most]
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e20]], ["all"]
        judge.evaluate()
        judge.accumulate()
    at = judge.eval["precision"][:, :, :, 0, 0]
    return [[float(p.mean()) if (p > -1).all() else math.nan for p in row.T] for row in at]
