"""Boxes as other people's detectors give them: read, turned into edges in pixels, refused where they are odd."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from askance.maths import as_tensor
from askance.uncertainty.matching import Pass
from askance.vocab import ConfigError, ModelError
from askance.vocab.errors import listed

Form = Literal["edges", "corner-size", "centre-size"]
"""left, top, right, bottom; or left, top, width, height; or x and y of the centre, width, height."""

_FAR = 2.0
"""A box may stick out; one that lies so many times the image's size away is in other pixels."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How somebody's detector says its boxes.

    Attributes:
        classes: its classes, in the order of its labels.
        form: what the four numbers of a box are.
        shares: whether they are shares of the image's width and height, and not pixels.
        first_label: the label of the first class, 0 or 1; what has the label 0 where it is 1 is background.

    Raises:
        ConfigError: another form or first label.
    """

    classes: tuple[str, ...]
    form: Form = "edges"
    shares: bool = False
    first_label: Literal[0, 1] = 0

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise ConfigError(f"form one of {', '.join(get_args(Form))}", str(self.form), "say what a box is")
        if self.first_label not in (0, 1):
            raise ConfigError("first_label 0 or 1", str(self.first_label), "say which label the first class has")

    def read(self, given: object, size: tuple[int, int], where: str) -> Pass:
        """Boxes of one image.

        Args:
            given: boxes, scores and labels: three of them, or a mapping with these names.
            size: height and width of the image, pixels.
            where: whose they are, for people: `image 3`.

        Raises:
            ModelError: numbers that are none, another number of scores or labels than boxes, labels of no class,
                scores that are no probabilities, boxes of another form.
        """
        boxes, scores, labels = (_numbers(one, where) for one in self._three(given, where))
        n = boxes.numel() // 4
        if boxes.numel() % 4 or (boxes.dim() > 1 and n and boxes.shape[-1] != 4):
            raise _odd("boxes of four numbers [M, 4]", f"{list(boxes.shape)} in {where}", "give one row a box")
        if scores.numel() != n or labels.numel() != n:
            raise _odd(
                "one score and one label a box",
                f"{n} boxes, {scores.numel()} scores and {labels.numel()} labels in {where}",
                "give boxes, scores, labels, in this order",
            )
        boxes, scores, labels = boxes.reshape(n, 4).double(), scores.reshape(n).double(), labels.reshape(n)
        self._check_scores(scores, where)
        labels = self._places(labels.double(), where)
        edges = self._edges(boxes, size, where)
        real = (labels >= 0) & ((edges[:, 2:] - edges[:, :2]) > 0).all(-1)
        return Pass(edges.float(), scores.float(), labels).kept(torch.nonzero(real).squeeze(-1))

    def _three(self, given: object, where: str) -> Sequence[object]:
        names = ("boxes", "scores", "labels")
        if isinstance(given, Mapping):
            if absent := [name for name in names if name not in given]:
                raise _odd(f"{', '.join(names)}", f"no {', '.join(absent)} in {where}", "name them so")
            given = [given[name] for name in names]
        if not isinstance(given, Sequence) or len(given) != len(names):
            what = f"{len(given)} things" if isinstance(given, Sequence) else type(given).__name__
            raise _odd("boxes, scores and labels of each image", f"{what} for {where}", "return these three")
        boxes, scores, labels = given
        if isinstance(labels, Sequence) and any(isinstance(label, str) for label in labels):
            labels = self._by_name(labels, where)
        return boxes, scores, labels

    def _by_name(self, labels: Sequence[Any], where: str) -> list[int]:
        place = {name: i + self.first_label for i, name in enumerate(self.classes)}
        if unknown := sorted({str(label) for label in labels if label not in place}):
            raise _odd(
                f"labels of the classes {', '.join(self.classes)}", f"{listed(unknown)} in {where}", _LABELS
            )
        return [place[label] for label in labels]

    def _check_scores(self, scores: Tensor, where: str) -> None:
        if len(scores) and not (float(scores.min()) >= 0 and float(scores.max()) <= 1):
            raise _odd(
                "scores that are probabilities, 0 to 1",
                f"{float(scores.min()):.3g} to {float(scores.max()):.3g} in {where}",
                "put logits through a sigmoid, divide per cent by 100",
            )

    def _places(self, labels: Float[Tensor, "M"], where: str) -> Tensor:
        if bool((labels != labels.round()).any()):
            odd = float(labels[labels != labels.round()][0])
            raise _odd("whole numbers as labels", f"{odd:.3g} in {where}", "give labels third, scores second")
        place = labels.long() - self.first_label
        high = len(self.classes) - 1
        wrong = place[(place > high) | (place < -self.first_label)]
        if len(wrong):
            label, last = int(wrong[0]) + self.first_label, high + self.first_label
            fix = _LABELS
            if self.first_label == 0 and label == high + 1:
                fix = "say first_label = 1, if the first class has the label 1"
            raise _odd(
                f"labels {self.first_label}..{last}, of {len(self.classes)} classes", f"{label} in {where}", fix
            )
        return place  # background is -1

    def _edges(self, boxes: Float[Tensor, "M 4"], size: tuple[int, int], where: str) -> Float[Tensor, "M 4"]:
        high, wide = size
        sides = boxes.new_tensor([wide, high, wide, high])
        if self.shares:
            if len(boxes) and float(boxes.abs().max()) > _FAR:
                raise _odd("shares of the image, 0 to 1", f"{float(boxes.abs().max()):.5g} in {where}", _PIXELS)
            boxes = boxes * sides
        elif len(boxes) and float(boxes.abs().max()) <= 1 and min(size) > _FAR:
            raise _odd(
                f"boxes in pixels of an image of {wide} x {high}",
                f"no number above {float(boxes.max()):.3g} in {where}",
                "say shares = true, if they are shares of its width and height",
            )
        first, second = boxes[:, :2], boxes[:, 2:]
        if self.form == "corner-size":
            second = first + second
        if self.form == "centre-size":
            first, second = first - second / 2, first + second / 2
        swapped = torch.nonzero((second < first).any(-1)).squeeze(-1)
        if len(swapped):
            was = ", ".join(f"{one:.5g}" for one in boxes[swapped[0]].tolist())
            fix = "say form = corner-size or centre-size, if that is what they are"
            raise _odd(f"boxes as {self.form}", f"[{was}] in {where}: right < left or bottom < top", fix)
        edges = torch.cat([first, second], -1)
        if len(edges) and bool((edges.abs() > _FAR * sides + 1).any()):
            raise _odd(
                f"boxes within an image of {wide} x {high}",
                f"an edge at {float(edges.abs().max()):.5g} in {where}",
                "give pixels of the image as it was handed over, not as it was resized; say form and shares",
            )
        return edges.clamp_min(0).minimum(sides)


def _numbers(given: object, where: str) -> Tensor:
    try:
        found = as_tensor(given, "boxes, scores and labels")  # type: ignore[arg-type]
    except Exception as error:
        raise _odd("boxes, scores and labels as numbers", f"{type(given).__name__} in {where}", _LABELS) from error
    if found.is_floating_point() and not bool(found.isfinite().all()):
        raise _odd("numbers", f"NaN or infinity in {where}", "leave out such boxes, or look why they are made")
    return found.detach().cpu()


_LABELS = "name all its classes, in the order of its labels"
_PIXELS = "say shares = false, if they are pixels"


def _odd(wanted: str, got: str, fix: str) -> ModelError:
    return ModelError(f"{wanted}, from the detector", got, fix)
