"""Where a YOLO data set has its text files and their images: what `data.yaml` names, or what lies there."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from askance.integrations.formats.doors import below, files_in, read_lines, read_yaml
from askance.integrations.formats.drafts import Faults, shown
from askance.pool.endings import is_image_name
from askance.vocab import LabelError
from askance.vocab.names import printable

WHAT = "a YOLO data set: data.yaml, or a folder with it"

_SPLITS = ("train", "val", "valid", "test", "minival")
_NO_LABELS = frozenset({"classes", "obj", "labels", "names", "readme", "train", "val", "valid", "test", "notes"})
"""Stems of text files that list classes or images."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text file, and the image it speaks of.

    Attributes:
        file: of the labels.
        name: of the image from the data set's folder on; without an ending where the image is not there.
        image: where it lies; None where it does not.
    """

    file: Path
    name: str
    image: Path | None


@dataclass(frozen=True, slots=True)
class Layout:
    """A data set.

    Attributes:
        root: its folder.
        place: what says the classes, for messages.
        said: of `data.yaml`.
        texts: in order of their paths.
    """

    root: Path
    place: str
    said: dict[str, Any]
    texts: list[Text]


def find_yaml(folder: Path) -> Path | None:
    """The `data.yaml` of a folder, by that name or as the only one that names classes."""
    for name in ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml"):
        if (folder / name).is_file():
            return folder / name
    others = [file for file in sorted(folder.glob("*.y*ml")) if b"names" in file.read_bytes()[:100_000]]
    return others[0] if len(others) == 1 else None


def find_texts(folder: Path) -> list[Path]:
    """Text files below a folder that may hold labels."""
    found = files_in(folder, lambda name: name.endswith(".txt"))
    return [file for file in found if file.stem.lower() not in _NO_LABELS and "requirements" not in file.stem]


def lay_out(path: Path, faults: Faults) -> Layout:
    """Find out what lies where.

    Raises:
        LabelError: no such file or folder, or a `data.yaml` that cannot be read.
    """
    yaml = find_yaml(path) if path.is_dir() else path
    if not path.exists() or (yaml is not None and yaml.suffix.lower() not in {".yaml", ".yml"}):
        raise LabelError(WHAT, printable(str(path)), "name the folder, or its data.yaml")
    if yaml is None:
        said, place = _names_beside(path)
        return Layout(path, place, said, _texts(find_texts(path), path))
    said = read_yaml(yaml, "data.yaml, the list of YOLO's classes and folders")
    root = yaml.parent
    files = list(_named_texts(said, root, faults, yaml.name))
    files = files or find_texts(root)
    return Layout(root, printable(yaml.name), said, _texts(files, root))


def _names_beside(folder: Path) -> tuple[dict[str, Any], str]:
    """Classes from a text file beside the labels, one a line, where there is one."""
    for name in ("classes.txt", "obj.names", "labels/classes.txt", "../classes.txt", "predefined_classes.txt"):
        if (folder / name).is_file():
            lines = read_lines(folder / name, "a list of classes")
            while lines and not lines[-1]:
                lines.pop()
            return {"names": lines}, name
    return {}, "data.yaml"


def _named_texts(said: dict[str, Any], root: Path, faults: Faults, place: str) -> Iterator[Path]:
    """Text files of the folders and lists that `data.yaml` names."""
    base = root / str(said["path"]) if isinstance(said.get("path"), str) else root
    bases = [base, root] if base.is_dir() else [root]
    for split in _SPLITS:
        entries = said.get(split)
        for entry in entries if isinstance(entries, list) else [entries] if entries else []:
            found = _existing(str(entry), bases)
            labels = None if found else _existing(str(_labels_for(Path(str(entry)))), bases)
            if labels is not None:
                yield from find_texts(labels)
            elif found is None:
                faults.tell(place, f"{split}: {shown(entry)} is not there")
            elif found.is_dir():
                yield from find_texts(_labels_for(found))
            else:
                lines = read_lines(found, "a list of images")
                texts = [_listed(line, [found.parent, *bases]) for line in lines if line]
                yield from (text for text in texts if text is not None)


def _listed(line: str, bases: list[Path]) -> Path | None:
    """The labels of an image in a list, whether the image is there or not."""
    image = _existing(line, bases)
    if image is None:
        return _existing(_labels_for(Path(line.replace("\\", "/"))).with_suffix(".txt").as_posix(), bases)
    text = _labels_for(image).with_suffix(".txt")
    return text if text.is_file() else None


def _existing(entry: str, bases: list[Path]) -> Path | None:
    """Where it lies; some tools write `../train/images` for what lies beside data.yaml."""
    plain = PurePosixPath(entry.replace("\\", "/"))
    shorter = PurePosixPath(*[part for part in plain.parts if part not in {"..", "."}]) if plain.parts else plain
    return next((base / one for base in bases for one in (plain, shorter) if (base / one).exists()), None)


def _labels_for(path: Path) -> Path:
    """The labels of an image or a folder of them: the last `images` of the path becomes `labels`."""
    return _swapped(path, "images", "labels")


def _swapped(path: Path, old: str, new: str) -> Path:
    parts = list(path.parts)
    at = [i for i, part in enumerate(parts) if part == old]
    if not at:
        return path
    parts[at[-1]] = new
    return Path(*parts)


def _texts(files: list[Path], root: Path) -> list[Text]:
    images: dict[Path, dict[str, Path]] = {}
    found = dict[Path, Text]()
    for file in files:
        places = dict.fromkeys([_swapped(file, "labels", "images").parent, file.parent, root / "images"])
        image = next((one for place in places if (one := _images_in(place, images).get(file.stem))), None)
        name = image or _swapped(file, "labels", "images").with_suffix("")
        found.setdefault(file.resolve(), Text(file, below(name, root), image))
    return sorted(found.values(), key=lambda text: text.file.parts)


def _images_in(folder: Path, known: dict[Path, dict[str, Path]]) -> dict[str, Path]:
    """Stem -> image file of a folder, looked at once."""
    if folder not in known:
        listed = sorted(folder.iterdir()) if folder.is_dir() else []
        known[folder] = {file.stem: file for file in reversed(listed) if is_image_name(file.name)}
    return known[folder]
