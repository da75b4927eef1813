"""Batches out to be labelled elsewhere, labels out to whoever needs them, rejected rows out to be mended."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from askance.integrations.annotated import Fault
from askance.integrations.files import FOR_PEOPLE, How, csv_bytes, write_new, write_new_folder
from askance.integrations.names import image_name, same_name
from askance.integrations.read import LABELS, PATHS, is_content_id, plain_name
from askance.integrations.rows import LabelRow, Rejected
from askance.vocab import ImageRecord, Json, Label, LabelError, Pick, Split, said
from askance.vocab.files import write_free
from askance.vocab.names import is_text, printable


def write_batch_csv(path: Path, picks: Sequence[Pick], images: Mapping[str, ImageRecord]) -> None:
    """Write a batch as a CSV file: fill the empty `label` column and import the file.

    Raises:
        LabelError: a picked image is not among `images`; or the file is there with other content, perhaps labels.
        StoreError: the disk said no.
    """
    write_new(path, batch_csv(picks, images))


def batch_csv(picks: Sequence[Pick], images: Mapping[str, ImageRecord]) -> bytes:
    """A batch as the bytes of a CSV file.

    Columns: rank, id, path, gain, what of `why` is one word or number (predicted class...), label.

    Raises:
        LabelError: a picked image is not among `images`.
    """
    reasons = list(dict.fromkeys(name for pick in picks for name, value in pick.why.items() if _is_plain(value)))
    names = [f"why {name}" if plain_name(name) in _OWN else name for name in reasons]
    rows = [
        [pick.rank, pick.image_id, _image(images, pick.image_id).uri, f"{pick.gain:.6g}"]
        + [_cell(pick.why.get(name)) for name in reasons]
        + [""]
        for pick in picks
    ]
    return csv_bytes(["rank", "id", "path", "gain", *names, "label"], rows, encoding=FOR_PEOPLE)


def write_batch_folder(
    folder: Path, picks: Sequence[Pick], images: Mapping[str, ImageRecord], how: How = "link"
) -> list[Path]:
    """Put a batch into a new folder, best first by name: `0001_<original name>`.

    Sort the images into one folder a class in it (what nobody can tell stays where it is) and import the folder:
    each is known by its content, wherever it was moved.

    Args:
        folder: absent or empty.
        picks: the batch.
        images: where each image is.
        how: `link` makes symbolic links where it can (local files, a file system that has them), else copies.

    Returns:
        The files, in pick order.

    Raises:
        LabelError: the folder has something in it, or an image is gone or cannot be read; nothing is left behind.
        StoreError: the disk said no.
    """
    files = {}
    for place, pick in enumerate(picks, start=1):
        image = _image(images, pick.image_id)
        files[batch_file_name(place, image)] = image.uri
    return write_new_folder(folder, files, how)


def batch_file_name(place: int, image: ImageRecord) -> str:
    """What an image is called in a plain batch folder, by its place in the batch, from 1."""
    return f"{place:04d}_{image_name(image)}"


def write_rejected(path: Path, rejected: Sequence[Rejected]) -> Path:
    """Write rows that could not be taken, with the reason: mend the file and import it as it is.

    Somebody may be mending an older file of that name: another is written beside it, unless it says just this.

    Returns:
        The file.

    Raises:
        StoreError: the disk said no.
    """
    header = ["id", "path", "label", "split", "group", "line", "reason"]
    rows = [[*_id_and_path(r.row), *_said_in(r.row), r.row.line or "", r.reason] for r in rejected]
    data = csv_bytes(header, rows, encoding=FOR_PEOPLE)
    return write_free(path, data)


def write_faults(path: Path, source: str, faults: Sequence[Fault]) -> Path:
    """Write what of a file of annotations could not be taken, a row each: file, image, object, reason, place.

    A file of that name that says something else stays, and the next free name is taken.

    Returns:
        The file.

    Raises:
        StoreError: the disk said no.
    """
    rows = [[source, one.image, one.thing, one.problem, one.place] for one in faults]
    return write_free(path, csv_bytes(["file", "image", "object", "reason", "place"], rows, encoding=FOR_PEOPLE))


def _id_and_path(row: LabelRow) -> tuple[str, str]:
    return (row.key, row.name) if is_content_id(row.key) else ("", row.key_as_written or row.key)


def _said_in(row: LabelRow) -> tuple[str, str, str]:
    return row.says, row.split or "", row.group or ""


def write_labels_csv(
    path: Path,
    labels: Mapping[str, Label],
    images: Mapping[str, ImageRecord],
    splits: Mapping[str, Split] | None = None,
) -> None:
    """Write current labels as a CSV file in the order of their paths; `read_label_csv` reads it back.

    Raises:
        LabelError: the file is there with other content.
        StoreError: the disk said no.
    """
    write_new(path, labels_csv(labels, images, splits))


def labels_csv(
    labels: Mapping[str, Label], images: Mapping[str, ImageRecord], splits: Mapping[str, Split] | None = None
) -> bytes:
    """Current labels as the bytes of a CSV file.

    Columns: path, label (a class, or an answer: `unreadable`, `none of these`), split, group, id, who, at (ISO
    8601), source, and seconds where somebody measured them. An image that is gone keeps its row, without a path.
    Withdrawn labels are left out.
    """
    rows = []
    for image_id, label in labels.items():
        image = images.get(image_id)
        where = (image.uri, image.group or "") if image else ("", "")
        split = (splits or {}).get(image_id, "")
        if text := said(label):
            told = (label.who, label.at.isoformat(), label.source)
            rows.append([where[0], text, split, where[1], image_id, *told, label.seconds])
    header = ["path", "label", "split", "group", "id", "who", "at", "source", "seconds"]
    if not any(row[-1] is not None for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    return csv_bytes(header, sorted(rows, key=lambda row: (row[0], row[4])), encoding="utf-8")


def write_labels_image_folder(
    folder: Path,
    labels: Mapping[str, Label],
    images: Mapping[str, ImageRecord],
    splits: Mapping[str, Split] | None = None,
    how: How = "copy",
) -> list[Path]:
    """Put labelled images into folders named after their class, or after what was answered instead of one.

    Where `splits` is given, those lie below `train`, `val` and `test`; what no split claims is `train`. Images
    that are gone are left out. A name that does not end as images do gets the ending of its format. Of two images
    with one name, or names that differ in case alone, the later, by id, gets the first digits of its id in front.
    An image of several labels is in the folder of each.

    Raises:
        LabelError: a class cannot name a folder, the folder has something in it, or an image cannot be read;
            nothing is left behind.
        StoreError: the disk said no.
    """
    files: dict[str, str] = {}
    taken: set[str] = set()
    for image_id in sorted(labels.keys() & images.keys()):
        label, image = labels[image_id], images[image_id]
        several = label.annotation.labels if label.annotation is not None else None
        for value in several or (said(label),):
            if value:
                top = _folder_of(value)
                top = f"{splits.get(image_id, 'train')}/{top}" if splits is not None else top
                files[_new_name(top, image, taken)] = image.uri
    return write_new_folder(folder, files, how)


def _new_name(top: str, image: ImageRecord, taken: set[str]) -> str:
    """A name for an image in a folder, that no other has."""
    name = next(
        name
        for digits in (0, 8, len(image.id))
        if same_name(name := f"{top}/{image.id[:digits]}{'_' if digits else ''}{image_name(image)}") not in taken
    )
    taken.add(same_name(name))
    return name


def _folder_of(value: str) -> str:
    """A class as the name of a folder, in which it reads back as it is."""
    if value.startswith(".") or "/" in value or "\\" in value or min(value) < " " or not is_text(value):
        fix = "export as CSV instead, or rename the class"
        raise LabelError("classes that can name a folder", printable(value), fix)
    return value


_OWN = {"id", "rank", "gain", "split", "group", "who", *PATHS, *LABELS}
"""Names a column of reasons must not take: the file is read back by them."""


def _is_plain(value: Json) -> bool:
    return isinstance(value, str | int | float)


def _cell(value: Json) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value) if _is_plain(value) else ""


def _image(images: Mapping[str, ImageRecord], image_id: str) -> ImageRecord:
    if image_id not in images:
        raise LabelError(
            "a batch of images that the pool still holds", f"{image_id} is gone", "scan the pool and pick again"
        )
    return images[image_id]
