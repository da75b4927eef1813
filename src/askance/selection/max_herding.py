"""MaxHerding: images that stand for as much of the pool as they can, with those that are labelled already.

Letters: N images, L labelled images, W witnesses, D features, B images of the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray
from torch import Tensor

from askance.selection.catalogue import selections
from askance.selection.door import check_features, check_request
from askance.selection.order import by_lot
from askance.vocab import Picks, SelectionError

WITNESSES = 10_000
"""Images of the pool, at most, that coverage is measured on."""

EQUAL = 1e-11
"""Gains this close are equal, and fall by lot."""

_BLOCK = 256
"""Images asked about at a time: `[256, W]` likenesses are held at once."""


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
    submodular: an image adds less the more there are, so that what it added before bounds what it adds now, and
    few are asked again. The greedy batch covers no less than 63 % of what the best could add.

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
    if not ids:
        return Picks((), (), ())
    seen = _units(features[sorted(by_lot(np.arange(len(ids)), ids, seed)[:witnesses])])
    cover = _Cover(features, seen, sigma, torch.zeros(len(seen), dtype=torch.float64))
    for block in torch.split(labelled, _BLOCK):
        cover = cover.with_(block)
    bounds, left = cover.gains(np.arange(len(ids))), np.ones(len(ids), dtype=bool)
    chosen: list[int] = []
    gains: list[float] = []
    while len(chosen) < min(n, len(ids)):
        place, gain = _best(cover, bounds, left, ids, seed)
        if gain <= EQUAL:
            break
        chosen.append(place)
        gains.append(gain)
        left[place] = False
        cover = cover.with_(features[place : place + 1])
    rest = by_lot(np.flatnonzero(left), ids, seed)[: n - len(chosen)]
    chosen += rest
    return Picks(tuple(ids[i] for i in chosen), tuple(chosen), (*gains, *(0.0 for _ in rest)))


@dataclass(frozen=True, slots=True)
class _Cover:
    """How like each witness is to the most like it of those chosen.

    Attributes:
        features: `[N, D]`, as they came.
        seen: `[W, D]`, the witnesses', of length one.
        best: `[W]`, in [0, 1].
    """

    features: Float[Tensor, "N D"]
    seen: Float64[Tensor, "W D"]
    sigma: float
    best: Float64[Tensor, "W"]

    def gains(self, places: NDArray[np.intp]) -> NDArray[np.float64]:
        """What each of these images would add."""
        found = [np.zeros(0)]
        for block in torch.split(torch.from_numpy(places), _BLOCK):
            more = _alike(_units(self.features[block]), self.seen, self.sigma).sub_(self.best).clamp_min_(0)
            found.append(more.mean(1).numpy())
        return np.concatenate(found)

    def with_(self, features: Float[Tensor, "m D"]) -> "_Cover":
        """With some images more."""
        if not len(features):
            return self
        best = torch.maximum(self.best, _alike(_units(features), self.seen, self.sigma).amax(0))
        return _Cover(self.features, self.seen, self.sigma, best)


def _best(
    cover: _Cover, bounds: NDArray[np.float64], left: NDArray[np.bool_], ids: Sequence[str], seed: int
) -> tuple[int, float]:
    """The image that adds most, and what; `bounds` come down to what was found of those that were asked.

    Those with the highest bounds are asked until what is left cannot reach the best.
    """
    order = np.flatnonzero(left)
    order = order[np.argsort(-bounds[order], kind="stable")]
    asked, best = 0, -1.0
    while asked < len(order) and bounds[order[asked]] >= best - EQUAL:
        some = order[asked : asked + _BLOCK]
        bounds[some] = cover.gains(some)
        best = max(best, float(bounds[some].max()))
        asked += len(some)
    found = order[:asked]
    place = by_lot(found[bounds[found] >= best - EQUAL], ids, seed)[0]
    return place, float(bounds[place])


def _alike(some: Float64[Tensor, "m D"], others: Float64[Tensor, "W D"], sigma: float) -> Float64[Tensor, "m W"]:
    """exp(-|h - h'|^2 / sigma^2), from products: rows are of length one, or zero."""
    apart = (some**2).sum(1)[:, None] + (others**2).sum(1) - 2 * some @ others.T
    return apart.clamp_min_(0).div_(-(sigma**2)).exp_()


def _units(features: Float[Tensor, "n D"]) -> Float64[Tensor, "n D"]:
    return torch.nn.functional.normalize(features.detach().to("cpu", torch.float64), dim=1)


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
    if not bool(labelled.isfinite().all()):
        raise SelectionError("finite features", "NaN or infinite ones", "leave out images without features")
    if not sigma > 0 or witnesses < 1:
        raise SelectionError(
            "sigma above 0 and one witness or more", f"sigma = {sigma}, witnesses = {witnesses}", "leave them out"
        )
