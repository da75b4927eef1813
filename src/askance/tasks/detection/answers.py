"""What a model finds in labelled images, beside what people drew there."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from askance.maths.boxes import Predictions, Truths
from askance.tasks.detection.finding import Peaks, Search, boxes_at, peaks
from askance.tasks.detection.model import DenseModel
from askance.tasks.detection.targets import Things


class Boxes(NamedTuple):
    """Boxes of some images, in pixels of the input.

    Attributes:
        boxes: `[P, 4]`.
        scores: `[P]`.
        classes: `[P]`.
        image: `[P]`, places among the images.
    """

    boxes: Tensor
    scores: Tensor
    classes: Tensor
    image: Tensor


@torch.inference_mode()
def predicted(model: DenseModel, maps: Sequence[Tensor], search: Search) -> Boxes:
    """What the mean of all heads finds, each class by itself."""
    heat, distances = model.mean(maps)
    found: Peaks = peaks(heat, search)
    edges = found.at(distances)[:, None]
    scores = heat[found.image, found.place, found.row, found.column]
    return Boxes(boxes_at(edges, found, model.levels[0].stride).squeeze(1), scores, found.place, found.image)


def predictions(parts: Sequence[Boxes], starts: Sequence[int]) -> Predictions:
    """Boxes of several chunks of images as one record; a chunk's images are counted from its start."""
    if not parts:
        return Predictions([], [], [], [])
    boxes, scores, classes = (torch.cat([part[i] for part in parts]).numpy() for i in range(3))
    image = np.concatenate([part.image.numpy() + start for part, start in zip(parts, starts, strict=True)])
    return Predictions(boxes, scores, classes, image)


def truths(things: Sequence[Things]) -> Truths:
    """What people drew, as one record."""
    if not things:
        return Truths([], [], [], 0)
    image = np.concatenate([np.full(len(one.classes), i) for i, one in enumerate(things)] or [np.empty(0, int)])
    boxes, classes, crowd = (torch.cat([one[i] for one in things]).numpy() for i in range(3))
    return Truths(boxes, classes, image, len(things), crowd)


def at_size(found: Predictions, there: Truths, scales: Sequence[float]) -> tuple[Predictions, Truths]:
    """Both in pixels of the images: `scales` is what each image was multiplied by, `[N]`."""
    scale = np.array(scales, dtype=np.float64)
    boxes, drawn = found.boxes / scale[found.image, None], there.boxes / scale[there.image, None]
    found = Predictions(boxes, found.scores, found.classes, found.image)
    return found, Truths(drawn, there.classes, there.image, there.n_images, there.crowd)
