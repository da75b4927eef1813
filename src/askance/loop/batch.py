"""How a batch differs from one drawn evenly, in numbers: of its scores, and of what it covers.

Letters: N images that were scored, B images of the batch.
"""

from collections.abc import Sequence

import numpy as np

from askance.loop.step import Scored
from askance.loop.strategy import Strategy
from askance.maths import keyed_uniform
from askance.selection.uncertainty_herding import covered
from askance.vocab import Picks

EVENLY = 5
"""Batches drawn evenly whose mean a batch is set beside."""


def beside_even(
    scored: Scored, picks: Picks, ids: Sequence[str], strategy: Strategy, seed: int
) -> dict[str, float]:
    """A batch beside the pool it was picked from; empty where nothing was looked at.

    Returns:
        `mean`, `pool_mean` and `top_mean`: the mean score of the batch, of all that were scored, and of the B with
        the highest scores; `above_median`: the share of the batch that scores more than the pool's median. Not
        where all scores are equal.
        `covered` and `covered_evenly`: where a batch is picked for what it covers, the share of all doubt that it
        covers beyond what is labelled, and the mean share that as many images drawn evenly would.
        `empty` and `empty_pool`: the share of the batch, and of all that were scored, in which nothing was found;
        not where something was found everywhere.
    """
    said: dict[str, float] = {}
    known = scored.scores[np.isfinite(scored.scores)]
    chosen = scored.scores[list(picks.positions)]
    if len(chosen) and strategy.looks and known.min() < known.max():
        top = np.sort(known)[-len(chosen) :]
        said = {"mean": float(chosen.mean()), "pool_mean": float(known.mean()), "top_mean": float(top.mean())}
        said["above_median"] = float((chosen > np.median(known)).mean())
    if len(chosen) and strategy.selection == "uncertainty-herding" and scored.kept is not None:
        said["covered"] = float(sum(picks.gains))
        said["covered_evenly"] = _covered_evenly(scored, len(chosen), ids, seed)
    if len(chosen) and scored.empty.any():
        said["empty"] = float(scored.empty[list(picks.positions)].mean())
        said["empty_pool"] = float(scored.empty[np.isfinite(scored.scores)].mean())
    return said


def _covered_evenly(scored: Scored, n: int, ids: Sequence[str], seed: int) -> float:
    kept = scored.kept
    assert kept is not None
    assert kept.features is not None
    assert kept.labelled is not None
    names = [ids[int(i)] for i in kept.positions]
    weights = scored.scores[kept.positions]
    shares = []
    for lot in range(EVENLY):
        places = np.argsort(keyed_uniform(names, seed, f"even {lot}"))[:n].tolist()
        shares.append(covered(weights, kept.features, kept.labelled, names, places, seed))
    return float(np.mean(shares))
