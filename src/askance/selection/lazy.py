"""Who of a pool has the most information, found without asking everybody exactly.

What an image adds is at most what it adds to merged configurations (`Configurations.merged`), and at most the
mean over networks of KL(p_k || mean p). So the pool is sifted: by that mean, by few groups, by more, and only what
is left is asked about all configurations. The bounds hold for the very sum that is maximised, thinned or not;
sifting is done in float32 with room for its rounding, and the last word is `information`, in float64. So the
answer is that of the full search.

Letters: N images, n of a block, K draws, C classes, M configurations, G groups.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor

from askance.maths.joint import Configurations, information

GROUPS = (64, 256)
"""How many groups each sift merges configurations to, where that makes them four times fewer or better."""

PROBES = 4
"""The most promising images of each sift are asked exactly, for a gain that others have to reach."""

ROUNDING = {torch.float32: 5e-7, torch.float64: 1e-14}
"""What sums may be wrong by, in units of 1 + log C nats for each unit of mass: several times what was seen."""

FINE = 50
"""Gains less than this many times their rounding are summed in float64."""

EQUAL = 1e-10
"""Gains this close in nats are equal, and fall by lot; below it there is nothing to gain."""

_BLOCK = {"cpu": 1 << 19}
"""Numbers worked on at once: float32 that stays in a core's cache; a GPU wants more."""
_BLOCK_ELSEWHERE = 1 << 26


