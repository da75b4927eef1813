"""Boxes drawn over a picture: an SVG of the picture's own pixels, which lies on it however large it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from askance.report.box_data import FoundBox
from askance.report.words import trim
from askance.vocab.box_diagnosis import Marked, MarkedImage

STEPS = 5
"""Steps of doubt that can be told apart: colour and weight of a line."""

NAMED = 3
"""Boxes of a picture that are named on it, the most doubtful; all are, to a pointer."""

LEAST, DOUBTED = 0.2, 2
"""The confidence, or else the step of doubt, from which a box is drawn: others would hide the picture."""

_EVEN = 1e-6
"""BALD below which draws do not differ."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One box as it is drawn.

    Attributes:
        box: left, top, right and bottom edges.
        kind: names the style.
        text: told where a pointer rests.
        tag: written beside it; empty: nothing.
    """

    box: Sequence[float]
    kind: str
    text: str
    tag: str = ""


def doubts(images: Sequence[Sequence[FoundBox]]) -> list[list[float]]:
    """How much each box is doubted beside the most doubted of all, in [0, 1].

    By BALD; where draws do not differ, by how near its probability is to even.
    """
    most = max((one.bald for image in images for one in image), default=0.0)
    if most <= _EVEN:
        return [[1 - abs(2 * one.confidence - 1) for one in image] for image in images]
    return [[max(0.0, one.bald) / most for one in image] for image in images]


def step(doubt: float) -> int:
    """Which of the five steps.

    >>> step(0.0), step(0.5), step(1.0)
    (0, 2, 4)
    """
    return min(STEPS - 1, int(doubt * STEPS))


def picked_overlay(size: tuple[int, int], boxes: Sequence[FoundBox], doubt: Sequence[float]) -> Markup:
    """Boxes by how much they are doubted, the most doubted on top and with a name; unlikely ones left out."""
    order = sorted(range(len(boxes)), key=lambda i: doubt[i])
    order = [i for i in order if boxes[i].confidence >= LEAST or step(doubt[i]) >= DOUBTED]
    named = set(order[-NAMED:])
    return overlay(
        size,
        [
            Stroke(
                boxes[i].box,
                f"d{step(doubt[i])}",
                f"{boxes[i].name} {_percent(boxes[i].confidence)}, doubt {boxes[i].bald:.3g} nats",
                f"{boxes[i].name} {_percent(boxes[i].confidence)}" if i in named else "",
            )
            for i in order
        ],
    )


def drawn_overlay(image: MarkedImage) -> Markup:
    """What people drew: what is missed stands out."""
    order = sorted(image.drawn, key=lambda one: one.kind == "missed")
    return overlay(image.size, [Stroke(one.box, one.kind, f"{one.name}: {one.kind}") for one in order])


def found_overlay(image: MarkedImage) -> Markup:
    """What the model found: what is wrong stands out, another class with its name."""
    order = sorted(image.found, key=lambda one: one.kind != "right")
    return overlay(image.size, [_found(one) for one in order])


def overlay(size: tuple[int, int], strokes: Sequence[Stroke]) -> Markup:
    """An `<svg>` of a picture of this width and height; all text in it is escaped."""
    width, height = size
    em = round(max(size) / 24, 1)
    parts = [_stroke(one, width, em) for one in strokes]
    return Markup('<svg class="boxes" viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(
        width, height, Markup("").join(parts)
    )


def _stroke(one: Stroke, width: int, em: float) -> Markup:
    left, top, right, bottom = (round(float(edge), 1) for edge in one.box)
    edges = Markup('x="{}" y="{}" width="{}" height="{}"').format(
        left, top, round(right - left, 1), round(bottom - top, 1)
    )
    drawn = Markup('<g class="{}"><title>{}</title><rect class="halo" {}/><rect {}/>{}</g>')
    return drawn.format(one.kind, one.text, edges, edges, _tag(one, left, top, width, em) if one.tag else "")


def _tag(one: Stroke, left: float, top: float, width: int, em: float) -> Markup:
    """A name above its box, or within it at the picture's upper edge; at the right edge it ends there."""
    down = round(top - 0.3 * em if top > 1.2 * em else top + em, 1)
    to_the_end = left > 0.6 * width
    at, anchor = (min(width, float(one.box[2])), "end") if to_the_end else (left, "start")
    return Markup('<text x="{}" y="{}" font-size="{}" text-anchor="{}">{}</text>').format(
        round(at, 1), down, em, anchor, one.tag
    )


def _found(one: Marked) -> Stroke:
    sure = f" {_percent(one.score)}" if one.score is not None else ""
    tag = one.name if one.kind == "confused" else ""
    return Stroke(one.box, one.kind, f"{one.name}{sure}: {WORDS[one.kind]}", tag)


WORDS = {
    "right": "right",
    "misplaced": "badly placed",
    "confused": "another class",
    "twice": "found twice",
    "nothing": "nothing there",
}
"""What a found box can be, in words."""


def _percent(share: float) -> str:
    return f"{trim(round(100 * share))}\N{NO-BREAK SPACE}%"
