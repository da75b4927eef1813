"""Learning curves as pictures: the mean over seeds with its interval, every seed behind it, names at the lines."""

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from scipy.optimize import isotonic_regression

from askance.maths import Band, interval
from askance.report.ink import DASHES, PAGE, PAPER, SERIES, VARIABLES, Ink, style
from askance.report.words import show, words_for
from askance.vocab import ConfigError, Curve, CurveError
from askance.vocab.files import write_whole


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
    """How a plot is laid out: inches, colours, and how the metric is written."""

    width: float
    height: float
    ink: Ink
    metric: str


DOTTED = 30
"""Rounds up to which each is marked on a project's curve."""

THIN = 4
"""Strategies up to which each seed has a line of its own; of more they cannot be told apart."""

BANDED = 3
"""Seeds (pairs of them, images) that a band is drawn from."""


def plot_curves(
    curves: Sequence[Curve],
    path: Path,
    *,
    metric: str = "error",
    reference: str = "random",
    targets: Sequence[float] = (),
    colours: Mapping[str, int] | None = None,
) -> None:
    """Write learning curves as PNG (1280 x 768) or SVG, by the file's suffix; same curves, same bytes.

    A strategy is a line, its mean over seeds; the band is its 95 % t-interval, drawn from three seeds on (two say
    nothing with one degree of freedom); thin lines are its seeds, of four strategies at most. The axis of error,
    calibration error and log-likelihood is logarithmic where their values are above zero and span a factor of 8.

    Args:
        curves: of any strategies and seeds.
        path: ends in `.png` or `.svg`.
        metric: which of their metrics.
        reference: the strategy that is drawn in grey.
        targets: values to mark across the plot.
        colours: places in the palette, to be the same in several plots; else `colours_of` these strategies.

    Raises:
        ConfigError: another suffix.
        CurveError: no curves, a curve lacks the metric, or two of a strategy have one seed.
        StoreError: the disk said no.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise ConfigError("a file that ends in .png or .svg", path.name, "name it curves.png")
    look = Look(8, 4.8, PAPER, metric)
    with mpl.rc_context(style(look.ink)):
        figure = curves_figure(curves, look, reference=reference, targets=targets, colours=colours)
        axes = figure.axes[0]
        axes.set_title(_title(curves, metric, log=axes.get_yscale() == "log"), loc="left")
        write_whole(path, _saved(figure, kind, "plot"))


def curves_svg(
    curves: Sequence[Curve], *, metric: str, reference: str, targets: Sequence[float], narrow: bool
) -> str:
    """The same as an `<svg>` element for a page, in the page's own colours."""
    look = _page_look(metric, narrow)
    with mpl.rc_context(style(look.ink)):
        figure = curves_figure(curves, look, reference=reference, targets=targets)
        return inline(figure, f"curves {metric} {narrow}")


