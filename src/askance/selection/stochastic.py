"""Stochastic batches: scores with Gumbel noise, so that a batch spreads without looking at pairs of images.

The n best of `log-weight + Gumbel noise` are n draws without replacement, each with probability proportional
to its weight among those left (Plackett-Luce). The three differ in the weight alone:

    power      s^beta          softmax    exp(beta s)          softrank    rank^-beta

Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal 2023, "Stochastic batch acquisition: a simple
baseline for deep active learning" (TMLR, arXiv 2106.12059, section 4); the Gumbel trick: Kool, van Hoof and
Welling 2019 (arXiv 1903.06059).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from askance.maths import keyed_uniform
from askance.selection.catalogue import selections
from askance.selection.door import Scores, check_request, checked_scores, checked_weights
from askance.selection.order import best_first, picks
from askance.vocab import Picks, SelectionError


@selections
def power(scores: Scores, ids: Sequence[str], n: int, seed: int, beta: float = 1.0) -> Picks:
    """Draws without replacement, each with probability proportional to score^beta; with BALD, PowerBALD.

    An image that scores 0 never comes before one that scores more; among zeros the lot decides.

    Args:
        scores: `[N]`, non-negative, or NaN for an image that was not scored: it is never picked.
        ids: N image ids, each once.
        n: how many; where fewer images have a score, all of those come.
        seed: of the noise, which belongs to the id, `keyed_uniform(ids, seed, "gumbel")`.
        beta: coldness, > 0: small is nearly uniform, `math.inf` is `top_k`.

    Returns:
        Picks in the order they were drawn; their gains are the scores as given, without noise.

    Raises:
        SelectionError: a negative score, beta not positive, or what `top_k` refuses.

    >>> power(np.array([0.0, 0.9, 0.5]), ["a", "b", "c"], 3, seed=0).ids[-1]
    'a'
    """
    check_request(ids, n)
    values = checked_weights(scores, ids)
    with np.errstate(divide="ignore"):  # log 0 = -inf is meant: last, whatever the noise
        return _drawn(np.log(values), values, ids, n, seed, beta)


@selections
def softmax(scores: Scores, ids: Sequence[str], n: int, seed: int, beta: float = 1.0) -> Picks:
    """Draws without replacement, each with probability proportional to exp(beta * score).

    The scale of the scores matters: in nats, beta = 1 is close to random.

    Args:
        scores: `[N]`, finite, or NaN for an image that was not scored: it is never picked.
        ids: N image ids, each once.
        n: how many; where fewer images have a score, all of those come.
        seed: of the noise, which belongs to the id, `keyed_uniform(ids, seed, "gumbel")`.
        beta: coldness in one over the unit of the scores, > 0; `math.inf` is `top_k`.

    Returns:
        Picks in the order they were drawn; their gains are the scores as given, without noise.

    Raises:
        SelectionError: beta not positive, or what `top_k` refuses.

    >>> len(softmax(np.array([-1.0, 0.9, 0.5]), ["a", "b", "c"], 2, seed=0))
    2
    """
    check_request(ids, n)
    values = checked_scores(scores, ids)
    return _drawn(values, values, ids, n, seed, beta)


@selections
def softrank(scores: Scores, ids: Sequence[str], n: int, seed: int, beta: float = 1.0) -> Picks:
    """Draws without replacement, each with probability proportional to rank^-beta, rank 1 the highest score.

    Only the order of the scores matters; equal scores take their ranks by lot.

    Args:
        scores: `[N]`, finite, or NaN for an image that was not scored: it is never picked.
        ids: N image ids, each once.
        n: how many; where fewer images have a score, all of those come.
        seed: of the noise, `keyed_uniform(ids, seed, "gumbel")`, and of the lots, `"tie"`.
        beta: coldness, > 0; `math.inf` is `top_k`.

    Returns:
        Picks in the order they were drawn; their gains are the scores as given, without noise.

    Raises:
        SelectionError: beta not positive, or what `top_k` refuses.

    >>> len(softrank(np.array([-1.0, 0.9, 0.5]), ["a", "b", "c"], 2, seed=0))
    2
    """
    check_request(ids, n)
    values = checked_scores(scores, ids)
    order = best_first(values, ids, max(1, len(ids)), seed)
    log_weights = np.full(len(values), np.nan)
    log_weights[order] = -np.log(np.arange(1, len(order) + 1))
    return _drawn(log_weights, values, ids, n, seed, beta)


def _drawn(
    log_weights: NDArray[np.float64],
    gains: NDArray[np.float64],
    ids: Sequence[str],
    n: int,
    seed: int,
    beta: float,
) -> Picks:
    """The n best of `log_weights + Gumbel / beta`, both `[N]`; -inf comes after everything else."""
    if not beta > 0:
        raise SelectionError("beta > 0", f"beta = {beta}", "beta near 0 is random, math.inf is top-k")
    gumbel = -np.log(-np.log(keyed_uniform(ids, seed, "gumbel")))
    return picks(best_first(log_weights + gumbel / beta, ids, n, seed), ids, gains)
