"""Each strategy against the reference, with the smallest difference that its seeds would have shown."""

import math

from askance.maths import pairs_needed, smallest_shown
from askance.report.compare import Table
from askance.report.data import ReportData
from askance.report.verdict import LEVEL, Judged, judged
from askance.report.words import Words, difference, trim, words_for


def judged_table(data: ReportData) -> Table | None:
    """Differences over the whole curve, the best strategy first; None where there is no reference."""
    found, words = judged(data), words_for(data.metric)
    rows = [
        (
            one.name,
            difference(one.gap.mean, words),
            _between(one, words),
            f"{one.p:.2g}",
            _least(one, len(found), words),
            f"{one.gap.n}",
        )
        for one in found
    ]
    head = ("strategy", "difference", "95 % interval", "p", "would have shown", "seeds")
    return Table(head, tuple(rows)) if rows else None


def _between(one: Judged, words: Words) -> str:
    if math.isnan(one.gap.low):
        return "–"
    return f"{difference(one.gap.low, words)} to {difference(one.gap.high, words)}"


def _least(one: Judged, m: int, words: Words) -> str:
    if one.gap.n < pairs_needed(m):
        return "nothing"
    least = smallest_shown(one.gap.spread, one.gap.n, level=1 - LEVEL / m)
    return trim(100 * least) if words.percent else f"{least:.3g}"
