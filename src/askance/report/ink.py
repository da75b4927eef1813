"""The colours of plots: on paper, and as stand-ins for those of a page; a strategy has one colour everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

SERIES = (
    *("#0072b2", "#d55e00", "#009e73", "#b8578f", "#b98700", "#7a5195"),
    *("#8c510a", "#2a7f8e", "#9b2247", "#6b7d00", "#4a5fb0"),
)
"""Okabe and Ito's colours, which stay apart for the colour-blind, darkened to be read as text; then five more."""

STRATEGIES = {
    "uncertainty-herding": 0,
    "margin": 1,
    "badge": 2,
    "max-herding": 3,
    "bald": 4,
    "power:bald": 5,
    "epig": 6,
    "power:epig": 7,
    "batchbald": 8,
    "max-entropy": 9,
    "variation-ratios": 10,
}
"""The place of each strategy in the palette, whatever else is in the picture."""

REFERENCE = "random"
"""The strategy that is grey in every picture."""

_GREY = {REFERENCE: -1, "class-balanced-random": -2}

DASHES: tuple[Any, ...] = ("solid", (0, (3, 1.2)), (0, (1.6, 1.2)))
"""How lines are drawn: those of `STRATEGIES` solid, others that share a colour with one of them dashed."""


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours of a plot."""

    text: str
    muted: str
    rule: str
    reference: str
    series: tuple[str, ...]

    def stroke(self, place: int) -> tuple[str, Any]:
        """The colour and the dashes of the line in this place; below zero are the greys."""
        if place < 0:
            return self.reference, DASHES[-1 - place]
        return self.series[place % len(self.series)], DASHES[place // len(self.series) % len(DASHES)]


PAPER = Ink("#1b1f24", "#5d6670", "#dfe3e8", "#6b7280", SERIES)

PAGE = Ink("#010101", "#010102", "#010103", "#010104", tuple(f"#0102{i:02x}" for i in range(len(SERIES))))
"""Stand-ins, which an inline SVG exchanges for the page's own colours, dark or light."""

VARIABLES = {
    PAGE.text: "currentColor",
    PAGE.muted: "var(--muted)",
    PAGE.rule: "var(--rule)",
    PAGE.reference: "var(--reference)",
    **{colour: f"var(--series-{i})" for i, colour in enumerate(PAGE.series)},
}
"""What the stand-ins are exchanged for."""


def places(strategies: Sequence[str]) -> dict[str, int]:
    """The place of each strategy in the palette: its own where it has one, else by its name, dashed.

    A selection keeps its colour whatever it weighs by. Two names that are not known and fall on one place are
    kept apart, so that no two lines of a picture are alike.

    >>> places(["random", "margin", "uncertainty-herding:margin"])
    {'random': -1, 'margin': 1, 'uncertainty-herding:margin': 0}
    """
    found: dict[str, int] = {}
    for name in sorted(set(strategies), key=lambda name: (_known(name) is None, name)):
        own, dashed = _known(name), 2 * len(SERIES)
        wished = [] if own is None else [own] if own < 0 else [own + i * len(SERIES) for i in range(len(DASHES))]
        wished += [len(SERIES) + (crc32(name.encode()) + i) % dashed for i in range(dashed)]
        found[name] = next((place for place in wished if place not in found.values()), wished[-1])
    return {name: found[name] for name in strategies}


def _known(name: str) -> int | None:
    base = name.partition(":")[0]
    known = {**STRATEGIES, **_GREY}
    return known.get(name, known.get(base) if base in ("uncertainty-herding", "max-herding", "badge") else None)


def style(ink: Ink) -> dict[Any, Any]:
    """Matplotlib's settings for all plots: one size of type, titles bold in the same size."""
    return {
        "font.family": "DejaVu Sans",
        "font.size": 10.5,
        "text.color": ink.text,
        "text.parse_math": False,
        "axes.labelcolor": ink.muted,
        "axes.edgecolor": ink.rule,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlepad": 10,
        "axes.unicode_minus": True,
        "xtick.labelcolor": ink.muted,
        "ytick.labelcolor": ink.muted,
        "grid.color": ink.rule,
        "grid.linewidth": 0.8,
        "figure.facecolor": "white",
        "figure.constrained_layout.w_pad": 0.12,
        "figure.constrained_layout.h_pad": 0.12,
    }
