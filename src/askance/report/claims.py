"""What a paper claims of its arms, and whether paired curves agree."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from askance.maths import Gap, area_gap
from askance.report.compare import FEW, TESTED
from askance.report.words import Words, table, words_for
from askance.vocab import Curve

Masks = Mapping[tuple[int, int], str]

INTERVAL = "(95 % bootstrap), pairs, permutation p"

TOO_SHORT = (
    f"With fewer than {FEW} pairs the interval is too short: of normal differences it covers the true mean in "
    "75 % of cases at 3 pairs, 87 % at 4, 91 % at 5, so that arms as good as each other *reproduce* a claim in "
    "13, 7 and 4 % of cases and not in 2.5. n pairs cannot give less than p = 2^(1-n). Take it as a hint."
)
"""Under claims that few pairs speak for; the shares are those of `paired_difference`."""


@dataclass(frozen=True, slots=True)
class Claim:
    """That one arm does better than another, over the training sizes both have.

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
class Arm:
    """The runs of a strategy in a part.

    Attributes:
        curves: a run a seed.
        masks: seed and training size -> how draws of that round came to their masks; none where nothing is drawn.
    """

    curves: Sequence[Curve]
    masks: Masks = field(default_factory=dict)


def claims_table(claims: Sequence[Claim], arms: Mapping[tuple[str, str], Arm], metric: str = "error") -> list[str]:
    """Each claim beside the area under the paired curves, as a Markdown table; part and strategy -> its runs."""
    rows, gaps, words = [], [], words_for(metric)
    for claim in claims:
        better, worse = (arms.get(name, Arm(())) for name in (claim.better, claim.worse))
        gap = area_gap(better.curves, worse.curves, metric, generator=np.random.default_rng(0))
        verdict = _verdict(gap, words, claim.expected) + _reserve(better, worse)
        rows.append((claim.text, verdict, gap_words(gap, words)))
        gaps += [] if gap is None else [gap]
    few = any(gap.n < FEW for gap in gaps)
    head = ("claim", "here", f"difference of area, {words.unit} {INTERVAL}")
    return [*table(head, rows), *(["", TOO_SHORT] if few else [])]


def _reserve(ours: Arm, theirs: Arm) -> str:
    """How many of the rounds that are compared were drawn by other masks than their pair."""
    seeds = {curve.seed for curve in ours.curves} & {curve.seed for curve in theirs.curves}
    both = [at for at in ours.masks.keys() & theirs.masks.keys() if at[0] in seeds]
    other = sum(ours.masks[at] != theirs.masks[at] for at in both)
    return f"; other masks in {math.ceil(100 * other / len(both))} % of rounds" if other else ""


def _verdict(gap: Gap | None, words: Words, expected: bool) -> str:
    """By the interval: whether it is on one side of zero; of fewer pairs than `TESTED` nothing is said."""
    if gap is None:
        return "not run"
    if gap.n < TESTED:
        return "too few pairs to say"
    if not expected:
        seen = gap.low > 0 or gap.high < 0
        most = _size(max(abs(gap.low), abs(gap.high)), words, 1)
        return "**they differ**" if seen else f"none above {most}{' points' if words.percent else ''} seen"
    below, above = gap.high < 0, gap.low > 0
    better, worse = (below, above) if words.below else (above, below)
    verdict = "reproduces" if better else "**reversed**" if worse else "**not seen**"
    return f"{verdict}: {gap.lower if words.below else gap.higher} of {gap.n} seeds"


def gap_words(gap: Gap | None, words: Words) -> str:
    """A difference of areas, of percentages in points, with its interval, pairs and p; of none nothing."""
    if gap is None:
        return ""
    mean, low, high = (_size(value, words, 2, "+") for value in (gap.mean, gap.low, gap.high))
    between = "" if math.isnan(gap.low) else f" ({low} to {high})"
    return f"{mean}{between}, {gap.n}, p = {gap.p:.3g}"


def _size(value: float, words: Words, digits: int, sign: str = "") -> str:
    return f"{100 * value:{sign}.{digits}f}" if words.percent else f"{value:{sign}.{digits + 1}f}"
