"""One step from a model to the next batch: score the pool, pick from the scores. Pure: no store, no files.

Letters: N images, U units, M target images, K draws, C classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from numpy.typing import NDArray
from torch import Tensor

from askance.acquisition import score
from askance.loop.contract import M, Task
from askance.loop.kept import Keeper, Kept, with_features
from askance.loop.strategy import Strategy
from askance.maths import Draws, Units, aggregate, keyed_uniform, log_mean_probs
from askance.selection import select
from askance.vocab import ConfigError, Labelled, Picks, Progress, silent


@dataclass(frozen=True, slots=True)
class Beside:
    """Images that are not picked from, and that a score is about all the same.

    Attributes:
        targets: ids of images that are to be predicted well, of which `n_targets` at random are asked about by an
            acquisition that needs targets; None for the images that are scored.
        labelled: what was trained on, for an acquisition that asks what is unlike it.
        of_no_class: ids of images that somebody has looked at and that teach the model nothing. For a selection
            that spreads they stand for images like them, as labelled ones do.
    """

    targets: Sequence[str] | None = None
    labelled: Labelled = field(default_factory=lambda: Labelled((), ()))
    of_no_class: Sequence[str] = ()

    @property
    def looked_at(self) -> tuple[str, ...]:
        """Ids of all images that somebody has looked at."""
        return (*self.labelled.ids, *self.of_no_class)


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of a pool.

    Attributes:
        scores: `[N]` float64, NaN where an image could not be read.
        groups: `[N]` predicted class of each image's highest scoring unit, -1 where there is none.
        kept: draws and features, for a strategy that looks at images together.
    """

    scores: NDArray[np.float64]
    groups: NDArray[np.int64]
    kept: Kept | None = None


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
    """Score images chunk by chunk: `[N, K, C]` exists for the whole pool only where it is kept (`Keeper`).

    Args:
        model: the task's model; None only for strategies that do not look, or that may start without one.
        seed: of the masks (and of `random`): same seed, same scores, whatever the chunks.
        beside: targets and labelled images, for what asks about them.

    Raises:
        ConfigError: no model for a strategy that looks, or no target that can be read.
        LabelError: too few labels to say what is unlike them.
    """
    scores = np.full(len(ids), np.nan)
    groups = np.full(len(ids), -1, dtype=np.int64)
    if not strategy.looks:
        return Scored(score(strategy.acquisition, ids=ids, seed=seed).numpy(), groups)
    beside = beside or Beside()
    if model is None:
        return _seen(task, ids, strategy, beside, seed, progress)
    of = partial(task.features, model, progress=progress) if strategy.spreads else None
    if of is not None:
        of([])  # a model without features is refused before the pool is scored
    keeper = Keeper(ids, seed) if strategy.holds_draws else None
    if strategy.draws_pool:
        targets = ids if beside.targets is None else beside.targets
        aim = draw_targets(task, model, targets, strategy, seed) if strategy.aims else None
        for chunk in task.draws(model, ids, k=strategy.draws, seed=seed, progress=progress):
            positions = chunk.positions.numpy()
            names = [ids[int(i)] for i in positions]
            scores[positions], groups[positions] = _score_units(chunk.units, names, strategy, seed, aim)
            if keeper is not None:
                keeper.take(positions, chunk.units, scores[positions])
    if strategy.compares:
        for near in task.log_density(model, ids, labelled=beside.labelled, progress=progress):
            scores[near.positions.numpy()] = (
                score(strategy.acquisition, log_density=near.log_density).cpu().numpy()
            )
    kept = keeper.kept() if keeper is not None else None
    if of is None:
        return Scored(scores, groups, kept)
    kept = with_features(kept, ids, beside.looked_at, of, seed)
    return Scored(_nothing_claimed(scores, kept) if strategy.together else scores, groups, kept)


def _seen(
    task: Task[M], ids: Sequence[str], strategy: Strategy, beside: Beside, seed: int, progress: Progress
) -> Scored:
    """What can be said before there is a model: all that can be read are in doubt alike, and some look alike."""
    if not (strategy.may_start and task.pretrained):
        raise ConfigError(f"a model to pick by {strategy.name} with", "none", "train first, or pick at random")
    of = partial(task.features, None, progress=progress)
    kept = with_features(None, ids, beside.looked_at, of, seed)
    scores = np.full(len(ids), np.nan)
    if kept is not None:
        scores[kept.positions] = 0.0
    return Scored(scores, np.full(len(ids), -1, dtype=np.int64), kept)


