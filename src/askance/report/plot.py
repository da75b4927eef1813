"""Learning curves as pictures: the mean over seeds with its interval, names at the lines, at most five a panel."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from askance.maths import Band, against, area_under, interval, spanned
from askance.report.drawing import (
    BANDED,
    Line,
    Look,
    canvas,
    draw,
    head,
    inline,
    limits,
    mark,
    name_lines,
    page_look,
    points,
    saved,
)
from askance.report.ink import PAPER, REFERENCE, places, style
from askance.report.words import words_for
from askance.vocab import ConfigError, Curve, CurveError
from askance.vocab.files import reading, write_whole

LABELS = "training labels"
"""What is across, where nobody says otherwise."""

PANEL = 5
"""Strategies in a panel, the reference among them; of more there are several panels, each with the reference."""

DOTTED = 30
"""Rounds up to which each is marked on a project's curve."""

THIN = 2
"""Strategies in a panel up to which each seed has a line of its own; of more they cannot be told apart."""


def plot_curves(
    curves: Sequence[Curve],
    path: Path,
    *,
    metric: str = "error",
    reference: str = REFERENCE,
    targets: Sequence[float] = (),
    title: str = "",
    across: str = "images",
) -> None:
    """Write learning curves as PNG (160 dots an inch) or SVG, by the file's suffix; same curves, same bytes.

    A strategy is a line, its mean over seeds, in a colour that it has in every picture; the band is its 95 %
    t-interval, drawn from three seeds on (two say nothing with one degree of freedom). Thin lines are seeds, where
    there are two strategies at most. More than five strategies are spread over panels, the best in the first, and
    the reference in each. The axis of error, calibration error and log-likelihood is logarithmic where their means
    are above zero and span a factor of 8.

    Args:
        curves: of any strategies and seeds.
        path: ends in `.png` or `.svg`.
        metric: which of their metrics.
        reference: the strategy the others are compared with, shown in every panel.
        targets: values to mark across the plot; those that no run reaches are left out.
        title: data set and finding, as in "TrashNet: margin below random by 3 points"; else what is shown.
        across: `images`, or a metric that each curve has and that grows, as `boxes` (see `maths.against`).

    Raises:
        ConfigError: another suffix, or a file of that name that is no picture.
        CurveError: no curves, a curve lacks the metric or what is across, or two of a strategy have one seed.
        StoreError: the disk said no.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise ConfigError("a file that ends in .png or .svg", path.name, "name it curves.png")
    _refuse_other_files(path)
    look = Look(8, 4.8, PAPER, metric)
    if across != "images" and curves:
        curves = spanned(against(curves, across))
    with mpl.rc_context(style(look.ink)):
        figure = curves_figure(curves, look, reference=reference, targets=targets)
        if across != "images":
            _name_axis(figure, f"{across} in training images")
        shown = _shown(curves, metric, log=figure.axes[0].get_yscale() == "log")
        head(figure, title or shown, shown if title else "", look.ink)
        write_whole(path, saved(figure, kind, "plot"))


def _name_axis(figure: Figure, across: str) -> None:
    for axes in figure.axes:
        axes.set_xlabel(across)


def _refuse_other_files(path: Path) -> None:
    """Raises `ConfigError` where a file that is neither PNG nor SVG would be lost."""
    if not (path.exists() or path.is_symlink()):
        return
    start = b""
    if path.is_file():
        with reading(path), path.open("rb") as file:
            start = file.read(1000)
    if not (start.startswith(b"\x89PNG") or b"<svg" in start):
        raise ConfigError(
            "a file that is not there yet, or a picture", f"{path}, which is something else", "choose another name"
        )


def curves_svg(
    curves: Sequence[Curve],
    *,
    metric: str,
    reference: str,
    targets: Sequence[float],
    narrow: bool,
    across: str = LABELS,
) -> str:
    """The same as an `<svg>` element for a page, in the page's own colours, without a title."""
    look = page_look(metric, narrow)
    with mpl.rc_context(style(look.ink)):
        figure = curves_figure(curves, look, reference=reference, targets=targets)
        _name_axis(figure, across)
        return inline(figure, f"curves {metric} {narrow}{across if across != LABELS else ''}")


def differences_svg(bands: Mapping[str, Band], *, metric: str, narrow: bool) -> str:
    """Paired differences from the reference (the zero line) as an `<svg>` element, strategy -> band."""
    look = page_look(metric, narrow)
    sign = 1 if words_for(metric).below else -1
    order = sorted(bands, key=lambda name: sign * sum(bands[name].mean) / len(bands[name].mean))
    strokes, panels = places(order), _panels(order if len(order) > PANEL else list(bands), "")
    with mpl.rc_context(style(look.ink)):
        figure, cells = canvas(look, len(panels))
        found = [[_line(name, bands[name], strokes[name], look) for name in panel] for panel in panels]
        for axes, lines in zip(cells, found, strict=True):
            for line in lines:
                draw(axes, line)
            axes.axhline(0, color=look.ink.reference, linewidth=1.2, linestyle=(0, (4, 3)))
        low, high = _span(list(bands.values()))
        cells[0].set_ylim(low, high)
        for axes, lines in zip(cells, found, strict=True):
            axes.yaxis.set_major_formatter(FuncFormatter(points(metric)))
            name_lines(axes, lines, look)
        return inline(figure, f"differences {metric} {narrow}")


