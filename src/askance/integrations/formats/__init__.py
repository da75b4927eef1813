"""Annotations of foreign formats in and out: COCO, YOLO, Pascal VOC, LabelMe, masks as PNG, CSV of boxes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from askance.integrations.annotated import AnnotationFile
from askance.integrations.formats.boxes_csv import read_boxes_csv, write_boxes_csv
from askance.integrations.formats.coco import read_coco
from askance.integrations.formats.coco_write import write_coco
from askance.integrations.formats.detect import detect_format
from askance.integrations.formats.items import Contents, Item, Sizes, Written
from askance.integrations.formats.labelme import read_labelme
from askance.integrations.formats.labelme_write import write_labelme
from askance.integrations.formats.masks import read_masks
from askance.integrations.formats.masks_write import write_masks
from askance.integrations.formats.voc import read_voc, write_voc
from askance.integrations.formats.yolo import read_yolo
from askance.integrations.formats.yolo_write import write_yolo
from askance.vocab import Json, LabelError


class Format(NamedTuple):
    """One format.

    Attributes:
        read: path, sizes, and options of its own -> what it says.
        write: path, contents, and options of its own -> what was written, what was lost.
        folder: whether a folder is written; else one file.
        about: what it is, in a few words.
    """

    read: Callable[..., AnnotationFile]
    write: Callable[..., Written]
    folder: bool
    about: str


FORMATS: Mapping[str, Format] = {
    "coco": Format(read_coco, write_coco, False, "one JSON file: boxes, outlines, masks, keypoints; or labels"),
    "yolo": Format(read_yolo, write_yolo, True, "data.yaml and text files, with all of it as COCO beside them"),
    "voc": Format(read_voc, write_voc, True, "an XML file an image: boxes"),
    "labelme": Format(read_labelme, write_labelme, True, "a JSON file an image: any shapes"),
    "masks": Format(read_masks, write_masks, True, "a PNG an image: the class, or the object, of each pixel"),
    "csv": Format(read_boxes_csv, write_boxes_csv, False, "one table: a row a box"),
}
"""By name."""


def read_annotations(
    path: Path, format: str | None = None, *, sizes: Sizes | None = None, **options: Any
) -> AnnotationFile:
    """What a file or a folder in a foreign format says of images.

    Args:
        path: of the file or the folder.
        format: one of `FORMATS`; None: found out from what lies there.
        sizes: name of an image -> its width and height, for formats that do not say them.
        options: of that format alone, as `instances` of masks.

    Raises:
        LabelError: nothing that can be read as that format.
    """
    return _format(format or detect_format(path)).read(path, sizes, **options)


def write_annotations(
    path: Path,
    format: str,
    items: Sequence[Item],
    classes: Sequence[str],
    *,
    points: Mapping[str, Sequence[str]] | None = None,
    more: Mapping[str, Json] | None = None,
    **options: Any,
) -> Written:
    """Write what is said of images in a foreign format.

    Args:
        path: of a file or folder that is not there yet.
        format: one of `FORMATS`.
        items: images and what is said of them.
        classes: in order.
        points: class -> names of its points, in order.
        more: `AnnotationFile.more` of what was read, for ids and skeletons of COCO.
        options: of that format alone, as `kind` of YOLO.

    Raises:
        LabelError: no such format, or something is there.
        StoreError: the disk said no.
    """
    return _format(format).write(path, Contents(items, classes, points or {}, more or {}), **options)


def _format(name: str) -> Format:
    if name not in FORMATS:
        raise LabelError(f"a format: {', '.join(FORMATS)}", name, "name one of them")
    return FORMATS[name]


__all__ = [
    "FORMATS",
    "Format",
    "Item",
    "Sizes",
    "Written",
    "detect_format",
    "read_annotations",
    "write_annotations",
]