@dataclass(frozen=True, slots=True)
class Pool:
    """Images to choose from.

    Attributes:
        log_probs: `[N, K, C]`, of any dtype, on any device, never copied whole.
        noise: `[N, K]`, H(p_k): what a label is unsure of under one network.
        conflict: `[N, K]`, KL(p_k || mean p); its mean over K is BALD.
    """

    log_probs: Float[Tensor, "N K C"]
    noise: Float32[Tensor, "N K"]
    conflict: Float32[Tensor, "N K"]

    @classmethod
    def of(cls, log_probs: Float[Tensor, "N K C"]) -> "Pool":
        """Look at each image alone."""
        n, k, c = log_probs.shape
        noise, conflict = (torch.empty(n, k, device=log_probs.device) for _ in range(2))
        step = max(1, _block(log_probs) // (k * c))
        for i in range(0, n, step):
            probs = _normalised(log_probs[i : i + step], torch.float32)
            nats = _noise(probs)
            noise[i : i + step] = nats
            log_mean = probs.mean(1).clamp_min(torch.finfo(torch.float32).tiny).log()
            conflict[i : i + step] = (-(probs @ log_mean.unsqueeze(-1)).squeeze(-1) - nats).clamp_min(0)
        return cls(log_probs, noise, conflict)

    def bounds(self, configurations: Configurations) -> Float32[Tensor, "N"]:
        """What no image can add more than, in nats, from a product with K numbers; BALD while nothing is thinned.

        sum_m mass_m I(belief_m) <= sum_k (sum_m mass_m belief_mk) KL(p_k || q) for any q, here the mean p.
        """
        weights = configurations.mass @ configurations.belief
        return (self.conflict @ weights.float().to(self.conflict.device)).cpu()

    def gains(
        self, configurations: Configurations, places: Int64[Tensor, "n"], dtype: torch.dtype = torch.float32
    ) -> Float[Tensor, "n"]:
        """What each of these images adds to the chosen ones, in nats, up to rounding."""
        _, k, c = self.log_probs.shape
        device = self.log_probs.device
        mass, belief = (part.to(device, dtype) for part in (configurations.mass, configurations.belief))
        width = max(1, min(len(mass), _block(self.log_probs) // c))
        step = max(1, min(_block(self.log_probs) // (width * c), 4 * _block(self.log_probs) // (k * c)))
        parts = list(zip(torch.split(mass, width), torch.split(belief, width), strict=True))
        found = [mass.new_zeros(0)]
        for block in torch.split(places, step):
            cube = _normalised(self.log_probs[block], dtype)
            noise = self.noise[block] if dtype == torch.float32 else _noise(cube)
            probs = cube.mT.reshape(-1, k)  # [n C, K]
            total = torch.zeros(len(block), dtype=dtype, device=device)
            for some_mass, some_belief in parts:
                nats = _xlogx_(probs @ some_belief.T).view(len(block), c, len(some_mass)).sum(1)
                terms = nats.add_(noise @ some_belief.T).neg_().clamp_min_(0)
                total += terms @ some_mass
            found.append(total)
        return torch.cat(found).cpu()

    def slack(self, configurations: Configurations, dtype: torch.dtype) -> float:
        """How far below the best an image may seem, by rounding, that is the best or equal to it."""
        most = 1 + math.log(self.log_probs.shape[2])
        return EQUAL + 2 * ROUNDING[dtype] * most * float(configurations.mass.sum())

    def precision(self, configurations: Configurations, floor: float) -> torch.dtype:
        """Float32 where its rounding is small beside the gain that is to be reached."""
        return torch.float32 if FINE * self.slack(configurations, torch.float32) < floor else torch.float64


def highest(
    pool: Pool, configurations: Configurations, places: Int64[Tensor, "n"]
) -> tuple[Int64[Tensor, "m"], Float64[Tensor, "m"]]:
    """The images of `places` that may add most, and what each of them adds exactly; the true best are among them.

    Returns:
        Their places, and their gains in nats; no places where no configuration is left to learn from.
    """
    if not len(configurations):
        return places[:0], torch.zeros(0, dtype=torch.float64)
    bounds = pool.bounds(configurations)[places]
    floor = 0.0
    for stage in [*_coarser(configurations), configurations]:
        probes = places[bounds.topk(min(PROBES, len(places))).indices]
        floor = max([floor, *pool.gains(configurations, probes, torch.float64).tolist()])
        places = places[bounds >= floor - pool.slack(stage, bounds.dtype)]
        bounds = pool.gains(stage, places, pool.precision(stage, floor))
    places = places[bounds >= floor - pool.slack(configurations, bounds.dtype)]
    if len(places) > PROBES:  # a handful is asked one by one; for more it pays to sift once more, finer
        fine = pool.gains(configurations, places, torch.float64)
        places = places[fine >= fine.max() - pool.slack(configurations, torch.float64)]
    return places, _exact(configurations, pool.log_probs[places].detach().cpu())


def _exact(configurations: Configurations, log_probs: Float[Tensor, "m K C"]) -> Float64[Tensor, "m"]:
    """What each adds by itself; copies of an image are asked once."""
    answers: dict[bytes, float] = {}
    gains = []
    for image in log_probs:
        key = image.view(torch.uint8).numpy().tobytes()
        if key not in answers:
            answers[key] = information(configurations, image)
        gains.append(answers[key])
    return torch.tensor(gains, dtype=torch.float64)


def _coarser(configurations: Configurations) -> list[Configurations]:
    """Fewer configurations whose information is never less, fewest first."""
    counts = [n for n in GROUPS if 4 * n <= len(configurations)]
    return [configurations.merged(configurations.grouped(n)) for n in counts]


def _normalised(log_probs: Float[Tensor, "n K C"], dtype: torch.dtype) -> Float[Tensor, "n K C"]:
    """Probabilities; numpy's exponential and logarithm are several times faster than torch's on a CPU."""
    probs = log_probs.detach().to(dtype, copy=True, memory_format=torch.contiguous_format)
    if probs.device.type == "cpu":
        values = probs.numpy()
        np.exp(values, out=values)
    else:
        probs.exp_()
    return probs.div_(probs.sum(-1, keepdim=True))


def _noise(probs: Float[Tensor, "n K C"]) -> Float[Tensor, "n K"]:
    return -_xlogx_(probs.clone()).sum(-1)


def _xlogx_(probs: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """Of p p log p in place, zero where p is."""
    probs.clamp_min_(torch.finfo(torch.float32).tiny)
    if probs.device.type == "cpu":
        return probs.mul_(torch.from_numpy(np.log(probs.numpy())))
    return probs.mul_(probs.log())


def _block(values: Tensor) -> int:
    return _BLOCK.get(values.device.type, _BLOCK_ELSEWHERE)
