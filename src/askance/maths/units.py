"""Draws over the units of many images.

A unit is what a score is about: an image, a box, a region, a keypoint, one label of several.

Letters: U units of N images, K draws, L labels, D features.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid

from askance.maths.draws import Draws
from askance.vocab import DrawsError


@dataclass(frozen=True, slots=True)
class Units:
    """Draws over U units, and whose they are; a ragged set (an image may have none).

    Args:
        draws: of the U units, one after another.
        image: `[U]`, for each unit the place of its image in 0..n_images-1.
        n_images: N.
        about: what the task knows of each unit beside its draws, by name: tensors `[U]` or `[U, ...]`. An
            acquisition that has such a name in its signature is given it. See `ABOUT`.

    Raises:
        DrawsError: not one image a unit, an image out of range, or something that is not said of each unit.
    """

    draws: Draws
    image: Int[Tensor, "U"]
    n_images: int
    about: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        uneven = next((name for name, tensor in self.about.items() if len(tensor) != len(self.draws)), None)
        if uneven is not None:
            raise DrawsError(
                f"{uneven} of each of {len(self.draws)} units", str(len(self.about[uneven])), "give one row a unit"
            )
        low_high = (int(self.image.min()), int(self.image.max())) if self.image.numel() else (0, -1)
        if len(self.image) != len(self.draws) or low_high[0] < 0 or low_high[1] >= self.n_images:
            raise DrawsError(
                f"for each of {len(self.draws)} units the place of its image in 0..{self.n_images - 1}",
                f"{len(self.image)} places between {low_high[0]} and {low_high[1]}",
                "give one image place a unit",
            )

    @classmethod
    def one_each(cls, draws: Draws) -> "Units":
        """Images that are their own units, as in classification."""
        return cls(draws, torch.arange(len(draws)), len(draws))


def bernoulli_units(logits: Float[Tensor, "N K L"], *, joint: bool) -> Units:
    """Draws over the labels of images that may have several: a unit is one label of one image.

    Each label is absent or present, p = sigmoid(logit): class 0 and class 1. So every acquisition scores labels,
    and `aggregate` makes one number an image. Given the network, labels are taken to be independent.

    Args:
        logits: `[N, K, L]` of L labels; infinite for a label that is certain.
        joint: whether draw k is one function across all images.

    Returns:
        N x L units, the labels of the first image first.

    Raises:
        DrawsError: not floating-point `[N, K, L]`, or NaN.

    >>> units = bernoulli_units(torch.tensor([[[0.0, 1000.0]]]), joint=True)
    >>> units.draws.log_probs.exp().tolist(), units.image.tolist()
    ([[[0.5, 0.5]], [[0.0, 1.0]]], [0, 0])
    """
    if not logits.is_floating_point() or logits.dim() != 3:
        raise DrawsError(
            "floating-point logits [N, K, L], one for each label",
            f"{logits.dtype} of shape {list(logits.shape)}",
            "give what goes into the sigmoid, images first, then draws",
        )
    n, k, n_labels = logits.shape
    absent_present = torch.stack([-logits, logits], dim=-1).transpose(1, 2)
    draws = Draws(logsigmoid(absent_present).reshape(n * n_labels, k, 2), joint)
    return Units(draws, torch.arange(n, device=logits.device).repeat_interleave(n_labels), n)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Draws over the units of some images.

    Attributes:
        positions: `[n]`, the places of these images in the ids that were asked for; an image that could not
            be read is in no chunk, and the task's `problems` says why.
        units: over these n images, `units.n_images == n`.
    """

    positions: Int[Tensor, "n"]
    units: Units


@dataclass(frozen=True, slots=True)
class Densities:
    """How near some images are to what was labelled.

    Attributes:
        positions: `[n]`, the places of these images in the ids that were asked for, as in `Chunk`.
        log_density: `[n]`, of each image's features among those of the labelled images, nats.
    """

    positions: Int[Tensor, "n"]
    log_density: Float[Tensor, "n"]


@dataclass(frozen=True, slots=True)
class Rows:
    """Features of some images.

    Attributes:
        positions: `[n]`, the places of these images in the ids that were asked for, as in `Chunk`.
        rows: `[n, D]`, finite.
    """

    positions: Int[Tensor, "n"]
    rows: Float[Tensor, "n D"]
