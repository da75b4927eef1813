"""The colours of plots: on paper, and as stand-ins for those of a page."""

from dataclasses import dataclass
from typing import Any

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b98700", "#56b4e9")
"""Okabe and Ito's colours, which stay apart for the colour-blind; their orange is darker, to be read as text."""


DASHES: tuple[Any, ...] = ("solid", (0, (3, 1.2)), (0, (1.6, 1.2)))
"""How lines are drawn that share a colour: the first six, the next six, six more."""


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours of a plot."""

    text: str
    muted: str
    rule: str
    reference: str
    series: tuple[str, ...]

    def stroke(self, place: int) -> tuple[str, Any]:
        """The colour and the dashes of the line in this place."""
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


def style(ink: Ink) -> dict[Any, Any]:
    """Matplotlib's settings for all plots."""
    return {
        "font.family": "DejaVu Sans",
        "font.size": 10.5,
        "text.color": ink.text,
        "text.parse_math": False,
        "axes.labelcolor": ink.muted,
        "axes.edgecolor": ink.rule,
        "axes.titlesize": 12.5,
        "axes.titleweight": "bold",
        "axes.titlepad": 14,
        "axes.unicode_minus": True,
        "xtick.labelcolor": ink.muted,
        "ytick.labelcolor": ink.muted,
        "grid.color": ink.rule,
        "grid.linewidth": 0.8,
        "figure.facecolor": "white",
        "figure.constrained_layout.w_pad": 0.12,
        "figure.constrained_layout.h_pad": 0.12,
    }
