"""Top-k: the highest scores."""

from collections.abc import Sequence

from askance.selection.catalogue import selections
from askance.selection.door import Scores, check_request, checked_scores
from askance.selection.order import best_first, picks
from askance.vocab import Picks


@selections
def top_k(scores: Scores, ids: Sequence[str], n: int, seed: int) -> Picks:
    """The n highest scores, highest first; equal scores fall by lot.

    Near-duplicates score alike, so a large batch of the highest scores repeats itself; `power` is the cure.

    Args:
        scores: `[N]`, finite, or NaN for an image that was not scored: it is never picked.
        ids: N image ids, each once.
        n: how many; where fewer images have a score, all of those come.
        seed: decides ties, `keyed_uniform(ids, seed, "tie")`, smallest first.

    Returns:
        Picks whose gains are their scores, not increasing.

    Raises:
        SelectionError: n < 1, an id twice, an infinite score, or not one score an id.

    >>> import numpy as np
    >>> top_k(np.array([0.1, 0.9, 0.5]), ["a", "b", "c"], 2, seed=0)
    Picks(ids=('b', 'c'), positions=(1, 2), gains=(0.9, 0.5))
    """
    check_request(ids, n)
    values = checked_scores(scores, ids)
    return picks(best_first(values, ids, n, seed), ids, values)
