"""Is one strategy better than another? Paired areas with an interval and a permutation test, and who beats whom.

Letters: S seeds, d_s the difference a - b of seed s, A strategies, E experiments, L training sizes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from askance.maths.curves import area_under, by_seed, by_size, paired_difference
from askance.vocab import Curve, CurveError

EXACT = 16
"""Seeds up to which all 2^S sign flips are tried; beyond, as many as of 16 at random."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One paired difference.

    Attributes:
        mean: of a - b over the pairs, in the metric's own unit.
        low: lower bound of its bootstrap interval; NaN for one pair.
        high: upper bound.
        p: of the permutation test, in (0, 1].
        n: pairs.
        lower: pairs in which a is below b.
        higher: pairs in which it is above.
        spread: standard deviation of the differences; NaN for one pair.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int
    lower: int
    higher: int
    spread: float = math.nan


def area_gap(
    curves_a: Sequence[Curve], curves_b: Sequence[Curve], metric: str, *, generator: np.random.Generator
) -> Gap | None:
    """Area under the budget curve of a minus that of b, seed by seed, over the sizes both runs of a pair have.

    None where no seed has a training size that both have.

    Raises:
        CurveError: a curve lacks the metric, two curves of a side have one seed, or an area is no finite number.
    """
    pairs = paired_runs(curves_a, curves_b)
    if not pairs:
        return None
    areas_a = [_area(a, b, metric) for a, b in pairs]
    areas_b = [_area(b, a, metric) for a, b in pairs]
    band = paired_difference(areas_a, areas_b, metric, generator=generator)
    differences = [a.metrics[metric][0] - b.metrics[metric][0] for a, b in zip(areas_a, areas_b, strict=True)]
    p = sign_flip_test(differences, generator=generator)
    lower, higher = (sum(sign * difference > 0 for difference in differences) for sign in (-1, 1))
    spread = float(np.std(differences, ddof=1)) if len(pairs) > 1 else math.nan
    return Gap(band.mean[0], band.low[0], band.high[0], p, len(pairs), lower, higher, spread)


def paired_runs(curves_a: Sequence[Curve], curves_b: Sequence[Curve]) -> list[tuple[Curve, Curve]]:
    """Runs of one seed on both sides that have a training size in common, in the order of the first side.

    Raises:
        CurveError: two curves of a side have one seed.
    """
    ours, theirs = by_seed(curves_a), by_seed(curves_b)
    pairs = [(curve, theirs[seed]) for seed, curve in ours.items() if seed in theirs]
    return [(a, b) for a, b in pairs if _shared(a, b)]


def sign_flip_test(differences: Sequence[float], *, generator: np.random.Generator) -> float:
    """Two-sided p-value of paired differences: how often is |sum_s e_s d_s| as large for random signs e?

    Were the two strategies exchangeable, each difference could as well have had the other sign. Of S pairs p
    is at least 2^(1-S): three pairs can never give less than 0.25, five not less than 0.0625.

    Args:
        differences: `[S]`, finite.
        generator: of the signs where S > 16; below, all are tried and nothing is random.

    Raises:
        CurveError: no difference, or one that is not finite.

    Fisher 1935, "The design of experiments", section 21.

    >>> sign_flip_test([0.3, 0.1, 0.2], generator=np.random.default_rng(0))
    0.25
    """
    values = np.asarray(differences, dtype=np.float64)
    if not values.size or not np.isfinite(values).all():
        raise CurveError("finite differences, one a pair", str(list(differences)), "run both on the same seeds")
    signs = _signs(len(values), generator)
    sums = np.abs(signs @ values)
    slack = 1e-12 * np.abs(values).sum()  # sums of the same numbers in another order are equal
    extreme = int((sums >= abs(values.sum()) - slack).sum())
    if len(values) <= EXACT:
        return extreme / len(signs)
    return (1 + extreme) / (1 + len(signs))


def _signs(s: int, generator: np.random.Generator) -> NDArray[np.float64]:
    if s > EXACT:
        return generator.choice(np.array([-1.0, 1.0]), size=(2**EXACT, s))
    bits = np.arange(2**s)[:, None] >> np.arange(s) & 1
    return np.where(bits, -1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Penalties:
    """Who beats whom.

    Attributes:
        names: strategies, in the order of rows and columns.
        wins: `[A][A]`, over how many experiments the row beats the column, each experiment counted by the share
            of its training sizes; from 0 to `experiments`.
        experiments: E.
    """

    names: tuple[str, ...]
    wins: tuple[tuple[float, ...], ...]
    experiments: int

    @property
    def beaten(self) -> tuple[float, ...]:
        """Mean of each column: how much a strategy is beaten; the lowest is the best."""
        return tuple(float(mean) for mean in np.mean(self.wins, axis=0))


def penalty_matrix(
    experiments: Sequence[Mapping[str, Sequence[Curve]]], metric: str, *, below: bool = True, level: float = 0.95
) -> Penalties:
    """The pairwise penalty matrix: in each experiment a strategy that beats another at l of L sizes gets l / L.

    Beats: the paired t-statistic sqrt(S) mean(d) / sd(d) over the seeds both have is beyond its two-sided critical
    value at `level`; differences that are all the same beat where they are not zero. No correction for many
    comparisons: a summary, no test.

    Args:
        experiments: for each, strategy -> its runs.
        metric: which metric of the curves.
        below: whether smaller is better.
        level: of the two-sided test.

    Raises:
        CurveError: a curve lacks the metric, or two runs of a strategy have one seed.

    Ash, Zhang, Krishnamurthy, Langford and Agarwal 2020, "Deep batch active learning by diverse, uncertain
    gradient lower bounds" (ICLR, arXiv 1906.03671), section 4.
    """
    names = tuple(dict.fromkeys(name for one in experiments for name in one))
    wins = np.zeros((len(names), len(names)))
    for one in experiments:
        for i, j in permutations(range(len(names)), 2):
            if names[i] in one and names[j] in one:
                found = [
                    _beats(d if below else -d, level) for d in _differences(one[names[j]], one[names[i]], metric)
                ]
                wins[i, j] += sum(found) / len(found) if found else 0.0
    return Penalties(names, tuple(tuple(map(float, row)) for row in wins), len(experiments))


def _differences(worse: Sequence[Curve], better: Sequence[Curve], metric: str) -> list[NDArray[np.float64]]:
    """`worse - better` over the seeds both have, for each size that two of them or more have."""
    at: dict[int, list[float]] = {}
    for curve, other in paired_runs(worse, better):
        ours, theirs = by_size(curve, metric), by_size(other, metric)
        for size in _shared(curve, other):
            at.setdefault(size, []).append(ours[size] - theirs[size])
    return [np.array(values) for _, values in sorted(at.items()) if len(values) > 1]


def _beats(d: NDArray[np.float64], level: float) -> bool:
    from scipy.special import stdtr  # here where it is used: it costs a tenth of torch to import

    spread = float(d.std(ddof=1))
    if spread == 0:
        return float(d[0]) > 0
    t = math.sqrt(len(d)) * float(d.mean()) / spread
    return t > 0 and float(stdtr(len(d) - 1, t)) > (1 + level) / 2


def _area(curve: Curve, other: Curve, metric: str) -> Curve:
    values, sizes = by_size(curve, metric), _shared(curve, other)
    value = area_under(sizes, [values[size] for size in sizes])
    return Curve(curve.strategy, curve.seed, (0,), {metric: (value,)})


def _shared(a: Curve, b: Curve) -> list[int]:
    return sorted(set(a.labels) & set(b.labels))
