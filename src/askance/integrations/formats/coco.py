"""COCO's JSON, read: boxes, outlines, both forms of runs, keypoints, crowds; or labels of whole images."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from askance.integrations.annotated import Annotated, AnnotationFile
from askance.integrations.formats.coco_objects import Category, draft_of, is_label
from askance.integrations.formats.doors import below, files_in, read_json
from askance.integrations.formats.drafts import Faults, class_name, finished, plain_more, shown, size_from
from askance.integrations.formats.items import Size, Sizes
from askance.vocab import Annotation, LabelError, Object
from askance.vocab.annotations import canonical
from askance.vocab.names import printable

WHAT = "a COCO file: JSON with the lists images, annotations and categories"

GLANCE = 100_000
"""Bytes at either end of a file that tell what it is."""


def read_coco(path: Path, sizes: Sizes | None = None) -> AnnotationFile:
    """Read a COCO file, or all of a folder (`train/_annotations.coco.json`, `annotations/instances_val.json`).

    Of a folder with several, images are named from the folder on.

    Args:
        path: of the file or the folder.
        sizes: of images for which the file says none.

    Raises:
        LabelError: no such file, cut off, or not COCO.
    """
    faults, found, order = Faults(), list[Annotated](), dict[str, Category]()
    files = list(coco_files(path)) if path.is_dir() else [path]
    if not files:
        raise LabelError(WHAT, f"{printable(str(path))} without one", "name the file")
    for file in files:
        one = _Reader(read_json(file, WHAT), file, _prefix(file, path), faults)
        found += one.read(sizes)
        for category in one.categories.values():
            order.setdefault(category.name, category)
    points = {name: one.points for name, one in order.items() if one.points}
    more: dict[str, Any] = {"categories": [dict(one.more) for one in order.values()]}
    return AnnotationFile("coco", tuple(order), _once(found, faults), faults.found, points, more)


def coco_files(folder: Path) -> list[Path]:
    """The files of a folder that look like COCO."""
    return [file for file in files_in(folder, lambda name: name.endswith(".json")) if looks_like_coco(file)]


def looks_like_coco(file: Path) -> bool:
    """Whether its beginning and its end name the lists that COCO has."""
    with file.open("rb") as opened:
        start = opened.read(GLANCE)
        opened.seek(max(0, file.stat().st_size - GLANCE))
        text = start + opened.read()
    return sum(key in text for key in (b'"images"', b'"annotations"', b'"categories"')) >= 2


def _prefix(file: Path, path: Path) -> str:
    if not path.is_dir() or file.parent.name == "annotations":
        return ""
    folder = below(file.parent, path)
    return "" if folder == "." else f"{folder}/"


@dataclass(slots=True)
class _Image:
    name: str
    size: Size
    place: str
    more: Mapping[str, Any]
    objects: list[Object] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)


class _Reader:
    """One file."""

    def __init__(self, document: Any, file: Path, prefix: str, faults: Faults) -> None:
        self._file, self._prefix, self._faults = printable(file.name), prefix, faults
        if isinstance(document, list):
            fix = "put it beside the images and categories that it speaks of, in one file"
            raise LabelError(WHAT, f"{self._file} is one list, as results of a model are", fix)
        lists = [self._list(document, key) for key in ("categories", "images", "annotations")]
        self.categories = self._categories(lists[0])
        self._images = self._read_images(lists[1])
        self._annotations = lists[2]
        faults.count(len(lists[2]))

    def read(self, sizes: Sizes | None) -> list[Annotated]:
        """Its images, with what is said of each."""
        for image in self._images.values():
            image.size = image.size or (sizes(image.name) if sizes else None)
        places = [(self._place(i, one), one) for i, one in enumerate(self._annotations)]
        labels_alone = all(is_label(one) for _, one in places if isinstance(one, dict)) and bool(places)
        seen: dict[str, list[Any]] = defaultdict(list)
        for place, one in places:
            if isinstance(one, dict):
                if self._is_new(place, one, seen):
                    self._take(place, one, labels_alone=labels_alone)
            else:
                self._faults.tell(place, f"no annotation: {shown(one)}: left out")
        return [
            Annotated(
                image.name, _annotation(image, labels_alone=labels_alone), image.place, plain_more(image.more)
            )
            for image in self._images.values()
        ]

    def _list(self, document: Any, key: str) -> list[Any]:
        found = document.get(key) if isinstance(document, dict) else None
        if not isinstance(found, list):
            got = f"{self._file} without the list {key}"
            raise LabelError(WHAT, got, "export it again as COCO, or name its real format")
        return found

    def _place(self, at: int, one: Any) -> str:
        known = _key(one.get("id")) if isinstance(one, dict) else None
        return f"{self._file}: annotation {known}" if known else f"{self._file}: annotations[{at}]"

    def _is_new(self, place: str, one: dict[str, Any], seen: dict[str, list[Any]]) -> bool:
        """Whether it is no copy of one before; another of the same id is taken, without its id."""
        key = _key(one.get("id"))
        if key is None:
            return True
        others = seen[key]
        same = one in others
        if others:
            image = self._images.get(_key(one.get("image_id")) or "")
            what = "with the same content: left out" if same else "with other content: both are taken"
            self._faults.tell(
                place, f"a second annotation of the id {key} {what}", image.name if image else "", f"object {key}"
            )
        others.append(dict(one))
        if len(others) > 1:
            one.pop("id")
        return not same

    def _categories(self, listed: list[Any]) -> dict[str, Category]:
        found: dict[str, Category] = {}
        doubtful = set[str]()
        for i, one in enumerate(listed):
            place = f"{self._file}: categories[{i}]"
            key = _key(one.get("id")) if isinstance(one, dict) else None
            name, problem = class_name(one.get("name")) if key else ("", f"no category with an id: {shown(one)}")
            if key is None or problem:
                self._faults.tell(place, f"{problem}: left out")
                continue
            if key in found and found[key].name != name:
                said = f"the id {key} stands for {found[key].name} and for {name}: neither is taken"
                self._faults.tell(place, said)
                doubtful.add(key)
            if name in {other.name for other in found.values()} and key not in found:
                self._faults.tell(place, f"a second category of the name {name}: taken as one class")
            found.setdefault(key, Category.of(name, one))
        return {key: one for key, one in found.items() if key not in doubtful}

    def _read_images(self, listed: list[Any]) -> dict[str, _Image]:
        found: dict[str, _Image] = {}
        doubtful = dict[str, str]()
        for i, one in enumerate(listed):
            place = f"{self._file}: images[{i}]"
            key = _key(one.get("id")) if isinstance(one, dict) else None
            name = one.get("file_name") if isinstance(one, dict) else None
            if key is None or not isinstance(name, str) or not name.strip():
                self._faults.tell(place, f"no image with an id and a file_name: {shown(one)}: left out")
                continue
            image = self._image(one, name.strip(), place)
            if key in found and found[key].name != image.name:
                said = f"the id {key} stands for {found[key].name} and for {image.name}: neither is taken"
                self._faults.tell(place, said, image.name)
                doubtful[key] = image.name
            elif key in found:
                self._faults.tell(
                    place, f"a second image of the id {key}, the same file: taken as one", image.name
                )
            found.setdefault(key, image)
        return {key: one for key, one in found.items() if key not in doubtful}

    def _image(self, one: dict[str, Any], name: str, place: str) -> _Image:
        said = one.get("width"), one.get("height")
        size = size_from(*said)
        if size is None and said != (None, None):
            self._faults.tell(place, f"no width and height in whole pixels: {shown(said)}: left out", name)
        more = {key: value for key, value in one.items() if key not in {"file_name", "width", "height"}}
        return _Image(self._prefix + name, size, place, more)

    def _take(self, place: str, one: dict[str, Any], *, labels_alone: bool) -> None:
        image = self._images.get(_key(one.get("image_id")) or "")
        category = self.categories.get(_key(one.get("category_id")) or "")
        known = _key(one.get("id"))
        thing = f"object {known}" if known else f"object of {place.rpartition(': ')[2]}"
        if image is None:
            said = f"no image has the id {shown(one.get('image_id'))}: left out"
            self._faults.tell(place, said, "", thing)
            return
        if category is None:
            said = f"no category has the id {shown(one.get('category_id'))}: left out"
            self._faults.tell(place, said, image.name, thing)
            return
        thing = f"{thing} ({category.name})"
        if labels_alone:
            image.labels.append(category.name)
            return
        if is_label(one):
            said = "a label of the whole image among objects, two tasks in one file: left out"
            self._faults.tell(place, said, image.name, thing)
            return
        tell = self._faults.teller(place, image.name, thing)
        made = finished(draft_of(one, category, image.size, tell), image.size, tell)
        if made is not None:
            image.objects.append(made)


def _annotation(image: _Image, *, labels_alone: bool) -> Annotation:
    if labels_alone:
        return replace(Annotation.of_labels(*image.labels), size=image.size)
    return Annotation(tuple(image.objects), size=image.size)


def _once(found: Sequence[Annotated], faults: Faults) -> list[Annotated]:
    """Each name once: two that say the same are one, two that do not are left out."""
    named: dict[str, list[Annotated]] = defaultdict(list)
    for one in found:
        named[one.name].append(one)
    kept = []
    for name, all_of_it in named.items():
        first = all_of_it[0]
        if len({_bare(one.annotation) for one in all_of_it}) == 1:
            kept.append(first)
        for one in all_of_it[1:]:
            same = "say the same: taken once" if first in kept[-1:] else "say different things: left out"
            faults.tell(one.place, f"two images of one file_name ({first.place}), which {same}", name)
    return kept


def _bare(said: Annotation) -> str:
    """As canonical, without what numbers objects in a file."""
    if said.objects is None:
        return canonical(said)
    return canonical(replace(said, objects=tuple(replace(one, more={}) for one in said.objects)))


def _key(value: Any) -> str | None:
    """An id as it is compared: 7, 7.0 and "7" are one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else None
    return str(value).strip() or None
