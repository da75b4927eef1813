"""The selections the slow way: whole sorts, queues, and probabilities by enumeration."""

import itertools
import math
from collections.abc import Callable, Sequence

from askance.maths import Draws, keyed_uniform
from tests.reference.joint_entropy import greedy


def sorted_by(values: Sequence[float], ids: Sequence[str], seed: int) -> list[str]:
    """All ids whose value is not NaN, by value descending, then lot ascending."""
    lots = keyed_uniform(ids, seed, "tie")
    places = [i for i in range(len(ids)) if not math.isnan(values[i])]
    return [ids[i] for i in sorted(places, key=lambda i: (-values[i], lots[i]))]


def _noisy(log_weights: Sequence[float], ids: Sequence[str], seed: int, beta: float) -> list[str]:
    noise = [-math.log(-math.log(u)) for u in keyed_uniform(ids, seed, "gumbel")]
    return sorted_by([w + g / beta for w, g in zip(log_weights, noise, strict=True)], ids, seed)


def _log(value: float) -> float:
    return -math.inf if value == 0 else math.log(value)


def top_k(scores: Sequence[float], ids: Sequence[str], seed: int, **_: object) -> list[str]:
    return sorted_by(scores, ids, seed)


def power(scores: Sequence[float], ids: Sequence[str], seed: int, beta: float = 1.0, **_: object) -> list[str]:
    return _noisy([_log(s) for s in scores], ids, seed, beta)


def softmax(scores: Sequence[float], ids: Sequence[str], seed: int, beta: float = 1.0, **_: object) -> list[str]:
    return _noisy(scores, ids, seed, beta)


def softrank(scores: Sequence[float], ids: Sequence[str], seed: int, beta: float = 1.0, **_: object) -> list[str]:
    rank = {name: place for place, name in enumerate(sorted_by(scores, ids, seed), 1)}
    return _noisy([-math.log(rank[name]) if name in rank else math.nan for name in ids], ids, seed, beta)


def random(scores: Sequence[float], ids: Sequence[str], seed: int, **_: object) -> list[str]:
    lots = dict(zip(ids, keyed_uniform(ids, seed, "random"), strict=True))
    scored = [name for name, s in zip(ids, scores, strict=True) if not math.isnan(s)]
    return sorted(scored, key=lambda name: -lots[name])


def class_balanced_random(
    scores: Sequence[float], ids: Sequence[str], seed: int, groups: Sequence[str], **_: object
) -> list[str]:
    """Deal from one queue a class, in turn, until all queues are empty."""
    lots = dict(zip(ids, keyed_uniform(ids, seed, "random"), strict=True))
    queues: dict[str, list[str]] = {}
    for name, group, score in zip(ids, groups, scores, strict=True):
        if not math.isnan(score):
            queues.setdefault(group, []).append(name)
    classes = sorted(queues, key=lambda group: keyed_uniform([group], seed, "class")[0])
    for queue in queues.values():
        queue.sort(key=lots.__getitem__)
    dealt = []
    while any(queues.values()):
        dealt += [queues[group].pop(0) for group in classes if queues[group]]
    return dealt


def batchbald(
    scores: Sequence[float], ids: Sequence[str], seed: int, draws: Draws, n: int, **_: object
) -> list[str]:
    """Every candidate's joint entropy enumerated, for the first n places."""
    scored = [i for i in range(len(ids)) if not math.isnan(scores[i])]
    probs = draws.log_probs.exp().numpy()[scored]
    return greedy(probs, [ids[i] for i in scored], seed, n)[0]


TWINS: dict[str, Callable[..., list[str]]] = {
    twin.__name__.replace("_", "-"): twin
    for twin in (top_k, power, softmax, softrank, random, class_balanced_random, batchbald)
}


def plackett_luce(weights: Sequence[float], n: int) -> dict[tuple[int, ...], float]:
    """The probability of each ordered draw of n without replacement, proportional to the weights left."""
    chances = {}
    for drawn in itertools.permutations(range(len(weights)), n):
        left, chance = sum(weights), 1.0
        for i in drawn:
            chance *= weights[i] / left
            left -= weights[i]
        chances[drawn] = chance
    return chances
