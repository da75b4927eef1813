"""Whether the model is as sure as it is right: a picture, its numbers, and sentences for both readers."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from askance.report.compare import Table
from askance.report.drawing import frame, inline
from askance.report.ink import PAGE, style
from askance.report.words import show, trim, words_for
from askance.vocab import Diagnosis, Reliability
from askance.vocab.diagnosis import COLDEST, HOTTEST

_PANEL = 3.4
"""Inches of a panel's side."""


@dataclass(frozen=True, slots=True)
class ReliabilityWords:
    """What is sure or right, and how pictures and tables name it."""

    things: str = "images"
    right: str = "accuracy"
    title: str = "the model"

    def caption(self, what: str) -> str:
        """What the picture shows, and how to read it."""
        return (
            f"{what}: on the dashed line it is as sure as it is right, below it too sure. Dots grow with their "
            f"{self.things}; lines are 95 % Wilson intervals; bars count the {self.things}."
        )


IMAGES = ReliabilityWords()
ANSWERS = ReliabilityWords("answers")
"""Of several labels an image: whether each of them is there or not."""


def words_of(found: Diagnosis) -> ReliabilityWords:
    """What is counted: test images, or answers, of several labels one a label and image."""
    return ANSWERS if found.before is not None and not found.confusion else IMAGES


def finding(found: Diagnosis) -> str:
    """How sure the model is beside how often it is right, as the title of a picture."""
    if found.before is None:
        return "nothing measured"
    n = sum(found.before.count)
    gap = 100 * (_sum(found.before, found.before.confidence) - _sum(found.before, found.before.accuracy)) / n
    if trim(abs(gap)) == "0":
        return "the model is as sure as it is right"
    return (
        f"the model is {'too' if gap > 0 else 'not'} sure{'' if gap > 0 else ' enough'} by {trim(abs(gap))} points"
    )


def sentences(found: Diagnosis, plain: float | None = None) -> list[str]:
    """How sure the model is, what temperature does to it, and what the network alone would answer.

    Args:
        found: of the last model.
        plain: the share it has right with its dropout off.
    """
    if found.before is None:
        return []
    n = sum(found.before.count)
    sure = _sum(found.before, found.before.confidence) / n
    right = _sum(found.before, found.before.accuracy) / n
    gap = 100 * (sure - right)
    how = f"too sure by {trim(gap)} points" if gap > 0 else f"not sure enough by {trim(-gap)} points"
    on = f"On the {n:,} test images"
    if words_of(found) is ANSWERS:
        on = f"Over {n:,} answers, whether each label is there or not in each of {found.tested:,} test images,"
    said = f"{on} its mean confidence is {_percent(sure)} and it is right in {_percent(right)}"
    first = f"{said}: {how if trim(abs(gap)) != '0' else 'as sure as it is right'}."
    alone = f"The network alone, its dropout off, is right in {_percent(plain)}." if plain is not None else ""
    return [first, *filter(None, [alone]), _temperature(found)]


def scores_table(found: Diagnosis) -> Table | None:
    """Measures of the test set as the model is, and at the temperature."""
    if not found.scores_before:
        return None
    head = ["on the test set", "as it is"]
    if found.scores_after and found.temperature is not None:
        head.append(f"at temperature {found.temperature:.3g}")
    rows = []
    for name, value in found.scores_before.items():
        words = words_for(name)
        after = (show(found.scores_after[name], words),) if name in found.scores_after else ()
        rows.append((words.title, show(value, words), *after))
    return Table(tuple(head), tuple(rows))


def bins_table(found: Diagnosis) -> Table | None:
    """The picture in numbers; bins without an image are left out."""
    if found.before is None:
        return None
    parts = [("", found.before)] if found.after is None else [("", found.before), (" at temperature", found.after)]
    return bins_of(parts, words_of(found))


def bins_of(parts: Sequence[tuple[str, Reliability]], words: ReliabilityWords = IMAGES) -> Table:
    """Bins in numbers, each part under its name; bins without anything are left out."""
    head = ["confidence"]
    for name, _ in parts:
        head += [f"{words.things}{name}", f"mean confidence{name}", f"{words.right}{name}"]
    edges = parts[0][1].edges
    rows = []
    for b in range(len(edges) - 1):
        if any(part.count[b] for _, part in parts):
            cells = [cell for _, part in parts for cell in _bin(part, b)]
            rows.append((f"{trim(100 * edges[b])} to {trim(100 * edges[b + 1])} %", *cells))
    return Table(tuple(head), tuple(rows))