def differences_svg(bands: Mapping[str, Band], *, colours: Mapping[str, int], metric: str, narrow: bool) -> str:
    """Paired differences from the reference (the zero line) as an `<svg>` element, strategy -> band."""
    look = _page_look(metric, narrow)
    with mpl.rc_context(style(look.ink)):
        figure, axes = _canvas(look)
        lines = [_line(name, band, colours, look) for name, band in bands.items()]
        for line in lines:
            _draw(axes, line)
        axes.axhline(0, color=look.ink.reference, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.yaxis.set_major_formatter(FuncFormatter(_points(metric)))
        _label(axes, lines, look)
        return inline(figure, f"differences {metric} {narrow}")


def band_svg(name: str, band: Band, *, metric: str, targets: Sequence[float], narrow: bool) -> str:
    """One line with its interval as an `<svg>` element: a project's own curve."""
    look = _page_look(metric, narrow)
    with mpl.rc_context(style(look.ink)):
        figure, axes = _canvas(look)
        line = Line(name, band, look.ink.series[0])
        _draw(axes, line)
        if 1 < len(band.labels) <= DOTTED:
            axes.plot(band.labels, band.mean, color=line.colour, marker="o", markersize=6, linewidth=0, zorder=4)
        _scale(axes, [*band.mean, *band.low, *band.high], targets, metric)
        _mark(axes, targets, look)
        _label(axes, [line], look)
        return inline(figure, f"band {metric} {narrow}")


def colours_of(strategies: Sequence[str], reference: str) -> dict[str, int]:
    """The place of each strategy but the reference; beyond six, colours come round again with other dashes."""
    return {name: i for i, name in enumerate(name for name in strategies if name != reference)}


def by_strategy(curves: Sequence[Curve]) -> dict[str, list[Curve]]:
    """Curves of each strategy, in the order they first appear."""
    return {name: [c for c in curves if c.strategy == name] for name in dict.fromkeys(c.strategy for c in curves)}


def curves_figure(
    curves: Sequence[Curve],
    look: Look,
    *,
    reference: str,
    targets: Sequence[float],
    colours: Mapping[str, int] | None = None,
) -> Figure:
    """The plot itself, without a title."""
    if not curves:
        raise CurveError("at least one curve", "none", "run a simulation or a round first")
    groups = by_strategy(curves)
    colours = colours_of(list(groups), reference) if colours is None else colours
    figure, axes = _canvas(look)
    lines = []
    for name, runs in groups.items():
        line = _line(name, interval(runs, look.metric), colours, look)
        seeds = [(c.labels, c.metrics[look.metric]) for c in runs] if len(runs) > 1 and len(groups) <= THIN else []
        lines.append(replace(line, runs=seeds))
    for line in lines:
        _draw(axes, line, shade=0.16 if len(lines) <= len(SERIES) else 0.06)
    _scale(axes, [v for c in curves for v in c.metrics[look.metric]], targets, look.metric)
    _mark(axes, targets, look)
    _label(axes, lines, look)
    return figure


def _mark(axes: Axes, targets: Sequence[float], look: Look) -> None:
    for target in targets:
        axes.axhline(target, color=look.ink.muted, linewidth=0.9, linestyle=(0, (1, 2)), zorder=1)


def _line(name: str, band: Band, colours: Mapping[str, int], look: Look) -> Line:
    colour, dash = look.ink.stroke(colours[name]) if name in colours else (look.ink.reference, DASHES[0])
    return Line(name, band, colour, dash=dash)


def _draw(axes: Axes, line: Line, shade: float = 0.16) -> None:
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


def _scale(axes: Axes, values: Sequence[float], targets: Sequence[float], metric: str) -> None:
    """Limits and ticks of the metric's axis: from what was measured, not from the bands."""
    seen = [v for v in [*values, *targets] if math.isfinite(v)]
    words = words_for(metric)
    low, high = min(seen, default=0.0), max(seen, default=1.0)
    if metric in ("error", "nll", "ece", "adaptive_ece", "brier") and low > 0 and high / low > 8:
        axes.set_yscale("log")
        axes.set_ylim(low / 1.15, high * 1.15)
        steps = (1, 2, 3, 5, 7) if high / low < 40 else (1, 2, 5)
        ticks = [m * 10.0**e for e in range(-6, 4) for m in steps]
        axes.yaxis.set_major_locator(FixedLocator([t for t in ticks if low / 1.15 <= t <= high * 1.15]))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        room = 0.06 * ((high - low) or abs(high) or 1.0)
        axes.set_ylim(low - room, high + room)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: show(value, words)))


def _points(metric: str) -> Callable[[float, int], str]:
    factor, unit = (100, " pts") if words_for(metric).percent else (1, "")
    return lambda value, _: f"{factor * value:+.3g}{unit}".replace("-", "−") if value else "0"


def _label(axes: Axes, lines: Sequence[Line], look: Look) -> None:
    """Names at the right of the lines they belong to, as little apart as it takes; on a telephone, above."""
    if look.width < 6:
        if len(lines) > 1:
            keys = {"handlelength": 0.9, "columnspacing": 1.2, "labelcolor": "linecolor", "frameon": False}
            handles = [Line2D([], [], color=line.colour, linewidth=2.2, linestyle=line.dash) for line in lines]
            names = [line.name for line in lines]
            axes.figure.legend(handles, names, loc="outside upper left", ncols=2, **keys)
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


def _canvas(look: Look) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(look.width, look.height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.tick_params(length=0, pad=6)
    axes.margins(x=0.01)
    axes.set_xlabel("training labels")
    axes.xaxis.set_major_locator(MaxNLocator(7 if look.width > 6 else 4, integer=True, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    return figure, axes


def _page_look(metric: str, narrow: bool) -> Look:
    return Look(3.9, 3.6, PAGE, metric) if narrow else Look(9.6, 4.6, PAGE, metric)


def _title(curves: Sequence[Curve], metric: str, *, log: bool) -> str:
    name = words_for(metric).title
    name = f"{name[0].upper()}{name[1:]}{' (log scale)' * log}"
    seeds = {len(runs) for runs in by_strategy(curves).values()}
    if seeds == {1}:
        return f"{name}: one seed, no interval"
    runs = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    said = ", 95 % interval" if max(seeds) >= BANDED else " (too few for an interval)"
    return f"{name}: mean of {runs} seeds{said}"


def _saved(figure: Figure, kind: str, salt: str) -> bytes:
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
        text = _saved(figure, "svg", salt).decode()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:xlink)?="[^"]*"| version="[^"]*"', "", text)
    used = set(re.findall(r"""#([^")]+)["')]""", text))
    text = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    for stand_in, variable in VARIABLES.items():
        text = text.replace(stand_in, variable)
    return re.sub(r"\n\s*", "\n", text).strip()
