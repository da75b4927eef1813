"""Labels that several images might get together, and what one more image would add to them.

A *configuration* is one label for each image that was chosen. What matters of it is its chance, and what it would
make us believe of the K networks; the information that another image x adds is a mean over configurations

    I[y_x; w | y_chosen] = sum_m mass_m (H(sum_k belief_mk p_k) - sum_k belief_mk H(p_k)),  p_k = p(y_x | w_k),

with mass_m = p(y_m) and belief_mk = p(w_k | y_m). Every term is non-negative, and nothing underflows: beliefs are
normalised after every image. Up to a limit all configurations are there and the sum is exact; beyond it they are
thinned without bias.

Letters: M configurations, K draws, C classes, B chosen images, G groups of configurations.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from askance.maths.draws import Draws
from askance.maths.keyed import keyed_uniform
from askance.maths.sums import mean_by_halves, sum_by_halves
from askance.vocab import DrawsError

SETTLED = 1e-12
"""Nats of doubt about the networks below which a configuration has nothing to learn: the rounding of float64."""


@dataclass(frozen=True, slots=True)
class Configurations:
    """What the chosen images' labels may be.

    A configuration under which one network alone is possible is left out: no further label says anything then.

    Attributes:
        mass: `[M]`, the chance of each, all that stand for others by thinning included.
        belief: `[M, K]`, the chances of the networks after it, each row normalised.
    """

    mass: Float64[Tensor, "M"]
    belief: Float64[Tensor, "M K"]

    @classmethod
    def start(cls, k: int) -> "Configurations":
        """Before any image: one configuration, and K networks of equal chance; none where K is 1."""
        m = int(k > 1)
        return cls(torch.ones(m, dtype=torch.float64), torch.full((m, k), 1 / k, dtype=torch.float64))

    def __len__(self) -> int:
        return len(self.mass)

    def left(self) -> float:
        """What all further labels together can say: the mean entropy of the beliefs, in [0, log K] nats.

        A label takes its information from it exactly, and thinning keeps it exactly.
        """
        return float(sum_by_halves(self.mass * _entropies(self.belief), 0)) if len(self) else 0.0

    def extended(self, log_probs: Float[Tensor, "K C"], limit: int, lot: float) -> "Configurations":
        """With one more image, each configuration once for each label; if more than `limit`, thinned to `limit`.

        What thinning keeps by is `mass x entropy of the belief`, the most a configuration can still add: the
        largest stay as they are, of the others a systematic sample stands for all (Fearnhead and Clifford 2003,
        "On-line inference for hidden Markov models via particle filters", there with the mass alone). Means over
        configurations stay unbiased, and `left()` the same.

        Args:
            log_probs: of the image.
            limit: of configurations.
            lot: in (0, 1), what the sample hangs on.
        """
        probs = normalised(log_probs)
        chance = self.belief @ probs  # [M, C], of each label after each configuration
        entropies = _xlogx(chance) - _xlogx(self.belief) @ probs - self.belief @ _xlogx(probs)  # chance x entropy
        entropies = torch.where(entropies > SETTLED * chance, entropies, 0.0)
        kept, odds = thinned((self.mass.unsqueeze(1) * entropies).flatten(), limit, lot)
        parent, label = kept // probs.shape[1], kept % probs.shape[1]
        belief = self.belief[parent] * probs.T[label]
        mass = self.mass[parent] * chance.flatten()[kept] / odds
        return Configurations(mass, belief / sum_by_halves(belief, 1).unsqueeze(1))

    def merged(self, group: Int64[Tensor, "M"]) -> "Configurations":
        """One configuration a group: the sum of the masses, the mean belief.

        Information is concave in the belief, so that what an image adds to merged configurations is never less
        than what it adds to these: an upper bound at a fraction of the cost, for any grouping.
        """
        n_groups = int(group.max()) + 1
        mass = self.mass.new_zeros(n_groups).index_add_(0, group, self.mass)
        belief = self.belief.new_zeros(n_groups, self.belief.shape[1])
        belief.index_add_(0, group, self.belief * self.mass.unsqueeze(1))
        there = mass > 0
        return Configurations(mass[there], belief[there] / mass[there].unsqueeze(1))

    def grouped(self, n_groups: int, rounds: int = 3) -> Int64[Tensor, "M"]:
        """A grouping of like beliefs, `[M]` in 0..n_groups-1: k-means of their square roots.

        It starts from configurations at equal steps of what is left, so that it hangs on no random number.
        """
        weight = self.mass * _entropies(self.belief)
        steps = (torch.arange(n_groups, dtype=torch.float64) + 0.5) / n_groups
        first = torch.searchsorted(weight.cumsum(0), steps * weight.sum()).clamp_max(len(self) - 1)
        points = self.belief.sqrt().float()
        weighted = points * weight.unsqueeze(1).float()
        centres = points[first]
        for _ in range(rounds - 1):
            group = (points @ centres.T).argmax(1)
            sums = torch.zeros_like(centres).index_add_(0, group, weighted)
            centres = torch.nn.functional.normalize(sums, dim=1)
        nearest: Tensor = (points @ centres.T).argmax(1)
        return nearest


def information(configurations: Configurations, log_probs: Float[Tensor, "K C"]) -> float:
    """What a label of one image says of the networks once the chosen ones are labelled, in nats.

    Its bits depend on the image and the configurations alone, not on what else is in the pool.

    Returns:
        I[y; w | y_chosen], in [0, log min(K, C)] where nothing was thinned; before any image this is BALD.

    >>> image = torch.tensor([[1.0, 0.0], [0.0, 1.0]]).log()
    >>> round(information(Configurations.start(2), image), 4)
    0.6931
    """
    if not len(configurations):
        return 0.0
    probs = normalised(log_probs)
    of_mean = _entropies(configurations.belief @ probs)
    mean_of = configurations.belief @ _entropies(probs)
    return float(sum_by_halves(configurations.mass * (of_mean - mean_of).clamp_min(0), 0))


def joint_entropy(draws: Draws, *, limit: int = 10_000, seed: int = 0) -> float:
    """H(y_1, ..., y_B) of all the images' labels together, in nats: their information and the noise that is left.

    H(y_1..y_B) = I[y_1..y_B; w] + sum_b mean_k H(y_b | w_k), the first a sum of `information`, image by image.

    Args:
        draws: `[B, K, C]`, joint.
        limit: configurations that are looked at; exact while C^(B-1) is no more.
        seed: of the thinning beyond.

    Returns:
        In [0, B log C].

    Raises:
        DrawsError: draws that are not joint.

    >>> coin = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> draws = Draws.from_probs(torch.stack([coin, coin]), joint=True)
    >>> round(joint_entropy(draws), 4)  # the second label repeats the first
    0.6931
    """
    check_joint(draws)
    configurations = Configurations.start(draws.k)
    total = 0.0
    for place, log_probs in enumerate(draws.log_probs.detach().cpu()):
        total += information(configurations, log_probs)
        total += float(mean_by_halves(_entropies(normalised(log_probs)), 0))
        configurations = configurations.extended(log_probs, limit, lot_of(seed, place))
    return total


def lot_of(seed: int, place: int) -> float:
    """The lot in (0, 1) that thinning hangs on after the image in this place of the batch."""
    return float(keyed_uniform([str(place)], seed, "configurations")[0])


def thinned(size: Float64[Tensor, "M"], limit: int, lot: float) -> tuple[Int64[Tensor, "m"], Float64[Tensor, "m"]]:
    """Which of many to keep, at most `limit`, and the odds of each: min(1, size / c), which sum to `limit`.

    Divided by their odds, those that are kept sum to as much as all did, exactly. Zeros are never kept, and where
    no more than `limit` are above zero all of those are.

    >>> thinned(torch.tensor([4.0, 0.0, 1.0, 1.0], dtype=torch.float64), 2, lot=0.5)
    (tensor([0, 3]), tensor([1.0000, 0.5000], dtype=torch.float64))
    """
    there = torch.nonzero(size).squeeze(1)
    if len(there) <= limit:
        return there, size.new_ones(len(there))
    odds = (size / _threshold(size, limit)).clamp_max(1)
    sure = odds >= 1
    steps = torch.where(sure, 0.0, odds).cumsum(0)
    wanted = limit - int(sure.sum())
    marks = (torch.arange(wanted, dtype=torch.float64) + lot) * (steps[-1] / wanted)  # one in each unit of odds
    sampled = torch.searchsorted(steps, marks, right=True).clamp_max(int(there[-1]))
    kept = torch.cat([torch.nonzero(sure).squeeze(1), sampled]).sort().values
    return kept, odds[kept]


def _threshold(size: Float64[Tensor, "M"], limit: int) -> Tensor:
    """The c for which sum min(1, size / c) = limit: all above it are sure.

    Sums are of small numbers alone, never a difference of large ones: sizes may be twenty powers of ten apart.
    """
    largest, places = torch.topk(size, limit)
    others = size.index_fill(0, places, 0).sum()
    rest = others + largest.flip(0).cumsum(0).flip(0)  # what is no larger than the i-th
    c = rest / (limit - torch.arange(limit, dtype=torch.float64))
    found: Tensor = c[torch.nonzero(largest <= c)[0, 0]]  # the last is, at the latest
    return found


def normalised(log_probs: Float[Tensor, "*B C"]) -> Float64[Tensor, "*B C"]:
    """Probabilities in float64 that sum to one, whatever rounding the logarithms brought along."""
    probs = log_probs.detach().to("cpu", torch.float64).exp()
    return (probs / sum_by_halves(probs, -1).unsqueeze(-1)).contiguous()


def check_joint(draws: Draws) -> None:
    """Refuse draws of another network for each image: their labels would be independent.

    Raises:
        DrawsError: draws that are not joint.
    """
    if not draws.joint:
        raise DrawsError(
            "joint draws: draw k one network over all images",
            "draws with joint=False",
            "draw with one seed and fixed masks, as mc_dropout does; other draws say nothing of images together",
        )


def _xlogx(values: Float64[Tensor, "*axes"]) -> Float64[Tensor, "*axes"]:
    negative: Tensor = torch.special.entr(values)
    return -negative


def _entropies(probs: Float64[Tensor, "*B C"]) -> Float64[Tensor, "*B"]:
    return sum_by_halves(torch.special.entr(probs), -1)
