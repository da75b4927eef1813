"""What pictures of learning curves are drawn with: a canvas, lines with bands, an axis, names at the lines."""

import io
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from scipy.optimize import isotonic_regression

from askance.maths import Band
from askance.report.ink import DASHES, PAGE, VARIABLES, Ink
from askance.report.words import show, words_for

BANDED = 3
"""Seeds (pairs of them, images) that a band is drawn from."""

LOGARITHMIC = ("error", "nll", "ece", "adaptive_ece", "brier")
"""Metrics whose axis is logarithmic where they span a factor of 8: they fall towards zero."""

NARROW = 6.0
"""Inches below which a picture is for a telephone: names stand above it."""

_NARROWEST = 0.02
"""The least that an axis spans, points of a share or a share of the value: less is no difference to look at, and
ticks could not be told apart."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot: a band, and what is behind it."""

    name: str
    band: Band
    colour: str
    runs: Sequence[tuple[Sequence[int], Sequence[float]]] = ()
    dash: Any = DASHES[0]


@dataclass(frozen=True, slots=True)
class Look:
    """How a plot is laid out: inches of a panel, colours, and how the metric is written."""

    width: float
    height: float
    ink: Ink
    metric: str

    @property
    def narrow(self) -> bool:
        """Whether it is for a telephone."""
        return self.width < NARROW


def page_look(metric: str, narrow: bool) -> Look:
    """Of a picture in a page, at its natural size: an inch is 96 pixels there, so that all type is 14 pixels."""
    return Look(3.75, 3.4, PAGE, metric) if narrow else Look(10.5, 4.6, PAGE, metric)


