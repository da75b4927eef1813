"""What is written in a foreign format, and what became of it; what the readers are told of images."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from askance.vocab import Annotation, Json, Object, Split

Size: TypeAlias = tuple[int, int] | None
"""Width and height of an image; None where nobody knows them."""

Sizes: TypeAlias = Callable[[str], tuple[int, int] | None]
"""Name of an image, as a file has it -> its width and height as a person sees it; None where nobody knows."""

OWN = "askance"
"""The key under which a file keeps what its format has no word for."""


@dataclass(frozen=True, slots=True)
class Item:
    """One image to be written.

    Attributes:
        name: of the image, as a path below the folder of images.
        annotation: what is said of it.
        size: its width and height; None: as the annotation says.
        more: what a format says of the image besides, as `Annotated.more`.
        split: what it is for, where somebody said: a model that is trained elsewhere has to know, too.
    """

    name: str
    annotation: Annotation
    size: tuple[int, int] | None = None
    more: Mapping[str, Json] = field(default_factory=dict)
    split: Split | None = None

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height, from whichever says them."""
        return self.size or self.annotation.size


@dataclass(frozen=True, slots=True)
class Contents:
    """All that is to be written. A format takes of it what it has a place for.

    Attributes:
        items: images and what is said of them.
        classes: in order.
        points: class -> names of its points, in order.
        more: `AnnotationFile.more` of what was read, for ids and skeletons of COCO.
    """

    items: Sequence[Item]
    classes: Sequence[str]
    points: Mapping[str, Sequence[str]] = field(default_factory=dict)
    more: Mapping[str, Json] = field(default_factory=dict)

    @property
    def objects(self) -> list[Object]:
        """Of all images."""
        return [one for item in self.items for one in item.annotation.objects or ()]

    @property
    def names(self) -> list[str]:
        """All classes: those that only objects have come after the others."""
        return list(dict.fromkeys([*self.classes, *(one.name for one in self.objects)]))


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and what the format could not hold.

    Attributes:
        files: all of them; the first is the one to read back.
        lost: kind -> how many: `holes`, `parts`, `crowds`... Empty where nothing was.
    """

    files: tuple[Path, ...]
    lost: Mapping[str, int] = field(default_factory=dict)


class Lost(Counter[str]):
    """What a format cannot hold, counted by kind while it is written."""

    def kinds(self) -> dict[str, int]:
        """Those that were met, by name."""
        return {kind: count for kind, count in sorted(self.items()) if count}

    def all_but_box(self, one: Object, held: frozenset[str] = frozenset()) -> None:
        """Count what one object is besides its class and its box; `held` are keys of `more` that are written."""
        self["outlines"] += len(one.parts)
        self["holes"] += sum(len(part.holes) for part in one.parts)
        self["masks"] += one.mask is not None
        self["points"] += len(one.points)
        self["crowds"] += one.crowd
        self["boxes"] += one.box is None
        self["more"] += says_more({key: value for key, value in one.more.items() if key not in held})


OF_FILES = frozenset({"id", "area", "group_id"})
"""Keys of `Object.more` that number or measure an object in its file, and say nothing of it."""


def says_more(more: Mapping[str, Json]) -> bool:
    """Whether it says anything of the object itself.

    >>> says_more({"id": 7, "area": 20.5}), says_more({"truncated": 1})
    (False, True)
    """
    return bool(more.keys() - OF_FILES)
