"""What learning curves say: labels to a target, area, paired differences, labels saved.

Letters: S seeds, n_i the i-th training size of a curve (the validation set is not in it), v_i its metric there.
A *level* is a value of the metric; with `below` a model reaches it when v <= level, else when v >= level.
A run that never reaches a level is **censored**: it is said so, never dropped and never guessed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from askance.vocab import Curve, CurveError

ROUNDING = 1e-12
"""What a fraction may be off by for how it was computed."""


@dataclass(frozen=True, slots=True)
class Band:
    """One number a training size, with an interval; NaN bounds where one seed alone cannot give any.

    Attributes:
        labels: training sizes, ascending.
        mean: over seeds (or pairs of them).
        low: lower bound of the interval.
        high: upper bound of the interval.
        n: how many seeds (pairs) are behind each number.
    """

    labels: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Saved:
    """Labels a strategy needs less than random does to reach one level.

    Attributes:
        level: the value of the metric.
        random: median over seeds of the labels random needs; `inf` where the median seed is censored.
        arm: the same of the strategy.
        saved: median over seeds of the paired difference, never flattering: a seed whose arm is censored
            counts as `-inf`, one where only random is censored counts random's budget as if it had sufficed.
        n: pairs.
        random_censored: seeds in which random never reaches the level.
        arm_censored: seeds in which the strategy never does.
        fewer: seeds in which the strategy needs fewer labels.
        more: seeds in which it needs more.
    """

    level: float
    random: float
    arm: float
    saved: float
    n: int
    random_censored: int
    arm_censored: int
    fewer: int = 0
    more: int = 0


def labels_to(
    labels: Sequence[int], values: Sequence[float], threshold: float, *, below: bool = True, stay: bool = True
) -> int | None:
    """Training size of the first model that reaches the threshold and stays there to the end of the curve.

    min { n_i : v_j <= threshold for all j >= i } (>= if not `below`); None, censored, where the last model
    misses it. The last point counts like any other: a curve that arrives only with its last model has nothing
    after it to fall back on, so its last training size is given; a longer run can only raise the answer.
    NaN reaches nothing; 1 - 0.95 reaches 0.05, though it is 4e-17 more. Read it as the paper tables should be
    read: it is the size of the set that model was *trained* on, not the size before its batch was bought
    (BatchBALD's tables count one batch early).

    With `stay` False it is the first model that reaches the threshold at all: more flattering, and by chance the
    more so the longer and noisier the curve; for comparison with counts that were made so.

    Raises:
        CurveError: empty, labels do not ascend, or not one value a training size.

    >>> labels_to([20, 30, 40, 50], [0.2, 0.09, 0.12, 0.08], 0.1)
    50
    >>> labels_to([20, 30, 40, 50], [0.2, 0.09, 0.12, 0.08], 0.1, stay=False)
    30
    """
    _check(labels, values)
    sign = 1 if below else -1
    there = [sign * (value - threshold) <= ROUNDING for value in values]
    if not stay:
        return next((size for size, is_there in zip(labels, there, strict=True) if is_there), None)
    reached = None
    for size, is_there in zip(reversed(labels), reversed(there), strict=True):
        if not is_there:
            break
        reached = size
    return reached


def area_under(labels: Sequence[int], values: Sequence[float]) -> float:
    """Area under the budget curve over its width: a weighted mean of the metric, in the metric's own unit.

    sum_i (n_{i+1} - n_i) (v_i + v_{i+1}) / 2 / (n_last - n_first); the value itself where there is one size.

    Raises:
        CurveError: empty, labels do not ascend, or not one value a training size.

    >>> area_under([10, 20, 40], [0.4, 0.2, 0.2])
    0.2333...
    """
    _check(labels, values)
    if len(labels) == 1:
        return float(values[0])
    return float(np.trapezoid(values, labels)) / (labels[-1] - labels[0])


def interval(curves: Sequence[Curve], metric: str, *, level: float = 0.95) -> Band:
    """Mean curve over seeds with a t-interval at each training size.

    mean +- t_{(1+level)/2, S-1} s / sqrt(S), s with S - 1 below the line; over the S seeds that have that size.

    Raises:
        CurveError: a curve lacks the metric, or two curves have one seed.
    """
    runs = list(_by_seed(curves, metric).values())
    return _band(_stack(runs), lambda at: _t_interval(at, level))


def paired_difference(
    curves_a: Sequence[Curve],
    curves_b: Sequence[Curve],
    metric: str,
    *,
    generator: np.random.Generator,
    level: float = 0.95,
    resamples: int = 10_000,
) -> Band:
    """Mean over seeds of a - b at each training size, with a bootstrap interval over seeds.

    Runs are paired by seed (same first labels, same splits); what only one side has, a seed or a size, is left
    out, and `n` says what is left. The interval is pointwise: the percentile interval of the mean of resampled
    differences, with Hesterberg's expansion for few seeds (The American Statistician 69(4), 2015): tails of
    Phi(-sqrt(S/(S-1)) t_{(1+level)/2, S-1}) in place of (1-level)/2. It never leaves the range of the
    differences, so with few seeds it is still too short: of normal differences a 95 % interval covered the true
    mean in 75 % of cases at S = 3, 91 % at 5, 94 % at 8.

    Raises:
        CurveError: no seed or size in common, a curve lacks the metric, or two curves of a side have one seed.
    """
    side_a, side_b = _by_seed(curves_a, metric), _by_seed(curves_b, metric)
    seeds = _shared_seeds(side_a, side_b)
    runs = [{n: side_a[s][n] - side_b[s][n] for n in side_a[s].keys() & side_b[s].keys()} for s in seeds]
    if not any(runs):
        raise CurveError("training sizes both sides have", "none in common", "run both with the same batch size")
    return _band(_stack(runs), lambda at: _bootstrap(at, level, resamples, generator))


def labels_saved(
    arm: Sequence[Curve],
    random: Sequence[Curve],
    metric: str,
    *,
    below: bool = True,
    levels: Sequence[float] | None = None,
) -> list[Saved]:
    """How many labels fewer the arm needs than random, at equal metric, seed by seed.

    saved(level) = median_s [ labels_to(random_s, level) - labels_to(arm_s, level) ], over the seeds both have.

    Args:
        arm: runs of the strategy.
        random: runs of the reference, same seeds.
        metric: which metric of the curves.
        below: whether smaller is better.
        levels: values to ask at; by default each new best of random's median curve, at which random may not stay.

    Raises:
        CurveError: no seed in common, a curve lacks the metric, or two curves of a side have one seed.
    """
    ours, theirs = _by_seed(arm, metric), _by_seed(random, metric)
    seeds = _shared_seeds(ours, theirs)
    asked = _record_levels([theirs[s] for s in seeds], below) if levels is None else levels
    return [_saved([(theirs[s], ours[s]) for s in seeds], value, below) for value in asked]


def _saved(pairs: Sequence[tuple[Mapping[int, float], Mapping[int, float]]], value: float, below: bool) -> Saved:
    random = [_reach(theirs, value, below) for theirs, _ in pairs]
    arm = [_reach(ours, value, below) for _, ours in pairs]
    budgets = [max(theirs) for theirs, _ in pairs]
    differences = [min(r, budget) - a for r, a, budget in zip(random, arm, budgets, strict=True)]
    return Saved(
        level=float(value),
        random=_median(random),
        arm=_median(arm),
        saved=_median(differences),
        n=len(pairs),
        random_censored=sum(math.isinf(r) for r in random),
        arm_censored=sum(math.isinf(a) for a in arm),
        fewer=sum(a < r for a, r in zip(arm, random, strict=True)),
        more=sum(a > r for a, r in zip(arm, random, strict=True)),
    )


def _reach(run: Mapping[int, float], value: float, below: bool) -> float:
    found = labels_to(sorted(run), [run[n] for n in sorted(run)], value, below=below)
    return math.inf if found is None else float(found)


def quartiles(sizes: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile of sizes that may be infinite: a run that never got there.

    The quartiles are of the sizes themselves, as many below the lower as above the upper. The median of an even
    number is the mean of the middle two, infinite where one of them is, so that it never flatters.

    >>> quartiles([80.0, 100.0, 140.0, float("inf")])
    (80.0, 120.0, inf)
    """
    ordered = sorted(float(size) for size in sizes)
    low = -(-len(ordered) // 4) - 1
    return ordered[low], float(_median(ordered)), ordered[-1 - low]


def _median(numbers: Sequence[float]) -> float:
    """Median of numbers that may be infinite (never of both signs): an infinite middle makes it infinite."""
    ordered = sorted(numbers)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else (low + high) / 2


def _record_levels(runs: Sequence[Mapping[int, float]], below: bool) -> list[float]:
    """Each new best of the median curve, worst first."""
    levels: list[float] = []
    for _, at in _stack(runs):
        value = float(np.median(at))
        if not levels or (value < levels[-1] if below else value > levels[-1]):
            levels.append(value)
    return levels


def by_seed(curves: Sequence[Curve]) -> dict[int, Curve]:
    """Seed -> its run, in the order given.

    Raises:
        CurveError: two curves have one seed.
    """
    runs: dict[int, Curve] = {}
    for curve in curves:
        if curve.seed in runs:
            raise CurveError(
                "one curve a seed",
                f"two of {curve.strategy} with seed {curve.seed}",
                "give curves of one strategy, each seed once",
            )
        runs[curve.seed] = curve
    return runs


def by_size(curve: Curve, metric: str) -> dict[int, float]:
    """Training size -> value.

    Raises:
        CurveError: the curve lacks the metric, is empty, does not ascend, or has not one value a training size.
    """
    if metric not in curve.metrics:
        known = ", ".join(curve.metrics) or "no metric"
        raise CurveError(f"curves with the metric {metric}", f"only {known}", "name another metric")
    _check(curve.labels, curve.metrics[metric])
    return dict(zip(curve.labels, map(float, curve.metrics[metric]), strict=True))


def _by_seed(curves: Sequence[Curve], metric: str) -> dict[int, dict[int, float]]:
    """Seed -> training size -> value."""
    return {seed: by_size(curve, metric) for seed, curve in by_seed(curves).items()}


def _shared_seeds(a: Mapping[int, object], b: Mapping[int, object]) -> list[int]:
    if not a.keys() & b.keys():
        raise CurveError(
            "runs of both strategies on the same seeds",
            f"seeds {sorted(a)} and {sorted(b)}",
            "run both with the same --seeds",
        )
    return sorted(a.keys() & b.keys())


def _stack(runs: Sequence[Mapping[int, float]]) -> list[tuple[int, NDArray[np.float64]]]:
    """For each training size of any run, the values of the runs that have it."""
    sizes = sorted({n for run in runs for n in run})
    return [(n, np.array([run[n] for run in runs if n in run], dtype=np.float64)) for n in sizes]


def _band(
    stacked: Sequence[tuple[int, NDArray[np.float64]]],
    bounds: Callable[[NDArray[np.float64]], tuple[float, float]],
) -> Band:
    limits = [bounds(at) for _, at in stacked]
    return Band(
        labels=tuple(n for n, _ in stacked),
        mean=tuple(float(at.mean()) for _, at in stacked),
        low=tuple(low for low, _ in limits),
        high=tuple(high for _, high in limits),
        n=tuple(len(at) for _, at in stacked),
    )


def _t_interval(at: NDArray[np.float64], level: float) -> tuple[float, float]:
    from scipy.special import stdtrit  # here where it is used: it costs a tenth of torch to import

    if len(at) < 2:
        return math.nan, math.nan
    half = float(stdtrit(len(at) - 1, (1 + level) / 2) * at.std(ddof=1)) / math.sqrt(len(at))
    return float(at.mean()) - half, float(at.mean()) + half


def _bootstrap(
    at: NDArray[np.float64], level: float, resamples: int, generator: np.random.Generator
) -> tuple[float, float]:
    from scipy.special import ndtr, stdtrit

    s = len(at)
    if s < 2:
        return math.nan, math.nan
    tail = float(ndtr(-math.sqrt(s / (s - 1)) * stdtrit(s - 1, (1 + level) / 2)))
    means = at[generator.integers(s, size=(resamples, s))].mean(axis=1)
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _check(labels: Sequence[int], values: Sequence[float]) -> None:
    if len(labels) != len(values):
        raise CurveError("one value a training size", f"{len(labels)} sizes, {len(values)} values", "align them")
    if not labels:
        raise CurveError("a curve with at least one training size", "an empty curve", "run at least one round")
    if any(after <= before for before, after in pairwise(labels)):
        raise CurveError("training sizes that ascend", str(list(labels)), "sort the rounds by training size")
