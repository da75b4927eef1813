"""A study as a Markdown page: every figure with its interval, beside what the paper says of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from askance.maths import area_gap, area_under, interval
from askance.maths.curves import quartiles
from askance.report.claims import HEAD, Arm, Claim, Masks, claims_table, gap_words
from askance.report.compare import TESTED, penalty_table, sizes_to, spread
from askance.report.plot import by_strategy
from askance.report.words import count, table
from askance.vocab import Curve

TARGETS = (0.10, 0.05)
"""Errors that labels are counted to, as in Gal et al. 2017."""

COLUMNS = 8
"""Training sizes of a table: as many as one looks at."""


@dataclass(frozen=True, slots=True)
class Published:
    """Labels to each target as somebody printed them.

    Attributes:
        source: head of its columns: `paper`, `recount`.
        labels: strategy -> what is printed, one a target.
        note: where it is printed, and how it is counted.
    """

    source: str
    labels: Mapping[str, Sequence[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Test errors at one training size, as somebody printed them.

    Attributes:
        labels: the training size.
        same: strategy -> error in percent.
        others: other methods -> error in percent.
        note: what those were given besides.
    """

    labels: int
    same: Mapping[str, float]
    others: Mapping[str, float]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Effort:
    """What the runs of a strategy took.

    Attributes:
        models: that were trained.
        unsettled: of these, stopped at their step limit before the loss had settled.
        seconds: of processors, in all: training, measuring on the test set, acquiring.
    """

    models: int
    unsettled: int
    seconds: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class StudyPart:
    """Arms that are compared with each other, and how they did.

    Attributes:
        curves: of the runs that reached their end, and of the arms beside.
        strategies: arms that were to be run.
        seeds: seeds that were to be run.
        paid: labels that every arm pays for besides its training labels.
        figure: file name of its plot; empty: none.
        efforts: strategy -> what its runs took.
        masks: strategy -> see `Arm`.
        beside: strategy -> the part whose runs of it are in these curves.
    """

    name: str
    title: str
    note: str
    protocol: str
    curves: Sequence[Curve]
    strategies: Sequence[str]
    seeds: Sequence[int]
    until: int
    paid: int
    reference: str
    published: Sequence[Published]
    figure: str
    efforts: Mapping[str, Effort]
    standing: Standing | None = None
    masks: Mapping[str, Masks] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StudyPage:
    """Everything a page of a study shows."""

    title: str
    cites: str
    differs: Sequence[str]
    provenance: Mapping[str, str]
    parts: Sequence[StudyPart]
    claims: Sequence[Claim] = field(default_factory=tuple)


def study_page(page: StudyPage) -> str:
    """The page as Markdown; the same records, the same text."""
    lines = [
        f"# {page.title}",
        "",
        page.cites,
        "",
        *(f"- {name}: {said}" for name, said in page.provenance.items()),
    ]
    lines += [
        "",
        *(["Not as in the paper:", "", *(f"- {one}" for one in page.differs), ""] if page.differs else []),
    ]
    lines += [
        "Labels are those a model was trained on, start labels included. *Labels to* an error is the size of the "
        "first training set whose model reaches it and stays there to the end of the run; `>` is a run that never "
        "does, `*` one of which the last model alone is there. *First at* is the first that reaches it, stay or "
        "not: printed counts may be either. Errors are on the test set, which nothing was chosen by. All arms "
        "train alike: no setting was tuned for one of them.",
        "",
    ]
    if page.claims:
        arms = {
            (part.name, name): Arm(runs, part.masks.get(name, {}))
            for part in page.parts
            for name, runs in by_strategy(part.curves).items()
        }
        lines += ["## What reproduces, and what does not", "", *claims_table(page.claims, arms), ""]
    for part in page.parts:
        lines += _part(part)
    return "\n".join(lines).rstrip() + "\n"


def _part(part: StudyPart) -> list[str]:
    planned = len(part.strategies) * len(part.seeds)
    lines = [f"## {part.title}", ""]
    lines += [part.note, ""] if part.note else []
    own = [curve for curve in part.curves if curve.strategy not in part.beside]
    lines += [f"{part.protocol}. {len(own)} of {planned} runs have reached their end.", ""]
    if shown := {curve.strategy for curve in part.curves} & part.beside.keys():
        lines += [" ".join(f"Beside them is {name} of *{part.beside[name]}*." for name in sorted(shown)), ""]
    if not own:
        return lines
    if part.paid:
        lines += [f"Every arm pays for {part.paid} validation labels besides.", ""]
    lines += [
        *_efforts(part),
        "",
        f"![test error over labels]({part.figure})",
        "",
        "Band: 95 % t-interval at each size; thin: seeds, of four arms at most; dotted: "
        + " and ".join(f"{t:.0%}" for t in TARGETS)
        + ".",
        "",
        "Labels to an error, median over seeds (quartiles), and each seed:",
        "",
        *_targets(part),
        "",
        *(f"{one.source.capitalize()}: {one.note}\n" for one in part.published if one.note),
        "Test error in %, mean over seeds with its 95 % t-interval, and the area under the curve:",
        "",
        *_errors(part),
        "",
    ]
    if part.standing and any(part.standing.labels in curve.labels for curve in part.curves):
        lines += [*_standing(part, part.standing), ""]
    return lines + _compared(part)


