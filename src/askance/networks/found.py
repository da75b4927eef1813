"""What a detector found in some images, and how it doubts it: the one record that every kind of detector gives.

Letters: N images, U boxes found in them, K draws, C classes, D features.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import pad

from askance.maths import Draws, Units
from askance.vocab import Annotation, DrawsError


@dataclass(frozen=True, slots=True)
class Found:
    """Boxes that one deterministic pass finds, and what K draws say at exactly these places.

    Draw k of box u is about the same thing as its draw 0: whoever fills this has matched them.

    Args:
        boxes: `[U, 4]`, left, top, right and bottom edges, pixels of the image as people see it.
        image: `[U]`, for each box the place of its image in 0..n_images-1.
        n_images: N; an image may have no box.
        features: `[U, D]`, what the network sees there.
        draws: `[U, K, C + 1]`, the classes, then background. See `at_most_one` and `background_last`.
        box_draws: `[U, K, 4]`, as `boxes`; K may be 1 where boxes do not move. Where a draw does not have the
            box, anything finite.
        present: `[U, K]`, whether a draw has the box at all; None where every draw has each.

    Raises:
        DrawsError: shapes that do not belong together, an edge that is no number, edges that are swapped.
    """

    boxes: Float[Tensor, "U 4"]
    image: Int[Tensor, "U"]
    n_images: int
    features: Float[Tensor, "U D"]
    draws: Draws
    box_draws: Float[Tensor, "U Kb 4"]
    present: Bool[Tensor, "U K"] | None = None

    def __post_init__(self) -> None:
        u, k = len(self.draws), self.draws.k
        _shaped("boxes", self.boxes, (u, 4))
        _shaped("image", self.image, (u,))
        _shaped("features", self.features, (u, self.features.shape[-1]))
        _shaped("box_draws", self.box_draws, (u, 1 if self.box_draws.shape[1:2] == (1,) else k, 4))
        if self.present is not None:
            _shaped("present", self.present, (u, k))
        for name in ("boxes", "box_draws", "features"):
            if not bool(getattr(self, name).isfinite().all()):
                raise DrawsError(f"{name} that are numbers", "NaN or infinity", "leave such a box out")
        for name in ("boxes", "box_draws"):
            edges = getattr(self, name)
            if bool((edges[..., 2:] < edges[..., :2]).any()):
                raise DrawsError(
                    f"{name} as left, top, right, bottom",
                    "right < left or bottom < top",
                    "turn x, y, w, h to edges",
                )
        if u and not (int(self.image.min()) >= 0 and int(self.image.max()) < self.n_images):
            raise DrawsError(
                f"images 0..{self.n_images - 1}",
                f"{int(self.image.min())}..{int(self.image.max())}",
                "count from 0",
            )

    def __len__(self) -> int:
        return len(self.draws)


def at_most_one(logits: Float[Tensor, "U K C"], *, joint: bool) -> Draws:
    """Draws over C + 1 classes from one sigmoid a class: at most one of them is on, the last: none is.

    P(c) is in proportion to p_c / (1 - p_c), P(none) to 1, so the logit of class c is log P(c) - log P(none).

    >>> at_most_one(torch.tensor([[[0.0, 0.0]]]), joint=True).log_probs.exp()
    tensor([[[0.3333, 0.3333, 0.3333]]])
    """
    return Draws.from_logits(pad(logits, (0, 1)), joint=joint)


def background_last(logits: Float[Tensor, "U K C1"], *, joint: bool) -> Draws:
    """Draws from a softmax whose first class is background, as torchvision's are: it is put last.

    >>> background_last(torch.tensor([[[0.0, 9.0, -9.0]]]), joint=True).log_probs.argmax(-1)
    tensor([[0]])
    """
    return Draws.from_logits(logits.roll(-1, -1), joint=joint)


def units(found: Found, *, least: float = 0.05) -> Units:
    """Draws over boxes, and all that `maths.units.ABOUT` names but their weight.

    Args:
        found: boxes and their draws.
        least: a draw sees a box where the probability of the box's class is at least that.
    """
    probs = found.draws.log_probs.exp()[..., :-1]  # [U, K, C]
    confidence, label = probs.mean(1).max(-1)
    of_label = probs.gather(-1, label[:, None, None].expand(-1, probs.shape[1], 1)).squeeze(-1)
    seen = of_label >= least
    if found.present is not None:
        seen = seen & found.present
    about = {
        "boxes": found.boxes,
        "confidence": confidence,
        "label": label,
        "features": found.features,
        "spread": spread(found.box_draws, found.present),
        "seen": seen.to(confidence).mean(-1),
    }
    return Units(found.draws, found.image, found.n_images, about)


def spread(box_draws: Float[Tensor, "U K 4"], present: Bool[Tensor, "U K"] | None = None) -> Float[Tensor, "U"]:
    """How far a box moves from draw to draw, `[U]`, a standard deviation as a share of its side.

    With centre (x, y), width w, height h and a the mean area: the root of the mean of the four variances of
    x / sqrt(a), y / sqrt(a), log w and log h. Draws without the box do not count; with fewer than two, it is 0.

    >>> edges = torch.tensor([[[0.0, 0.0, 10.0, 10.0], [2.0, 0.0, 12.0, 10.0]]])
    >>> spread(edges)  # x moves by .1 of the side, the other three do not: .1 / 2
    tensor([0.0500])
    """
    u, k = box_draws.shape[:2]
    if present is None or k == 1:
        present = torch.ones(u, k, dtype=torch.bool, device=box_draws.device)
    counted = present.to(box_draws).unsqueeze(-1)
    n = counted.sum(1).clamp_min(1)
    size = (box_draws[..., 2:] - box_draws[..., :2]).clamp_min(1.0)  # below a pixel is no size
    area = (size.prod(-1, keepdim=True) * counted).sum(1, keepdim=True) / n.unsqueeze(1)
    centre = (box_draws[..., 2:] + box_draws[..., :2]) / 2 / area.clamp_min(1.0).sqrt()
    four = torch.cat([centre, size.log()], -1)
    off = (four - ((four * counted).sum(1) / n).unsqueeze(1)) * counted
    return (off.square().sum(1) / n).mean(-1).sqrt()


class Detector(Protocol):
    """A detection model, of whatever library: what the task asks of it. Satisfied by shape."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Its classes, in the order of the draws."""
        ...

    def found(self, images: Sequence[Tensor], *, k: int, seed: int, least: float = 0.05, most: int = 100) -> Found:
        """Boxes of one deterministic pass, and K draws at exactly these.

        The same images and seed give the same, whatever the batch; draw k is one function over all images where
        `found.draws.joint`.

        Args:
            images: N of `[3, H, W]`, uint8 RGB, as people see them; sizes may differ.
            k: K.
            seed: any integer.
            least: the smallest probability with which a box counts as found.
            most: boxes of an image at most.
        """
        ...


class Trainable(Detector, Protocol):
    """A detection model that can be trained on; `training.detectors.fit` does it."""

    @property
    def net(self) -> nn.Module:
        """Its network; in evaluation mode whenever nobody trains it."""
        ...

    @property
    def head(self) -> Sequence[nn.Module]:
        """The parts of it that are trained where only its head is."""
        ...

    def losses(self, images: Sequence[Tensor], targets: Sequence[Annotation]) -> Mapping[str, Tensor]:
        """Its library's own losses of a batch, dropout on, BatchNorm as in evaluation: numbers with a gradient.

        Args:
            images: of `[3, H, W]`, uint8 RGB.
            targets: objects with boxes, of its classes; of crowds nothing is learnt.
        """
        ...

    def anew(self) -> Self:
        """The same detector with a copy of the network."""
        ...


def _shaped(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise DrawsError(f"{name} of shape {list(shape)}", str(list(tensor.shape)), "give one row a box")
