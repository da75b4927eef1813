"""The order of images by a number, where equal numbers fall by lot and the lot belongs to the id."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from askance.maths import keyed_uniform
from askance.vocab import Picks


def best_first(values: NDArray[np.float64], ids: Sequence[str], n: int, seed: int) -> NDArray[np.intp]:
    """Positions of the n largest values, largest first, `[min(n, those that are not NaN)]`.

    Equal values are ordered by `keyed_uniform(ids, seed, "tie")`, smallest first. What comes out is the head
    of the full sort; only what can reach the head is sorted, and only what is tied is hashed.

    >>> best_first(np.array([1.0, np.nan, 3.0, 2.0]), ["a", "b", "c", "d"], 2, seed=0).tolist()
    [2, 3]
    """
    places = np.flatnonzero(~np.isnan(values))
    if n < len(places):
        nth = np.partition(values[places], len(places) - n)[len(places) - n]
        places = places[values[places] >= nth]
    places = places[np.argsort(-values[places], kind="stable")]
    places = places[_ties_by_lot(values[places], [ids[i] for i in places.tolist()], seed)]
    return places[:n]


def _ties_by_lot(ranked: NDArray[np.float64], ids: Sequence[str], seed: int) -> NDArray[np.intp]:
    """How to reorder values that are sorted already, so that equal ones stand in the order of their lots."""
    new = np.append(True, ranked[1:] != ranked[:-1])[: len(ranked)]  # where a value differs from the one before
    single = new & np.append(new[1:], True)[: len(ranked)]
    tied = np.flatnonzero(~single)
    lots = np.zeros(len(ranked))
    lots[tied] = keyed_uniform([ids[i] for i in tied.tolist()], seed, "tie")
    order: NDArray[np.intp] = np.lexsort((lots, np.cumsum(new)))
    return order


def by_lot(places: NDArray[np.intp], ids: Sequence[str], seed: int) -> list[int]:
    """These positions in the order of their lots, `keyed_uniform(ids, seed, "tie")`, smallest first."""
    lots = keyed_uniform([ids[i] for i in places.tolist()], seed, "tie")
    ordered: list[int] = places[np.argsort(lots)].tolist()
    return ordered


def picks(places: NDArray[np.intp], ids: Sequence[str], gains: NDArray[np.float64]) -> Picks:
    """The record of these positions, in this order; `gains` is `[N]`, one an image."""
    positions = tuple(places.tolist())
    return Picks(tuple(ids[i] for i in positions), positions, tuple(gains[places].tolist()))
