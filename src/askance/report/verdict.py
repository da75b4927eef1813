"""What runs of several strategies show, and what they cannot: the headline of a simulation.

A strategy is better or worse than the reference where the sign flip test of the paired areas says so at 5 %,
corrected for the number of strategies (Holm), and the bootstrap interval agrees. Else nothing is claimed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from askance.maths import (
    Gap,
    Saved,
    area_gap,
    holm,
    labels_saved,
    paired_runs,
    pairs_needed,
    sign_test,
    smallest_shown,
)
from askance.report.data import ReportData
from askance.report.plot import by_strategy
from askance.report.words import Words, count, listing, show, trim, words_for

LEVEL = 0.05
"""The chance of a false claim that is taken."""

NAMED = 3
"""Strategies that a headline names with their figures."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One strategy against the reference.

    Attributes:
        name: of the strategy.
        gap: difference of the areas under the curves, strategy minus reference.
        p: of the sign flip test, corrected for how many strategies are compared.
        standing: what that shows.
    """

    name: str
    gap: Gap
    p: float
    standing: Literal["better", "worse", "open"]


def judged(data: ReportData) -> list[Judged]:
    """Each strategy that shares seeds with the reference, the best first; none where there is no reference."""
    gaps = area_differences(data)
    corrected = holm([gap.p for gap in gaps.values()])
    sign = 1 if data.below else -1
    found = [
        Judged(name, gap, p, _standing(gap, p, sign))
        for (name, gap), p in zip(gaps.items(), corrected, strict=True)
    ]
    return sorted(found, key=lambda one: sign * one.gap.mean)


def area_differences(data: ReportData) -> dict[str, Gap]:
    """Strategy -> its area under the curve minus the reference's, over the sizes both runs of a pair have."""
    groups = by_strategy(data.curves)
    reference = groups.pop(data.reference, [])
    gaps = {
        name: area_gap(runs, reference, data.metric, generator=np.random.default_rng(0))
        for name, runs in groups.items()
    }
    return {name: gap for name, gap in gaps.items() if gap is not None}


def headline(data: ReportData) -> list[str]:
    """The verdict, then what it rests on."""
    found = judged(data)
    if not found:
        names = listing(list(by_strategy(data.curves)))
        return [f"Learning curves of {names}.", f"No runs of {data.reference} on the same seeds to compare with."]
    first = [_one(found[0], data)] if len(found) == 1 else _several(found, data)
    return [*first, *_saving(found, data), *_grounds(found, data)]


def finding(data: ReportData) -> str:
    """The same as the title of a picture, short."""
    found = judged(data)
    if not found:
        return f"no {data.reference} to compare with"
    words = words_for(data.metric)
    better, worse = ([one for one in found if one.standing == standing] for standing in ("better", "worse"))
    if not better and not worse:
        return _nothing(found)
    said = []
    for group, than in ((better, "better"), (worse, "worse")):
        if group and len(found) == 1:
            side = "below" if (than == "better") == data.below else "above"
            said.append(f"{group[0].name} is {_size(group[0].gap, words)} {side} {data.reference}")
        elif group:
            names = (
                listing([one.name for one in group]) if len(group) <= NAMED else f"{len(group)} of {len(found)}"
            )
            said.append(f"{names} {than} than {data.reference}")
    if left := len(found) - len(better) - len(worse):
        said.append(f"{left} not shown to differ")
    return "; ".join(said)


def saved(data: ReportData, levels: Sequence[float] | None = None) -> dict[str, list[Saved]]:
    """Strategy -> labels saved against the reference, at levels that the reference reaches."""
    groups = by_strategy(data.curves)
    reference = groups.pop(data.reference, [])
    if reference and levels is None:  # the same for every strategy, from all of the reference's seeds
        levels = [row.level for row in labels_saved(reference, reference, data.metric, below=data.below)]
    return {
        name: labels_saved(runs, reference, data.metric, below=data.below, levels=levels)
        for name, runs in groups.items()
        if paired_runs(runs, reference)
    }


def beyond_chance(row: Saved) -> bool:
    """Whether a strategy needs fewer (or more) labels in more pairs than chance gives: a sign test at 5 %."""
    return sign_test(row.fewer, row.more) <= LEVEL


def _standing(gap: Gap, p: float, sign: int) -> Literal["better", "worse", "open"]:
    if p > LEVEL or not (gap.low > 0 or gap.high < 0):
        return "open"
    return "better" if sign * gap.mean < 0 else "worse"


def _one(one: Judged, data: ReportData) -> str:
    if one.standing == "open":
        return f"{one.name} and {data.reference}: {_nothing([one])}."
    return f"{one.name} is {one.standing} than {data.reference}: {_described(one, data)}."


