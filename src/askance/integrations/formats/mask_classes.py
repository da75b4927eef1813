"""Which class a number or a colour of a mask stands for: lists beside the masks, read and written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from askance.integrations.formats.doors import read_json, read_lines
from askance.vocab import LabelError
from askance.vocab.names import printable, tidy

Colour = tuple[int, int, int]

_JSON = "classes.json"

LISTS = (
    _JSON,
    "classes.txt",
    "labelmap.txt",
    "labels.txt",
    "class_names.txt",
    "label_colors.txt",
    "class_dict.csv",
)

_BACKGROUND = frozenset({"background", "_background_", "bg", "other"})
_VOID = frozenset({"void", "ignore", "__ignore__", "unlabeled", "unlabelled", "ignored", "boundary"})

VOC_VOID = (224, 224, 192)
"""The colour of what Pascal VOC leaves open."""

_NAME_FIRST = re.compile(r"^([^:,\t]+?)\s*[:,\t ]\s*(\d{1,3})[,\s]+(\d{1,3})[,\s]+(\d{1,3})(?:[:,\s].*)?$")
_COLOUR_FIRST = re.compile(r"^(\d{1,3})[,\s]+(\d{1,3})[,\s]+(\d{1,3})[,\s]+(\S.*)$")


@dataclass(slots=True)
class MaskClasses:
    """What masks say.

    Attributes:
        numbers: value of a pixel -> class; those that are no object have none.
        colours: colour of a pixel -> class.
        nothing: values that are background or void.
        blank: colours that are.
        open: there is no list: whatever is met is a class.
    """

    numbers: dict[int, str] = field(default_factory=dict)
    colours: dict[Colour, str] = field(default_factory=dict)
    nothing: set[int] = field(default_factory=set)
    blank: set[Colour] = field(default_factory=lambda: {(0, 0, 0), VOC_VOID})
    open: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Classes in order of their numbers."""
        return tuple(dict.fromkeys([*(self.numbers[key] for key in sorted(self.numbers)), *self.colours.values()]))


def read_classes(folders: Sequence[Path], void: int | None) -> MaskClasses:
    """From the first list that lies in one of some folders: a class a line, the first line is number 0.

    `classes.json` has a list of names, or one under `classes` with the number that is void under `ignore_index`.

    A line may have a colour: `can:128,0,0::` as CVAT writes it, `can,128,0,0`, or `128 0 0 can`.
    """
    found = MaskClasses(nothing=set() if void is None else {void})
    file = next((folder / name for folder in folders for name in LISTS if (folder / name).is_file()), None)
    if file is None:
        found.nothing.add(0)
        return found
    lines, ignored = _lines(file)
    found.nothing |= {ignored} if isinstance(ignored, int) else set()
    if lines and lines[0] == "__ignore__":
        lines = lines[1:]
    if lines and tidy(lines[0].lower()).replace(" ", "") in {"name,r,g,b", "name"}:
        lines = lines[1:]
    found.open = False
    for i, line in enumerate(lines):
        name, colour = _taken_apart(line)
        plain = name.lower()
        if plain in _BACKGROUND | _VOID:
            found.nothing.add(i)
            found.blank |= {colour} if colour else set()
            continue
        found.numbers[i] = name
        if colour:
            found.colours[colour] = name
            found.blank.discard(colour)
    return found


def _lines(file: Path) -> tuple[list[str], Any]:
    """The lines of a list, and the number that it says is void."""
    what = "a list of classes"
    if file.name != _JSON:
        return [line for line in read_lines(file, what) if line and not line.startswith("#")], None
    said = read_json(file, what, 1 << 20)
    listed = said.get("classes") if isinstance(said, dict) else said
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise LabelError(f"{what}: names", printable(str(file)), 'write ["background", "can"]')
    return listed, said.get("ignore_index") if isinstance(said, dict) else None


def _taken_apart(line: str) -> tuple[str, Colour | None]:
    if match := _COLOUR_FIRST.match(line):
        return tidy(match[4]), (int(match[1]), int(match[2]), int(match[3]))
    if match := _NAME_FIRST.match(line):
        return tidy(match[1]), (int(match[2]), int(match[3]), int(match[4]))
    return tidy(line.removesuffix(":::")), None


def voc_colour(number: int) -> Colour:
    """The colour that Pascal VOC gives a number: its bits, spread over the three channels from the top.

    >>> voc_colour(1), voc_colour(2), voc_colour(255)
    ((128, 0, 0), (0, 128, 0), (224, 224, 192))
    """
    red = green = blue = 0
    for bit in range(8):
        red |= (number >> 0 & 1) << (7 - bit)
        green |= (number >> 1 & 1) << (7 - bit)
        blue |= (number >> 2 & 1) << (7 - bit)
        number >>= 3
    return red, green, blue
