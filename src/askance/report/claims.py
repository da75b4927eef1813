"""What a paper claims of its arms, and whether paired curves agree."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from askance.maths import Gap, area_gap
from askance.report.compare import FEW, TESTED
from askance.report.words import table
from askance.vocab import Curve

Masks = Mapping[tuple[int, int], str]

HEAD = "points of error (95 % bootstrap), pairs, permutation p"

TOO_SHORT = (
    f"With fewer than {FEW} pairs the interval is too short: of normal differences it covers the true mean in "
    "75 % of cases at 3 pairs, 87 % at 4, 91 % at 5, so that arms as good as each other *reproduce* a claim in "
    "13, 7 and 4 % of cases and not in 2.5. n pairs cannot give less than p = 2^(1-n). Take it as a hint."
)
"""Under claims that few pairs speak for; the shares are those of `paired_difference`."""


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
class Arm:
    """The runs of a strategy in a part.

    Attributes:
        curves: a run a seed.
        masks: seed and training size -> how draws of that round came to their masks; none where nothing is drawn.
    """

    curves: Sequence[Curve]
    masks: Masks = field(default_factory=dict)


def claims_table(claims: Sequence[Claim], arms: Mapping[tuple[str, str], Arm]) -> list[str]:
    """Each claim beside the area under the paired curves, as a Markdown table; part and strategy -> its runs."""
    rows, gaps = [], []
    for claim in claims:
        better, worse = (arms.get(name, Arm(())) for name in (claim.better, claim.worse))
        gap = area_gap(better.curves, worse.curves, "error", generator=np.random.default_rng(0))
        verdict = _verdict(gap, claim.expected) + _reserve(better, worse)
        rows.append((claim.text, verdict, gap_words(gap)))
        gaps += [] if gap is None else [gap]
    few = any(gap.n < FEW for gap in gaps)
    head = ("claim", "here", f"difference of area, {HEAD}")
    return [*table(head, rows), *(["", TOO_SHORT] if few else [])]


def _reserve(ours: Arm, theirs: Arm) -> str:
    """How many of the rounds that are compared were drawn by other masks than their pair."""
    seeds = {curve.seed for curve in ours.curves} & {curve.seed for curve in theirs.curves}
    both = [at for at in ours.masks.keys() & theirs.masks.keys() if at[0] in seeds]
    other = sum(ours.masks[at] != theirs.masks[at] for at in both)
    return f"; other masks in {math.ceil(100 * other / len(both))} % of rounds" if other else ""


def _verdict(gap: Gap | None, expected: bool) -> str:
    """By the interval: whether it is on one side of zero; of fewer pairs than `TESTED` nothing is said."""
    if gap is None:
        return "not run"
    if gap.n < TESTED:
        return "too few pairs to say"
    if not expected:
        seen = gap.low > 0 or gap.high < 0
        return (
            "**they differ**" if seen else f"none above {100 * max(abs(gap.low), abs(gap.high)):.1f} points seen"
        )
    verdict = "reproduces" if gap.high < 0 else "**reversed**" if gap.low > 0 else "**not seen**"
    return f"{verdict}: {gap.lower} of {gap.n} seeds"


def gap_words(gap: Gap | None) -> str:
    """A difference of areas in points, with its interval, pairs and p; nothing where there is none."""
    if gap is None:
        return ""
    between = "" if math.isnan(gap.low) else f" ({100 * gap.low:+.2f} to {100 * gap.high:+.2f})"
    return f"{100 * gap.mean:+.2f}{between}, {gap.n}, p = {gap.p:.3g}"
