"""Joint entropies by enumeration: one term for each configuration of labels, one network at a time."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from askance.maths import keyed_uniform

EQUAL = 1e-10


def joint_entropy(probs: NDArray[np.float64]) -> float:
    """-sum over y_1..y_B of p log p, p = 1/K sum_k prod_b p(y_b | w_k), for probs `[B, K, C]`."""
    b, k, c = probs.shape
    total = 0.0
    for labels in itertools.product(range(c), repeat=b):
        together = np.ones(k)
        for image, label in zip(probs, labels, strict=True):
            together = together * image[:, label]
        p = together.sum() / k
        total -= p * math.log(p) if p > 0 else 0.0
    return total


def noise(image: NDArray[np.float64]) -> float:
    """The mean over networks of the entropy of one label, for `[K, C]`."""
    return sum(-p * math.log(p) for p in image.flatten().tolist() if p > 0) / len(image)


def information(probs: NDArray[np.float64]) -> float:
    """I[y_1..y_B; w], for `[B, K, C]`."""
    return joint_entropy(probs) - sum(noise(image) for image in probs) if len(probs) else 0.0


def greedy(probs: NDArray[np.float64], ids: Sequence[str], seed: int, n: int) -> tuple[list[str], list[float]]:
    """BatchBALD with nothing saved: every candidate's joint entropy from the start, for every place."""
    lots = keyed_uniform(ids, seed, "tie")
    chosen: list[int] = []
    gains: list[float] = []
    while len(chosen) < min(n, len(ids)):
        before = information(probs[chosen])
        gain = {i: information(probs[[*chosen, i]]) - before for i in range(len(ids)) if i not in chosen}
        equal = [i for i, value in gain.items() if value >= max(gain.values()) - EQUAL]
        chosen.append(min(equal, key=lots.__getitem__))
        gains.append(gain[chosen[-1]])
    return [ids[i] for i in chosen], gains
