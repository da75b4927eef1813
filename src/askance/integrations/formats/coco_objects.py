"""One object of COCO: what its keys mean, and the keys of one that is to be written."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from askance.integrations.formats.drafts import Draft, Tell, number, shown
from askance.integrations.formats.items import OWN, Lost, Size
from askance.integrations.formats.runs import counts_to_text, mask_of, text_to_counts
from askance.integrations.formats.shapes import area_of
from askance.vocab import Mask, Object, Point
from askance.vocab.annotations import Annotation, from_json, to_json

_TAKEN = frozenset(
    {"image_id", "category_id", "bbox", "segmentation", "keypoints", "num_keypoints", "iscrowd", "score", OWN}
)

_LAST_DIGITS = 1e-6
"""Pixels by which left and width may miss the right edge."""


@dataclass(frozen=True, slots=True)
class Category:
    """A class as a file has it.

    Attributes:
        name: of the class.
        points: names of its points.
        more: the record, as read.
    """

    name: str
    points: tuple[str, ...]
    more: Mapping[str, Any]

    @classmethod
    def of(cls, name: str, record: Mapping[str, Any]) -> "Category":
        """From a record of `categories`."""
        points = record.get("keypoints")
        named = points if isinstance(points, list) else []
        return cls(name, tuple(str(one) for one in named), record)


def is_label(one: Mapping[str, Any]) -> bool:
    """Whether it names a class and no place: a label of the whole image."""
    return not any(one.get(key) for key in ("bbox", "segmentation", "keypoints"))


def draft_of(one: Mapping[str, Any], category: Category, size: Size, tell: Tell) -> Draft:
    """What an annotation says, boxes as edges and runs as masks."""
    said, own = one.get("segmentation"), one.get(OWN)
    own = own if isinstance(own, dict) else {}
    draft = Draft(category.name, _edges(one.get("bbox")), score=one.get("score"))
    draft.crowd = one.get("iscrowd") in {1}
    draft.more = {key: value for key, value in one.items() if key not in _TAKEN}
    draft.points = _points(one.get("keypoints"), category, tell)
    exact = _exact(own, said)
    if isinstance(said, dict):
        draft.mask = _mask(said, size, tell)
    elif isinstance(said, list):
        draft.rings = said if said and isinstance(said[0], list) else [said] if said else []
    elif said is not None:
        tell(f"a segmentation that is neither outlines nor runs: {shown(said)}: left out")
    if exact is not None:
        draft.parts, draft.rings = exact.parts, ()
        draft.mask = draft.mask if own.get("mask") is True else None
    draft.edges = _exact_edges(own.get("box"), draft.edges)
    source = own.get("source")
    draft.source = source if isinstance(source, str) else None
    return draft


def _edges(bbox: Any) -> list[Any] | None:
    """Left, top, right and bottom from left, top, width and height; as it is where they are no numbers."""
    if bbox is None or bbox == []:
        return None
    numbers = [number(one) for one in bbox] if isinstance(bbox, list) else []
    if len(numbers) != 4 or None in numbers:
        return bbox if isinstance(bbox, list) else [bbox]
    x, y, width, height = (one for one in numbers if one is not None)
    return [x, y, x + width, y + height]


def _exact_edges(own: Any, edges: list[Any] | None) -> list[Any] | None:
    """The edges that we kept to the last digit, if they are still those of the box; none where it was not said."""
    if own is False or edges is None:
        return None
    kept = [number(one) for one in own] if isinstance(own, list) else []
    numbers = [number(one) for one in edges]
    pairs = zip(kept, numbers, strict=False)
    same = len(kept) == len(numbers) == 4 and all(
        a is not None and b is not None and abs(a - b) < _LAST_DIGITS for a, b in pairs
    )
    return list(kept) if same else edges


def _points(said: Any, category: Category, tell: Tell) -> tuple[Point, ...]:
    if said is None or said == []:
        return ()
    names = category.points
    if not isinstance(said, list) or len(said) != 3 * len(names):
        count = f"{len(said)} numbers" if isinstance(said, list) else shown(said)
        tell(f"keypoints that do not match its category's {len(names)} points (x, y, v each): {count}: left out")
        return ()
    found = []
    for name, x, y, visible in zip(names, said[0::3], said[1::3], said[2::3], strict=True):
        across, down = number(x), number(y)
        if across is None or down is None or visible not in (0, 1, 2):
            tell(f"a keypoint {name} that is no x, y and 0, 1 or 2: {shown([x, y, visible])}: keypoints left out")
            return ()
        found.append(Point(name, across, down, int(visible)))  # type: ignore[arg-type]  # just checked
    return tuple(found)


def _mask(said: Mapping[str, Any], size: Size, tell: Tell) -> Mask | None:
    """The mask of some runs, if they fill the image that they are of."""
    sides, counts = said.get("size"), said.get("counts")
    if not (isinstance(sides, list) and len(sides) == 2 and all(type(one) is int and one > 0 for one in sides)):
        tell(f"runs without the size of their image: {shown(sides)}: left out")
        return None
    height, width = sides
    if size is not None and size != (width, height):
        tell(f"runs of an image of {width} x {height}, and the image has {size[0]} x {size[1]}: left out")
        return None
    try:
        runs = text_to_counts(counts) if isinstance(counts, str) else counts
        if not isinstance(runs, list) or not all(type(run) is int for run in runs):
            raise ValueError(f"runs that are no list of whole numbers and no text: {shown(counts)}")
        return Mask(width, height, tuple(runs))
    except ValueError as error:
        tell(f"{error}: left out")
        return None


def _exact(own: Mapping[str, Any], said: Any) -> Object | None:
    """The outlines that we kept beside a segmentation, if it is still the one that they were kept for."""
    if "parts" not in own or own.get("of") != digest(said):
        return None
    try:
        found = from_json({"objects": [{"name": "", "parts": own["parts"]}]}).objects or (None,)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return None
    one = found[0]
    if one is None or not all(_is_ring(ring) for part in one.parts for ring in (part.outline, *part.holes)):
        return None
    return one


def _is_ring(ring: Any) -> bool:
    return len(ring) >= 3 and all(number(value) is not None for corner in ring for value in corner)


def digest(said: Any) -> str:
    """What tells one segmentation from another.

    >>> digest([[1, 2, 3, 4, 5, 6]])
    '58bbb1d353a9015f'
    """
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def record_of(one: Object, size: Size, names: Sequence[str], lost: Lost) -> dict[str, Any]:
    """An object's keys, but for its ids.

    Args:
        one: the object.
        size: of its image.
        names: of the points of its class.
        lost: what cannot be written is counted there.
    """
    box, own = one.bounds, dict[str, Any]()
    found: dict[str, Any] = {"iscrowd": int(one.crowd)}
    if box is not None:
        found["bbox"] = [box.left, box.top, box.width, box.height]
        if one.box is None:
            own["box"] = False
        elif (box.left + box.width, box.top + box.height) != (box.right, box.bottom):
            own["box"] = [box.left, box.top, box.right, box.bottom]
    found |= _segmentation(one, size, own, lost)
    if one.points:
        named = {point.name: point for point in one.points}
        placed = [named.get(name, Point(name, 0, 0, 0)) for name in names]
        found["keypoints"] = [number for point in placed for number in (point.x, point.y, point.visible)]
        found["num_keypoints"] = sum(point.visible > 0 for point in placed)
        lost["points"] += len(one.points) - len(named)
    if one.score is not None:
        found["score"] = one.score
    if one.source is not None:
        own["source"] = one.source
    found["area"] = one.more.get("area", _area(one))
    found |= {key: value for key, value in one.more.items() if key not in _TAKEN | {"id", "area"}}
    return found | ({OWN: own} if own else {})


def _segmentation(one: Object, size: Size, own: dict[str, Any], lost: Lost) -> dict[str, Any]:
    holes = sum(len(part.holes) for part in one.parts)
    if one.mask is None and not one.parts:
        return {}
    mask = one.mask
    if mask is None and holes and size is not None:
        mask = mask_of(one.parts, size)
    said: Any
    if mask is not None:
        said = {"size": [mask.height, mask.width], "counts": counts_to_text(mask)}
    else:
        said = [[number for corner in part.outline for number in corner] for part in one.parts]
        lost["holes"] += holes
    if one.parts and (mask is not None or holes):
        kept: Any = to_json(Annotation((Object("", parts=one.parts),)))["objects"]
        own |= {"parts": kept[0]["parts"], "of": digest(said)}
        if one.mask is not None:
            own["mask"] = True
    return {"segmentation": said}


def _area(one: Object) -> float:
    """Square pixels of its mask, its parts or its box."""
    if one.mask is not None:
        return one.mask.area
    return sum(map(area_of, one.parts)) if one.parts else one.bounds.area if one.bounds else 0
