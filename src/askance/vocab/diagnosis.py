"""What is known of one trained model beyond its metrics: plain records, kept as JSON in a round's folder.

Letters: N images, C classes, B bins of confidence.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from askance.vocab.records import Split

SCORES = frozenset({"nll", "ece", "adaptive_ece", "classwise_ece", "brier"})
"""Scores of the test set that are kept."""

_SLACK = 1e-9
"""What rounding may add to a share."""

COLDEST, HOTTEST = 0.05, 20.0
"""Where temperatures are looked for: without one wrong unit the best has no bound."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often a model is right where it says how sure it is; B bins of confidence.

    Attributes:
        edges: `B + 1` confidences in [0, 1], ascending; bin b is (edges[b], edges[b + 1]].
        count: images in each bin; their sum is N.
        confidence: mean confidence in each bin; None where it is empty.
        accuracy: share of them that are right; None where it is empty.
        low: lower bound of the accuracy's 95 % Wilson interval; None where the bin is empty.
        high: upper bound of it.
    """

    edges: tuple[float, ...]
    count: tuple[int, ...]
    confidence: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]

    def __post_init__(self) -> None:
        """Refuse what is no such table.

        Raises:
            ValueError: other lengths, no image, edges that do not ascend, or a bin with images and no shares.
        """
        shares = (self.confidence, self.accuracy, self.low, self.high)
        if any(len(part) != len(self.count) for part in shares) or len(self.edges) != len(self.count) + 1:
            raise ValueError("bins of different numbers")
        if min(self.count, default=-1) < 0 or not sum(self.count):
            raise ValueError("bins without an image")
        if not all(0 <= a < b <= 1 for a, b in pairwise(self.edges)):
            raise ValueError("edges that do not ascend from 0 to 1")
        told = [value for part in shares for n, value in zip(self.count, part, strict=True) if n]
        if not all(value is not None and -_SLACK <= value <= 1 + _SLACK for value in told):
            raise ValueError("a bin with images and without shares of them")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A label that confident learning doubts.

    Attributes:
        image_id: whose label it is.
        split: the set it is in.
        given: the class it is labelled.
        suggested: the class the model is confident of instead.
        self_confidence: mean probability of the given class, in [0, 1].
        confidence: mean probability of the suggested class, in [0, 1].
        right: the probability that the given class is right after all, in [0, 1]; None where nobody asked.
    """

    image_id: str
    split: Split
    given: str
    suggested: str
    self_confidence: float
    confidence: float
    right: float | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A classifier on held-out labels: what it confuses, how sure it may be, which labels it doubts.

    Attributes:
        classes: C names, in the order of the model's outputs.
        tested: readable test images.
        validated: readable validation images; the temperature is fitted on them.
        confusion: `[C][C]` test images: rows the label, columns the prediction; empty without a test set.
        recall: of each class, in [0, 1]; None where the test set has none of it.
        precision: of each class, in [0, 1]; None where it is never predicted.
        temperature: what log-probabilities are divided by (Guo et al. 2017); None without validation images.
        before: reliability on the test set as the model is; None without a test set.
        after: the same at the temperature; None without one.
        scores_before: `nll`, `ece`, `adaptive_ece`, `classwise_ece` and `brier` on the test set.
        scores_after: the same at the temperature.
        doubtable: how many validation and test labels were looked at.
        suspects: the labels in doubt, the least likely first.
        answers: test image -> the class it is labelled, and the class it is predicted; empty where not kept.
    """

    classes: tuple[str, ...]
    tested: int
    validated: int
    confusion: tuple[tuple[int, ...], ...] = ()
    recall: tuple[float | None, ...] = ()
    precision: tuple[float | None, ...] = ()
    temperature: float | None = None
    before: Reliability | None = None
    after: Reliability | None = None
    scores_before: Mapping[str, float] = field(default_factory=dict)
    scores_after: Mapping[str, float] = field(default_factory=dict)
    doubtable: int = 0
    suspects: tuple[Suspect, ...] = ()
    answers: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what does not hang together.

        Raises:
            ValueError: a table or a list that is not one of C classes, or scores without a name.
        """
        rows = (self.confusion, self.recall, self.precision) if self.tested else ()
        if any(len(part) != len(self.classes) for part in (*rows, *self.confusion)):
            raise ValueError("tables of other numbers of classes")
        if any(n < 0 for row in self.confusion for n in row) or min(self.tested, self.validated) < 0:
            raise ValueError("fewer images than none")
        if any((share is None) != (not sum(row)) for share, row in zip(self.recall, self.confusion, strict=True)):
            raise ValueError("a recall of a class without images, or none of one with some")
        if self.temperature is not None and not 0 < self.temperature < math.inf:
            raise ValueError("a temperature that divides nothing")
        pairs = ((self.before, self.scores_before), (self.after, self.scores_after))
        if any((table is None) != (not scores) or (scores and SCORES - scores.keys()) for table, scores in pairs):
            raise ValueError("a table without its scores")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A labelled image that looks like another to the model.

    Attributes:
        image_id: whose it is.
        similarity: cosine of the trunk's features, in [-1, 1].
    """

    image_id: str
    similarity: float
