"""Data sets with boxes as problems for the oracle, and the task that is fitted on them."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from askance.integrations.formats import read_annotations
from askance.maths import keyed_uniform
from askance.pool import MAX_PIXELS, FileImages
from askance.simulation.experiment import Problem
from askance.studies.problems import images_in
from askance.vocab import Annotation, ConfigError, ImageRecord, Labelled, Object
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig

TEST_SHARE = 0.3
"""Of images that nobody has split."""

_LABELS = ("annotations.json", "data.yaml", "labels.json", "instances.json")


def boxes_from(name: str, labels: str | None = None) -> Callable[[], Problem]:
    """What makes the problem of a folder of images with boxes.

    Args:
        name: the folder: its images, in it or below, and its labels.
        labels: the file or folder of labels; None: `annotations.json`, `data.yaml`, or the folder itself.

    Raises:
        ConfigError: no such folder.
    """
    folder = Path(name)
    if not folder.is_dir():
        raise ConfigError("a folder of images with boxes", name, "check --data")
    said = next((folder / one for one in _LABELS if (folder / one).is_file()), folder)
    return partial(boxed, name, labels or str(said))


def boxed(folder: str, labels: str) -> Problem:
    """Images that a file of labels speaks of: what is in them, and which are for testing.

    `splits.json` beside the labels, if it is there, says which names are `pool`, `val` and `test`; else a part of
    the images is for testing, by lot.

    Raises:
        LabelError: labels that cannot be read.
        ConfigError: they speak of no image there, or name nothing in any.
    """
    said = read_annotations(Path(labels))
    records = images_in(folder)
    found = _by_name(records, {one.name: one.annotation for one in said.images})
    if not any(one.classes for one in found.values()):
        raise ConfigError(
            f"labels of the {len(records):,} images in {folder}",
            f"none with an object in {labels}",
            "name the file of labels",
        )
    test = _held_out(Path(labels).parent / "splits.json", records, found)
    pool = [name for name in sorted(found) if name not in test["test"] and name not in test["val"]]
    return Problem(
        FileImages({name: records[name].uri for name in found}, max_pixels=MAX_PIXELS),
        said.classes,
        Labelled(tuple(pool), tuple(found[name] for name in pool)),
        Labelled(tuple(sorted(test["test"])), tuple(found[name] for name in sorted(test["test"]))),
        sizes={name: (records[name].width, records[name].height) for name in found},
    )


def detection(
    model: ModelConfig,
    train: TrainConfig,
    problem: Problem,
    *,
    detector: DetectorConfig,
    features: str | None = None,
    weights: str | None = None,
) -> Any:
    """The detection task over a problem's images.

    Args:
        detector: how objects are found.
        features: the folder where maps are kept.
        weights: the folder that `model.weights` is under, so that settings need not say where that is.
    """
    from askance.tasks.detection import detection_by

    if weights is not None:
        model = model.weights_under(Path(weights))
    cache = Path(features) if features else None
    return detection_by(
        model, train, detector, problem.classes, problem.images, sizes=problem.sizes, features=cache
    )


def _by_name(records: Mapping[str, ImageRecord], said: Mapping[str, Annotation]) -> dict[str, Annotation]:
    """Image id -> what is said of it, by the end of its place."""
    ends: dict[str, str] = {}
    for name, record in records.items():
        ends[Path(record.uri).name] = name
    return {ends[end]: _boxes_of(one) for name, one in said.items() if (end := Path(name).name) in ends}


def _boxes_of(said: Annotation) -> Annotation:
    """Classes and boxes alone, whatever else a format says."""
    objects = (Object(one.name, one.bounds, crowd=one.crowd) for one in said.objects or ())
    return Annotation(tuple(one for one in objects if one.box is not None))


def _held_out(
    file: Path, records: Mapping[str, ImageRecord], found: Mapping[str, Annotation]
) -> dict[str, set[str]]:
    """Ids that are for testing and validation."""
    if not file.is_file():
        names = sorted(found)
        lots = keyed_uniform(names, 0, "test")
        return {"test": {name for name, lot in zip(names, lots, strict=True) if lot < TEST_SHARE}, "val": set()}
    splits = json.loads(file.read_text("utf-8"))
    ids = {Path(records[name].uri).name: name for name in found}
    return {
        part: {ids[Path(one).name] for one in splits.get(part, ()) if Path(one).name in ids}
        for part in ("test", "val")
    }
