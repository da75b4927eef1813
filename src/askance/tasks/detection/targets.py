"""From boxes to what the head should say in every cell: a peak at each centre, and how far the edges are.

Letters: B boxes of an image, C classes, h x w cells.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from askance.vocab import Annotation

_SIGMA = 6.0
"""A box is so many standard deviations of its peak wide."""
_THINNEST = 0.3
"""The least standard deviation of a peak, in cells."""


class Things(NamedTuple):
    """The objects of one image, in pixels of the input.

    Attributes:
        boxes: `[B, 4]`, left, top, right, bottom.
        classes: `[B]`.
        crowd: `[B]`, True for many that nobody told apart: neither right nor wrong.
    """

    boxes: Float[Tensor, "B 4"]
    classes: Int[Tensor, "B"]
    crowd: Bool[Tensor, "B"]

    def mirrored(self, width: float) -> "Things":
        """The same in the mirror of an input of so many pixels."""
        left, top, right, bottom = self.boxes.unbind(1)
        return self._replace(boxes=torch.stack([width - right, top, width - left, bottom], 1))


def things(said: Annotation, classes: Mapping[str, int], scale: float) -> Things:
    """The objects of a project's classes that have a place.

    Args:
        said: in pixels of the image.
        classes: name -> place.
        scale: pixels of the input to a pixel of the image.
    """
    found = [
        (bounds, classes[one.name], one.crowd)
        for one in said.objects or ()
        if one.name in classes and (bounds := one.bounds) is not None and bounds.area > 0
    ]
    boxes = torch.tensor([[box.left, box.top, box.right, box.bottom] for box, _, _ in found]).reshape(-1, 4)
    return Things(
        boxes.float() * scale,
        torch.tensor([place for _, place, _ in found], dtype=torch.long),
        torch.tensor([crowd for _, _, crowd in found], dtype=torch.bool),
    )


class Cells(NamedTuple):
    """What a head should say of one image.

    Attributes:
        peaks: `[C, h, w]`, 1 at the cell of a centre, a Gaussian around it, 0 elsewhere.
        edges: `[4, h, w]`, distances from the cell's middle to left, top, right and bottom edge, in cells.
        placed: `[h, w]`, where `edges` are learnt: the cell of a centre, and the eight around within its box.
        counted: `[h, w]`, False in a crowd, where nothing is right or wrong.
        n: how many peaks there are.
    """

    peaks: Float[Tensor, "C h w"]
    edges: Float[Tensor, "4 h w"]
    placed: Bool[Tensor, "h w"]
    counted: Bool[Tensor, "h w"]
    n: int


def cells(of: Things, n_classes: int, shape: tuple[int, int], stride: int) -> Cells:
    """See `Cells`. Where two boxes want one cell, the smaller has it.

    CenterNet's targets (Zhou, Wang and Krähenbühl 2019, arXiv 1904.07850, section 3) with a Gaussian that follows
    the box in both directions, and edges learnt around the centre as in FCOS (Tian et al. 2019, arXiv 1904.01355).
    """
    height, width = shape
    ys, xs = torch.arange(height) + 0.5, torch.arange(width) + 0.5
    sharp = Things(of.boxes[~of.crowd] / stride, of.classes[~of.crowd], of.crowd[~of.crowd])
    left, top, right, bottom = sharp.boxes.unbind(1)
    column = ((left + right) / 2).floor().clamp(0, width - 1)
    row = ((top + bottom) / 2).floor().clamp(0, height - 1)
    across = _bell(xs - 0.5, column, (right - left) / _SIGMA)
    down = _bell(ys - 0.5, row, (bottom - top) / _SIGMA)
    peaks = torch.zeros(n_classes, height, width)
    edges, placed = torch.zeros(4, height, width), torch.zeros(height, width, dtype=torch.bool)
    largest_first = torch.argsort((right - left) * (bottom - top), descending=True, stable=True)
    for b in largest_first.tolist():
        place, cy, cx = int(sharp.classes[b]), int(row[b]), int(column[b])
        torch.maximum(peaks[place], down[b][:, None] * across[b], out=peaks[place])
        near_y, near_x = slice(max(cy - 1, 0), cy + 2), slice(max(cx - 1, 0), cx + 2)
        to = torch.stack(_wide(
            (xs[near_x] - left[b])[None], (ys[near_y] - top[b])[:, None],
            (right[b] - xs[near_x])[None], (bottom[b] - ys[near_y])[:, None],
        ))  # fmt: skip
        inside = (to > 0).all(0)
        inside[cy - near_y.start, cx - near_x.start] = True
        edges[:, near_y, near_x] = torch.where(inside, to.clamp_min(_THINNEST), edges[:, near_y, near_x])
        placed[near_y, near_x] |= inside
    return Cells(peaks, edges, placed, _outside(of.boxes[of.crowd] / stride, ys, xs), len(left))


def _wide(*parts: Tensor) -> list[Tensor]:
    """All of one shape."""
    height, width = max(part.shape[0] for part in parts), max(part.shape[1] for part in parts)
    return [part.expand(height, width) for part in parts]


def _bell(at: Tensor, middle: Tensor, sigma: Tensor) -> Float[Tensor, "B n"]:
    """1 at the middle of each box, falling off as a Gaussian."""
    z = (at - middle[:, None]) / sigma.clamp_min(_THINNEST)[:, None]
    return torch.exp(-z.square() / 2)


def _outside(crowds: Tensor, ys: Tensor, xs: Tensor) -> Bool[Tensor, "h w"]:
    left, top, right, bottom = crowds[:, :, None].unbind(1)
    across, down = (xs >= left) & (xs <= right), (ys >= top) & (ys <= bottom)
    return ~(down[:, :, None] & across[:, None]).any(0)
