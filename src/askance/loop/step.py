"""One step from a model to the next batch: score the pool, pick from the scores. Pure: no store, no files.

Letters: N images.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from askance.loop.contract import M, Task
from askance.loop.empties import at_random, evenly, share_of
from askance.loop.kept import Kept
from askance.loop.names import selections
from askance.loop.pantry import Beside, Pantry, random_subset
from askance.loop.strategy import Strategy
from askance.selection import select
from askance.vocab import Picks, Progress, silent

__all__ = ["Beside", "Scored", "pick", "random_subset", "score_pool", "standing"]


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of a pool.

    Attributes:
        scores: `[N]` float64, NaN where an image could not be read.
        groups: `[N]`, a predicted class for each image, see `units.Images.groups`; -1 where there is none.
        kept: draws, features and what else a strategy asks for that looks at images together.
        counts: `[N]`, how many things are expected in each image; empty where nobody asked.
        empty: `[N]`, the images that have no unit, where scores are made of units; empty where they are not.
    """

    scores: NDArray[np.float64]
    groups: NDArray[np.int64]
    kept: Kept | None = None
    counts: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    empty: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))


def score_pool(
    task: Task[M],
    model: M | None,
    ids: Sequence[str],
    strategy: Strategy,
    *,
    seed: int,
    beside: Beside | None = None,
    progress: Progress = silent,
) -> Scored:
    """Score images, and make what the strategy asks for besides; see `pantry.Pantry`.

    Args:
        model: the task's model; None only for strategies that do not look, or that may start without one.
        seed: of the masks (and of `random`): same seed, same scores, whatever the chunks.
        beside: targets and labelled images, for what asks about them.

    Raises:
        ConfigError: no model for a strategy that looks, or no target that can be read.
        LabelError: too few labels to say what is unlike them.
    """
    pantry = Pantry(task, model, ids, strategy, seed=seed, beside=beside, progress=progress)
    return Scored(pantry.scores, pantry.groups, pantry.together, pantry.counts, pantry.empty)


def pick(scored: Scored, ids: Sequence[str], strategy: Strategy, *, n: int, seed: int) -> Picks:
    """An ordered batch of n (or all there are) from the scores, and whatever else the selection asks for.

    Images without a unit have no score of their own: they keep their share of the batch, see `empties`.

    Raises:
        ConfigError: a batch of more images than were kept, though there are more.
    """
    if not scored.empty.any():
        return _picked(scored, ids, strategy, n, seed)
    known = np.isfinite(scored.scores)
    bare = at_random(scored.empty & known, ids, share_of(scored.empty, known, n, seed), seed)
    found = replace(scored, scores=np.where(scored.empty, np.nan, scored.scores))
    rest = _picked(found, ids, strategy, n - len(bare), seed) if len(bare) < n else Picks((), (), ())
    return evenly(rest, bare)


def _picked(scored: Scored, ids: Sequence[str], strategy: Strategy, n: int, seed: int) -> Picks:
    """By the selection alone."""
    if strategy.picks_together and scored.kept is None:
        return Picks((), (), ())
    entry, kept = selections[strategy.selection], scored.kept
    asked = entry.needs if kept is not None else entry.needs | {"scores"}  # no image without a score is picked
    places = np.arange(len(ids)) if kept is None else kept.positions
    if kept is not None:
        kept.check_enough(n)
    offered: dict[str, Any] = {} if kept is None else dict(kept.shelf)
    if "scores" in asked:
        offered["scores"] = scored.scores[places]
    if "groups" in asked:
        offered["groups"] = [str(group) for group in scored.groups[places]]
    if "counts" in asked:
        offered["counts"] = scored.counts[places]
    if strategy.beta is not None and "beta" in entry.options:
        offered["beta"] = strategy.beta
    picks = select(entry.name, ids=[ids[int(i)] for i in places], n=n, seed=seed, **offered)
    return Picks(picks.ids, tuple(int(places[i]) for i in picks.positions), picks.gains)


def standing(scored: Scored, picks: Picks) -> tuple[float, ...]:
    """For each pick the share, in [0, 1), of all scored images that score less.

    >>> standing(Scored(np.array([3.0, 1.0, np.nan, 2.0]), np.zeros(4, int)), Picks(("a",), (3,), (2.0,)))
    (0.3333333333333333,)
    """
    known = np.sort(scored.scores[np.isfinite(scored.scores)])
    chosen = scored.scores[list(picks.positions)]
    return tuple((np.searchsorted(known, chosen) / max(1, len(known))).tolist())
