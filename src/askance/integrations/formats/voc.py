"""Pascal VOC's XML, read and written: boxes by their first and last pixel, counted from 1."""

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from askance.integrations.annotated import Annotated, AnnotationFile
from askance.integrations.files import new_folder
from askance.integrations.formats.doors import below, read_xml
from askance.integrations.formats.drafts import Draft, Faults, class_name, finished, number, parsed, size_from
from askance.integrations.formats.each import put_each, read_each
from askance.integrations.formats.items import Contents, Item, Lost, Sizes, Written
from askance.integrations.formats.names import with_ending
from askance.vocab import Annotation, LabelError, Object
from askance.vocab.names import printable

WHAT = "Pascal VOC: XML files with <annotation>, one an image"

_USUAL: dict[str, Any] = {"pose": "Unspecified", "truncated": 0, "difficult": 0, "occluded": 0}
"""What VOC says of an object besides, and what it says where there is nothing to say."""

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read_voc(path: Path, sizes: Sizes | None = None) -> AnnotationFile:
    """Read a folder of XML files, or one. `pose`, `truncated`, `difficult` and `occluded` are kept in `more`.

    Args:
        path: of the folder or the file.
        sizes: of images for which the file says none.

    Raises:
        LabelError: nothing there, or the one file is no XML or not VOC's.
    """
    faults = Faults()
    found = read_each(path, ".xml", WHAT, lambda file, root: _read(file, root, sizes, faults), faults)
    classes = {made.name for one in found for made in one.annotation.objects or ()}
    return AnnotationFile("voc", tuple(sorted(classes)), found, faults.found)


def _read(file: Path, root: Path, sizes: Sizes | None, faults: Faults) -> Annotated:
    place, top = below(file, root), read_xml(file, WHAT)
    if top.tag != "annotation":
        got = f"{printable(file.name)} with <{top.tag}>"
        raise LabelError(WHAT, got, "name its real format, or leave the file out")
    name = (top.findtext("filename") or "").strip() or file.stem
    said = top.findtext("size/width"), top.findtext("size/height")
    size = size_from(*map(parsed, said)) or (sizes(name) if sizes else None)
    if size is None and any(side and parsed(side) != 0 for side in said):
        faults.tell(place, f"no width and height in whole pixels: {said[0]} x {said[1]}: left out", name)
    listed = top.findall("object")
    faults.count(len(listed))
    objects = []
    for i, element in enumerate(listed, start=1):
        kind, problem = class_name(element.findtext("name"))
        thing = f"object {i} ({kind})" if kind else f"object {i}"
        tell = faults.teller(place, name, thing)
        if problem:
            tell(f"{problem}: left out")
            continue
        made = finished(_draft(kind, element), size, tell)
        if made is not None:
            objects.append(made)
    more = {key: text for key in ("folder",) if (text := (top.findtext(key) or "").strip())}
    return Annotated(name, Annotation(tuple(objects), size=size), place, more)


def _draft(name: str, element: Element) -> Draft:
    more: dict[str, Any] = {}
    for key, usual in _USUAL.items():
        value = parsed(element.findtext(key, str(usual)))
        if value not in (usual, ""):
            more[key] = value
    parts = [
        {"name": one.findtext("name", ""), "bndbox": _corners(one.find("bndbox"))}
        for one in element.findall("part")
    ]
    if parts:
        more["part"] = parts
    return Draft(name, _edges(element.find("bndbox")), more=more)


def _corners(box: Element | None) -> list[Any]:
    return [parsed(box.findtext(key)) if box is not None else None for key in _CORNERS]


def _edges(box: Element | None) -> list[Any] | None:
    """Edges from first and last pixels: the first has its edge one before, the last is what it is."""
    if box is None:
        return None
    first = [number(one) for one in _corners(box)]
    if None in first:
        return _corners(box)
    left, top, right, bottom = (one for one in first if one is not None)
    return [left - 1, top - 1, right, bottom]


def write_voc(
    path: Path,
    said: Contents,
) -> Written:
    """Write a new folder of XML files, one an image. Edges that are no whole pixels are written as they are.

    Args:
        path: of the folder, absent or empty.
        said: of images. VOC has no list of classes.

    Returns:
        Files, and what VOC does not hold: `outlines`, `holes`, `masks`, `points`, `crowds` (as one object),
        `scores`, `more`, `labels`, `without a place`, `boxes` (made from a shape), `names` (of images whose
        file another has), `without a size` (images).

    Raises:
        LabelError: the folder has something in it.
        StoreError: the disk said no.
    """
    lost = Lost()
    with new_folder(path) as beside:
        files = put_each(
            beside, said.items, lambda name: with_ending(name, ".xml"), lambda item: _xml(item, lost), lost
        )
    return Written(tuple(path / name for name in files), lost.kinds())


def _xml(item: Item, lost: Lost) -> bytes | None:
    if item.annotation.objects is None:
        lost["labels"] += len(item.annotation.labels or ())
        return None
    top = Element("annotation")
    folder = item.more.get("folder")
    if isinstance(folder, str):
        SubElement(top, "folder").text = folder
    SubElement(top, "filename").text = item.name
    if item.pixels is not None:
        size = SubElement(top, "size")
        for key, side in zip(("width", "height", "depth"), (*item.pixels, 3), strict=True):
            SubElement(size, key).text = str(side)
    lost["without a size"] += item.pixels is None
    SubElement(top, "segmented").text = "0"
    for one in item.annotation.objects:
        _add(top, one, lost)
    indent(top)
    data: bytes = tostring(top, encoding="utf-8")
    return data + b"\n"


def _add(top: Element, one: Object, lost: Lost) -> None:
    box = one.bounds
    if box is None or not box.area:
        lost["without a place"] += 1
        return
    lost.all_but_box(one, frozenset({*_USUAL, "part"}))
    lost["scores"] += one.score is not None
    element = SubElement(top, "object")
    SubElement(element, "name").text = one.name
    for key, usual in _USUAL.items():
        SubElement(element, key).text = str(one.more.get(key, usual))
    _add_box(element, [box.left + 1, box.top + 1, box.right, box.bottom])
    parts = one.more.get("part")
    for part in parts if isinstance(parts, list) else []:
        if isinstance(part, dict) and isinstance(part.get("bndbox"), list):
            inside = SubElement(element, "part")
            SubElement(inside, "name").text = str(part.get("name"))
            _add_box(inside, part["bndbox"])


def _add_box(element: Element, corners: Any) -> None:
    box = SubElement(element, "bndbox")
    for key, value in zip(_CORNERS, corners, strict=False):
        whole = isinstance(value, float) and value.is_integer()
        SubElement(box, key).text = str(int(value) if whole else value)
