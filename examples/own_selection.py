"""A way of choosing a batch of your own: the highest scores, but never two of one group (a burst, a video).

Run it: python examples/own_selection.py
"""

from collections.abc import Sequence

import numpy as np

import askance as ak


@ak.selections
def one_of_each(scores: np.ndarray, ids: Sequence[str], n: int, seed: int, groups: Sequence[str]) -> ak.Picks:
    """The highest scores, one of each group."""
    taken, places = set(), []
    for place in np.argsort(-scores, kind="stable"):  # NaN, not scored, comes last
        if np.isfinite(scores[place]) and groups[place] not in taken:
            taken.add(groups[place])
            places.append(place)
    return ak.Picks.of(places[:n], ids, scores)


def main() -> ak.Picks:
    """Five frames of two videos."""
    scores = np.array([0.9, 0.8, 0.1, 0.7, 0.2])
    groups = ["monday", "monday", "monday", "tuesday", "tuesday"]
    picks = ak.select("one-of-each", scores=scores, groups=groups, n=2, seed=0)
    print(picks)  # images 0 and 3
    return picks


if __name__ == "__main__":
    main()
