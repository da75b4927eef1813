"""Which values of a metric labels are counted to where nobody names any: round ones that are reached."""

import math
from collections.abc import Iterable, Sequence

from askance.maths.curves import quartiles
from askance.report.compare import sizes_to
from askance.report.plot import by_strategy
from askance.report.words import words_for
from askance.vocab import Curve

_ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)


def levels_of(curves: Sequence[Curve], metric: str) -> tuple[float, ...]:
    """At most two round values that some strategy reaches, the easier first.

    The harder is the hardest that half the runs of a strategy reach and stay at, the easier one half way from
    where the runs begin. None where there is nothing to reach: no curve, or one that does not get better.

    >>> run = Curve("random", 0, (10, 20, 30), {"error": (0.5, 0.3, 0.19)})
    >>> levels_of([run], "error")
    (0.3, 0.2)
    """
    below = words_for(metric).below
    groups = {name: runs for name, runs in by_strategy(curves).items() if runs[0].labels}
    if not groups:
        return ()
    starts = sorted(run.metrics[metric][0] for run in curves if run.labels)
    start = starts[len(starts) // 2]
    reached = [level for level in _candidates(metric) if _some_half(groups.values(), level, metric, below)]
    reached = [level for level in reached if (level < start) == below and not math.isclose(level, start)]
    if not reached:
        return ()
    hard = min(reached) if below else max(reached)
    middle = math.sqrt(start * hard) if below and start > 0 else (start + hard) / 2
    easier = [level for level in reached if level != hard]
    return (min(easier, key=lambda level: abs(level - middle)), hard) if easier else (hard,)


def _candidates(metric: str) -> list[float]:
    """Round values, of shares those near 1 too."""
    steps = sorted({round(m * 10.0**e, 10) for e in range(-4, 1) for m in _ROUND})
    if not words_for(metric).percent:
        return steps
    shares = [x / 100 for x in (0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, *range(10, 100, 5))]
    return sorted({*shares, *(round(1 - x, 10) for x in shares)} if not words_for(metric).below else shares)


def _some_half(groups: Iterable[Sequence[Curve]], level: float, metric: str, below: bool) -> bool:
    return any(math.isfinite(quartiles(sizes_to(runs, level, metric, below=below))[1]) for runs in groups)
