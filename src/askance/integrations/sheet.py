"""A page of thumbnails to look at beside a CSV file or a folder: one HTML file, no script, no request."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from askance.pool import BadImage, Limits, thumbnail
from askance.vocab import ANSWERS, ImageRecord, Json, Pick, Progress, silent
from askance.vocab.answers import NOTHING

SIDE = 240
"""Pixels of a thumbnail's longer side."""

SURE = 0.5
"""Confidence from which on a box counts as predicted."""

_THREADS = 4

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes out to be labelled, and what a person should see beside it.

    Attributes:
        title: as people call it: `batch of round 2`.
        picks: the images, in order.
        images: image id -> record, at least of all picks.
        classes: names that can be answered with; empty where none are known yet.
        answers: what else can be answered: the image is unreadable, or shows none of the classes.
        source: the pool's source: names are shown from there.
        max_pixels: an image with more is not decoded.
        limits: on the bytes of an image, and on how long a silent storage is waited for.
        asks: what is asked of an image: one class, several labels, or objects to be drawn.
    """

    title: str
    picks: Sequence[Pick]
    images: Mapping[str, ImageRecord]
    classes: Sequence[str]
    answers: Sequence[str] = tuple(ANSWERS.values())
    source: str = ""
    max_pixels: int = 120_000_000
    limits: Limits = Limits()  # noqa: RUF009  # it is a constant
    asks: Literal["class", "labels", "objects"] = "class"

    def original(self, image_id: str) -> str:
        """Where an image is in the pool, from its source on."""
        return self.images[image_id].uri.removeprefix(self.source.rstrip("/") + "/")


@dataclass(frozen=True, slots=True)
class _Figure:
    number: int
    name: str
    original: str
    picture: str | None
    said: str
    gain: str


def render_sheet(
    batch: Batch, names: Sequence[str], *, csv: str, folders: Sequence[str] = (), progress: Progress = silent
) -> bytes:
    """The page's bytes. Names and classes are shown as text, never taken as HTML; same batch, same bytes.

    Args:
        batch: the images.
        names: what each is called in the CSV file or folder, in the order of the picks.
        csv: the name of the file that is filled in.
        folders: the names of the folders that images can be sorted into.
        progress: told of every picture.
    """
    figures = [
        _Figure(place, name, batch.original(pick.image_id), picture, predicted(pick.why), f"{pick.gain:.3g}")
        for place, (pick, name, picture) in enumerate(
            zip(batch.picks, names, _pictures(batch, progress), strict=True), 1
        )
    ]
    explained = any(figure.said for figure in figures)
    page = _PAGES.get_template("sheet.html.j2").render(
        batch=batch, figures=figures, csv=csv, folders=folders, explained=explained
    )
    return page.encode()


def predicted(why: Mapping[str, Json]) -> str:
    """What the model says of an image, in words; empty where there was no model.

    >>> predicted({"predicted": "glass", "votes": {"glass": 62, "metal": 38}})
    'glass (62 of 100 votes; metal 38)'
    """
    if isinstance(boxes := why.get("boxes"), list):
        counts = Counter(str(box["class"]) for box in boxes if isinstance(box, dict) and _is_sure(box))
        return ", ".join(f"{n} {name}" for name, n in sorted(counts.items())) or NOTHING
    if "predicted" not in why:
        return ""
    found, votes = str(why["predicted"]), why.get("votes")
    if not isinstance(votes, dict) or not votes:
        return found
    counted = {name: n for name, n in votes.items() if isinstance(n, int)}
    others = [f"{name} {n}" for name, n in counted.items() if name != found and n]
    share = f"{counted.get(found, 0)} of {sum(counted.values())} votes"
    return f"{found} ({'; '.join([share, ', '.join(others)] if others else [share])})"


def _is_sure(box: Mapping[str, Json]) -> bool:
    confidence = box.get("confidence")
    return isinstance(confidence, int | float) and confidence >= SURE


def _pictures(batch: Batch, progress: Progress) -> Iterator[str | None]:
    """A data URI each; None where the image cannot be read."""
    total = len(batch.picks)
    with ThreadPoolExecutor(_THREADS, "askance-sheet") as executor:
        found = executor.map(lambda pick: _picture(batch.images[pick.image_id].uri, batch), batch.picks)
        for done, picture in enumerate(found, 1):
            progress("making thumbnails", done, total)
            yield picture


def _picture(uri: str, batch: Batch) -> str | None:
    try:
        data = thumbnail(uri, SIDE, max_pixels=batch.max_pixels, limits=batch.limits)
    except BadImage:
        return None
    return "data:image/jpeg;base64," + b64encode(data).decode()
