"""LabelMe's JSON, written: a file an image; several shapes of one object share a group."""

import json
from pathlib import Path
from typing import Any

from askance.integrations.files import new_folder
from askance.integrations.formats.coco_objects import digest
from askance.integrations.formats.each import put_each
from askance.integrations.formats.items import OWN, Contents, Item, Lost, Size, Written
from askance.integrations.formats.labelme import circle
from askance.integrations.formats.labelme_mask import mask_to
from askance.integrations.formats.names import with_ending
from askance.integrations.formats.runs import mask_of, pixels_of, runs_of
from askance.vocab import Annotation, Object, Part, Point
from askance.vocab.annotations import to_json

_SHAPE = frozenset({"flags", "description", "group_id", "circle", "shape_type"})


def write_labelme(
    path: Path,
    said: Contents,
) -> Written:
    """Write a new folder of JSON files, one an image, beside which LabelMe looks for the images.

    Objects with holes are written as masks; their outlines, and a crowd, a score and its source are kept under the
    key `askance` of their shape.

    Args:
        path: of the folder, absent or empty.
        said: of images. LabelMe has no list of classes or points in its files.

    Returns:
        Files, and what is not in them: `names` (images whose file another has), `without a place`, `holes` (of
        objects in images without a size).

    Raises:
        LabelError: the folder has something in it.
        StoreError: the disk said no.
    """
    lost = Lost()

    def made(item: Item) -> bytes:
        return json.dumps(_document(item, lost), indent=1, ensure_ascii=True, allow_nan=False).encode() + b"\n"

    with new_folder(path) as beside:
        files = put_each(beside, said.items, lambda name: with_ending(name, ".json"), made, lost)
    return Written(tuple(path / name for name in files), lost.kinds())


def _document(item: Item, lost: Lost) -> dict[str, Any]:
    said, size = item.annotation, item.pixels
    taken = {one.more.get("group_id") for one in said.objects or ()}
    groups = (number for number in range(1, 1 << 31) if number not in taken)
    shapes = []
    for one in said.objects or ():
        made = _shapes(one, size, lost)
        group = one.more.get("group_id")
        if len(made) > 1 and group is None:
            group = next(groups)
        shapes += [{**shape, "group_id": group} for shape in made]
        lost["without a place"] += not made
    width, height = size or (None, None)
    return {
        "version": "5.5.0",
        "flags": dict.fromkeys(said.labels or (), True),
        "shapes": shapes,
        "imagePath": item.name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _shapes(one: Object, size: Size, lost: Lost) -> list[dict[str, Any]]:
    """The shapes of an object; the first carries what LabelMe has no word for."""
    own: dict[str, Any] = {"crowd": True} if one.crowd else {}
    own |= {key: value for key in ("score", "source") if (value := getattr(one, key)) is not None}
    others = {key: value for key, value in one.more.items() if key not in _SHAPE}
    own |= {"more": others} if others else {}
    found: list[dict[str, Any]] = []
    if one.box is not None:
        corners = [[one.box.left, one.box.top], [one.box.right, one.box.bottom]]
        found.append(_shape(one, "rectangle", corners))
    found += _regions(one, size, own, lost)
    line = one.more.get("shape_type")
    if line and not found:
        found.append(_shape(one, str(line), [[point.x, point.y] for point in one.points]))
    else:
        found += [_spot(one, point) for point in one.points]
    if own and found:
        found[0][OWN] = found[0].get(OWN, {}) | own
    return found


def _regions(one: Object, size: Size, own: dict[str, Any], lost: Lost) -> list[dict[str, Any]]:
    holes = sum(len(part.holes) for part in one.parts)
    mask = one.mask if one.mask is not None or not holes or size is None else mask_of(one.parts, size)
    if mask is not None:
        text, corners = mask_to(mask)
        if one.parts:
            kept: Any = to_json(Annotation((Object("", parts=one.parts),)))["objects"]
            own |= {"parts": kept[0]["parts"], "of": digest(list(runs_of(pixels_of(mask)).counts))}
            own |= {"mask": True} if one.mask is not None else {}
        return [_shape(one, "mask", corners) | {"mask": text}]
    lost["holes"] += holes
    return [_region(one, part) for part in one.parts]


def _region(one: Object, part: Part) -> dict[str, Any]:
    said: Any = one.more.get("circle")
    if said and circle(*map(tuple, said)) == part.outline:
        return _shape(one, "circle", said)
    return _shape(one, "polygon", [list(corner) for corner in part.outline])


def _spot(one: Object, point: Point) -> dict[str, Any]:
    """A named point: its label is its name; whose it is, and whether it is hidden, is kept beside."""
    own = {"object": one.name, "visible": point.visible}
    return _shape(one, "point", [[point.x, point.y]]) | {"label": point.name, OWN: own}


def _shape(one: Object, kind: str, points: Any) -> dict[str, Any]:
    flags, words = one.more.get("flags", {}), one.more.get("description", "")
    return {"label": one.name, "points": points, "shape_type": kind, "flags": flags, "description": words}
