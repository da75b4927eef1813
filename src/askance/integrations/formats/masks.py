"""Masks as PNG, read: a number or a colour a class, or a number an object."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import PngImagePlugin

from askance.integrations.annotated import Annotated, AnnotationFile
from askance.integrations.formats.doors import below, files_in, image_size
from askance.integrations.formats.drafts import Faults
from askance.integrations.formats.items import Sizes
from askance.integrations.formats.mask_classes import Colour, MaskClasses, read_classes
from askance.integrations.formats.runs import runs_of
from askance.pool.decoding import MAX_PIXELS
from askance.pool.endings import is_image_name
from askance.pool.png import without_bulk
from askance.vocab import Annotation, LabelError, Object
from askance.vocab.names import printable

WHAT = "masks: a folder of PNGs whose pixels are numbers or colours of classes"

FOLDERS = ("SegmentationClass", "masks", "labels", "annotations")
OBJECTS = ("SegmentationObject", "instances")
_IMAGES = ("JPEGImages", "images")

EACH = 1000
"""In a map of objects, the number of a class is multiplied by this, and the number of the object added."""

_MOST_COLOURS = 256
"""Of a mask; more are a photograph's."""


class _NoMask(ValueError):
    """A PNG that is no mask."""


def read_masks(
    path: Path, sizes: Sizes | None = None, *, instances: bool = False, void: int | None = 255
) -> AnnotationFile:
    """Read a folder of masks.

    Numbers (indexed or grey PNGs) or colours stand for classes as a list beside says (`classes.txt`,
    `labelmap.txt`). Without a list 0 and black are background, and other numbers and colours are names. All pixels
    of a class are one object. What is background or void is none.

    Args:
        path: of the folder, or one with `SegmentationClass`, `masks` or `labels` in it.
        sizes: of images; a mask of another size is left out.
        instances: each number is an object: the class's number times 1,000 and a number more; or, where there is
            one class alone, any number.
        void: the number of pixels that nobody decided on.

    Raises:
        LabelError: no such folder, or no mask in it.
    """
    folder = next((path / one for one in (OBJECTS if instances else FOLDERS) if (path / one).is_dir()), path)
    files = list(files_in(folder, lambda name: name.endswith(".png"))) if folder.is_dir() else []
    if not files:
        raise LabelError(WHAT, f"{printable(str(path))} without one", "name the folder of masks")
    classes = read_classes([folder, path, folder.parent], void)
    images = dict(_images(path))
    faults, found = Faults(), list[Annotated]()
    for file in files:
        place, stem = below(file, path), below(file.with_suffix(""), folder)
        image = images.get(stem)
        name = below(image, path) if image else stem
        try:
            one = _Mask(file, classes, instances=instances)
            size = (sizes(name) if sizes else None) or image_size(image) or one.size
            if size != one.size:
                problem = f"a mask of {one.size[0]} x {one.size[1]} for an image of {size[0]} x {size[1]}"
                raise _NoMask(problem)
            objects = tuple(one.objects())
        except (_NoMask, LabelError, OSError, SyntaxError) as error:
            faults.tell(place, f"{error.got if isinstance(error, LabelError) else error}: left out", name)
            continue
        for problem in one.problems:
            faults.tell(place, problem, name)
        found.append(Annotated(name, Annotation(objects, size=one.size), place))
    if not found:
        raise LabelError(WHAT, f"{printable(str(path))}: {faults.found[0].problem}", "check the files")
    return AnnotationFile("masks", _names(classes, found), found, faults.found)


def _names(classes: MaskClasses, found: list[Annotated]) -> tuple[str, ...]:
    if not classes.open:
        return classes.names
    met = {name for one in found for name in one.annotation.names}
    return tuple(sorted(met, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name)))


def _images(path: Path) -> Iterator[tuple[str, Path]]:
    for name in _IMAGES:
        for file in files_in(path / name, is_image_name) if (path / name).is_dir() else ():
            yield below(file.with_suffix(""), path / name), file


class _Mask:
    """One PNG, as numbers or as colours."""

    def __init__(self, file: Path, classes: MaskClasses, *, instances: bool) -> None:
        image = PngImagePlugin.PngImageFile(BytesIO(without_bulk(file.read_bytes())))
        self.size: tuple[int, int] = image.size
        if image.width * image.height > MAX_PIXELS:
            raise _NoMask(f"{image.width} x {image.height} pixels, more than {MAX_PIXELS:,}")
        self._classes, self._instances = classes, instances
        self.problems: list[str] = []
        palette = image.mode == "P" and bool(classes.colours)
        self._coloured = palette or image.mode in {"RGB", "RGBA"}
        if self._coloured and instances:
            raise _NoMask("a map of objects in colours: numbers are wanted")
        if self._coloured:
            channels = np.asarray(image.convert("RGB")).astype(np.int32)
            self._values: NDArray[np.int32] = channels[..., 0] << 16 | channels[..., 1] << 8 | channels[..., 2]
        else:
            values = np.asarray(image)
            self._values = (values if values.ndim == 2 else values[..., 0]).astype(np.int32)

    def objects(self) -> Iterator[Object]:
        """One a class, or one a number."""
        values, counts = np.unique(self._values, return_counts=True)
        if len(values) > _MOST_COLOURS and not self._instances:
            raise _NoMask(f"{len(values):,} numbers or colours: a photograph, and no mask")
        named: dict[str, NDArray[np.bool_]] = {}
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            name = self._name(value)
            if name == "":
                self.problems.append(f"{count:,} pixels of {self._shown(value)}, which no class has: left out")
            elif name is not None and self._instances:
                yield Object(name, mask=runs_of(self._values == value))
            elif name is not None:
                named[name] = named.get(name, False) | (self._values == value)
        order = {name: i for i, name in enumerate(self._classes.names)}
        for name in sorted(named, key=lambda name: order.get(name, len(order))):
            yield Object(name, mask=runs_of(named[name]))

    def _name(self, value: int) -> str | None:
        """The class of a value; None for background and void, empty where it has none."""
        classes = self._classes
        if self._coloured:
            colour = _colour(value)
            if colour in classes.blank:
                return None
            return classes.colours.get(colour, f"#{value:06x}" if classes.open else "")
        if value in classes.nothing and not (self._instances and value):
            return None
        if self._instances and value < EACH and len(classes.numbers) == 1:
            return next(iter(classes.numbers.values()))
        number = value // EACH if self._instances and value >= EACH else value
        if number in classes.nothing:
            return None
        return classes.numbers.get(number, str(number) if classes.open else "")

    def _shown(self, value: int) -> str:
        return f"the colour {_colour(value)}" if self._coloured else f"the number {value}"


def _colour(value: int) -> Colour:
    return value >> 16, value >> 8 & 255, value & 255
