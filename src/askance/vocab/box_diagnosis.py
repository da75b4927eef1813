"""What is known of one trained detector beyond its metrics: plain records, kept as JSON in a round's folder.

Letters: N test images, C classes.
"""

from dataclasses import dataclass
from typing import Literal

from askance.vocab.diagnosis import Reliability

Edges = tuple[float, float, float, float]
"""Left, top, right and bottom, pixels of the image as people see it."""

Kind = Literal["found", "missed", "crowd", "right", "misplaced", "confused", "twice", "nothing"]
"""Of a box that people drew: found, missed, or a crowd; of one that was found: right, or how it is wrong."""


@dataclass(frozen=True, slots=True)
class Marked:
    """One box in a test image.

    Attributes:
        box: its edges.
        name: its class.
        kind: what came of it.
        score: how sure the model is, in [0, 1]; None for one that people drew.
    """

    box: Edges
    name: str
    kind: Kind
    score: float | None = None


@dataclass(frozen=True, slots=True)
class MarkedImage:
    """One test image, and all boxes in it.

    Attributes:
        image_id: whose they are.
        size: its width and height, pixels.
        drawn: by people.
        found: by the model, from `BoxDiagnosis.least` on.
    """

    image_id: str
    size: tuple[int, int]
    drawn: tuple[Marked, ...] = ()
    found: tuple[Marked, ...] = ()


@dataclass(frozen=True, slots=True)
class BoxClass:
    """One class of a detector, on the test images.

    Attributes:
        name: of the class.
        objects: that people drew, crowds left out.
        ap50: average precision at overlap .5, in [0, 1]; None where there is no object.
        low: lower bound of its 95 % interval over images.
        high: upper bound.
        right: predictions, from `BoxDiagnosis.least` on, that find an object.
        misplaced: on an object of the class, too far off.
        confused: on an object of another class.
        twice: on an object that another prediction has found.
        nothing: on nothing.
        calibration_error: gap between confidence and the share that is right, in [0, 1]; None without predictions.
    """

    name: str
    objects: int
    ap50: float | None
    low: float | None
    high: float | None
    right: int
    misplaced: int
    confused: int
    twice: int
    nothing: int
    calibration_error: float | None = None

    @property
    def missed(self) -> int:
        """Objects that no prediction finds."""
        return self.objects - self.right


@dataclass(frozen=True, slots=True)
class BoxDiagnosis:
    """A detector on held-out images: how well it finds, what it gets wrong, how sure it may be.

    Attributes:
        classes: of each of C, in the order of the model's outputs.
        tested: N readable test images.
        empty: of them without any object.
        ap: mean over classes and overlaps .5 to .95; this and the next five in [0, 1], None without any object.
        ap50: at overlap .5.
        low: lower bound of its 95 % interval over images.
        high: upper bound.
        ap75: at overlap .75.
        recall: share of objects that any prediction finds at .5, mean over classes.
        least: the score from which errors are counted: where F1 is best.
        confused: `[C][C]`, predictions on objects of another class: rows the object's, columns the one said.
        reliability: how often predictions of each confidence are right; None without predictions.
        calibration_error: the mean gap of the same, in [0, 1].
        shown: some images with all boxes, from the best to the worst.
    """

    classes: tuple[BoxClass, ...]
    tested: int
    empty: int
    ap: float | None = None
    ap50: float | None = None
    low: float | None = None
    high: float | None = None
    ap75: float | None = None
    recall: float | None = None
    least: float = 1.0
    confused: tuple[tuple[int, ...], ...] = ()
    reliability: Reliability | None = None
    calibration_error: float | None = None
    shown: tuple[MarkedImage, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not hang together.

        Raises:
            ValueError: a table that is not one of C classes, fewer than none, or more right than there are.
        """
        if self.confused and {len(self.confused), *map(len, self.confused)} != {len(self.classes)}:
            raise ValueError("a table of another number of classes")
        if not 0 <= self.empty <= self.tested:
            raise ValueError("more images without an object than images")
        if any(one.missed < 0 for one in self.classes):
            raise ValueError("more objects found than there are")

    @property
    def objects(self) -> int:
        """All that people drew, crowds left out."""
        return sum(one.objects for one in self.classes)