def band_svg(
    segments: Sequence[Band],
    *,
    metric: str,
    targets: Sequence[float],
    narrow: bool,
    across: str = LABELS,
) -> str:
    """A project's own curve as an `<svg>` element: rounds that can be compared are one line, with its interval."""
    look = page_look(metric, narrow)
    with mpl.rc_context(style(look.ink)):
        figure, (axes,) = canvas(look)
        _name_axis(figure, across)
        lines = [Line("", band, look.ink.series[0]) for band in segments]
        axes.margins(x=0.04)
        for line in lines:
            _rounds(axes, line)
        for before, after in pairwise(segments):
            between = (before.labels[-1] + after.labels[0]) / 2
            axes.axvline(between, color=look.ink.muted, linewidth=1, linestyle=(0, (2, 2)), zorder=1)
        limits(axes, lines, targets, metric, whole=True)
        mark(axes, targets, look.ink)
        return inline(figure, f"band {metric} {narrow}{across if across != LABELS else ''}")


def _rounds(axes: Axes, line: Line) -> None:
    """A dot a round on its interval; of many rounds a line in a band."""
    band = line.band
    if len(band.labels) > DOTTED:
        draw(axes, line)
        return
    axes.plot(band.labels, band.mean, color=line.colour, linewidth=2.2, marker="o", markersize=6, zorder=4)
    axes.vlines(band.labels, band.low, band.high, color=line.colour, alpha=0.45, linewidth=2, zorder=2)


def by_strategy(curves: Sequence[Curve]) -> dict[str, list[Curve]]:
    """Curves of each strategy, in the order they first appear."""
    return {name: [c for c in curves if c.strategy == name] for name in dict.fromkeys(c.strategy for c in curves)}


def curves_figure(curves: Sequence[Curve], look: Look, *, reference: str, targets: Sequence[float]) -> Figure:
    """The plot itself, without a title."""
    if not curves:
        raise CurveError("at least one curve", "none", "run a simulation or a round first")
    groups = by_strategy(curves)
    strokes, bands = places(list(groups)), {name: interval(runs, look.metric) for name, runs in groups.items()}
    panels = _panels(_best_first(groups, look.metric) if len(groups) > PANEL else list(groups), reference)
    targets = [target for target in targets if _reached(curves, target, look.metric)]
    figure, cells = canvas(look, len(panels))
    found = []
    for axes, panel in zip(cells, panels, strict=True):
        lines = [_line(name, bands[name], strokes[name], look) for name in panel]
        if len(panel) <= THIN:
            lines = [replace(line, runs=_runs(groups[line.name], look.metric)) for line in lines]
        for line in lines:
            draw(axes, line)
        mark(axes, targets, look.ink)
        found.append(lines)
    limits(cells[0], [line for lines in found for line in lines], targets, look.metric)
    for axes, lines in zip(cells, found, strict=True):
        name_lines(axes, lines, look)
    return figure


def _panels(names: Sequence[str], reference: str) -> list[list[str]]:
    """Which strategies stand together: at most five, the reference in each."""
    others = [name for name in names if name != reference]
    room = PANEL - (reference in names)
    if len(others) <= room:
        return [list(names)]
    n = math.ceil(len(others) / room)
    cuts = [round(i * len(others) / n) for i in range(n + 1)]
    kept = [reference] if reference in names else []
    return [[*others[a:b], *kept] for a, b in pairwise(cuts)]


def _best_first(groups: Mapping[str, Sequence[Curve]], metric: str) -> list[str]:
    """By mean area under the curve."""
    sign = 1 if words_for(metric).below else -1
    areas = {
        name: sign * sum(area_under(run.labels, run.metrics[metric]) for run in runs) / len(runs)
        for name, runs in groups.items()
    }
    return sorted(groups, key=lambda name: areas[name])


def _reached(curves: Sequence[Curve], target: float, metric: str) -> bool:
    sign = 1 if words_for(metric).below else -1
    return any(sign * value <= sign * target for run in curves for value in run.metrics[metric])


def _runs(runs: Sequence[Curve], metric: str) -> list[tuple[Sequence[int], Sequence[float]]]:
    return [(run.labels, run.metrics[metric]) for run in runs] if len(runs) > 1 else []


def _line(name: str, band: Band, place: int, look: Look) -> Line:
    colour, dash = look.ink.stroke(place)
    return Line(name, band, colour, dash=dash)


def _span(bands: Sequence[Band]) -> tuple[float, float]:
    """Limits of an axis of differences: all means, zero, and of the bands as much again."""
    means = [0.0, *(v for band in bands for v in band.mean if math.isfinite(v))]
    edges = [v for band in bands for v in (*band.low, *band.high) if math.isfinite(v)]
    room = 1.2 * (max(means) - min(means) or 1e-3)
    low, high = max(min([*means, *edges]), min(means) - room), min(max([*means, *edges]), max(means) + room)
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def _shown(curves: Sequence[Curve], metric: str, *, log: bool) -> str:
    name = f"{words_for(metric).sentence}{' (log scale)' * log}"
    seeds = {len(runs) for runs in by_strategy(curves).values()}
    if seeds == {1}:
        return f"{name}: one seed, no interval"
    runs = f"{min(seeds)}" if len(seeds) == 1 else f"{min(seeds)} to {max(seeds)}"
    said = ", 95 % interval" if max(seeds) >= BANDED else " (too few for an interval)"
    return f"{name}: mean of {runs} seeds{said}"
