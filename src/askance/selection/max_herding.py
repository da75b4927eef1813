"""MaxHerding: images that stand for as much of the pool as they can, with those that are labelled already.

Letters: N images, L labelled images, W witnesses, D features, B images of the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from askance.selection.catalogue import selections
from askance.selection.door import check_features, check_finite, check_request
from askance.selection.order import by_lot
from askance.vocab import Picks, SelectionError

WITNESSES = 10_000
"""Images of the pool, at most, that coverage is measured on."""

EQUAL = 1e-11
"""Gains this close are equal, and fall by lot."""

KEPT_BYTES = 1 << 30
"""All likenesses of images and witnesses are kept where they fit into so many bytes, and else made again."""

_BLOCK = 1 << 21
"""Likenesses that are worked on at once."""


@selections
def max_herding(
    features: Float[Tensor, "N D"],
    labelled: Float[Tensor, "L _"],
    ids: Sequence[str],
    n: int,
    seed: int,
    sigma: float = 1.0,
    *,
    witnesses: int = WITNESSES,
) -> Picks:
    """Images that raise the coverage of the pool most, one after another; no model's doubt is asked.

    Coverage is the mean over images x of how like x is to the most like it of those that have a label or get one:
    C(S) = mean_x max_{x' in S} k(x, x'), k = exp(-|h - h'|^2 / sigma^2) of features h of length one. It is
    submodular: the greedy batch adds no less than 63 % of what the best could. A pick changes what others add only
    by the witnesses it is nearest to, about W / (L + B) of them: what every image adds is known at every step for
    the work of about 1 + log B full searches, not B.

    Args:
        features: `[N, D]`; a row of zeros stays one.
        labelled: `[L, D]`, of the images that have a label; none: `[0, D]`.
        ids: N image ids, each once.
        n: how many; where there are fewer images, all come.
        seed: decides equal gains, and which images are witnesses where there are more, by lot, `"tie"`.
        sigma: how far an image stands for others, > 0; features of length one are at most 2 apart.
        witnesses: W, the most images of the pool that the mean is taken over.

    Returns:
        Picks whose gains are what each adds to the coverage, not increasing, in [0, 1]. Where nothing is left
        to cover, gains are 0 and images come by lot.

    Raises:
        SelectionError: n < 1, an id twice, not one row an id, features of other width or that are not finite,
            sigma not above 0, or no witness.

    Bae, Noh and Sutherland 2024, "Generalized coverage for more robust low-budget active learning"
    (ECCV, arXiv 2407.12212).

    >>> rows = torch.tensor([[1.0, 0.0], [1.0, 0.2], [1.0, -0.2], [-1.0, 0.0]])
    >>> max_herding(rows, torch.empty(0, 2), ["a", "b", "c", "d"], 2, seed=0).ids
    ('a', 'd')
    """
    check_request(ids, n)
    _check(features, labelled, ids, sigma, witnesses)
    coverage = Coverage(features, labelled, sorted(by_lot(np.arange(len(ids)), ids, seed)[:witnesses]), sigma)
    left = np.ones(len(ids), dtype=bool)
    chosen: list[int] = []
    gains: list[float] = []
    while len(chosen) < min(n, len(ids)):
        adds = np.where(left, coverage.adds, 0.0)
        if adds.max() <= EQUAL:
            break
        place = by_lot(np.flatnonzero(adds >= adds.max() - EQUAL), ids, seed)[0]
        chosen.append(place)
        gains.append(float(adds[place]))
        left[place] = False
        coverage.take(place)
    rest = by_lot(np.flatnonzero(left), ids, seed)[: n - len(chosen)]
    chosen += rest
    return Picks(tuple(ids[i] for i in chosen), tuple(chosen), (*gains, *(0.0 for _ in rest)))


class Coverage:
    """How like each witness is to the most like it of a growing set, and what each image would add to the mean.

    Args:
        features: `[N, D]`, of any length.
        labelled: `[L, D]`, that the set starts from.
        witnesses: places of the W images that the mean is over.
        sigma: how far an image stands for others.
    """

    def __init__(
        self,
        features: Float[Tensor, "N D"],
        labelled: Float[Tensor, "L _"],
        witnesses: Sequence[int],
        sigma: float,
    ) -> None:
        self._rows, self._sigma = Directions.of(features), sigma
        self._seen = self._rows.some(torch.tensor(witnesses, dtype=torch.long))
        n, w = len(self._rows.units), len(self._seen.units)
        self._step = max(1, _BLOCK // max(1, n))
        self._cover = torch.zeros(w, dtype=torch.float64)
        for part in torch.split(labelled, self._step):
            near = self._like(self._seen, Directions.of(part))
            self._cover = torch.maximum(self._cover, near.amax(1)) if len(part) else self._cover
        self._kept = torch.empty(w, n, dtype=torch.float64) if 8 * w * n <= KEPT_BYTES else None
        self._sums = torch.zeros(n, dtype=torch.float64)
        for places in torch.split(torch.arange(w), self._step):
            like = self._like(self._seen.some(places), self._rows)
            if self._kept is not None:
                self._kept[places] = like
            self._sums += like.sub_(self._cover[places, None]).clamp_min_(0).sum(0)

    @property
    def adds(self) -> NDArray[np.float64]:
        """By how much the mean would grow with each image, `[N]`."""
        return np.asarray(self._sums.numpy() / max(1, len(self._cover)))

    def take(self, place: int) -> None:
        """Let an image into the set."""
        like = self._like(self._seen, self._rows.some(torch.tensor([place])))[:, 0]
        moved = torch.nonzero(like > self._cover).squeeze(1)
        for places in torch.split(moved, self._step):
            before, after = self._cover[places, None], like[places, None]
            kept = self._kept
            theirs = self._like(self._seen.some(places), self._rows) if kept is None else kept[places]
            self._sums -= theirs.clamp_(before, after).sub_(before).sum(0)
        self._cover = torch.maximum(self._cover, like)

    def _like(self, some: "Directions", others: "Directions") -> Float64[Tensor, "m n"]:
        """exp(-|h - h'|^2 / sigma^2), in [0, 1]."""
        apart = (some.units @ others.units.T).mul_(-2).add_(some.squares[:, None]).add_(others.squares)
        return apart.clamp_min_(0).div_(-(self._sigma**2)).exp_()


@dataclass(frozen=True, slots=True)
class Directions:
    """Features of length one.

    Attributes:
        units: `[n, D]`; zeros stay zeros.
        squares: `[n]`, their squared lengths: one or zero.
    """

    units: Float64[Tensor, "n D"]
    squares: Float64[Tensor, "n"]

    @classmethod
    def of(cls, features: Float[Tensor, "n D"]) -> "Directions":
        """From features of any length."""
        units = torch.nn.functional.normalize(features.detach().to("cpu", torch.float64), dim=1)
        return cls(units, (units**2).sum(1))

    def some(self, places: Int64[Tensor, "m"]) -> "Directions":
        """Those in these places."""
        return Directions(self.units[places], self.squares[places])


def _check(
    features: Float[Tensor, "N D"],
    labelled: Float[Tensor, "L _"],
    ids: Sequence[str],
    sigma: float,
    witnesses: int,
) -> None:
    check_features(features, ids)
    if labelled.dim() != 2 or (len(labelled) and labelled.shape[1] != features.shape[1]):
        raise SelectionError(
            f"labelled features [L, {features.shape[1]}], from the trunk that the others are of",
            f"shape {list(labelled.shape)}",
            "extract both with one model",
        )
    check_finite(labelled)
    if not sigma > 0 or witnesses < 1:
        raise SelectionError(
            "sigma above 0 and one witness or more", f"sigma = {sigma}, witnesses = {witnesses}", "leave them out"
        )
