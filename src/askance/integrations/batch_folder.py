"""A batch as one folder that anybody can label, on any machine: written, and read back however it was labelled.

In the folder: copies of the images, `labels.csv` to fill in, `index.html` to look at, an empty folder for each
class to sort the images into. An image is known by its number and name there: it may be turned, or saved again
or made small. `labels.csv` and a hidden file say whose name it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from askance.integrations.files import FOR_PEOPLE, csv_bytes, new_folder, put, read_image
from askance.integrations.names import folders_for, image_name
from askance.integrations.sheet import Batch, predicted, render_sheet
from askance.pool import BadImage, thumbnail
from askance.pool.sources import BATCH_MARK
from askance.pool.storage import Storage
from askance.vocab import ImageRecord, LabelError, Progress, silent

LABELS = "labels.csv"
PAGE = "index.html"
COLUMNS = ("number", "path", "label", "predicted", "original", "id")
"""Of `labels.csv`. The first is one that no program asks for: the byte order mark stands before it."""

SMALL = 1024
"""Pixels of the longer side of small copies, at most."""

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class BatchMark:
    """What the hidden file of a batch folder says.

    Attributes:
        files: the name of each image in the folder -> image id, in order.
        folders: name of a folder to sort into -> what it stands for.
        small: whether the copies are smaller than the images.
    """

    files: Mapping[str, str]
    folders: Mapping[str, str]
    small: bool


@dataclass(frozen=True, slots=True)
class Written:
    """A batch folder that was written.

    Attributes:
        folder: where.
        images: how many are in it.
        left_out: place -> why an image of the batch is not.
    """

    folder: Path
    images: int
    left_out: Mapping[str, str]


def plan(batch: Batch, *, small: bool = False) -> BatchMark:
    """What a batch is called in its folder: `001_<name>`, in the order of its picks."""
    width = max(3, len(str(len(batch.picks))))
    files = {}
    for place, pick in enumerate(batch.picks, start=1):
        image = batch.images[pick.image_id]
        name = image_name(image)
        if small and not _is_small(image):
            name = name.rpartition(".")[0] + ".jpg"
        files[f"{place:0{width}d}_{name}"] = image.id
    named = [] if batch.asks == "objects" else [*batch.classes, *batch.answers]
    return BatchMark(files, folders_for(named), small)


def write_batch_package(
    folder: Path, batch: Batch, *, small: bool = False, progress: Progress = silent
) -> Written:
    """Write a batch as one folder to be labelled; it appears when all of it is there.

    Args:
        folder: absent or empty.
        batch: the images, and what can be answered.
        small: copies of at most `SMALL` pixels on the longer side in place of the files themselves.
        progress: told of every image.

    Raises:
        LabelError: the folder has something in it, or not one image can be read; nothing is left behind.
        StoreError: the disk said no.
    """
    mark, storage = plan(batch, small=small), Storage(batch.limits)
    left_out: dict[str, str] = {}
    error: LabelError | None = None
    with new_folder(folder) as beside:
        for done, (name, image_id) in enumerate(mark.files.items(), 1):
            image = batch.images[image_id]
            try:
                put(beside / name, _copy(image, storage, batch, small=small))
            except LabelError as said:
                left_out[image.uri], error = said.got, said
            progress("copying images", done, len(mark.files))
        if error is not None and len(left_out) == len(mark.files):
            raise error
        for name in mark.folders:
            (beside / name).mkdir()
        put(beside / LABELS, _table(batch, mark))
        page = render_sheet(batch, list(mark.files), csv=LABELS, folders=list(mark.folders), progress=progress)
        put(beside / PAGE, page)
        put(beside / BATCH_MARK, _marked(mark))
    return Written(folder, len(mark.files) - len(left_out), left_out)


def read_mark(folder: Path) -> BatchMark | None:
    """What the hidden file of a batch folder says; None where there is none that can be read."""
    try:
        found = json.loads((folder / BATCH_MARK).read_bytes())
        files = {str(name): str(image_id) for name, image_id in found["files"].items()}
        folders = {str(name): str(value) for name, value in found["folders"].items()}
        return BatchMark(files, folders, bool(found["small"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _copy(image: ImageRecord, storage: Storage, batch: Batch, *, small: bool) -> bytes:
    if not small or _is_small(image):
        return read_image(image.uri, storage)
    try:
        return thumbnail(image.uri, SMALL, max_pixels=batch.max_pixels, limits=batch.limits)
    except BadImage as error:
        raise LabelError(error.wanted, f"{image.uri}: {error.got}", "scan the pool again") from error


def small_size(image: ImageRecord) -> tuple[int, int]:
    """Width and height of an image's copy in a folder of small ones, pixels."""
    scale = min(1.0, SMALL / max(image.width, image.height))
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))


def _is_small(image: ImageRecord) -> bool:
    return max(image.width, image.height) <= SMALL


def _table(batch: Batch, mark: BatchMark) -> bytes:
    rows: Sequence[Sequence[object]] = [
        [place, name, "", predicted(pick.why), batch.original(pick.image_id), pick.image_id]
        for place, (name, pick) in enumerate(zip(mark.files, batch.picks, strict=True), start=1)
    ]
    return csv_bytes(COLUMNS, rows, encoding=FOR_PEOPLE)


def _marked(mark: BatchMark) -> bytes:
    said = {
        "format": _FORMAT,
        "about": "Askance wrote this folder. It helps `askance import` to know the images again: leave it here.",
        "small": mark.small,
        "files": dict(mark.files),
        "folders": dict(mark.folders),
    }
    return (json.dumps(said, indent=1, ensure_ascii=False) + "\n").encode()
