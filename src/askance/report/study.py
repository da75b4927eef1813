"""A study as a Markdown page: every figure with its interval, beside what the paper says of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from askance.maths import Gap, area_gap, area_under, interval, labels_to
from askance.maths.curves import quartiles
from askance.report.compare import FEW, TESTED, penalty_table, spread
from askance.report.plot import by_strategy
from askance.vocab import Curve

TARGETS = (0.10, 0.05)
"""Errors that labels are counted to."""

COLUMNS = 8
"""Training sizes of a table: as many as one looks at."""


TOO_SHORT = (
    f"With fewer than {FEW} pairs the interval is too short (of normal differences it covers the true mean in "
    "75 % of cases at 3 pairs, 91 % at 5), and n pairs cannot give less than p = 2^(1-n): "
    "take what is said here as a hint."
)
"""Under claims that few pairs speak for; the shares are those of `paired_difference`."""


@dataclass(frozen=True, slots=True)
class Published:
    """Labels to each target as somebody printed them.

    Attributes:
        source: head of its columns: `paper`, `recount`.
        labels: strategy -> what is printed, one a target.
    """

    source: str
    labels: Mapping[str, Sequence[str]]


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
class Claim:
    """That one arm's error is lower than another's, over the training sizes both have.

    Attributes:
        text: the claim in words.
        better: part and strategy that is to be better.
        worse: part and strategy that is to be worse.
        expected: whether the claim is that they differ; False: that they do not.
    """

    text: str
    better: tuple[str, str]
    worse: tuple[str, str]
    expected: bool = True


@dataclass(frozen=True, slots=True)
class StudyPart:
    """Arms that are compared with each other, and how they did.

    Attributes:
        curves: of the runs that reached their end.
        strategies: arms that were to be run.
        seeds: seeds that were to be run.
        paid: labels that every arm pays for besides its training labels.
        figure: file name of its plot; empty: none.
        trainings: models that were trained.
        unsettled: of these, stopped at their step limit.
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
    trainings: int
    unsettled: int
    cpu_hours: float
    standing: Standing | None = None


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
    lines += ["", "Not as in the paper:", "", *(f"- {one}" for one in page.differs), ""]
    lines += [
        "Labels are those a model was trained on, start labels included. *Labels to* an error is the size of the "
        "first training set whose model reaches it and stays there to the end of the run; `>` is a run that never "
        "does. Errors are on the test set, which nothing was chosen by. All arms train alike: no setting was "
        "tuned for one of them.",
        "",
    ]
    if page.claims:
        lines += ["## What reproduces, and what does not", "", *_claims(page), ""]
    for part in page.parts:
        lines += _part(part)
    return "\n".join(lines).rstrip() + "\n"


def _claims(page: StudyPage) -> list[str]:
    """Each claim beside the area under the paired curves."""
    arms = {(part.name, name): runs for part in page.parts for name, runs in by_strategy(part.curves).items()}
    rows, gaps = [], []
    for claim in page.claims:
        better, worse = arms.get(claim.better, []), arms.get(claim.worse, [])
        gap = area_gap(better, worse, "error", generator=np.random.default_rng(0))
        rows.append((claim.text, _verdict(gap, claim.expected), _gap(gap)))
        gaps += [] if gap is None else [gap]
    head = ("claim", "here", "difference of area, points of error (95 % bootstrap), pairs, permutation p")
    few = any(gap.n < FEW for gap in gaps)
    return [*table(head, rows), *(["", TOO_SHORT] if few else [])]


def _verdict(gap: Gap | None, expected: bool) -> str:
    """By the interval: whether it is on one side of zero; of fewer pairs than `TESTED` nothing is said."""
    if gap is None:
        return "not run"
    if gap.n < TESTED:
        return "too few pairs to say"
    if not expected:
        return "no difference seen" if gap.low <= 0 <= gap.high else "**they differ**"
    if gap.high < 0:
        return "reproduces"
    return "**reversed**" if gap.low > 0 else "**not seen**"