def reliability_svg(found: Diagnosis, *, narrow: bool) -> str | None:
    """Accuracy by confidence, as it is and at the temperature, over the images in each bin; an `<svg>` element."""
    parts = [("as it is", found.before)]
    parts += [(f"at temperature {found.temperature:.3g}", found.after)] if found.after else []
    told = [(name, part) for name, part in parts if part is not None]
    return reliability_svg_of(told, words_of(found), narrow=narrow)


def reliability_svg_of(
    parts: Sequence[tuple[str, Reliability]], words: ReliabilityWords = IMAGES, *, narrow: bool
) -> str | None:
    """A panel for each part, two at most; an `<svg>` element, None where there is no part."""
    panels = [(PAGE.series[2 * i], name, part) for i, (name, part) in enumerate(parts)]
    if not panels:
        return None
    across = 1 if narrow else len(panels)
    down = len(panels) // across
    with mpl.rc_context(style(PAGE)):
        width = 3.75 if narrow else 5.25 * across
        figure = Figure(figsize=(width, down * (_PANEL + 0.9)), layout="constrained")
        grid = figure.subplots(2 * down, across, squeeze=False, height_ratios=[4, 1] * down, sharex=True)
        most = max(max(part.count) for _, _, part in panels)
        for i, (colour, name, part) in enumerate(panels):
            row, column = (2 * i, 0) if narrow else (0, i)
            _points(grid[row][column], part, colour, most)
            grid[row][column].set_ylabel(words.right)
            grid[row][column].set_title(f"{words.title} {name}".strip(), loc="left", color=colour)
            _counts(grid[row + 1][column], part, colour, most)
            grid[row + 1][column].set_ylabel(words.things)
        return inline(figure, f"reliability {words.things} {narrow}")


def _points(axes: Axes, part: Reliability, colour: str, most: int) -> None:
    """A dot a bin, the larger the more images, with its interval; on the diagonal it is as sure as right."""
    _frame(axes)
    axes.plot((0, 1), (0, 1), color=PAGE.reference, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    bins = zip(part.confidence, part.accuracy, part.low, part.high, part.count, strict=True)
    for sure, right, low, high, n in bins:
        if sure is not None and right is not None and low is not None and high is not None:
            axes.plot((sure, sure), (low, high), color=colour, linewidth=1.4, alpha=0.55, zorder=2)
            axes.plot(sure, right, marker="o", color=colour, markersize=4 + 6 * (n / most) ** 0.5, zorder=3)
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))


def _counts(axes: Axes, part: Reliability, colour: str, most: int) -> None:
    _frame(axes)
    axes.grid(visible=False)
    for low, high, n in zip(part.edges, part.edges[1:], part.count, strict=False):
        if n:
            axes.bar((low + high) / 2, n, width=0.86 * (high - low), color=colour, alpha=0.5, zorder=2)
            axes.text((low + high) / 2, n + 0.06 * most, f"{n:,}", ha="center", fontsize=8, color=PAGE.muted)
    axes.set_ylim(0, 1.4 * most)
    axes.yaxis.set_major_locator(NullLocator())
    axes.xaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axes.set_xlabel("confidence")


def _frame(axes: Axes) -> None:
    frame(axes)
    axes.set_xlim(-0.02, 1.02)


def _temperature(found: Diagnosis) -> str:
    """What temperature does, in a sentence."""
    if found.temperature is None:
        return "No temperature could be fitted: there is no labelled validation image."
    fitted = f"{found.validated:,} validation image{'s' * (found.validated != 1)}"
    if found.temperature in (COLDEST, HOTTEST):
        return f"No temperature fits: {fitted} bound none, and {found.temperature:g} is where the search ends."
    words, before, after = words_for("nll"), found.scores_before["nll"], found.scores_after["nll"]
    text = f"A temperature of {found.temperature:.3g}, fitted on {fitted}, takes the {words.title}"
    text += f" from {show(before, words)} to {show(after, words)}"
    text += "." if after < before else ": no gain here."
    return f"{text} It is reported only: nothing is scored or picked with it."


def _bin(part: Reliability, b: int) -> tuple[str, str, str]:
    sure, right, low, high = part.confidence[b], part.accuracy[b], part.low[b], part.high[b]
    if sure is None or right is None or low is None or high is None:
        return "0", "", ""
    interval = f" ({trim(100 * low)} to {trim(100 * high)})"
    return f"{part.count[b]:,}", _percent(sure), _percent(right) + interval


def _sum(part: Reliability, values: Sequence[float | None]) -> float:
    """Over images of what is known a bin."""
    return sum(n * value for n, value in zip(part.count, values, strict=True) if value is not None)


def _percent(share: float) -> str:
    return f"{trim(100 * share)}\N{NO-BREAK SPACE}%"
