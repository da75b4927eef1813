"""BatchBALD: the batch whose labels together say most about the model.

Letters: N images, K draws, C classes, B images of the batch.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from askance.maths import Draws
from askance.maths.joint import Configurations, check_joint, lot_of
from askance.selection.catalogue import selections
from askance.selection.door import check_draws, check_request
from askance.selection.lazy import EQUAL, Pool, highest
from askance.selection.order import by_lot
from askance.vocab import Picks, SelectionError

CONFIGURATIONS = 10_000
"""Configurations of labels that are looked at by default: exact for five images of ten classes."""


@selections
def batchbald(draws: Draws, ids: Sequence[str], n: int, seed: int, configurations: int = CONFIGURATIONS) -> Picks:
    """Images whose labels together say most about the model, so that none repeats another.

    Greedy: each next image is the one that adds most to I[y_1..y_B; w], the mutual information of all labels and
    the model, given those before it: no worse than 63 % of the best batch, as this is submodular. A near-duplicate
    adds little.

    The labels that the chosen images may get are C^B configurations. While they are no more than `configurations`
    the gains are exact; beyond, that many stand for all without bias (`Configurations.extended`), the same for
    every candidate.

    Args:
        draws: `[N, K, C]`, joint: draw k is one network over all images.
        ids: N image ids, each once.
        n: how many; where there are fewer images, all come. All gains together are at most log K nats, so that a
            batch of many images wants many draws.
        seed: decides equal gains, `keyed_uniform(ids, seed, "tie")`, smallest first, and the thinning.
        configurations: how many are looked at.

    Returns:
        Picks whose gains are I[y_b; w | y_1..y_b-1], in nats: the first is its BALD, and their sum is the batch's
        information, in [0, log K]. Where nothing is left to learn, gains are 0 and images come by lot.

    Raises:
        DrawsError: draws that are not joint.
        SelectionError: n < 1, an id twice, not one id an image, or configurations < 1.

    Kirsch, van Amersfoort and Gal 2019, "BatchBALD: efficient and diverse batch acquisition for deep Bayesian
    active learning" (arXiv 1906.08158, eqs. 6-8 and algorithm 1).

    >>> one, two = [[1.0, 0.0], [0.9, 0.1]], [[0.0, 1.0], [0.1, 0.9]]
    >>> a, b = [one[0], one[0], two[0], two[0]], [one[1], two[1], one[1], two[1]]
    >>> draws = Draws.from_probs(torch.tensor([a, a, b]), joint=True)
    >>> batchbald(draws, ["a", "copy of a", "b"], 2, seed=0).positions[1]
    2
    """
    check_request(ids, n)
    check_joint(draws)
    _check(draws, ids, configurations)
    pool = Pool.of(draws.log_probs)
    chosen: list[int] = []
    gains: list[float] = []
    left = torch.ones(len(ids), dtype=torch.bool)
    known = Configurations.start(draws.k)
    while len(chosen) < min(n, len(ids)):
        places, found = highest(pool, known, torch.nonzero(left).squeeze(1))
        if not len(found) or float(found.max()) <= EQUAL:
            break
        place = _first(places.numpy(), found.numpy(), ids, seed)
        gains.append(float(found[places == place]))
        known = known.extended(draws.log_probs[place], configurations, lot_of(seed, len(chosen)))
        chosen.append(place)
        left[place] = False
    rest = by_lot(np.flatnonzero(left.numpy()), ids, seed)[: n - len(chosen)]
    chosen += rest
    return Picks(tuple(ids[i] for i in chosen), tuple(chosen), (*gains, *(0.0 for _ in rest)))


def _first(places: NDArray[np.int64], gains: NDArray[np.float64], ids: Sequence[str], seed: int) -> int:
    """The place of the highest gain; of equal ones, the one that the lot says."""
    return by_lot(places[gains >= gains.max() - EQUAL], ids, seed)[0]


def _check(draws: Draws, ids: Sequence[str], configurations: int) -> None:
    check_draws(draws, ids)
    if configurations < 1:
        raise SelectionError(
            "one configuration or more", f"configurations = {configurations}", "thousands are usual"
        )
