"""Files of foreign formats, opened within bounds: JSON, XML without entities, YAML without aliases, PNG."""

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from askance.pool.folders import folders_below
from askance.pool.tables import read_bytes, text_of
from askance.vocab import LabelError
from askance.vocab.names import printable, shortened

MOST_BYTES = 1 << 30
"""Of a JSON file of a whole data set."""

MOST_BYTES_OF_ONE = 64 << 20
"""Of a file that speaks of one image."""

MOST_OBJECTS = 5_000_000
"""Of one data set."""

MOST_DEPTH = 100
"""Elements of XML in each other."""

_LONGEST_NUMBER = 300
"""Digits."""


def read_json(path: Path, what: str, most: int = MOST_BYTES) -> Any:
    """What a JSON file says. Numbers that are none (`NaN`) come as they are.

    Raises:
        LabelError: it cannot be read, is cut off or is no JSON: with the line and the column.
    """
    place = printable(str(path))
    text = text_of(read_bytes(path, what, LabelError, most), place, what, LabelError)
    try:
        return json.loads(text, parse_int=_whole)
    except json.JSONDecodeError as error:
        end = error.pos >= len(text.rstrip())
        where = f"line {error.lineno}, column {error.colno}"
        got = f"{place} ends too early, at {where}" if end else f"{place}: {error.msg} at {where}"
        fix = "copy or export the file again" if end else "mend that place, or export the file again"
        raise LabelError(what, got, fix) from None
    except RecursionError:
        raise LabelError(what, f"{place}: brackets nested too deep", "export the file again") from None


def _whole(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else math.inf


def read_xml(path: Path, what: str) -> Element:
    """The root of an XML file. What defines entities is refused, so that nothing can grow.

    Raises:
        LabelError: it cannot be read, is no XML, or has a document type or elements nested too deep.
    """
    place = printable(str(path))
    data = read_bytes(path, what, LabelError, MOST_BYTES_OF_ONE)
    builder, depth = TreeBuilder(), [0]

    def start(name: str, attributes: dict[str, str]) -> None:
        depth[0] += 1
        if depth[0] > MOST_DEPTH:
            raise LabelError(what, f"{place}: elements nested too deep", "export the file again")
        builder.start(name, attributes)

    def end(name: str) -> None:
        depth[0] -= 1
        builder.end(name)

    def refuse(*_: object) -> None:
        got = f"{place} has a document type (<!DOCTYPE ...>)"
        raise LabelError(f"{what}, without entities of its own", got, "take that part out")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = builder.data, refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # LookupError: an encoding that nobody knows
        raise LabelError(what, f"{place}: {error}", "copy or export the file again") from None
    return builder.close()


def read_yaml(path: Path, what: str) -> dict[str, Any]:
    """What a small YAML file says. Tags and aliases are refused: the one runs code, the other grows.

    Raises:
        LabelError: it cannot be read, is no YAML, or is no list of names and values.
    """
    import yaml

    place = printable(str(path))
    text = text_of(read_bytes(path, what, LabelError, 1 << 20), place, what, LabelError)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise LabelError(f"{what}, without aliases", f"{place} has one (*name)", "write it out")
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = shortened(" ".join(str(error).split()))
        raise LabelError(what, f"{place}: {said}", "mend that place") from None
    if not isinstance(found, dict):
        raise LabelError(f"{what}: names and values", f"{place} with something else", "see docs/formats.md")
    return {str(key): value for key, value in found.items()}


def read_lines(path: Path, what: str) -> list[str]:
    """The lines of a small text file, without spaces around them.

    Raises:
        LabelError: it cannot be read, or is no text.
    """
    data = read_bytes(path, what, LabelError, MOST_BYTES_OF_ONE)
    text = text_of(data, printable(str(path)), what, LabelError) if data else ""
    return [line.strip() for line in text.split("\n")]


def files_in(folder: Path, ends: Callable[[str], bool]) -> Iterator[Path]:
    """Files in a folder and below whose names fit, in order of their paths; hidden ones left out."""
    found = [
        Path(entry.path)
        for inside in folders_below(str(folder), own=True)
        for entry in inside.files
        if ends(entry.name.lower())
    ]
    return iter(sorted(found, key=lambda path: path.parts))


def below(path: Path, root: Path) -> str:
    """A path as it is named from a folder; the whole of it where it lies elsewhere."""
    name = os.path.relpath(path, root)
    return (str(path) if name.startswith("..") else name).replace(os.sep, "/")


def image_size(path: Path | None) -> tuple[int, int] | None:
    """Width and height of an image file as a person sees it; None where it cannot be had."""
    from askance.pool.decoding import BadImage, upright_size

    try:
        return None if path is None else upright_size(path.read_bytes())
    except (BadImage, OSError):
        return None
