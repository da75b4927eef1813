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


def foreground_random(
    scores: Sequence[float], ids: Sequence[str], seed: int, counts: Sequence[float], **_: object
) -> list[str]:
    """Random, of those with something in them; then the others."""
    everybody = random(scores, ids, seed)
    something = {name for name, count in zip(ids, counts, strict=True) if count >= 0.5}
    return [*filter(something.__contains__, everybody), *(one for one in everybody if one not in something)]


def box_count(
    scores: Sequence[float], ids: Sequence[str], seed: int, counts: Sequence[float], **_: object
) -> list[str]:
    kept = [math.nan if math.isnan(s) else count for s, count in zip(scores, counts, strict=True)]
    return sorted_by(kept, ids, seed)


def batchbald(
    scores: Sequence[float], ids: Sequence[str], seed: int, draws: Draws, n: int, **_: object
) -> list[str]:
    """Every candidate's joint entropy enumerated, for the first n places."""
    scored = [i for i in range(len(ids)) if not math.isnan(scores[i])]
    probs = draws.log_probs.exp().numpy()[scored]
    return greedy(probs, [ids[i] for i in scored], seed, n)[0]


def badge(
    scores: Sequence[float],
    ids: Sequence[str],
    seed: int,
    draws: Draws,
    features: Sequence[Sequence[float]],
    n: int,
    **_: object,
) -> list[str]:
    """k-means++ over whole gradients [C D], one image and one class at a time."""
    scored = [i for i in range(len(ids)) if not math.isnan(scores[i])]
    ties = dict(zip(ids, keyed_uniform(ids, seed, "tie"), strict=True))
    gradients = {i: _gradient(draws.log_probs[i].exp().tolist(), features[i]) for i in scored}
    lengths = {i: math.fsum(value**2 for value in gradients[i]) for i in scored}
    chosen: list[int] = []
    while len(chosen) < min(n, len(scored)):
        apart = {}
        for i in scored:
            to = [math.dist(gradients[i], gradients[j]) ** 2 for j in chosen]
            apart[i] = 0.0 if i in chosen else min(to, default=lengths[i])
        far = {i: d for i, d in apart.items() if d > 1e-12}
        if not far:
            break
        noise = dict(zip(ids, keyed_uniform(ids, seed, f"badge {len(chosen) + 1}"), strict=True))
        drawn = {i: math.log(d) - math.log(-math.log(noise[ids[i]])) for i, d in far.items()}
        longest = [i for i in far if far[i] > max(far.values()) * (1 - 1e-12)]
        chosen.append(max(drawn, key=drawn.__getitem__) if chosen else min(longest, key=lambda i: ties[ids[i]]))
    rest = sorted((i for i in scored if i not in chosen), key=lambda i: ties[ids[i]])
    return [ids[i] for i in [*chosen, *rest]]


def _gradient(probs: Sequence[Sequence[float]], features: Sequence[float]) -> list[float]:
    """Of the cross-entropy at the likeliest class, with respect to a last layer's weights, class after class."""
    mean = [math.fsum(draw[c] for draw in probs) / len(probs) for c in range(len(probs[0]))]
    likeliest = mean.index(max(mean))
    return [(p - (c == likeliest)) * float(h) for c, p in enumerate(mean) for h in features]


def max_herding(
    scores: Sequence[float],
    ids: Sequence[str],
    seed: int,
    features: Sequence[Sequence[float]],
    labelled: Sequence[Sequence[float]],
    n: int,
    **_: object,
) -> list[str]:
    """The coverage of every batch that is one image longer, reckoned from its definition."""
    scored = [i for i in range(len(ids)) if not math.isnan(scores[i])]
    rows = {i: _unit(features[i]) for i in scored}
    return _herded(dict.fromkeys(scored, 1.0), rows, [_unit(row) for row in labelled], 1.0, ids, seed, n)


def uncertainty_herding(
    scores: Sequence[float],
    ids: Sequence[str],
    seed: int,
    features: Sequence[Sequence[float]],
    labelled: Sequence[Sequence[float]],
    n: int,
    **_: object,
) -> list[str]:
    """The same, where an image counts by its score and features are told from their mean."""
    scored = [i for i in range(len(ids)) if not math.isnan(scores[i])]
    everybody = [[float(value) for value in row] for row in [*(features[i] for i in scored), *labelled]]
    mean = [math.fsum(column) / len(everybody) for column in zip(*everybody, strict=True)]
    apart = [_unit([value - m for value, m in zip(row, mean, strict=True)]) for row in everybody]
    rows = dict(zip(scored, apart, strict=False))
    weights = {i: float(scores[i]) for i in scored}
    if not any(weights.values()):
        weights = dict.fromkeys(scored, 1.0)
    return _herded(weights, rows, apart[len(scored) :], math.sqrt(0.5), ids, seed, n)


def _herded(  # noqa: PLR0917
    weights: dict[int, float],
    rows: dict[int, list[float]],
    known: list[list[float]],
    sigma: float,
    ids: Sequence[str],
    seed: int,
    n: int,
) -> list[str]:
    ties = dict(zip(ids, keyed_uniform(ids, seed, "tie"), strict=True))

    def coverage(chosen: Sequence[int]) -> float:
        stand = [*known, *(rows[i] for i in chosen)]
        like = (u * max((_like(rows[x], h, sigma) for h in stand), default=0.0) for x, u in weights.items())
        return math.fsum(like) / math.fsum(weights.values())

    chosen: list[int] = []
    while len(chosen) < min(n, len(rows)):
        before = coverage(chosen)
        gains = {i: coverage([*chosen, i]) - before for i in rows if i not in chosen}
        best = max(gains.values())
        if best <= 1e-11:
            break
        chosen.append(min((i for i in gains if gains[i] > best - 1e-11), key=lambda i: ties[ids[i]]))
    rest = sorted((i for i in rows if i not in chosen), key=lambda i: ties[ids[i]])
    return [ids[i] for i in [*chosen, *rest]]


def _like(one: Sequence[float], other: Sequence[float], sigma: float) -> float:
    return math.exp(-((math.dist(one, other) / sigma) ** 2))


def _unit(row: Sequence[float]) -> list[float]:
    length = math.hypot(*row) or 1.0
    return [float(value) / length for value in row]


TWINS: dict[str, Callable[..., list[str]]] = {
    twin.__name__.replace("_", "-"): twin
    for twin in (
        top_k,
        power,
        softmax,
        softrank,
        random,
        class_balanced_random,
        foreground_random,
        box_count,
        batchbald,
        badge,
        max_herding,
        uncertainty_herding,
    )
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
