"""Boxes of several passes of a detector as draws of the same things.

Passes that are made apart do not say which box is which. So some boxes are the things, and every pass says of each
thing what its best overlapping box says, or that nothing is there.

Letters: U things in one image, M boxes of a pass, K passes, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchvision.ops import box_iou, nms

SAME = 0.5
"""Two boxes that overlap by that much (IoU) are of one thing."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass of a detector found in one image.

    Attributes:
        boxes: `[M, 4]`, left, top, right and bottom edges, pixels.
        scores: `[M]`, the probability of its class, 0 to 1.
        labels: `[M]`, 0 to C - 1.
    """

    boxes: Float[Tensor, "M 4"]
    scores: Float[Tensor, "M"]
    labels: Int[Tensor, "M"]

    def __len__(self) -> int:
        return len(self.boxes)

    def kept(self, which: Tensor) -> "Pass":
        """Some of them."""
        return Pass(self.boxes[which], self.scores[which], self.labels[which])

    def most_likely(self, n: int) -> "Pass":
        """The first n by their scores, the likeliest first."""
        return self.kept(torch.argsort(self.scores, descending=True, stable=True)[:n])


@dataclass(frozen=True, slots=True)
class Matched:
    """What K passes say of U things.

    Attributes:
        log_probs: `[U, K, C + 1]`, background last: its class has the score of the box, background the rest; for a
            thing that is missing, background has all.
        boxes: `[U, K, 4]`; where it is missing, the box of the thing.
        present: `[U, K]`.
    """

    log_probs: Float[Tensor, "U K C1"]
    boxes: Float[Tensor, "U K 4"]
    present: Bool[Tensor, "U K"]


def best_overlap(things: Float[Tensor, "U 4"], boxes: Float[Tensor, "M 4"], scores: Tensor) -> Int[Tensor, "U"]:
    """For each thing the box that overlaps it most, the likelier of two that do so alike; -1 below `SAME`.

    >>> things = torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60]])
    >>> best_overlap(things, torch.tensor([[0.0, 0, 10, 4], [1, 0, 10, 10]]), torch.tensor([0.9, 0.1]))
    tensor([ 1, -1])
    """
    if not len(boxes):
        return torch.full((len(things),), -1, dtype=torch.int64)
    by_score = torch.argsort(scores, descending=True, stable=True)
    overlap, place = box_iou(things, boxes[by_score]).max(1)
    return torch.where(overlap >= SAME, by_score[place], -1)


def matched(things: Float[Tensor, "U 4"], passes: Sequence[Pass], n_classes: int) -> Matched:
    """What each pass says of each thing.

    Args:
        things: boxes of one image.
        passes: K of the same image.
        n_classes: C.
    """
    u, k = len(things), len(passes)
    probs = torch.zeros(u, k, n_classes + 1, dtype=torch.float64)
    probs[..., -1] = 1
    boxes = things.unsqueeze(1).repeat(1, k, 1)
    present = torch.zeros(u, k, dtype=torch.bool)
    for draw, one in enumerate(passes):
        place = best_overlap(things, one.boxes, one.scores)
        rows = torch.nonzero(place >= 0).squeeze(-1)
        own = one.kept(place[rows])
        probs[rows, draw, own.labels] = own.scores.double()
        probs[rows, draw, -1] = 1 - own.scores.double()
        boxes[rows, draw] = own.boxes
        present[rows, draw] = True
    return Matched(probs.log(), boxes, present)


def things_of(passes: Sequence[Pass], n_classes: int) -> Float[Tensor, "U 4"]:
    """The things that K passes find together, where none of them is the one that counts.

    Of all their boxes the likeliest stands for those that overlap it; a thing is where the boxes of its passes
    are on the average. The likeliest by the mean of the passes comes first.
    """
    boxes = torch.cat([one.boxes for one in passes])
    kept = nms(boxes, torch.cat([one.scores for one in passes]), SAME)
    found = matched(boxes[kept], passes, n_classes)
    weight = found.present.to(boxes).unsqueeze(-1)
    mean = (found.boxes * weight).sum(1) / weight.sum(1)
    likely = found.log_probs[..., :-1].exp().mean(1).amax(-1)
    return mean[torch.argsort(likely, descending=True, stable=True)]
