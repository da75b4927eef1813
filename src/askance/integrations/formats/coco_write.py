"""COCO's JSON, written: ids and categories as they came, what COCO has no word for under a key of our own."""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from askance.integrations.files import write_new
from askance.integrations.formats.coco_objects import record_of
from askance.integrations.formats.items import Contents, Lost, Written


def write_coco(
    path: Path,
    said: Contents,
) -> Written:
    """Write a COCO file.

    An object with holes is written as runs; its outlines are kept beside them, under the key `askance`, and read
    back exactly as long as the runs are as they were written.

    Args:
        path: of the file, which must not be there with other content.
        said: of images. Ids are those of `more`, then the next that are free; points that only objects have
            come after those that are named.

    Raises:
        LabelError: the file is there.
        StoreError: the disk said no.
    """
    lost = Lost()
    document = coco_document(said, lost)
    write_new(path, coco_json(document).encode())
    return Written((path,), lost.kinds())


def coco_json(document: Mapping[str, Any]) -> str:
    """Its text."""
    return json.dumps(document, ensure_ascii=True, allow_nan=False) + "\n"


def coco_document(said: Contents, lost: Lost) -> dict[str, Any]:
    """What such a file says."""
    categories = _categories(said)
    image_ids = _Ids(item.more.get("id") for item in said.items)
    object_ids = _Ids(one.more.get("id") for one in said.objects)
    images, annotations = [], []
    for item in said.items:
        image_id = image_ids.of(item.more.get("id"))
        size = item.pixels
        sides = {} if size is None else {"width": size[0], "height": size[1]}
        others = {key: value for key, value in item.more.items() if key not in {"id", "file_name", *sides}}
        split = {} if item.split is None else {"split": item.split}
        images.append({"id": image_id, "file_name": item.name, **sides, **others, **split})
        for name in item.annotation.labels or ():
            named = {"image_id": image_id, "category_id": categories[name]["id"], "iscrowd": 0}
            annotations.append({"id": object_ids.of(None), **named})
        for one in item.annotation.objects or ():
            category = categories[one.name]
            record = record_of(one, size, category.get("keypoints", ()), lost)
            if one.bounds is None:
                lost["without a place"] += 1
                continue
            ids = {"id": object_ids.of(one.more.get("id")), "image_id": image_id, "category_id": category["id"]}
            annotations.append(ids | record)
    info = {"description": "Written by Askance"}
    return {"info": info, "images": images, "annotations": annotations, "categories": list(categories.values())}


class _Ids:
    """Numbers: those that are asked for, each once, and else the next that nobody asks for."""

    def __init__(self, wanted: Iterator[Any]) -> None:
        self._wanted = {one for one in wanted if _is_id(one)}
        self._free = (number for number in count(1) if number not in self._wanted)
        self._given: set[int] = set()

    def of(self, wanted: Any) -> int:
        """The number of one that wants this one."""
        found: int = wanted if _is_id(wanted) and wanted not in self._given else next(self._free)
        self._given.add(found)
        return found


def _is_id(value: Any) -> bool:
    return type(value) is int and value >= 0


def _categories(contents: Contents) -> dict[str, dict[str, Any]]:
    """Class -> its record, those of `classes` first."""
    named: dict[str, dict[str, None]] = {
        name: dict.fromkeys(contents.points.get(name, ())) for name in contents.classes
    }
    for item in contents.items:
        for name in item.annotation.labels or ():
            named.setdefault(name, {})
        for one in item.annotation.objects or ():
            spots = named.setdefault(one.name, dict.fromkeys(contents.points.get(one.name, ())))
            spots.update(dict.fromkeys(point.name for point in one.points))
    said: Any = contents.more.get("categories")
    records = (
        {one["name"]: one for one in said if isinstance(one, dict) and "name" in one} if _is_list(said) else {}
    )
    ids = _Ids(records.get(name, {}).get("id") for name in named)
    found = {}
    for name, spots in named.items():
        old = records.get(name, {})
        record = {**old, "id": ids.of(old.get("id")), "name": name}
        found[name] = record | ({"keypoints": list(spots), "skeleton": old.get("skeleton", [])} if spots else {})
    return found


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
