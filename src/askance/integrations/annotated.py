"""What a file in a foreign format says of images: annotations by file name, and what of it could not be taken."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from askance.vocab import Annotation, Json


class Fault(NamedTuple):
    """One thing in a file that is wrong.

    Attributes:
        place: where: the file, and a line or an id in it.
        image: of which image, as the file names it; empty where it is of none.
        thing: which object of it, as `object 3 (can)`; empty where it is the image's.
        problem: what is wrong, in words.
    """

    place: str
    image: str
    thing: str
    problem: str


@dataclass(frozen=True, slots=True)
class Annotated:
    """What a file says of one image.

    Attributes:
        name: of the image, as the file names it: a path or a bare name.
        annotation: what is said, in pixels of the image; its `size` where the file says one.
        place: where that stands.
        more: what a format says of the image besides (an id, a group), kept for the way back.
    """

    name: str
    annotation: Annotation
    place: str
    more: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AnnotationFile:
    """A file, or a folder of files, in a foreign format.

    Attributes:
        format: its name: `coco`, `yolo`, `voc`, `labelme`, `masks`, `csv`.
        classes: as the format lists them, in its order; where it has no list, those that are met, sorted.
        images: one for each image that it speaks of, those with nothing in them included.
        faults: what was left out or changed, and why. An object that is left out does not leave out its image.
        points: class -> names of its points, in order.
        more: what a format says of it all besides (the categories of COCO with their ids and skeletons), kept for
            the way back.
    """

    format: str
    classes: tuple[str, ...]
    images: Sequence[Annotated]
    faults: Sequence[Fault] = ()
    points: dict[str, tuple[str, ...]] = field(default_factory=dict)
    more: Mapping[str, Json] = field(default_factory=dict)