def canvas(look: Look, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """An empty figure; of several panels two stand side by side, on a telephone one below the other."""
    across = 1 if panels == 1 or look.narrow else 2
    down = math.ceil(panels / across)
    width = look.width if panels == 1 or look.narrow else max(look.width, 10.5)
    height = look.height if panels == 1 else 0.82 * look.height * down
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    cells = [axes for row in grid for axes in row]
    for axes in cells[panels:]:
        axes.set_visible(False)
    for axes in cells[:panels]:
        frame(axes)
        axes.tick_params(labelbottom=True)
        axes.margins(x=0.01)
        axes.set_xlabel("training labels")
        ticks = 7 if width / across > NARROW else 4
        axes.xaxis.set_major_locator(MaxNLocator(ticks, integer=True, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return figure, cells[:panels]


def frame(axes: Axes) -> None:
    """Lines across, no box."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6)


def head(figure: Figure, title: str, below: str, ink: Ink) -> None:
    """A title over the whole figure, and what is shown, muted, under it."""
    lines = textwrap.wrap(title, int(figure.get_figwidth() * 11.5)) or [""]
    up = figure.get_figheight()
    for i, text in enumerate(lines):
        figure.text(0.012, 1 - (0.24 + 0.2 * i) / up, text, fontweight="bold", va="center")
    figure.text(0.012, 1 - (0.26 + 0.2 * len(lines)) / up, below, color=ink.muted, va="center")
    engine: Any = figure.get_layout_engine()
    engine.set(rect=(0, 0, 1, 1 - (0.3 + 0.2 * len(lines)) / up))


def draw(axes: Axes, line: Line, shade: float = 0.16) -> None:
    """A line over its band over its runs."""
    band = line.band
    for sizes, values in line.runs:
        axes.plot(sizes, values, color=line.colour, alpha=0.28, linewidth=0.8, zorder=2)
    enough = [n >= BANDED for n in band.n]
    if any(enough):
        area = axes.fill_between(band.labels, band.low, band.high, where=enough, color=line.colour)
        area.set(alpha=shade, linewidth=0, zorder=2)
    axes.plot(band.labels, band.mean, color=line.colour, linewidth=2.2, linestyle=line.dash, zorder=3)
    if len(band.labels) == 1:
        axes.plot(band.labels, band.mean, color=line.colour, marker="o", zorder=3)


def limits(
    axes: Axes, lines: Sequence[Line], targets: Sequence[float], metric: str, *, whole: bool = False
) -> None:
    """Limits and ticks of the metric's axis: all means and targets, and of the bands what is near them.

    Args:
        whole: all of the bands, however far they go.
    """
    words = words_for(metric)
    means = [v for line in lines for v in line.band.mean if math.isfinite(v)] + [*targets]
    edges = [v for line in lines for v in (*line.band.low, *line.band.high) if math.isfinite(v)]
    means += edges if whole else []
    low, high = min(means, default=0.0), max(means, default=1.0)
    if metric in LOGARITHMIC and low > 0 and high / low > 8:
        low, high = (_near(low, [v for v in edges if v > 0], low / 1.6), min(_near(high, edges, high * 1.6), 1e9))
        axes.set_yscale("log")
        axes.set_ylim(low / 1.1, high * 1.1)
        steps = (1, 2, 3, 5, 7) if high / low < 40 else (1, 2, 5)
        ticks = [m * 10.0**e for e in range(-6, 4) for m in steps]
        axes.yaxis.set_major_locator(FixedLocator([t for t in ticks if low / 1.1 <= t <= high * 1.1]))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        span = max(high - low, _NARROWEST * (1.0 if words.percent else abs(high)) or 1.0)
        low, high = min(low, (low + high - span) / 2), max(high, (low + high + span) / 2)
        low, high = _near(low, edges, low - 0.3 * span), _near(high, edges, high + 0.3 * span)
        least = 0.0 if words.percent and low >= 0 and min(means, default=0.0) >= 0 else -math.inf
        axes.set_ylim(max(least, low - 0.04 * span), high + 0.04 * span)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: show(value, words)))


def _near(value: float, edges: Sequence[float], furthest: float) -> float:
    """As far out as the bands go, but not further than this."""
    if furthest < value:
        return max(min([value, *edges]), furthest)
    return min(max([value, *edges]), furthest)


def mark(axes: Axes, targets: Sequence[float], ink: Ink) -> None:
    """Targets across the plot."""
    for target in targets:
        axes.axhline(target, color=ink.muted, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)


def points(metric: str) -> Callable[[float, int], str]:
    """How a tick of an axis of differences reads."""
    factor, unit = (100, " pts") if words_for(metric).percent else (1, "")
    return lambda value, _: f"{factor * value:+.3g}{unit}".replace("-", "−") if value else "0"


def name_lines(axes: Axes, lines: Sequence[Line], look: Look) -> None:
    """Names at the right of the lines they belong to, as little apart as it takes; on a telephone, above."""
    if look.narrow:
        if len(lines) > 1:
            keys = {"handlelength": 0.9, "columnspacing": 1.2, "labelcolor": "linecolor", "frameon": False}
            handles = [Line2D([], [], color=line.colour, linewidth=2.2, linestyle=line.dash) for line in lines]
            axes.legend(
                handles,
                [line.name for line in lines],
                loc="lower left",
                bbox_to_anchor=(-0.12, 1.0),
                ncols=2 if max(len(line.name) for line in lines) <= 18 else 1,
                borderaxespad=0.2,
                **keys,
            )
        return
    last = sorted(((line.band.mean[-1], line) for line in lines), key=lambda pair: pair[0])
    last = [(value, line) for value, line in last if math.isfinite(value)]
    if not last:
        return
    transform = axes.transData + axes.transAxes.inverted()
    heights = np.array([transform.transform((line.band.labels[-1], value))[1] for value, line in last])
    gap = 14 / (72 * look.height * 0.78) * np.arange(len(last))
    keyed = any(line.dash != DASHES[0] for line in lines)
    for y, (_, line) in zip(isotonic_regression(heights - gap).x + gap, last, strict=True):
        if keyed:
            key = Line2D([1.015, 1.05], [y, y], color=line.colour, linestyle=line.dash, linewidth=2.2)
            key.set(transform=axes.transAxes, clip_on=False)
            axes.add_line(key)
        x = 1.06 if keyed else 1.015
        axes.text(x, y, line.name, color=line.colour, transform=axes.transAxes, va="center", fontweight="bold")


def saved(figure: Figure, kind: str, salt: str) -> bytes:
    """The picture as PNG or SVG; the same figure, the same bytes."""
    out = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": salt}):
        figure.savefig(out, format=kind, dpi=160, metadata=metadata)
    return out.getvalue()


def inline(figure: Figure, salt: str) -> str:
    """An `<svg>` that can stand in a page: no prologue, no ids but its own, the page's colours and font."""
    figure.patch.set_visible(False)
    for axes in figure.axes:
        axes.patch.set_visible(False)
    with mpl.rc_context({"svg.fonttype": "none"}):
        text = saved(figure, "svg", salt).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"| version="[^"]*"', "", text)
    used = set(re.findall(r"""#([^")]+)["')]""", text))
    text = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    for stand_in, variable in VARIABLES.items():
        text = text.replace(stand_in, variable)
    return re.sub(r"\n\s*", "\n", text).strip()
