"""Annotations out: all that is said of objects in a foreign format, and what a model says of a batch."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from askance.integrations.batch_folder import read_mark, small_size
from askance.integrations.names import base_name
from askance.integrations.sheet import SURE
from askance.integrations.turning import scaled
from askance.loop.project import Project
from askance.vocab import Annotation, Box, ImageRecord, Json, LabelError, Object, Pick
from askance.vocab.files import free_name

FILES = {"coco": ".json", "csv": ".csv"}
"""Formats that are one file, and its ending; the others are a folder."""

Tell = Callable[[str], None]


def export_objects(project: Project, path: Path, form: str | None, tell: Tell) -> tuple[int, Path]:
    """Write what is said of objects in all images that are in the pool.

    Args:
        project: whose labels they are.
        path: of the file or folder to be written; the next free name is taken where something is there.
        form: `coco`, `yolo`, `voc`, `labelme`, `masks` or `csv`; None: by the ending, YOLO with COCO for a folder.
        tell: told what could not be written.

    Returns:
        How many images, and where.
    """
    from askance.integrations.formats import Item, write_annotations

    form = form or next((name for name, end in FILES.items() if path.suffix.lower() == end), "yolo")
    images, labels, splits = project.store.images(), project.store.labels(), project.store.splits()
    said = {image_id: label.annotation for image_id, label in labels.items() if label.annotation is not None}
    names = names_below(project.source, {image_id: images[image_id] for image_id in said if image_id in images})
    items = []
    for image_id, name in names.items():
        image, annotation = images[image_id], said[image_id]
        if annotation is not None and annotation.objects is not None:
            items.append(Item(name, annotation, (image.width, image.height), split=splits.get(image_id, "train")))
    place = _free(path, form)
    written = write_annotations(place, form, items, project.config.classes, points=_points(items))
    if gone := len(said.keys() - images.keys()):
        tell(f"{gone:,} labelled images are not in the pool any more, and are left out")
    if unreadable := sum(label.answer is not None for label in labels.values()):
        tell(f"{unreadable:,} images that were answered unreadable are left out")
    if written.lost:
        what = ", ".join(f"{n:,} {kind}" for kind, n in written.lost.items())
        tell(f"{form} has no room for {what}: --format coco keeps them")
    return len(items), place


def export_prelabels(project: Project, package: Path, picks: Sequence[Pick], form: str) -> tuple[Path, int]:
    """Write the boxes that the model sees in a batch beside its folder, to begin from in a tool.

    They lie beside and not in it: what is in the folder is what people say.

    Returns:
        The file or folder, and how many boxes of how sure a model are in it.

    Raises:
        LabelError: there was no model yet when the batch was picked.
    """
    from askance.integrations.formats import Item, write_annotations

    mark, images = read_mark(package), project.store.images()
    seen = {pick.image_id: pick.why.get("boxes") for pick in picks}
    if mark is None or not any(isinstance(boxes, list) for boxes in seen.values()):
        raise LabelError(
            "a batch that a model picked", "one without its boxes", "askance train, then pick and export"
        )
    items = []
    for name, image_id in mark.files.items():
        image = images[image_id]
        said = _seen(seen.get(image_id), image)
        size = small_size(image) if mark.small else (image.width, image.height)
        items.append(Item(name, scaled(said, size), size))
    place = _free(package.with_name(f"{package.name}-prelabels{FILES.get(form, '')}"), form)
    write_annotations(place, form, items, project.config.classes)
    return place, sum(len(item.annotation.objects or ()) for item in items)


def names_below(source: str, images: Mapping[str, ImageRecord]) -> dict[str, str]:
    """Image id -> its path below the pool's source, each another; its base name where it lies elsewhere."""
    below, found, taken = source.rstrip("/") + "/", {}, set()
    for image_id, image in sorted(images.items(), key=lambda one: one[1].uri):
        inside = image.uri.startswith(below) and "::" not in image.uri
        name = image.uri[len(below) :] if inside else base_name(image.uri)
        name = f"{image_id[:8]}_{name}" if name in taken else name
        taken.add(name)
        found[image_id] = name
    return found


def _seen(boxes: Json, image: ImageRecord) -> Annotation:
    """What a model is sure of in an image."""
    objects = []
    for box in boxes if isinstance(boxes, list) else []:
        if isinstance(box, dict) and float(str(box["confidence"])) >= SURE:
            edges: Any = box["box"]
            within = Box(*edges).within(image.width, image.height)
            objects.append(
                Object(str(box["class"]), within, score=float(str(box["confidence"])), source="askance")
            )
    return Annotation(tuple(objects), size=(image.width, image.height))


def _points(items: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    """Class -> the names of its points, in the order they are met."""
    found: dict[str, dict[str, None]] = {}
    for item in items:
        for one in item.annotation.objects or ():
            if one.points:
                found.setdefault(one.name, {}).update(dict.fromkeys(point.name for point in one.points))
    return {name: tuple(points) for name, points in found.items()}


def _free(path: Path, form: str) -> Path:
    wanted = path.with_suffix(FILES[form]) if form in FILES and not path.suffix else path
    return wanted if not wanted.exists() and not wanted.is_symlink() else free_name(wanted)