def _efforts(part: StudyPart) -> list[str]:
    head = (
        "",
        "models trained",
        "stopped at their step limit",
        "CPU seconds a model: train",
        "measure",
        "acquire",
    )
    rows = [
        (name, f"{one.models:,}", f"{one.unsettled:,}", *(f"{second / one.models:.1f}" for second in one.seconds))
        for name, one in part.efforts.items()
        if one.models
    ]
    return table(head, rows)


def _targets(part: StudyPart) -> list[str]:
    head = ["", *(f"{target:.0%} error" for target in TARGETS), "first at, medians"]
    for one in part.published:
        head += [f"{target:.0%}, {one.source}" for target in TARGETS]
    rows = []
    for name, runs in by_strategy(part.curves).items():
        row = [name, *(_labels(runs, target) for target in TARGETS), _first(runs)]
        for one in part.published:
            row += [*one.labels.get(name, ("",) * len(TARGETS))]
        rows.append(tuple(row))
    return table(tuple(head), rows)


def _labels(runs: Sequence[Curve], target: float) -> str:
    sizes, budget = sizes_to(runs, target), max(curve.labels[-1] for curve in runs)
    low, middle, high = (_size(size, budget) for size in quartiles(sizes))
    return f"**{middle}** ({low} to {high}); {', '.join(_size(size, budget) for size in sizes)}"


def _first(runs: Sequence[Curve]) -> str:
    """Training sizes of the first model at each target, stay or not: medians over seeds."""
    budget = max(curve.labels[-1] for curve in runs)
    medians = (quartiles(sizes_to(runs, target, stay=False))[1] for target in TARGETS)
    return ", ".join(_size(size, budget) for size in medians)


def _size(size: float, budget: int) -> str:
    """With a star where nothing is after it to fall back on."""
    return count(size, budget) + "*" * (size == budget)


def _errors(part: StudyPart) -> list[str]:
    groups = by_strategy(part.curves)
    sizes = spread(sorted({size for curve in part.curves for size in curve.labels}), COLUMNS)
    rows = []
    for name, runs in groups.items():
        band = interval(runs, "error")
        at = {size: i for i, size in enumerate(band.labels)}
        areas = [
            Curve(name, run.seed, (0,), {"area": (area_under(run.labels, run.metrics["error"]),)}) for run in runs
        ]
        area = interval(areas, "area")
        cells = [_percent(band.mean[at[n]], band.low[at[n]], band.high[at[n]]) if n in at else "" for n in sizes]
        rows.append((name, *cells, _percent(area.mean[0], area.low[0], area.high[0], 2)))
    return table(("labels", *map(str, sizes), "area"), rows)


def _percent(mean: float, low: float, high: float, digits: int = 1) -> str:
    said = [f"{100 * value:.{digits}f}" for value in (mean, max(low, 0.0), high)]
    return said[0] if math.isnan(low) else f"{said[0]} ({said[1]} to {said[2]})"


def _standing(part: StudyPart, standing: Standing) -> list[str]:
    rows = []
    for name, runs in by_strategy(part.curves).items():
        there = [curve for curve in runs if standing.labels in curve.labels]
        if there:
            values = [100 * curve.metrics["error"][curve.labels.index(standing.labels)] for curve in there]
            each = ", ".join(f"{value:.2f}" for value in values)
            band = interval(there, "error")
            at = band.labels.index(standing.labels)
            mean = _percent(band.mean[at], band.low[at], band.high[at], 2)
            rows.append((name, f"{mean}; {each}", _number(standing.same.get(name))))
    rows += [(name, "", _number(value)) for name, value in standing.others.items()]
    head = ("", "here, mean (95 % t-interval); each seed", "paper")
    return [f"Test error in % at {standing.labels:,} labels. {standing.note}".strip(), "", *table(head, rows)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _compared(part: StudyPart) -> list[str]:
    groups = by_strategy(part.curves)
    reference = groups.get(part.reference, [])
    rows = []
    for name, runs in groups.items():
        if name != part.reference and reference:
            gap = area_gap(runs, reference, "error", generator=np.random.default_rng(0))
            rows.append((name, gap_words(gap)))
    if not rows:
        return []
    lines = [
        f"Area under the curve minus that of {part.reference}, seed by seed (negative is better):",
        "",
        *table(("", HEAD), rows),
        "",
    ]
    if len(groups) > 2 and min(len(runs) for runs in groups.values()) >= TESTED:
        found = penalty_table(groups, "error")
        lines += [
            "Share of training sizes at which the row beats the column (paired t-test at 5 %, not corrected):",
            "",
            *table(found.head, found.rows),
            "",
        ]
    return lines
