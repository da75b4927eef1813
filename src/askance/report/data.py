"""What a report is made of: plain records that whoever has a project or a simulation can fill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from askance.report.words import words_for
from askance.vocab import Curve, Diagnosis, Sighting, Split

SECTIONS = ("rounds", "calibration", "mistakes", "batch", "near", "doubts", "quarantine", "time")
"""What `ReportData.absent` may speak of."""


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round of a project.

    Attributes:
        number: from 1.
        labels: training labels the model saw.
        metrics: of the test set, name -> value, `recall/<class>` among them; empty where there is no test set.
        tested: how many test images they were measured on; with it error and accuracy get an interval.
        labelled: class -> training labels of that class the model saw.
        picked: predicted class -> images picked in this round.
        converged: False when training stopped at its step limit.
        seconds: step -> wall time it took.
    """

    number: int
    labels: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    tested: int = 0
    labelled: Mapping[str, int] = field(default_factory=dict)
    picked: Mapping[str, int] = field(default_factory=dict)
    converged: bool = True
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NearImage:
    """A labelled image that looks like a picked one to the model.

    Attributes:
        label: its class.
        similarity: cosine of the trunk's features, in [-1, 1].
        thumbnail: JPEG or PNG bytes; None where it could not be read.
    """

    label: str
    similarity: float
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class PickedImage:
    """One image of the last batch, and why it was picked.

    Attributes:
        name: what a person knows it by: a path or URL.
        rank: its place in the batch.
        gain: what labelling it adds (nats where the score is an information).
        predicted: the class the mean of the draws gives most.
        votes: class -> how many of the K draws gave that class most.
        probabilities: class -> mean probability over the draws.
        thumbnail: JPEG or PNG bytes; None where it could not be read.
        near: the labelled images most like it, best first.
        stranger_than: the share of all scored images that are more like the labelled ones, in [0, 1], where the
            batch was picked by novelty.
    """

    name: str
    rank: int
    gain: float
    predicted: str
    votes: Mapping[str, int] = field(default_factory=dict)
    probabilities: Mapping[str, float] = field(default_factory=dict)
    thumbnail: bytes | None = None
    near: Sequence[NearImage] = ()
    stranger_than: float | None = None


@dataclass(frozen=True, slots=True)
class DoubtedLabel:
    """A held-out label that may be wrong.

    Attributes:
        name: of the image: a path or URL.
        split: the set it is in.
        given: the class it is labelled.
        suggested: the class the model is confident of instead.
        self_confidence: mean probability of the given class, in [0, 1].
        confidence: mean probability of the suggested class, in [0, 1].
        thumbnail: JPEG or PNG bytes; None where it could not be read.
    """

    name: str
    split: Split
    given: str
    suggested: str
    self_confidence: float
    confidence: float
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything a report shows; a section without data is left out, or says why it has none.

    Attributes:
        title: the first line.
        curves: runs of a simulation, several strategies and seeds.
        rounds: rounds of a project, in order.
        picked: the last batch, in pick order, or as much of it as is to be shown.
        batch: how many images the last batch has, where `picked` is not all of it.
        answered: how many images of the last batch have a label by now.
        diagnosis: what the last model confuses, and how sure it may be.
        doubts: held-out labels that may be wrong, the least likely first, or as many as are to be shown.
        quarantined: what could not be read (`Store.quarantined()`).
        classes: names, in the order of the model's outputs.
        provenance: what was run, with what: command, versions, seeds, configuration, time. Shown as it is.
        metric: which metric of the curves the report is about.
        reference: the strategy the others are compared with.
        targets: values of the metric to count labels to.
        fixed_labels: validation labels: paid for as well, and the same for every strategy.
        absent: section (see `SECTIONS`) -> why there is nothing in it, in one line.
    """

    title: str
    curves: Sequence[Curve] = ()
    rounds: Sequence[RoundRow] = ()
    picked: Sequence[PickedImage] = ()
    batch: int = 0
    answered: int = 0
    diagnosis: Diagnosis | None = None
    doubts: Sequence[DoubtedLabel] = ()
    quarantined: Sequence[Sighting] = ()
    classes: Sequence[str] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    metric: str = "error"
    reference: str = "random"
    targets: Sequence[float] = ()
    fixed_labels: int = 0
    absent: Mapping[str, str] = field(default_factory=dict)

    @property
    def below(self) -> bool:
        """Whether a smaller value of the metric is better."""
        return words_for(self.metric).below