def _several(found: Sequence[Judged], data: ReportData) -> list[str]:
    """Who is better; then by how much, and who is worse."""
    better = [one for one in found if one.standing == "better"]
    worse = [one for one in found if one.standing == "worse"]
    of = f"{len(found)} strategies"
    if better:
        names = listing([*(one.name for one in better[:NAMED]), *_more(better)])
        alone = " alone" if len(better) == 1 else ""
        first = f"{names}{alone} of {of} {'is' if alone else 'are'} better than {data.reference}."
    elif worse:
        names = listing([*(one.name for one in worse[:NAMED]), *_more(worse)])
        verb = "is" if len(worse) == 1 else "are"
        first = f"None of {of} is shown to be better than {data.reference}; {names} {verb} worse."
    else:
        first = _nothing(found)
        first = f"{first[0].upper()}{first[1:]} between {data.reference} and any of {of}."
    groups = (("Better", better), ("Worse", worse))
    return [first, *(f"{name}: {_figures(group, data)}." for name, group in groups if group)]


def _figures(group: Sequence[Judged], data: ReportData) -> str:
    return "; ".join([*(f"{one.name}, {_described(one, data)}" for one in group[:NAMED]), *_more(group)])


def _more(group: Sequence[Judged]) -> list[str]:
    return [f"{len(group) - NAMED} more"] if len(group) > NAMED else []


def _nothing(found: Sequence[Judged]) -> str:
    n = min(one.gap.n for one in found)
    return f"no difference that {n} seed{'s' * (n > 1)} can show"


def _described(one: Judged, data: ReportData) -> str:
    """How large, how sure, in how many seeds."""
    gap, words = one.gap, words_for(data.metric)
    lower = gap.mean < 0
    low, high = sorted((abs(gap.low), abs(gap.high)))
    between = "" if math.isnan(gap.low) else f" ({_number(low, words)} to {_number(high, words)})"
    if gap.low < 0 < gap.high:  # then sides are not to be left out
        between = f" ({_signed(gap.low, words)} to {_signed(gap.high, words)})"
    seeds = f"{gap.lower if lower else gap.higher} of {gap.n} seeds"
    unit = " points" if words.percent else ""
    return f"{_number(abs(gap.mean), words)}{unit} {'less' if lower else 'more'} {words.title}{between}, {seeds}"


def _saving(found: Sequence[Judged], data: ReportData) -> list[str]:
    """Labels that the best strategy saves at the hardest target at which that is beyond chance; else nothing."""
    best = found[0]
    if best.standing != "better":
        return []
    rows = [row for row in saved(data, data.targets)[best.name] if _shown(row)]
    if not rows:
        return []
    row = (min if data.below else max)(rows, key=lambda row: row.level)
    words = words_for(data.metric)
    text = f"{best.name} reaches {show(row.level, words)} {words.title} with {count(row.arm)} {data.counted}, "
    text += f"{data.reference} with {count(row.random)}: {100 * (1 - row.arm / row.random):.0f} % fewer"
    return [f"{text} (medians; fewer in {row.fewer} of {row.n} seeds)."]


def _shown(row: Saved) -> bool:
    return math.isfinite(row.arm) and math.isfinite(row.random) and row.arm < row.random and beyond_chance(row)


def _grounds(found: Sequence[Judged], data: ReportData) -> list[str]:
    """What else was compared, how large a difference would have been seen, and how it was tested."""
    said, words = [], words_for(data.metric)
    open_ = [one for one in found if one.standing == "open"]
    if open_ and len(found) == 1:
        said.append(f"{open_[0].name} has {_described(open_[0], data)}: that may be chance.")
    elif open_:
        said.append(f"Not shown to differ from {data.reference}: {_figures(open_, data)}.")
    if open_:
        said.append(_could(open_, len(found), words))
    test = "Means over the whole curve, paired by seed; 95 % bootstrap intervals; sign flip test"
    many = f", corrected for {len(found)} comparisons (Holm)" if len(found) > 1 else ""
    ps = listing([f"{one.p:.2g}" for one in found]) if len(found) <= NAMED else ""
    return [*said, f"{test}{many}{f': p = {ps}' if ps else ''}."]


def _could(open_: Sequence[Judged], m: int, words: Words) -> str:
    """How large a difference these seeds could have shown."""
    n, needed = min(one.gap.n for one in open_), pairs_needed(m)
    if n < needed:
        of = f" for {m} comparisons" if m > 1 else ""
        return f"{n} seed{'s' * (n > 1)} can show no difference of any size: the test needs {needed} at least{of}."
    seen = max(smallest_shown(one.gap.spread, one.gap.n, level=1 - LEVEL / m) for one in open_)
    unit = " points" if words.percent else ""
    return (
        f"{n} seeds would have shown a difference of {_number(seen, words)}{unit} or more, in four tries of five."
    )


def _size(gap: Gap, words: Words) -> str:
    low, high = sorted((abs(gap.low), abs(gap.high)))
    unit = " points" if words.percent else ""
    return f"{_number(abs(gap.mean), words)}{unit} ({_number(low, words)} to {_number(high, words)})"


def _number(value: float, words: Words) -> str:
    return trim(100 * value) if words.percent else f"{value:.3g}"


def _signed(value: float, words: Words) -> str:
    return f"{'−' if value < 0 else '+'}{_number(abs(value), words)}"