def _part(part: StudyPart) -> list[str]:
    planned = len(part.strategies) * len(part.seeds)
    lines = [f"## {part.title}", ""]
    lines += [part.note, ""] if part.note else []
    lines += [f"{part.protocol}. {len(part.curves)} of {planned} runs have reached their end.", ""]
    if not part.curves:
        return lines
    if part.paid:
        lines += [f"Every arm pays for {part.paid} validation labels besides.", ""]
    lines += [
        f"{part.trainings:,} models trained, {part.unsettled} stopped at their step limit; "
        f"{part.cpu_hours:.1f} CPU hours.",
        "",
        f"![test error over labels]({part.figure})",
        "",
        "Labels to an error, median over seeds (quartiles), and each seed:",
        "",
        *_targets(part),
        "",
        "Test error in %, mean over seeds with its 95 % t-interval, and the area under the curve:",
        "",
        *_errors(part),
        "",
    ]
    if part.standing and any(part.standing.labels in curve.labels for curve in part.curves):
        lines += [*_standing(part, part.standing), ""]
    return lines + _compared(part)


def _targets(part: StudyPart) -> list[str]:
    head = ["", *(f"{target:.0%} error" for target in TARGETS)]
    for one in part.published:
        head += [f"{target:.0%}, {one.source}" for target in TARGETS]
    rows = []
    for name, runs in by_strategy(part.curves).items():
        row = [name, *(_labels(runs, target) for target in TARGETS)]
        for one in part.published:
            row += [*one.labels.get(name, ("",) * len(TARGETS))]
        rows.append(tuple(row))
    return table(tuple(head), rows)


def _labels(runs: Sequence[Curve], target: float) -> str:
    found = [labels_to(curve.labels, curve.metrics["error"], target) for curve in runs]
    sizes = [math.inf if size is None else float(size) for size in found]
    budget = max(curve.labels[-1] for curve in runs)
    low, middle, high = quartiles(sizes)
    each = ", ".join(_size(size, budget) for size in sizes)
    return f"**{_size(middle, budget)}** ({_size(low, budget)} to {_size(high, budget)}); {each}"


def _size(size: float, budget: int) -> str:
    return f">{budget}" if math.isinf(size) else f"{size:.0f}"


def _errors(part: StudyPart) -> list[str]:
    groups = by_strategy(part.curves)
    sizes = spread(sorted({size for curve in part.curves for size in curve.labels}), COLUMNS)
    rows = []
    for name, runs in groups.items():
        band = interval(runs, "error")
        at = {size: i for i, size in enumerate(band.labels)}
        areas = [100 * area_under(curve.labels, curve.metrics["error"]) for curve in runs]
        cells = [_percent(band.mean[at[n]], band.low[at[n]], band.high[at[n]]) if n in at else "" for n in sizes]
        rows.append((name, *cells, f"{np.mean(areas):.2f}"))
    return table(("labels", *map(str, sizes), "area"), rows)


def _percent(mean: float, low: float, high: float) -> str:
    text = f"{100 * mean:.1f}"
    return text if math.isnan(low) else f"{text} ({100 * max(low, 0.0):.1f} to {100 * high:.1f})"


def _standing(part: StudyPart, standing: Standing) -> list[str]:
    rows = []
    for name, runs in by_strategy(part.curves).items():
        there = [curve for curve in runs if standing.labels in curve.labels]
        if there:
            values = [100 * curve.metrics["error"][curve.labels.index(standing.labels)] for curve in there]
            each = ", ".join(f"{value:.2f}" for value in values)
            rows.append((name, f"{np.mean(values):.2f} ({each})", _number(standing.same.get(name))))
    rows += [(name, "", _number(value)) for name, value in standing.others.items()]
    head = ("", "here, mean (each seed)", "paper")
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
            rows.append((name, _gap(gap)))
    if not rows:
        return []
    lines = [
        f"Area under the curve minus that of {part.reference}, seed by seed (negative is better):",
        "",
        *table(("", "points of error (95 % bootstrap), pairs, permutation p"), rows),
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


def _gap(gap: Gap | None) -> str:
    if gap is None:
        return ""
    between = "" if math.isnan(gap.low) else f" ({100 * gap.low:+.2f} to {100 * gap.high:+.2f})"
    return f"{100 * gap.mean:+.2f}{between}, {gap.n}, p = {gap.p:.2g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table.

    >>> table(("a", "b"), [("1", "2")])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    return [
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
