"""The field's reference experiments: what is run, what the papers printed, and what is not as they had it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from askance.studies.papers.batchbald2019 import batchbald2019
from askance.studies.papers.boxes import boxes, boxes_folder
from askance.studies.papers.gal2017 import gal2017
from askance.studies.papers.isic2016 import isic2016, isic_folder
from askance.studies.papers.mnist import mnist_folder
from askance.studies.papers.trashnet import trashnet, trashnet_folder
from askance.studies.studies import Study


@dataclass(frozen=True, slots=True)
class Paper:
    """What `askance bench` runs.

    Attributes:
        folder: `(folder of data sets, download=...)` -> the folder of the paper's images.
        study: `(that folder, quick=...)` -> what is run on them.
    """

    folder: Callable[..., Path]
    study: Callable[..., Study]


PAPERS = {
    "gal2017": Paper(mnist_folder, gal2017),
    "isic2016": Paper(isic_folder, isic2016),
    "batchbald2019": Paper(mnist_folder, batchbald2019),
    "trashnet": Paper(trashnet_folder, trashnet),
    "boxes": Paper(boxes_folder, boxes),
}

__all__ = ["PAPERS", "Paper", "batchbald2019", "boxes", "gal2017", "isic2016", "trashnet"]
