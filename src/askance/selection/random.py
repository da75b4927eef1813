"""Random picks: over the pool, over the images with something in them, or spread evenly over classes."""

from collections.abc import Sequence

import numpy as np

from askance.maths import keyed_uniform
from askance.selection.catalogue import selections
from askance.selection.door import Scores, check_groups, check_request, checked_counts
from askance.selection.order import best_first, picks
from askance.vocab import Picks


@selections
def random(ids: Sequence[str], n: int, seed: int) -> Picks:
    """Any n images, each as likely as any other; no model is asked.

    Args:
        ids: N image ids, each once.
        n: how many; where there are fewer images, all come.
        seed: the lots are `keyed_uniform(ids, seed, "random")`, largest first.

    Returns:
        Picks in random order; their gains are 0, for nothing is claimed.

    Raises:
        SelectionError: n < 1, or an id twice.

    >>> sorted(random(["a", "b", "c"], 5, seed=0).ids)
    ['a', 'b', 'c']
    """
    check_request(ids, n)
    lots = keyed_uniform(ids, seed, "random")
    return picks(best_first(lots, ids, n, seed), ids, np.zeros(len(ids)))


@selections
def class_balanced_random(ids: Sequence[str], n: int, seed: int, groups: Sequence[str | int]) -> Picks:
    """Random images, dealt out over the classes in turn until n are picked.

    Each turn takes one image of every class that has any left, the classes in an order that is random but the
    same each turn; a class that runs out is passed over. Counts of classes that do not run out differ by at
    most one.

    Args:
        ids: N image ids, each once.
        n: how many; where there are fewer images, all come.
        seed: the lots are `keyed_uniform(ids, seed, "random")`; those of the classes, `"class"`.
        groups: N, the class of each image, predicted or known, as a name or a number.

    Returns:
        Picks in the order they were dealt; their gains are 0, for nothing is claimed.

    Raises:
        SelectionError: n < 1, an id twice, or not one class an id.

    >>> picked = class_balanced_random(["a", "b", "c", "d"], 2, seed=0, groups=["cat", "cat", "cat", "dog"])
    >>> "d" in picked.ids
    True
    """
    check_request(ids, n)
    check_groups(groups, ids)
    names, members = np.unique([str(group) for group in groups], return_inverse=True)
    class_lots = keyed_uniform(names.tolist(), seed, "class")[members]
    order = np.lexsort((keyed_uniform(ids, seed, "random"), members))  # class after class, random inside
    starts = np.searchsorted(members[order], np.arange(len(names)))
    turn = np.empty(len(ids), dtype=np.intp)
    turn[order] = np.arange(len(ids)) - starts[members[order]]
    return picks(np.lexsort((class_lots, turn))[:n], ids, np.zeros(len(ids)))


SOMETHING = 0.5
"""From so many expected things on there is something in an image, rather than not."""


@selections
def foreground_random(counts: Scores, ids: Sequence[str], n: int, seed: int) -> Picks:
    """Random images that something was found in; the others come after them, at random too.

    Where most images are empty it buys what random buys, without paying for the empty ones: the floor that a
    strategy of boxes has to beat. It never looks for what the model misses.

    Args:
        counts: `[N]`, how many things are expected in each, 0 or more; something is in it from a half on.
        ids: N image ids, each once.
        n: how many; where there are fewer images, all come.
        seed: the lots are `keyed_uniform(ids, seed, "random")`, largest first.

    Returns:
        Picks in random order; their gains are 0, for nothing is claimed.

    Raises:
        SelectionError: n < 1, an id twice, or not one count of 0 or more an id.

    As a floor for segmentation it is in Lüth and others 2025, "nnActive" (TMLR).

    >>> set(foreground_random(np.array([0.0, 2.5, 0.1, 1.0]), ["a", "b", "c", "d"], 2, seed=0).ids) == {"b", "d"}
    True
    """
    check_request(ids, n)
    found = checked_counts(counts, ids) >= SOMETHING
    return picks(best_first(found + keyed_uniform(ids, seed, "random"), ids, n, seed), ids, np.zeros(len(ids)))
