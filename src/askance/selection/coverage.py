"""How well a few images stand for a pool, and which ones would stand for more of it.

The coverage of a set S is C(S) = sum_x u_x max_{x' in S} k(x, x') / sum_x u_x, where
k(x, x') = exp(-|h - h'|^2 / sigma^2) of features h of length one. It grows with S, and the more there is in S, the
less an image adds: it is monotone and submodular. So what an image added once bounds what it adds later, and the
greedy batch is found by asking few images again (Minoux 1978, "Accelerated greedy algorithms"). A first pass in
float32 bounds what each adds; every gain that decides is of float64.

Letters: N images, L labelled images, W witnesses, D features, B images of the batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor

from askance.maths import keyed_uniform
from askance.selection.door import check_features, check_finite
from askance.selection.order import by_lot
from askance.vocab import Picks, SelectionError

WITNESSES = 5_000
"""Images of the pool, at most, that coverage is measured on."""

EQUAL = 1e-11
"""Gains this close are equal, and fall by lot."""

ASKED = 8
"""Images that are asked together, in float64, what they would add."""

BOUNDED = 64
"""Images whose bounds are renewed together, in float32, at the beginning of a step; twice as many each time."""

ROUNDING = 16
"""What float32 may have wrong of a gain, in units of its precision by 1 / sigma^2: ten times what was seen."""

_BLOCK = 1 << 22
"""Likenesses that are worked on at once."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """Who is like whom.

    Attributes:
        sigma: how far an image stands for others, > 0; features of length one are at most 2 apart.
        centred: whether the mean of all features is taken off before they are brought to length one. Features
            that are never negative, as after a rectifier, point one way; without their mean they point all ways.
    """

    sigma: float = 1.0
    centred: bool = False


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Images that the coverage of a pool is measured on.

    Attributes:
        places: `[W]`, ascending.
        weights: `[W]`, >= 0, of sum one.
    """

    places: Int64[Tensor, "W"]
    weights: Float64[Tensor, "W"]

    @classmethod
    def of(cls, weights: NDArray[np.float64], ids: Sequence[str], most: int, seed: int) -> "Witnesses":
        """All images that weigh something, or `most` of them by priority sampling.

        Of lots a in (0, 1) those with the greatest u / a are drawn, and each stands for max(u, t), t the
        greatest u / a that was not drawn: every sum over the pool is estimated without bias, with nearly the least
        variance there can be (Duffield, Lund and Thorup 2007, "Priority sampling for estimation of arbitrary
        subset sums").
        Where nothing weighs anything, all weigh the same.

        Args:
            weights: `[N]`, u >= 0.
            ids: N, whose lots are `keyed_uniform(ids, seed, "tie")`.
            most: W at most.
            seed: of the lots.
        """
        u = weights if weights.any() else np.ones(len(weights))
        places = np.flatnonzero(u > 0)
        stands = u[places]
        if len(places) > most:
            priority = stands / keyed_uniform([ids[i] for i in places.tolist()], seed, "tie")
            order = np.argsort(-priority, kind="stable")
            drawn = np.sort(order[:most])
            places, stands = places[drawn], np.maximum(stands[drawn], priority[order[most]])
        return cls(torch.from_numpy(places), torch.from_numpy(stands / max(stands.sum(), np.finfo(float).tiny)))


