"""From maps to boxes and what the posterior says of each: peaks first, then K draws at exactly these.

Whatever is drawn, it is drawn at the peaks of the mean of all heads, so that draw k of a box is about the same
place as any other: nothing has to be matched. The trunk and the heads' convolutions run once an image, whatever K.

Letters: n images, M heads, C classes, h x w cells, U peaks, K draws, D width, O = C + 4 outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import max_pool2d

from askance.maths import keyed_seed
from askance.maths.gaussian import normals
from askance.networks.dense import DenseHead
from askance.networks.found import Found, at_most_one
from askance.tasks.detection.loss import distances
from askance.tasks.detection.model import DenseModel
from askance.uncertainty.masks import dropout_masks


@dataclass(frozen=True, slots=True)
class Search:
    """What counts as found.

    Attributes:
        least: probability of a peak.
        most: peaks of an image.
    """

    least: float
    most: int


class Peaks(NamedTuple):
    """Where something is found.

    Attributes:
        image: `[U]`, of which image.
        place: `[U]`, of which class.
        row: `[U]`, of cells.
        column: `[U]`.
    """

    image: Int[Tensor, "U"]
    place: Int[Tensor, "U"]
    row: Int[Tensor, "U"]
    column: Int[Tensor, "U"]

    def at(self, maps: Float[Tensor, "n X h w"]) -> Float[Tensor, "U X"]:
        """What maps say there."""
        return maps[self.image, :, self.row, self.column]


def peaks(heat: Float[Tensor, "n C h w"], search: Search) -> Peaks:
    """Cells that are the highest of the nine around them, of each class by itself and by image, `most` an image.

    In the place of non-maximum suppression: Zhou, Wang and Krähenbühl 2019 (arXiv 1904.07850, section 4).
    """
    height, width = heat.shape[2:]
    highest = torch.where(heat == max_pool2d(heat, 3, 1, 1), heat, 0.0).flatten(1)
    scores, cells = highest.topk(min(search.most, highest.shape[1]), dim=1)
    image, rank = (scores >= search.least).nonzero(as_tuple=True)
    cell = cells[image, rank]
    place, spot = cell // (height * width), cell % (height * width)
    return Peaks(image, place, spot // width, spot % width)


@torch.inference_mode()
def find(model: DenseModel, maps: Sequence[Tensor], search: Search, drawing: "Drawn") -> Found:
    """Boxes in the pixels of the input, with K draws each.

    Args:
        model: the heads.
        maps: `[n, C_l, h_l, w_l]`.
        search: what counts as found.
        drawing: how draws are made.
    """
    seen = len(model.classes)
    maps = [level.contiguous(memory_format=torch.channels_last) for level in maps]
    inner = [head.features(maps) for head in model.heads]
    outputs = [head.everywhere(one) for head, one in zip(model.heads, inner, strict=True)]
    heat = torch.stack([torch.sigmoid(one[:, :seen]) for one in outputs]).mean(0)
    found = peaks(heat.amax(1, keepdim=True), search)  # one thing a cell, of whatever class
    features = torch.stack([found.at(one) for one in inner])
    plain = torch.stack([found.at(one) for one in outputs], dim=1)
    drawn = drawing(model.heads, features, plain)
    stride = model.levels[0].stride
    return Found(
        boxes_at(distances(plain[:, :, seen:]).mean(1, keepdim=True), found, stride).squeeze(1),
        found.image,
        len(heat),
        _of_trunk(maps, found, model),
        at_most_one(drawn.outputs[:, :, :seen], joint=drawn.joint),
        boxes_at(distances(drawn.outputs[:, :, seen:]), found, stride),
    )


class Outputs(NamedTuple):
    """K draws of what the heads say at peaks.

    Attributes:
        outputs: `[U, K, O]`.
        joint: whether draw k is one function everywhere.
    """

    outputs: Float[Tensor, "U K O"]
    joint: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """How K draws are made of M heads.

    - `ensemble`: each head is a draw (Lakshminarayanan et al. 2017); there are no more draws than heads.
    - `mc-dropout`: each draw is a head under a mask of its own; heads take turns.
    - `dropout-moments`: as many normal draws of each head as of `mc-dropout`, with the exact mean and covariance
      of what its masks give: Wg + b and p / (1 - p) W diag(g^2) W^T.
    - `softmax`: the mean of the heads, and no doubt.

    Attributes:
        posterior: one of these.
        k: K.
        seed: of masks and normals.
    """

    posterior: str
    k: int
    seed: int

    def __call__(
        self, heads: Sequence[DenseHead], features: Float[Tensor, "M U D"], plain: Float[Tensor, "U M O"]
    ) -> Outputs:
        """The draws; `plain` is what the heads say with their dropout off."""
        if self.posterior == "softmax" or (self.posterior == "ensemble" and len(heads) == 1):
            return Outputs(plain.mean(1, keepdim=True), joint=True)
        if self.posterior == "ensemble":
            return Outputs(plain[:, : self.k], joint=True)
        draw = self._masked if self.posterior == "mc-dropout" else self._normal
        shares = [len(range(m, self.k, len(heads))) for m in range(len(heads))]
        parts = [
            draw(head, features[m], plain[:, m], share, m)
            for m, (head, share) in enumerate(zip(heads, shares, strict=True))
            if share
        ]
        return Outputs(torch.cat(parts, dim=1), joint=self.posterior == "mc-dropout")

    def _masked(self, head: DenseHead, features: Tensor, plain: Tensor, k: int, m: int) -> Tensor:
        masks = dropout_masks(self.seed, f"head.{m}", k=k, width=features.shape[1], p=head.dropout)
        kept = masks.to(features) / (1 - head.dropout)
        weights = (kept[:, None, :] * head.linear.weight).flatten(0, 1)  # [K O, D]: one product for all draws
        return (features @ weights.T).view(len(features), k, -1) + head.linear.bias

    def _normal(self, head: DenseHead, features: Tensor, plain: Tensor, k: int, m: int) -> Tensor:
        generator = torch.Generator().manual_seed(keyed_seed("dense moments", self.seed, m))
        z = normals(k, plain.shape[1], generator).to(plain)
        p = head.dropout
        spread = features[:, None, :] * head.linear.weight * (p / (1 - p)) ** 0.5  # [U, O, D]
        covariance = spread @ spread.mT
        jitter = 1e-6 * covariance.diagonal(dim1=-2, dim2=-1).amax(-1).clamp_min(1e-12)
        root = torch.linalg.cholesky(covariance + jitter[:, None, None] * torch.eye(plain.shape[1]))
        return plain[:, None, :] + torch.einsum("ko,upo->ukp", z, root)


def boxes_at(to: Float[Tensor, "U K 4"], found: Peaks, stride: int) -> Float[Tensor, "U K 4"]:
    """Edges in pixels of the input, from distances in cells to the middle of each peak's cell."""
    x, y = (found.column + 0.5)[:, None], (found.row + 0.5)[:, None]
    left, top, right, bottom = to.unbind(-1)
    return torch.stack([x - left, y - top, x + right, y + bottom], dim=-1) * stride


def _of_trunk(maps: Sequence[Tensor], found: Peaks, model: DenseModel) -> Float[Tensor, "U F"]:
    """What the trunk sees at the peaks, standardised, all levels side by side: one space for all heads."""
    parts, head, stride = [], model.heads[0], model.levels[0].stride
    for level, mean, scale, said in zip(maps, head.mean, head.scale, model.levels, strict=True):
        row = (found.row * stride // said.stride).clamp_max(said.height - 1)
        column = (found.column * stride // said.stride).clamp_max(said.width - 1)
        seen = level[found.image, :, row, column].float()
        parts.append((seen - mean.flatten()) * scale.flatten())
    return torch.cat(parts, dim=1)
