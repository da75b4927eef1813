"""A study as a Markdown page: every figure with its interval, beside what the paper says of it."""

import math
from collections.abc import Sequence

import numpy as np

from askance.maths import area_gap, area_under, interval
from askance.maths.curves import quartiles
from askance.report.claims import INTERVAL, Arm, claims_table, gap_words
from askance.report.compare import TESTED, penalty_table, sizes_to, spread
from askance.report.plot import by_strategy
from askance.report.study_boxes import boxes_section
from askance.report.study_data import Standing, StudyPage, StudyPart
from askance.report.words import Words, count, table
from askance.vocab import Curve

COLUMNS = 8
"""Training sizes of a table: as many as one looks at."""


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
        _counted(page),
        "",
    ]
    if page.claims:
        arms = {
            (part.name, name): Arm(runs, part.masks.get(name, {}))
            for part in page.parts
            for name, runs in by_strategy(part.curves).items()
        }
        lines += ["## What reproduces, and what does not", "", *claims_table(page.claims, arms, page.metric), ""]
    for part in page.parts:
        lines += _part(part)
    return "\n".join(lines).rstrip() + "\n"


def _counted(page: StudyPage) -> str:
    """How to read the numbers."""
    said = ["Labels are those a model was trained on, start labels included."]
    if any(part.targets for part in page.parts):
        said.append(
            "*Labels to* an error is the size of the first training set whose model reaches it and stays there to "
            "the end of the run; `>` is a run that never does, `*` one of which the last model alone is there. "
            "*First at* is the first that reaches it, stay or not: printed counts may be either."
        )
    said.append("All is measured on the test set, which nothing was chosen by.")
    said.append("All arms train alike: no setting was tuned for one of them.")
    return " ".join(said)


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
    lines += [*_efforts(part), "", *_bought(part), *_figure(part), *(_targets(part) if part.targets else [])]
    lines += [
        f"{part.words.heading}, mean over seeds with its 95 % t-interval, and the area under the curve:",
        "",
        *_values(part),
        "",
    ]
    if part.standing and any(part.standing.labels in curve.labels for curve in part.curves):
        lines += [*_standing(part, part.standing), ""]
    return [*lines, *_compared(part), *boxes_section(part)]


def _figure(part: StudyPart) -> list[str]:
    if not part.figure:
        return []
    dotted = f"; dotted: {' and '.join(f'{t:.0%}' for t in part.targets)}." if part.targets else "."
    return [
        f"![{part.words.title} over labels]({part.figure})",
        "",
        f"Band: 95 % t-interval at each size; at most five arms a panel, each panel with the reference{dotted}",
        "",
    ]


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


def _bought(part: StudyPart) -> list[str]:
    """How alike the images of a batch are, by the coarsest measure there is."""
    if not part.bought:
        return []
    classes = next(iter(part.bought.values())).classes
    rows = [
        (name, *(f"{one.classes[c]:.1f}" for c in classes), f"{100 * one.share:.0f} %")
        for name, one in part.bought.items()
    ]
    return [
        "Labels bought of each class, means over seeds, and what the most frequent class of a batch has of it:",
        "",
        *table(("", *classes, "most frequent"), rows),
        "",
    ]


def _targets(part: StudyPart) -> list[str]:
    head = ["", *(f"{target:.0%} error" for target in part.targets), "first at, medians"]
    for one in part.published:
        head += [f"{target:.0%}, {one.source}" for target in part.targets]
    rows = []
    for name, runs in by_strategy(part.curves).items():
        row = [name, *(_labels(runs, target) for target in part.targets), _first(runs, part.targets)]
        for one in part.published:
            row += [*one.labels.get(name, ("",) * len(part.targets))]
        rows.append(tuple(row))
    return [
        "Labels to an error, median over seeds (quartiles), and each seed:",
        "",
        *table(tuple(head), rows),
        "",
        *(f"{one.source.capitalize()}: {one.note}\n" for one in part.published if one.note),
    ]


def _labels(runs: Sequence[Curve], target: float) -> str:
    sizes, budget = sizes_to(runs, target), max(curve.labels[-1] for curve in runs)
    low, middle, high = (_size(size, budget) for size in quartiles(sizes))
    return f"**{middle}** ({low} to {high}); {', '.join(_size(size, budget) for size in sizes)}"


def _first(runs: Sequence[Curve], targets: Sequence[float]) -> str:
    """Training sizes of the first model at each target, stay or not: medians over seeds."""
    budget = max(curve.labels[-1] for curve in runs)
    medians = (quartiles(sizes_to(runs, target, stay=False))[1] for target in targets)
    return ", ".join(_size(size, budget) for size in medians)


def _size(size: float, budget: int) -> str:
    """With a star where nothing is after it to fall back on."""
    return count(size, budget) + "*" * (size == budget)


def _values(part: StudyPart) -> list[str]:
    groups = by_strategy(part.curves)
    sizes = spread(sorted({size for curve in part.curves for size in curve.labels}), COLUMNS)
    rows = []
    for name, runs in groups.items():
        band = interval(runs, part.metric)
        at = {size: i for i, size in enumerate(band.labels)}
        areas = [
            Curve(name, run.seed, (0,), {"area": (area_under(run.labels, run.metrics[part.metric]),)})
            for run in runs
        ]
        area = interval(areas, "area")
        cells = [
            _value(part.words, band.mean[at[n]], band.low[at[n]], band.high[at[n]]) if n in at else ""
            for n in sizes
        ]
        rows.append((name, *cells, _value(part.words, area.mean[0], area.low[0], area.high[0], 2)))
    return table(("labels", *map(str, sizes), "area"), rows)


def _value(words: Words, mean: float, low: float, high: float, digits: int = 1) -> str:
    """With its interval; of what is no percentage two digits more."""
    factor, digits = (100, digits) if words.percent else (1, digits + 2)
    said = [f"{factor * value:.{digits}f}" for value in (mean, max(low, 0.0), min(high, words.most))]
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
            mean = _value(part.words, band.mean[at], band.low[at], band.high[at], 2)
            rows.append((name, f"{mean}; {each}", _number(standing.same.get(name))))
    rows += [(name, "", _number(value)) for name, value in standing.others.items()]
    head = ("", "here, mean (95 % t-interval); each seed", "paper")
    return [f"Test error in % at {standing.labels:,} labels. {standing.note}".strip(), "", *table(head, rows)]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _compared(part: StudyPart) -> list[str]:
    groups, sign = by_strategy(part.curves), "negative" if part.words.below else "positive"
    reference = groups.get(part.reference, [])
    rows = []
    for name, runs in groups.items():
        if name != part.reference and reference:
            gap = area_gap(runs, reference, part.metric, generator=np.random.default_rng(0))
            rows.append((name, gap_words(gap, part.words)))
    if not rows:
        return []
    lines = [
        f"Area under the curve minus that of {part.reference}, seed by seed ({sign} is better):",
        "",
        *table(("", f"{part.words.unit} {INTERVAL}"), rows),
        "",
    ]
    if len(groups) > 2 and min(len(runs) for runs in groups.values()) >= TESTED:
        found = penalty_table(groups, part.metric, below=part.words.below)
        lines += [
            "Share of training sizes at which the row beats the column (paired t-test at 5 %, not corrected):",
            "",
            *table(found.head, found.rows),
            "",
        ]
    return lines
