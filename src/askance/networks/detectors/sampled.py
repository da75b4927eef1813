"""One deterministic pass finds boxes; K draws of the last layers alone say what they might have been.

Letters: M candidates of one image, U boxes kept of them, K draws, C classes, D features, H channels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad
from torchvision.ops import batched_nms, box_iou

from askance.maths import Draws
from askance.networks.found import Found
from askance.uncertainty import How

GONE = 0.5
"""Where a draw's box covers less than that of the box it belongs to (IoU), the draw is of another thing."""

_MOST_CANDIDATES = 3000
"""Into the suppression of doubles go no more than so many of an image, the most probable."""


class Layer(Protocol):
    """A last layer, or several at the end of a head, at U places. `LastLayer` is one."""

    def drawn(self, how: How, *, k: int, seed: int, p: float) -> Float[Tensor, "U K O"]:
        """K draws, or one where nothing is random."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """What several layers give, each at some of the places: the maps of several strides.

    Attributes:
        n: U.
        layers: rows of the U, and the layer that is theirs.
    """

    n: int
    layers: Sequence[tuple[Int[Tensor, "u"], Layer]]

    def drawn(self, how: How, *, k: int, seed: int, p: float) -> Float[Tensor, "U K O"]:
        """As of one layer."""
        found = [layer.drawn(how, k=k, seed=seed, p=p) for _, layer in self.layers]
        out = found[0].new_empty(self.n, *found[0].shape[1:])
        for (rows, _), part in zip(self.layers, found, strict=True):
            out[rows] = part
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """The last layers at the U boxes that were kept.

    Attributes:
        features: `[U, D]`.
        classes: gives what `to_logits` takes.
        boxes: gives what `to_boxes` takes.
        to_logits: `[U, K, O]` -> logits `[U, K, C + 1]`, background last.
        to_boxes: `[U, K, 4]` -> edges `[U, K, 4]`, pixels of the image as people see it.
        may_swap: whether a draw can be of another thing than the box; such a draw does not have it.
    """

    features: Float[Tensor, "U D"]
    classes: Layer
    boxes: Layer
    to_logits: Callable[[Tensor], Tensor]
    to_boxes: Callable[[Tensor], Tensor]
    may_swap: bool = False


class Look(Protocol):
    """What the deterministic pass saw in one image, before anything was left out."""

    @property
    def scores(self) -> Float[Tensor, "M C"]:
        """The probabilities by which the library ranks its boxes."""
        ...

    @property
    def overlap(self) -> float | None:
        """Of two boxes of one class that overlap by more (IoU), the less probable is left out; None: all stay."""
        ...

    def edges(self, which: Int[Tensor, "u"], label: Int[Tensor, "u"]) -> Float[Tensor, "u 4"]:
        """The boxes of some candidates, pixels of the image as people see it."""
        ...

    def head(self, which: Int[Tensor, "U"], label: Int[Tensor, "U"]) -> Head:
        """The last layers at some candidates."""
        ...


def chosen(look: Look, least: float, most: int) -> tuple[Int[Tensor, "U"], Int[Tensor, "U"], Float[Tensor, "U 4"]]:
    """Which candidates are boxes, their classes and their edges, the most probable first.

    A candidate is one thing, so it has one class: its most probable one. (Libraries list a candidate once more
    for each class that it is probable enough for.)
    """
    best, label = look.scores.max(-1)
    which = torch.nonzero(best >= least).squeeze(-1)
    which = which[torch.argsort(best[which], descending=True, stable=True)[:_MOST_CANDIDATES]]
    edges = look.edges(which, label[which])
    size = edges[:, 2:] - edges[:, :2]
    real = (size >= 1e-2).all(-1) & edges.isfinite().all(-1)
    which, edges = which[real], edges[real]
    if look.overlap is not None:
        kept = batched_nms(edges.float(), best[which].float(), label[which], look.overlap)
        which, edges = which[kept], edges[kept]
    return which[:most], label[which[:most]], edges[:most]


def found_in(look: Look, how: How, *, k: int, seed: int, p: float, least: float, most: int) -> Found:
    """The boxes of one image and K draws at exactly these."""
    which, label, edges = chosen(look, least, most)
    head = look.head(which, label)
    joint = how != "dropout-moments"
    logits = head.to_logits(head.classes.drawn(how, k=k, seed=seed, p=p))
    moved = head.to_boxes(head.boxes.drawn(how, k=k, seed=seed, p=p))
    present = None
    if head.may_swap and how != "softmax":
        present = overlaps(edges, moved) >= GONE
        logits = torch.where(present.unsqueeze(-1), logits, nothing_at(logits))
    draws = Draws.from_logits(logits.float().cpu(), joint=joint)
    image = torch.zeros(len(which), dtype=torch.int64)
    moved = torch.cat([moved[..., :2], moved[..., 2:].maximum(moved[..., :2])], -1).float().cpu()
    seen = None if present is None else present.cpu()
    return Found(edges.float().cpu(), image, 1, head.features.float().cpu(), draws, moved, seen)


def nothing_at(logits: Tensor) -> Tensor:
    """Logits of the same shape that say background, for certain."""
    sure = torch.full_like(logits, -torch.inf)
    sure[..., -1] = 0
    return sure


def overlaps(edges: Float[Tensor, "U 4"], moved: Float[Tensor, "U K 4"]) -> Float[Tensor, "U K"]:
    """IoU of each draw's box with the box it belongs to.

    >>> overlaps(torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[[0.0, 0, 10, 10], [5, 0, 15, 10]]]))
    tensor([[1.0000, 0.3333]])
    """
    if not len(edges):
        return moved.new_zeros(moved.shape[:2])
    return torch.stack([box_iou(one[None], its)[0] for one, its in zip(edges, moved, strict=True)])


def joined(parts: Sequence[Found]) -> Found:
    """The boxes of several images, each found alone, as of one batch."""
    firsts = [sum(part.n_images for part in parts[:i]) for i in range(len(parts))]
    present = None
    if any(part.present is not None for part in parts):
        present = torch.cat([part.present if part.present is not None else _all(part) for part in parts])
    return Found(
        torch.cat([part.boxes for part in parts]),
        torch.cat([part.image + first for part, first in zip(parts, firsts, strict=True)]),
        sum(part.n_images for part in parts),
        torch.cat([part.features for part in parts]),
        Draws.cat([part.draws for part in parts]),
        torch.cat([part.box_draws for part in parts]),
        present,
    )


def _all(part: Found) -> Tensor:
    return torch.ones(len(part), part.draws.k, dtype=torch.bool)


def softmax_logits(logits: Tensor) -> Tensor:
    """Background comes first in torchvision; here last."""
    return logits.roll(-1, -1)


def sigmoid_logits(logits: Tensor) -> Tensor:
    """At most one class is on; background is the one whose logit is 0."""
    return pad(logits, (0, 1))