def _nothing_claimed(scores: NDArray[np.float64], kept: Kept | None) -> NDArray[np.float64]:
    """Zero for every image that may be picked: none is said to be worth anything by itself."""
    known = np.isfinite(scores)
    if kept is not None:
        known[kept.positions] = True
    return np.where(known, 0.0, np.nan)


def draw_targets(task: Task[M], model: M, ids: Sequence[str], strategy: Strategy, seed: int) -> Draws | None:
    """K draws over the units of at most `n_targets` of the images at random; None where there is no unit.

    They are joint with the pool's: the same networks, for the same seed and K.
    """
    chosen = sorted(random_subset(ids, strategy.n_targets, seed))
    chunks = task.draws(model, chosen, k=strategy.draws, seed=seed)
    parts = [chunk.units.draws for chunk in chunks if len(chunk.units.draws)]
    return Draws.cat(parts) if parts else None


def _score_units(
    units: Units, names: Sequence[str], strategy: Strategy, seed: int, targets: Draws | None
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Scores and predicted classes of n images, from all their units."""
    owner = units.image.cpu()
    owners = [names[int(i)] for i in owner]
    of_units = _scores_of(units.draws, owners, strategy, seed, targets)
    of_images = aggregate(of_units, owner, units.n_images, strategy.aggregation)
    classes = log_mean_probs(units.draws.log_probs).argmax(dim=-1).cpu().numpy()
    groups = np.full(units.n_images, -1, dtype=np.int64)
    ascending = torch.argsort(of_units, stable=True).numpy()
    groups[owner.numpy()[ascending]] = classes[ascending]  # the last write is the highest scoring unit's
    return of_images.numpy(), groups


def _scores_of(
    draws: Draws, owners: Sequence[str], strategy: Strategy, seed: int, targets: Draws | None
) -> Float64[Tensor, "U"]:
    if not owners or strategy.compares:  # then units are drawn for their classes alone
        return torch.zeros(len(owners), dtype=torch.float64)
    if strategy.aims and targets is None:
        raise ConfigError(
            "a target image that can be read and has something in it",
            f"none of {strategy.n_targets} at random",
            "raise n_targets, or name the targets",
        )
    return score(strategy.acquisition, draws=draws, targets=targets, ids=owners, seed=seed).cpu()


def pick(scored: Scored, ids: Sequence[str], strategy: Strategy, *, n: int, seed: int) -> Picks:
    """An ordered batch of n (or all there are) from the scores."""
    if strategy.holds_draws or strategy.spreads:
        return scored.kept.pick(strategy.selection, ids, scored.scores, n=n, seed=seed) if scored.kept else _NONE
    names = [str(group) for group in scored.groups]
    options: dict[str, Any] = {} if strategy.beta is None or not strategy.by_lot else {"beta": strategy.beta}
    return select(strategy.selection, scores=scored.scores, ids=ids, n=n, seed=seed, groups=names, **options)


_NONE = Picks((), (), ())


def standing(scored: Scored, picks: Picks) -> tuple[float, ...]:
    """For each pick the share, in [0, 1), of all scored images that score less.

    >>> standing(Scored(np.array([3.0, 1.0, np.nan, 2.0]), np.zeros(4, int)), Picks(("a",), (3,), (2.0,)))
    (0.3333333333333333,)
    """
    known = np.sort(scored.scores[np.isfinite(scored.scores)])
    chosen = scored.scores[list(picks.positions)]
    return tuple((np.searchsorted(known, chosen) / max(1, len(known))).tolist())


def random_subset(
    ids: Sequence[str], m: int | None, seed: int, groups: Mapping[str, str] | None = None
) -> list[str]:
    """m of the ids at random (all where m is None), in their own order; which ones belongs to seed and id.

    With groups, an id's place in the lot is its group's: groups come whole, but for the last.
    """
    if m is None or m >= len(ids):
        return list(ids)
    keys = keyed_uniform([groups.get(name, name) for name in ids] if groups else ids, seed, "subset")
    return [ids[int(i)] for i in np.sort(np.argpartition(keys, m)[:m])]
