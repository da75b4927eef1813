"""Images in which nothing was found: they keep their share of a batch, at random.

A score that is made of an image's units is 0 where there are none, so that no strategy would ever ask for such an
image; and what a detector misses altogether is among them. Classification has no such images.

Letters: N images of a pool, n of a batch.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from askance.maths import keyed_uniform
from askance.vocab import Picks


def share_of(empty: NDArray[np.bool_], scored: NDArray[np.bool_], n: int, seed: int) -> int:
    """How many of a batch of n are images without a unit: as large a share as they are of what was scored.

    What is left of a whole image falls by the seed, so that over many rounds the share is exact. Where the others
    are too few for the rest of the batch, more come.

    >>> share_of(np.array([True, False, False, False]), np.ones(4, dtype=bool), 8, seed=0)
    1
    >>> share_of(np.array([True] * 3 + [False] * 9), np.ones(12, dtype=bool), 8, seed=0)
    2
    """
    bare, pool = int((empty & scored).sum()), int(scored.sum())
    if not bare:
        return 0
    due = n * bare / pool
    whole = math.floor(due)
    lot = float(keyed_uniform(["a share"], seed, "empty")[0])
    return min(bare, max(whole + (lot < due - whole), n - (pool - bare)))


def at_random(empty: NDArray[np.bool_], ids: Sequence[str], n: int, seed: int) -> Picks:
    """n images without a unit, in the order of their lots; nothing is claimed of them.

    Args:
        empty: `[N]`, those that were scored and have none.
        ids: N.
        n: how many; where there are fewer, all come.
        seed: of the lots, `keyed_uniform(ids, seed, "empty")`, largest first.
    """
    places = np.flatnonzero(empty)
    lots = keyed_uniform([ids[i] for i in places.tolist()], seed, "empty")
    chosen = places[np.argsort(-lots)][:n].tolist()
    return Picks(tuple(ids[i] for i in chosen), tuple(chosen), (0.0,) * len(chosen))


def evenly(picks: Picks, among: Picks) -> Picks:
    """Both in one batch, each in its order, the second spread evenly: so a part of a batch has its share too.

    >>> evenly(Picks(tuple("abcd"), (0, 1, 2, 3), (4.0, 3.0, 2.0, 1.0)), Picks(("x",), (9,), (0.0,))).ids
    ('a', 'b', 'x', 'c', 'd')
    """
    n, m = len(picks), len(among)
    turns = [*((i + 0.5) / n for i in range(n)), *((i + 0.5) / m for i in range(m))]
    rows = [*zip(picks.ids, picks.positions, picks.gains, strict=True)]
    rows += zip(among.ids, among.positions, among.gains, strict=True)
    both = [rows[i] for i in sorted(range(n + m), key=turns.__getitem__)]
    return Picks(tuple(r[0] for r in both), tuple(r[1] for r in both), tuple(r[2] for r in both))
