"""What a report of a detection project is made of, beside what every report is."""

from collections.abc import Sequence
from dataclasses import dataclass

from askance.vocab.box_diagnosis import Edges, MarkedImage


@dataclass(frozen=True, slots=True)
class FoundBox:
    """One box that the model finds in a picked image.

    Attributes:
        box: its edges, pixels of the image as people see it.
        name: its class.
        confidence: the mean probability of that class, in [0, 1].
        bald: how far the draws differ about it, nats; 0 where there is one draw.
        spread: how far its edges move from draw to draw, as a share of its side.
    """

    box: Edges
    name: str
    confidence: float
    bald: float = 0.0
    spread: float = 0.0


@dataclass(frozen=True, slots=True)
class MarkedPicture:
    """A test image with the boxes that people drew and those that were found.

    Attributes:
        image: the boxes.
        name: what a person knows it by: a path or URL.
        thumbnail: JPEG or PNG bytes; None where it could not be read.
    """

    image: MarkedImage
    name: str
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class BoxCost:
    """What labelling cost so far, and what the batch will.

    Attributes:
        images: labelled with boxes, all splits.
        boxes: drawn in them, crowds left out.
        empty: of the images, those where somebody said that nothing is there.
        seconds: of labelling, over the images where they are known.
        timed: images of which they are known.
        timed_boxes: boxes in these.
        picked: images of the last batch.
        expected: boxes that the model finds in each of these, in order, at even odds or better.
        unseen: images of the last batch where it finds none at all.
    """

    images: int = 0
    boxes: int = 0
    empty: int = 0
    seconds: float = 0.0
    timed: int = 0
    timed_boxes: int = 0
    picked: int = 0
    expected: Sequence[int] = ()
    unseen: int = 0
