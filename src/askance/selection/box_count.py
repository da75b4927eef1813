"""Box count: the most crowded images, whatever the model doubts.

Letters: N images.
"""

from collections.abc import Sequence

from askance.selection.catalogue import selections
from askance.selection.door import Scores, check_request, checked_counts
from askance.selection.order import best_first, picks
from askance.vocab import Picks


@selections
def box_count(counts: Scores, ids: Sequence[str], n: int, seed: int) -> Picks:
    """The images with the most things expected in them, the most crowded first.

    An arm for studies, not for people who pay: labels by the image make it win, for nothing brings more boxes an
    image; labels by the box make it lose, for crowded images are alike. A strategy that is no better than this by
    the image, or no better than random by the box, has bought crowds.

    Args:
        counts: `[N]`, how many things are expected in each, 0 or more, the sum of confidences.
        ids: N image ids, each once.
        n: how many; where there are fewer images, all come.
        seed: equal ones fall by lot, `"tie"`.

    Returns:
        Picks whose gains are the counts.

    Raises:
        SelectionError: n < 1, an id twice, or not one count of 0 or more an id.

    As an arm it is in Lyu, Zhou, Chen, Huang, Yu and Zhang 2023, "Box-level active detection" (arXiv 2303.13089).

    >>> import numpy as np
    >>> box_count(np.array([0.5, 7.25, 2.0]), ["a", "b", "c"], 2, seed=0).ids
    ('b', 'c')
    """
    check_request(ids, n)
    expected = checked_counts(counts, ids)
    return picks(best_first(expected, ids, n, seed), ids, expected)
