"""YOLO's text files, written: what they can hold, all of it as COCO beside them, and what was lost counted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from askance.integrations.files import new_folder, put
from askance.integrations.formats.coco_write import coco_document, coco_json
from askance.integrations.formats.each import put_each
from askance.integrations.formats.items import Contents, Item, Lost, Written, says_more
from askance.integrations.formats.names import below_images, safe_name
from askance.integrations.formats.shapes import joined, outlines_of, ring_of_box
from askance.vocab import Box, Object, Ring

Kind = Literal["detect", "segment", "pose"]

BESIDE = "annotations.coco.json"
"""The file that holds all of it."""


def write_yolo(
    path: Path,
    said: Contents,
    *,
    kind: Kind | None = None,
) -> Written:
    """Write a new folder: `data.yaml`, `labels/`, and `annotations.coco.json` with all that YOLO cannot hold.

    Where images have splits, `train.txt`, `val.txt` and `test.txt` list them.
    Put the images into `images/` beside `labels/`, under the names that items have.

    Args:
        path: of the folder, absent or empty.
        said: of images; one without objects gets an empty file. Classes that only objects have come after the
            others.
        kind: None: `pose` where an object has points, else `segment` where one has a shape, else `detect`.

    Returns:
        Files, and what the text files do not hold: `holes` (filled), `parts` (joined into one line; counted is how
        many more than one an object has), `masks` (as outlines along their pixels), `outlines` (their box alone),
        `points`, `crowds` (left out), `scores`, `boxes` (of objects that are written as an outline, and that say
        another box), `labels` (of whole images), `more` (objects with other things said), `without a place`,
        `without a size` (images), `names` (images whose text file another has).

    Raises:
        LabelError: the folder has something in it.
        StoreError: the disk said no.
    """
    objects, names = said.objects, said.names
    named = _point_names(objects, said.points)
    kind = kind or _kind_of(objects)
    writer, lists = _Writer(kind, names, named), _lists(said.items)
    whole = {
        "data.yaml": _yaml(names, kind, named, lists),
        **{f"{split}.txt": "".join(f"./{name}\n" for name in those) for split, those in lists.items()},
        BESIDE: coco_json(coco_document(replace(said, classes=names), Lost())),
    }
    with new_folder(path) as beside:
        for name, text in whole.items():
            put(beside / name, text.encode())
        files = put_each(
            beside, said.items, lambda name: f"labels/{below_images(name, '.txt')}", writer.text, writer.lost
        )
    return Written(tuple(path / name for name in (*whole, *files)), writer.lost.kinds())


def _kind_of(objects: Sequence[Object]) -> Kind:
    if any(one.points for one in objects):
        return "pose"
    return "segment" if any(one.parts or one.mask for one in objects) else "detect"


def _point_names(objects: Sequence[Object], points: Mapping[str, Sequence[str]]) -> list[str]:
    """The points of all classes: YOLO has as many for each."""
    said = [name for names in points.values() for name in names]
    return list(dict.fromkeys([*said, *(point.name for one in objects for point in one.points)]))


class _Writer:
    """Objects to lines, with what is lost on the way."""

    def __init__(self, kind: Kind, names: Sequence[str], points: Sequence[str]) -> None:
        self._kind, self._points = kind, points
        self._number = {name: i for i, name in enumerate(names)}
        self.lost = Lost()

    def text(self, item: Item) -> bytes | None:
        """The text file of an image; None where there cannot be one."""
        said, size = item.annotation, item.pixels
        if said.objects is None:
            self.lost["labels"] += len(said.labels or ())
            return None
        if said.objects and size is None:
            self.lost["without a size"] += 1
            return None
        lines = [line for one in said.objects if (line := self._line(one, size or (1, 1))) is not None]
        return "".join(f"{line}\n" for line in lines).encode()

    def _line(self, one: Object, size: tuple[int, int]) -> str | None:
        box = one.bounds
        if one.crowd:
            self.lost["crowds"] += 1
            return None
        if box is None or not box.area:
            self.lost["without a place"] += 1
            return None
        self.lost["scores"] += one.score is not None
        self.lost["more"] += says_more(one.more)
        numbers = {"detect": self._box, "segment": self._outline, "pose": self._pose}[self._kind](one, box, size)
        return " ".join([str(self._number[one.name]), *(f"{_short(value)}" for value in numbers)])

    def _box(self, one: Object, box: Box, size: tuple[int, int]) -> list[float]:
        self.lost["outlines"] += len(one.parts)
        self.lost["holes"] += sum(len(part.holes) for part in one.parts)
        self.lost["masks"] += one.mask is not None
        if self._kind == "detect":
            self.lost["points"] += len(one.points)
        width, height = size
        across, down = (box.left + box.right) / 2, (box.top + box.bottom) / 2
        return [across / width, down / height, box.width / width, box.height / height]

    def _outline(self, one: Object, box: Box, size: tuple[int, int]) -> list[float]:
        self.lost["points"] += len(one.points)
        self.lost["masks"] += one.mask is not None
        parts = one.parts or (outlines_of(one.mask) if one.mask is not None else ())
        rings: list[Ring] = [part.outline for part in parts] or [ring_of_box(box)]
        self.lost["holes"] += sum(len(part.holes) for part in parts)
        self.lost["parts"] += len(rings) - 1
        self.lost["boxes"] += one.box is not None and not _is_around(one.box, one)
        return [value for x, y in joined(rings) for value in (x / size[0], y / size[1])]

    def _pose(self, one: Object, box: Box, size: tuple[int, int]) -> list[float]:
        numbers = self._box(one, box, size)
        named = {point.name: point for point in one.points}
        self.lost["points"] += len(one.points) - len(named)
        for name in self._points:
            point = named.get(name)
            numbers += [point.x / size[0], point.y / size[1], point.visible] if point else [0, 0, 0]
        return numbers


def _is_around(box: Box, one: Object) -> bool:
    """Whether a box is, to a pixel, the one around the object's shape."""
    other = replace(one, box=None, points=()).bounds
    if other is None:
        return False
    sides = (box.left - other.left, box.top - other.top, box.right - other.right, box.bottom - other.bottom)
    return max(map(abs, sides)) <= 1


def _short(value: float) -> str:
    """Ten digits behind the point, zeros at the end left out."""
    return f"{value:.10f}".rstrip("0").rstrip(".")


def _lists(items: Sequence[Item]) -> dict[str, list[str]]:
    """Split -> its images, as paths below the folder; nothing where all are for training.

    Without images for validation those for training stand in: never the test set, which is looked at once.
    """
    if all(item.split in (None, "train") for item in items):
        return {}
    found: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for item in items:
        found[item.split or "train"].append(f"images/{safe_name(item.name).removeprefix('images/')}")
    return {split: names for split, names in found.items() if names}


def _yaml(names: Sequence[str], kind: Kind, points: Sequence[str], lists: Mapping[str, Sequence[str]]) -> str:
    import yaml

    train = "train.txt" if "train" in lists else "images"
    val = "val.txt" if "val" in lists else train
    said: dict[str, object] = {
        "train": train,
        "val": val,
        **({"test": "test.txt"} if "test" in lists else {}),
        "nc": len(names),
        "names": dict(enumerate(names)),
    }
    if kind == "pose":
        said |= {"kpt_shape": [len(points), 3], "kpt_names": {i: list(points) for i in range(len(names))}}
    text: str = yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
    return text
