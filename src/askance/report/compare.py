"""Strategies against the reference: the tables and sentences a statistician would ask for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from askance.maths import Band, Gap, Saved, labels_to, paired_difference, paired_runs, penalty_matrix
from askance.maths.curves import quartiles
from askance.report.data import ReportData
from askance.report.plot import by_strategy
from askance.report.verdict import area_differences, beyond_chance, judged, saved
from askance.report.words import Words, count, difference, show, words_for
from askance.vocab import Curve

ROWS = 8
"""Rows of a table over training sizes or levels: as many as one looks at."""

FEW = 8
"""Pairs of runs below which the bootstrap interval is told to be too short."""

TESTED = 3
"""Runs a strategy from which it is tested against another; of fewer nothing is concluded."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is shown; the first column names the row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def differences(data: ReportData) -> dict[str, Band]:
    """Strategy -> its paired differences from the reference; empty where there is no reference or no pair."""
    groups = by_strategy(data.curves)
    reference = groups.pop(data.reference, [])
    return {
        name: paired_difference(runs, reference, data.metric, generator=np.random.default_rng(0))
        for name, runs in groups.items()
        if paired_runs(runs, reference)
    }


def differences_table(data: ReportData) -> Table:
    """Training size x strategy: mean paired difference, its interval, and the number of pairs."""
    bands, areas, words = differences(data), area_differences(data), words_for(data.metric)

    def cell(band: Band, size: int) -> str:
        if size not in band.labels:
            return ""
        i = band.labels.index(size)
        text = difference(band.mean[i], words)
        return f"{text}{_between(band.low[i], band.high[i], words)}, n = {band.n[i]}"

    def whole(gap: Gap) -> str:
        interval = _between(gap.low, gap.high, words)
        return f"{difference(gap.mean, words)}{interval}, n = {gap.n}, p = {gap.p:.2g}"

    sizes = spread(sorted({size for band in bands.values() for size in band.labels}), ROWS)
    rows = [(f"{size:,}", *(cell(band, size) for band in bands.values())) for size in sizes]
    rows.append(("whole curve", *(whole(areas[name]) if name in areas else "" for name in bands)))
    return Table(("labels", *bands), tuple(rows))


def targets_table(data: ReportData) -> Table:
    """Strategy x target: median labels with quartiles over seeds; never getting there is more than the budget."""
    words = words_for(data.metric)
    rows = [
        (
            f"{name} (n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{len(runs)})",
            *(_to_target(runs, target, data) for target in data.targets),
        )
        for name, runs in by_strategy(data.curves).items()
    ]
    return Table(("strategy", *(show(target, words) for target in data.targets)), tuple(rows))


def penalties_table(data: ReportData) -> Table:
    """Strategy x strategy: at what share of training sizes the row beats the column, by paired t-tests."""
    return penalty_table(by_strategy(data.curves), data.metric, below=data.below)


def penalty_table(groups: Mapping[str, Sequence[Curve]], metric: str, *, below: bool = True) -> Table:
    """The same of runs by strategy."""
    found = penalty_matrix([groups], metric, below=below)
    rows = [
        (name, *("" if i == j else f"{wins:.2f}" for j, wins in enumerate(row)))
        for i, (name, row) in enumerate(zip(found.names, found.wins, strict=True))
    ]
    rows.append(("beaten, mean", *(f"{mean:.2f}" for mean in found.beaten)))
    return Table(("beats", *found.names), tuple(rows))


def saved_table(data: ReportData) -> Table:
    """Level x strategy: labels saved against the reference at equal metric, medians over paired seeds.

    Only what is beyond chance has a number: of strategies whose whole curve is, at levels where a sign test is.
    """
    found = saved(data)
    told = {one.name for one in judged(data) if one.standing != "open"}
    words = words_for(data.metric)
    budget = max(c.labels[-1] for c in data.curves if c.strategy == data.reference)
    some = next(iter(found.values()))
    rows = [
        (
            show(some[i].level, words),
            count(some[i].random, budget),
            *(_saving(found[name][i], name in told) for name in found),
        )
        for i in spread(range(len(some)), ROWS)
    ]
    return Table((words.title, f"{data.reference} needs", *found), tuple(rows))


def _saving(row: Saved, told: bool) -> str:
    if not told or not beyond_chance(row):
        return "not shown"
    if row.saved == -math.inf:
        text = "does not reach it"
    elif row.saved > 0:
        text = f"{count(row.saved)} fewer"
        text += f" ({100 * row.saved / row.random:.0f} %)" if row.random < math.inf else ""
    else:
        text = f"{count(-row.saved)} more" if row.saved else "as many"
    missed = row.arm_censored
    return text + (f"; {missed} of {row.n} never" if missed and row.saved > -math.inf else "")


def _to_target(runs: Sequence[Curve], target: float, data: ReportData) -> str:
    sizes = sizes_to(runs, target, data.metric, below=data.below)
    budget = max(c.labels[-1] for c in runs)
    low, middle, high = quartiles(sizes)
    text = count(middle, budget)
    if len(runs) > 1 and low != high:
        text += f" ({count(low, budget)} to {count(high, budget)})"
    missed = sum(map(math.isinf, sizes))
    return text + (f"; {missed} of {len(runs)} never" if missed else "")


def sizes_to(
    runs: Sequence[Curve], target: float, metric: str = "error", *, below: bool = True, stay: bool = True
) -> list[float]:
    """`labels_to` of each run; infinite where it is censored."""
    reached = [labels_to(run.labels, run.metrics[metric], target, below=below, stay=stay) for run in runs]
    return [math.inf if size is None else float(size) for size in reached]


def _between(low: float, high: float, words: Words) -> str:
    return "" if math.isnan(low) else f" ({difference(low, words)} to {difference(high, words)})"


def spread(sizes: Sequence[int], n: int) -> list[int]:
    """At most n of them, evenly, with the first and the last.

    >>> spread(range(20, 101, 10), 8)
    [20, 30, 40, 50, 70, 80, 90, 100]
    """
    if len(sizes) <= n:
        return list(sizes)
    return [sizes[round(i)] for i in np.linspace(0, len(sizes) - 1, n)]
