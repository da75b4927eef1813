"""What a page of a study is made of: plain records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from askance.report.claims import Claim, Masks
from askance.report.words import Words, words_for
from askance.vocab import Curve

TARGETS = (0.10, 0.05)
"""Errors that labels are counted to, as in Gal et al. 2017."""


def targets_of(metric: str) -> Sequence[float]:
    """What labels are counted to where nothing else is said: of errors alone is there a custom."""
    return TARGETS if metric == "error" else ()


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
class Bought:
    """What the runs of a strategy bought, means over those at their end.

    Attributes:
        classes: class -> its labels, without those to start from.
        share: of a batch, what the most frequent class in it has, in (0, 1].
    """

    classes: Mapping[str, float]
    share: float


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
        metric: which of the curves' is looked at.
        bought: strategy -> what it bought.
        levels: of the metric, that labels are counted to; None: what is the custom.
        boxes_figure: file name of the plot over boxes; empty: none.
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
    metric: str = "error"
    bought: Mapping[str, Bought] = field(default_factory=dict)
    levels: Sequence[float] | None = None
    boxes_figure: str = ""

    @property
    def targets(self) -> Sequence[float]:
        """What labels are counted to; nothing where there is one training size alone."""
        if len({size for curve in self.curves for size in curve.labels}) == 1:
            return ()
        return targets_of(self.metric) if self.levels is None else self.levels

    @property
    def words(self) -> Words:
        """How the metric is written."""
        return words_for(self.metric)


@dataclass(frozen=True, slots=True)
class StudyPage:
    """Everything a page of a study shows.

    Attributes:
        metric: what is looked at in all parts.
    """

    title: str
    cites: str
    differs: Sequence[str]
    provenance: Mapping[str, str]
    parts: Sequence[StudyPart]
    claims: Sequence[Claim] = field(default_factory=tuple)
    metric: str = "error"
