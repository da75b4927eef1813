"""What a report is made of: plain records that whoever has a project or a simulation can fill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from askance.report.box_data import BoxCost, FoundBox, MarkedPicture
from askance.report.words import words_for
from askance.vocab import Curve, Diagnosis, Sighting, Split
from askance.vocab.box_diagnosis import BoxDiagnosis

SECTIONS = ("paid", "rounds", "calibration", "mistakes", "batch", "near", "doubts", "people", "quarantine", "time")
"""What `ReportData.absent` may speak of."""


@dataclass(frozen=True, slots=True)
class RoundRow:
    """One round of a project.

    Attributes:
        number: from 1; 0 is a first batch, before any model.
        labels: training labels the model saw.
        metrics: of the test set, name -> value, `recall/<class>` among them; empty where there is no test set.
        tested: how many test images they were measured on; with it error and accuracy get an interval.
        labelled: class -> training labels of that class the model saw.
        picked: predicted class -> images picked in this round.
        converged: False when training stopped at its step limit.
        seconds: step -> wall time it took.
        classes_tested: how many classes the test images have; 0 where it is not known.
        test: names the test set: rounds of one name were measured on the same images and labels; empty: not known.
        settings: of model and training, name -> value, as this round ran; empty where they are not known.
        objects: boxes in the training labels the model saw; 0 where labels are no boxes.
    """

    number: int
    labels: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    tested: int = 0
    labelled: Mapping[str, int] = field(default_factory=dict)
    picked: Mapping[str, int] = field(default_factory=dict)
    converged: bool = True
    seconds: Mapping[str, float] = field(default_factory=dict)
    classes_tested: int = 0
    test: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    objects: int = 0


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
        boxes: what a detector finds in it.
        size: its width and height, pixels, where boxes are drawn; None: no boxes are.
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
    boxes: Sequence[FoundBox] = ()
    size: tuple[int, int] | None = None


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
        right: the probability that the label is right after all; None where it is not known.
    """

    name: str
    split: Split
    given: str
    suggested: str
    self_confidence: float
    confidence: float
    thumbnail: bytes | None = None
    right: float | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """The last round beside an earlier one, on the very test images that both were measured on.

    Attributes:
        earlier: number of the earlier round.
        labels: training labels of its model.
        n: test images that both saw, with the same label.
        before: share of them that the earlier model had right, in [0, 1].
        after: share that the last has right.
        low: lower bound of the 95 % interval of after minus before, over these images.
        high: upper bound.
    """

    earlier: int
    labels: int
    n: int
    before: float
    after: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Paid:
    """Whether picking paid, beside labelling images at random; or what is missing to say so.

    Attributes:
        verdict: the answer in a sentence.
        grounds: what it rests on, or what is missing, a sentence each.
        commands: what to type to find out, in order.
    """

    verdict: str
    grounds: Sequence[str] = ()
    commands: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Crew:
    """Who labelled, and how far they agree.

    Attributes:
        persons: name -> images whose label in force is theirs, and images where theirs stands beside another's.
        pairs: two names, images that both labelled, share on which they agree, Cohen's kappa (None: has no value).
        alpha: Krippendorff's alpha over everybody; None where it has no value.
        shared: images that two people or more labelled.
        settled: images of which people differ, and somebody settled it.
        disagreements: image and what each says of it, those to be settled.
        changes: image, before, after, who had said it, who changed it; the newest first.
    """

    persons: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    pairs: Sequence[tuple[str, str, int, float, float | None]] = ()
    alpha: float | None = None
    shared: int = 0
    settled: int = 0
    disagreements: Sequence[tuple[str, Mapping[str, str]]] = ()
    changes: Sequence[tuple[str, str, str, str, str]] = ()


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
        subject: the data set, as titles of pictures name it; empty: the title.
        how: the strategy of the last batch, as people type it; empty where it is not known.
        batch_labels: training labels of the model that picked it; 0 before any model; None where it is not known.
        chosen: what is known of the last batch's scores, see `vocab.strategies.beside_random`.
        beside: the last round beside an earlier one; None where there is none to compare with.
        plain_accuracy: of the last model with its dropout off, in [0, 1].
        paid: whether picking paid; None for a simulation, whose headline says so.
        answers: answers that are no class (`unreadable`, `none of these`) -> how many images.
        crew: who labelled; None where nothing is known of it.
        boxes: how well the last detector finds, and what it gets wrong; None where there is none.
        tested: some test images with their boxes, in the order of `boxes.shown`.
        cost: what boxes cost; None where labels are no boxes.
        counted: what the sizes of the curves count, as sentences say it.
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
    subject: str = ""
    how: str = ""
    batch_labels: int | None = None
    chosen: Mapping[str, float] = field(default_factory=dict)
    beside: Beside | None = None
    plain_accuracy: float | None = None
    paid: Paid | None = None
    answers: Mapping[str, int] = field(default_factory=dict)
    crew: Crew | None = None
    boxes: BoxDiagnosis | None = None
    tested: Sequence[MarkedPicture] = ()
    cost: BoxCost | None = None
    counted: str = "labels"

    @property
    def below(self) -> bool:
        """Whether a smaller value of the metric is better."""
        return words_for(self.metric).below

    def titled(self, finding: str) -> str:
        """The title of a picture: the data set and what it shows."""
        return f"{self.subject or self.title}: {finding}"