class Coverage:
    """What a growing set covers, and what each image would add.

    Args:
        features: `[N, D]`, of any length.
        labelled: `[L, D]`, that the set starts from.
        witnesses: what coverage is measured on.
        kernel: who is like whom.
    """

    def __init__(
        self,
        features: Float[Tensor, "N D"],
        labelled: Float[Tensor, "L _"],
        witnesses: Witnesses,
        kernel: Kernel,
    ) -> None:
        self._directions = Directions.of(features, labelled, kernel)
        self._scale, self._weights = -1 / kernel.sigma**2, witnesses.weights
        self._seen = self._directions.of_rows(features[witnesses.places])
        self._squares = (self._seen**2).sum(1)
        self._features = features
        self._step = max(1, _BLOCK // max(1, len(self._seen)))
        self._cover = torch.zeros(len(self._seen), dtype=torch.float64)
        for part in torch.split(labelled, self._step):
            if len(part):
                self._cover = torch.maximum(self._cover, self._like(self._directions.of_rows(part)).amax(0))
        self._rough = tuple(one.float() for one in (self._seen, self._squares, self._weights))
        self._room = ROUNDING * float(np.finfo(np.float32).eps) * max(1.0, -self._scale)

    @property
    def covered(self) -> float:
        """C of the set, in [0, 1]."""
        return float(self._cover @ self._weights)

    def bounds(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """None of these images adds more, `[m]`: what float32 has, and room for the rounding of that."""
        (seen, squares, weights), cover = self._rough, self._cover.float()
        found = [torch.empty(0)]
        for some in torch.split(torch.from_numpy(places), self._step):
            rows = self._directions.of_rows(self._features[some], torch.float32)
            found.append(_like(rows, seen, squares, self._scale).sub_(cover).clamp_min_(0) @ weights)
        return np.asarray(torch.cat(found).double().add_(self._room).numpy())

    def adds(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """By how much coverage would grow with each of these images, `[m]`."""
        like = self._like(self._directions.of_rows(self._features[torch.from_numpy(places)]))
        return np.asarray(((like - self._cover).clamp_min_(0) @ self._weights).numpy())

    def take(self, place: int) -> None:
        """Let an image into the set."""
        like = self._like(self._directions.of_rows(self._features[place : place + 1]))
        self._cover = torch.maximum(self._cover, like[0])

    def _like(self, some: Float64[Tensor, "m D"]) -> Float64[Tensor, "m W"]:
        return _like(some, self._seen, self._squares, self._scale)


def _like(
    some: Float[Tensor, "m D"], seen: Float[Tensor, "W D"], squares: Float[Tensor, "W"], scale: float
) -> Float[Tensor, "m W"]:
    """exp(-|h - h'|^2 / sigma^2), in [0, 1]; |h - h'|^2 = |h|^2 + |h'|^2 - 2 h.h', lengths are one or zero."""
    apart = torch.addmm(squares, some, seen.T, alpha=-2).add_((some**2).sum(1)[:, None])
    return apart.clamp_min_(0).mul_(scale).exp_()


@dataclass(frozen=True, slots=True)
class Directions:
    """How features are brought to length one: `[D]`, the mean that is taken off first; none, where it is not."""

    mean: Float64[Tensor, "D"] | None

    @classmethod
    def of(cls, features: Float[Tensor, "N D"], labelled: Float[Tensor, "L _"], kernel: Kernel) -> "Directions":
        """The mean is over labelled and unlabelled images, so that it hardly moves as labels come."""
        n = len(features) + len(labelled)
        if not kernel.centred or not n:
            return cls(None)
        total = sum(
            (part.sum(0, dtype=torch.float64) for part in (features, labelled) if len(part)), torch.zeros(())
        )
        return cls(total.cpu() / n)

    def of_rows(self, rows: Float[Tensor, "m D"], dtype: torch.dtype = torch.float64) -> Float[Tensor, "m D"]:
        """Of length one; what is zeros stays zeros."""
        wide = rows.detach().to("cpu", torch.float64)
        if self.mean is not None:
            wide = wide - self.mean
        return torch.nn.functional.normalize(wide, dim=1).to(dtype)


def spread(coverage: Coverage, ids: Sequence[str], n: int, seed: int) -> Picks:
    """The greedy batch: each next image adds most to the coverage, in all no less than 63 % of the best batch's.

    Args:
        coverage: of the images, before any is chosen; it is changed.
        ids: N image ids.
        n: how many; where there are fewer images, all come.
        seed: of lots, `keyed_uniform(ids, seed, "tie")`, by which equal gains fall.

    Returns:
        Picks whose gains are what each adds, not increasing. Where nothing is left to cover, gains are 0 and
        images come by lot.
    """
    search = _Search(coverage, len(ids))
    chosen: list[int] = []
    gains: list[float] = []
    while len(chosen) < min(n, len(ids)):
        best, equal = search.best()
        if best <= EQUAL:
            break
        place = by_lot(equal, ids, seed)[0]
        chosen.append(place)
        gains.append(float(search.bounds[place]))
        search.take(place)
    rest = by_lot(np.flatnonzero(search.left), ids, seed)[: n - len(chosen)]
    chosen += rest
    return Picks(tuple(ids[i] for i in chosen), tuple(chosen), (*gains, *(0.0 for _ in rest)))


class _Search:
    """Who adds most, where what an image added at an earlier step bounds what it adds now.

    Args:
        coverage: that images are added to.
        n: N.
    """

    def __init__(self, coverage: Coverage, n: int) -> None:
        self._coverage = coverage
        self.left = np.ones(n, dtype=bool)
        self.bounds = coverage.bounds(np.arange(n))
        self._bounded, self._asked = np.ones(n, dtype=bool), np.zeros(n, dtype=bool)

    def best(self) -> tuple[float, NDArray[np.int64]]:
        """The most that an image adds now, and the places of all that add as much.

        Nobody is passed over: whoever might add as much is bounded anew, the most promising first, and asked where
        that leaves it open.
        """
        best, together = 0.0, BOUNDED
        while True:
            open_ = np.flatnonzero(self.left & ~self._asked & (self.bounds >= best - EQUAL))
            if not len(open_):
                break
            first = _largest(self.bounds, open_, ASKED)
            if self._bounded[first].all():
                self.bounds[first] = self._coverage.adds(first)
                self._asked[first] = True
                best = max(best, float(self.bounds[first].max()))
            else:
                some = _largest(self.bounds, open_[~self._bounded[open_]], together)
                self.bounds[some] = self._coverage.bounds(some)
                self._bounded[some] = True
                together *= 2
        return best, np.flatnonzero(self._asked & (self.bounds >= best - EQUAL))

    def take(self, place: int) -> None:
        """Add an image; what others add is no more than it was."""
        self._coverage.take(place)
        self.left[place] = False
        self._bounded[:], self._asked[:] = False, False


def _largest(values: NDArray[np.float64], places: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """The n of these places with the largest values, ascending."""
    if n < len(places):
        places = places[np.argpartition(-values[places], n)[:n]]
    return np.sort(places)


def covered_by(coverage: Coverage, places: Sequence[int]) -> float:
    """By how much these images together raise the coverage, in [0, 1]; they stay in the set."""
    before = coverage.covered
    for place in places:
        coverage.take(place)
    return coverage.covered - before


def check(
    features: Float[Tensor, "N D"],
    labelled: Float[Tensor, "L _"],
    ids: Sequence[str],
    sigma: float,
    witnesses: int,
) -> None:
    """Refuse what coverage cannot be of.

    Raises:
        SelectionError: not one row of features an id, features of other width or that are not finite, sigma
            not above 0, or no witness.
    """
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
