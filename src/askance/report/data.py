"""What a report is made of: plain records that whoever has a project or a simulation can fill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from askance.vocab import Curve, Sighting


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
    """

    number: int
    labels: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    tested: int = 0
    labelled: Mapping[str, int] = field(default_factory=dict)
    picked: Mapping[str, int] = field(default_factory=dict)
    converged: bool = True


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
    """

    name: str
    rank: int
    gain: float
    predicted: str
    votes: Mapping[str, int] = field(default_factory=dict)
    probabilities: Mapping[str, float] = field(default_factory=dict)
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything a report shows; a section without data is left out.

    Attributes:
        title: the first line.
        curves: runs of a simulation, several strategies and seeds.
        rounds: rounds of a project, in order.
        picked: the last batch, in pick order, or as much of it as is to be shown.
        batch: how many images the last batch has, where `picked` is not all of it.
        quarantined: what could not be read (`Store.quarantined()`).
        classes: names, in the order of the model's outputs.
        provenance: what was run, with what: command, versions, seeds, configuration, time. Shown as it is.
        metric: which metric of the curves the report is about.
        below: whether smaller is better.
        reference: the strategy the others are compared with.
        targets: values of the metric to count labels to.
        fixed_labels: validation and test labels: paid for as well, and the same for every strategy.
    """

    title: str
    curves: Sequence[Curve] = ()
    rounds: Sequence[RoundRow] = ()
    picked: Sequence[PickedImage] = ()
    batch: int = 0
    quarantined: Sequence[Sighting] = ()
    classes: Sequence[str] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    metric: str = "error"
    below: bool = True
    reference: str = "random"
    targets: Sequence[float] = ()
    fixed_labels: int = 0
