"""Which format a file or a folder is in, from what lies there."""

from pathlib import Path

from askance.integrations.formats import boxes_csv, coco, masks, yolo_layout
from askance.integrations.formats.doors import files_in
from askance.pool.endings import is_image_name
from askance.vocab import LabelError
from askance.vocab.errors import listed
from askance.vocab.names import printable

_WANTED = (
    "annotations: COCO or LabelMe JSON, YOLO's data.yaml, VOC XML, masks as PNG, a CSV of boxes; or their folder"
)
_BY_END = {".xml": "voc", ".yaml": "yolo", ".yml": "yolo", ".png": "masks"}


def detect_format(path: Path) -> str:
    """The name of the format.

    Raises:
        LabelError: nothing is there, nothing is known of it, or several formats lie in one folder.
    """
    place = printable(str(path))
    if path.is_dir():
        found = [name for name, test in _FOLDERS.items() if test(path)]
        found = ["yolo"] if yolo_layout.find_yaml(path) else found
        if len(found) > 1 and found != ["yolo"]:
            fix = "name the one that is meant, or its own file or folder"
            raise LabelError("annotations in one format", f"{listed(found)} in {place}", fix)
        if found or _has_masks(path):
            return found[0] if found else "masks"
        raise LabelError(_WANTED, f"nothing of it in {place}", "name the file, or the format")
    if not path.is_file():
        raise LabelError(_WANTED, f"{place}, which is not there", "check the path")
    name = _of_file(path)
    if name is None:
        raise LabelError(_WANTED, place, "name the format, or the folder that the file lies in")
    return name


def _of_file(path: Path) -> str | None:
    end = path.suffix.lower()
    if end == ".json":
        return "labelme" if _is_labelme(path) else "coco"
    if end in {".csv", ".tsv", ".txt"} and boxes_csv.looks_like_boxes(path):
        return "csv"
    return _BY_END.get(end)


def _is_labelme(path: Path) -> bool:
    with path.open("rb") as file:
        text = file.read(coco.GLANCE)
        file.seek(max(0, path.stat().st_size - coco.GLANCE))
        text += file.read()
    return b'"shapes"' in text and b'"annotations"' not in text


def _has_coco(folder: Path) -> bool:
    return bool(coco.coco_files(folder))


def _has_labelme(folder: Path) -> bool:
    return any(_is_labelme(file) for file in files_in(folder, lambda name: name.endswith(".json")))


def _has_voc(folder: Path) -> bool:
    for file in files_in(folder, lambda name: name.endswith(".xml")):
        with file.open("rb") as opened:
            if b"<annotation" in opened.read(2000):
                return True
    return False


def _has_yolo(folder: Path) -> bool:
    """Text files whose first line is numbers alone."""
    for file in yolo_layout.find_texts(folder):
        with file.open("rb") as opened:
            cells = opened.readline(10_000).split()
        try:
            numbers = [float(cell) for cell in cells]
        except ValueError:
            return False
        if len(numbers) >= 5:
            return True
    return False


def _has_masks(folder: Path) -> bool:
    """A folder of masks by its name, or PNGs and no other images."""
    if any((folder / name).is_dir() for name in (*masks.FOLDERS[:2], *masks.OBJECTS)):
        return True
    images = list(files_in(folder, is_image_name))
    return bool(images) and all(file.suffix.lower() == ".png" for file in images)


def _has_csv(folder: Path) -> bool:
    return len([file for file in folder.glob("*.csv") if boxes_csv.looks_like_boxes(file)]) == 1


_FOLDERS = {"coco": _has_coco, "labelme": _has_labelme, "voc": _has_voc, "yolo": _has_yolo, "csv": _has_csv}
"""Masks are what a folder holds where it holds nothing else."""
