"""The ingredients of one round: what scores and selections ask for by name, made when it is asked for, and once.

A selection that asks for something new needs a function here that makes it, and nothing else in the loop.

Letters: N images of the pool, m that are looked at together, L labelled, U units, K draws, C classes, D features.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Generic, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from askance.acquisition import score
from askance.loop.contract import M, Task
from askance.loop.ingredients import BY_ITSELF, GIVEN, OF_UNITS
from askance.loop.kept import Keeper, Kept, by_lot
from askance.loop.strategy import Strategy
from askance.loop.units import Images
from askance.maths import Draws, Rows, Units, keyed_uniform
from askance.vocab import ConfigError, Labelled, Progress, silent


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


class Drawn(NamedTuple):
    """What one pass over the draws of a pool leaves.

    Attributes:
        images: what the units say of each image.
        kept: the draws that a selection looks at again, if it does.
    """

    images: Images
    kept: Kept | None


class Pantry(Generic[M]):
    """What one strategy asks for of one pool in one round.

    Args:
        task: whose model it is.
        model: as it was trained; None before that: then only what `strategy.may_start` by can be had.
        ids: of the pool, N.
        strategy: whose ingredients these are.
        seed: of the masks, and of every lot: same seed, same ingredients, whatever the chunks.
        beside: targets and labelled images, for what asks about them.
        progress: told of scoring.
    """

    def __init__(
        self,
        task: Task[M],
        model: M | None,
        ids: Sequence[str],
        strategy: Strategy,
        *,
        seed: int,
        beside: Beside | None = None,
        progress: Progress = silent,
    ) -> None:
        self.task, self.model, self.ids, self.strategy = task, model, ids, strategy
        self.seed, self.beside, self.progress = seed, beside or Beside(), progress

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """Of each image, `[N]`; NaN where it could not be read, or where nothing can be said of it.

        Zero for all that may be picked, where a selection looks at no score or there is no model: none is said to
        be worth anything by itself.

        Raises:
            LabelError: too few labels to say what is unlike them.
        """
        strategy = self.strategy
        if not strategy.looks:
            return score(strategy.acquisition, ids=self.ids, seed=self.seed).numpy()
        if self.model is None and not (strategy.may_start and self.task.pretrained):
            raise ConfigError(f"a model to pick by {strategy.name} with", "none", "train first, or pick at random")
        if "features" in strategy.picks_by:
            self.rows([])  # a model without features is refused before the pool is drawn from
        of_each = np.full(len(self.ids), np.nan)
        if self._draws:
            of_each = self.drawn.images.scores
        if "log_density" in strategy.scores_by:
            of_each = self._by_density(of_each)
        if self.together is None or "features" not in strategy.picks_by:
            return of_each
        if self.model is None:
            of_each[self.together.positions] = 0.0
        elif "scores" not in strategy.picks_by:
            known = np.isfinite(of_each)
            known[self.together.positions] = True
            return np.where(known, 0.0, np.nan)
        return of_each

    @cached_property
    def groups(self) -> NDArray[np.int64]:
        """A predicted class for each image, `[N]`, see `units.Images.groups`; -1 where nothing was drawn."""
        if not self._draws:
            return np.full(len(self.ids), -1, dtype=np.int64)
        return self.drawn.images.groups(by_score=self.strategy.of_units)

    @property
    def counts(self) -> NDArray[np.float64]:
        """How many things are expected in each image, `[N]`; NaN where nothing was drawn."""
        return self.drawn.images.counts if self._draws else np.full(len(self.ids), np.nan)

    @property
    def empty(self) -> NDArray[np.bool_]:
        """Which images have no unit that their score could be made of, `[N]`."""
        if self._draws and self.strategy.of_units:
            return self.drawn.images.empty
        return np.zeros(len(self.ids), dtype=bool)

    @property
    def _draws(self) -> bool:
        """Whether there is a model, and its draws are asked for."""
        return self.model is not None and self.strategy.draws_units

    @cached_property
    def drawn(self) -> Drawn:
        """One pass over the draws, chunk by chunk: `[N, K, C]` is held only as far as a selection looks at it."""
        model, strategy = self._trained, self.strategy
        images = Images(len(self.ids))
        keeper = Keeper(self.ids, self.seed) if "draws" in strategy.picks_by else None
        targets = self.targets if "targets" in strategy.scores_by else None
        for chunk in self.task.draws(model, self.ids, k=strategy.draws, seed=self.seed, progress=self.progress):
            positions, units = chunk.positions.numpy(), chunk.units
            owners = [self.ids[int(positions[int(i)])] for i in units.image.cpu()]
            images.take(positions, self._of_units(units, owners, targets), units, strategy)
            if keeper is not None:
                keeper.take(positions, units, images.scores[positions])
        return Drawn(images, None if keeper is None else keeper.kept())

    @cached_property
    def targets(self) -> Draws | None:
        """K draws over the units of at most `n_targets` target images at random; None where there is no unit.

        They are joint with the pool's: the same networks, for the same seed and K.
        """
        strategy = self.strategy
        ids = self.ids if self.beside.targets is None else self.beside.targets
        chosen = sorted(random_subset(ids, strategy.n_targets, self.seed))
        chunks = self.task.draws(self._trained, chosen, k=strategy.draws, seed=self.seed)
        parts = [chunk.units.draws for chunk in chunks if len(chunk.units.draws)]
        return Draws.cat(parts) if parts else None

    @cached_property
    def log_density(self) -> NDArray[np.float64]:
        """How near each image is to the labelled ones, `[N]`, nats; NaN where it could not be read."""
        found = np.full(len(self.ids), np.nan)
        labelled = self.beside.labelled
        for near in self.task.log_density(self._trained, self.ids, labelled=labelled, progress=self.progress):
            found[near.positions.numpy()] = near.log_density.cpu().numpy()
        return found

    @cached_property
    def together(self) -> Kept | None:
        """The images that a selection looks at together, with what it asks for of them; None: there are none.

        They are those whose draws are held, where it looks at draws; of more than can be compared as many by lot;
        those that could be read.
        """
        asked = self.strategy.picks_by - GIVEN - BY_ITSELF
        if not asked:
            return None
        found: Kept | None = Kept(np.arange(len(self.ids)), {}, 0, 0.0)
        for name in sorted(asked, key=list(MAKERS).index):
            found = None if found is None else MAKERS[name](self, found)
        return found

    def rows(self, ids: Sequence[str]) -> Iterator[Rows]:
        """Features of some images, chunk by chunk, as `Task.features` gives them."""
        return self.task.features(self.model, ids, progress=self.progress)

    @property
    def _trained(self) -> M:
        if self.model is None:
            raise ConfigError(f"a model to pick by {self.strategy.name} with", "none", "train first")
        return self.model

    def _of_units(self, units: Units, owners: Sequence[str], targets: Draws | None) -> Float[Tensor, "U"]:
        """The score of each unit; units are drawn for their classes alone where the score is of something else.

        Raises:
            ConfigError: no target with a unit, or something is asked that the task does not say of its units.
        """
        strategy = self.strategy
        if not owners or "log_density" in strategy.scores_by:
            return torch.zeros(len(owners), dtype=torch.float64)
        if "targets" in strategy.scores_by and targets is None:
            raise ConfigError(
                "a target image that can be read and has something in it",
                f"none of {strategy.n_targets} at random",
                "raise n_targets, or name the targets",
            )
        asked = strategy.scores_by & OF_UNITS | ({"weight"} if strategy.weighs else frozenset())
        if lacking := sorted(asked - units.about.keys()):
            raise ConfigError(
                f"a task that says of its units what {strategy.name} asks for: {', '.join(lacking)}",
                f"one that says {', '.join(sorted(units.about)) or 'nothing beside their draws'}",
                "a score of the draws alone (bald, margin), or a detector with a posterior over its boxes",
            )
        given: dict[str, Any] = {"draws": units.draws, "targets": targets, "ids": owners, "seed": self.seed}
        given |= {name: units.about[name] for name in strategy.scores_by & OF_UNITS}
        found = score(strategy.acquisition, **given).cpu()
        return found * units.about["weight"].cpu().double() if strategy.weighs else found

    def _by_density(self, of_each: NDArray[np.float64]) -> NDArray[np.float64]:
        known = np.flatnonzero(np.isfinite(self.log_density))
        of_each = of_each.copy()
        densities = torch.from_numpy(self.log_density[known])
        of_each[known] = score(self.strategy.acquisition, log_density=densities).cpu().numpy()
        return of_each


def _draws(pantry: Pantry[Any], found: Kept) -> Kept | None:
    """The draws of the images with the highest scores, as many as fit."""
    return pantry.drawn.kept


def _features(pantry: Pantry[Any], found: Kept) -> Kept | None:
    """What the trunk makes of images, `[m, D]`; one that could not be read is not among them."""
    found = by_lot(found, pantry.ids, pantry.seed)
    parts = [one for one in pantry.rows([pantry.ids[int(i)] for i in found.positions]) if len(one.rows)]
    if not parts:
        return None
    at = torch.cat([one.positions for one in parts])
    return found.at(at.numpy(), features=torch.cat([one.rows for one in parts]))


def _labelled(pantry: Pantry[Any], found: Kept) -> Kept | None:
    """Features of all images that somebody has looked at, `[L, D]`."""
    parts = [one.rows for one in pantry.rows(pantry.beside.looked_at)]
    width = parts[0].shape[1] if parts else found.shelf["features"].shape[1] if "features" in found.shelf else 0
    return found.beside(labelled=torch.cat([torch.empty(0, width), *parts]))


def _whole(name: str, pantry: Pantry[Any], found: Kept) -> Kept | None:
    """Something of all images, of those that are looked at together; it has to be known of them."""
    values = getattr(pantry, name)[found.positions]
    known = np.flatnonzero(np.isfinite(values))
    return found.at(known, **{name: torch.from_numpy(values[known])})


def _targets(pantry: Pantry[Any], found: Kept) -> Kept | None:
    return found.beside(targets=pantry.targets)


MAKERS: Mapping[str, Callable[[Pantry[Any], Kept], Kept | None]] = {
    "draws": _draws,
    "features": _features,
    "labelled": _labelled,
    "log_density": partial(_whole, "log_density"),
    "targets": _targets,
}
"""What makes each ingredient of the images that are looked at together, in this order."""


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
