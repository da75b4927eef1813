"""What a selection looks at together: of a scored pool, draws and features of images that can matter and fit.

Letters: N images of the pool, n of a chunk, m kept, L labelled, K draws, C classes, D features.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from askance.maths import Draws, Units, keyed_uniform
from askance.selection.order import best_first
from askance.vocab import ConfigError, Picks

KEPT_BYTES = 1 << 30
"""Draws of so many bytes are kept, those of the images with the highest BALD."""

COMPARED = 100_000
"""Images whose features are compared, at most: of 1,280 numbers each they are 512 MB."""

USED_UP = 0.99
"""A batch that tells more of log K than this share of it has nearly nothing left to choose by."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Images of a pool that are looked at together.

    Attributes:
        positions: `[m]`, their places in the ids that were scored.
        shelf: what a selection asks for of them, by name: `draws` `[m, K, C]` of those with the highest scores,
            `features` `[m, D]`, `labelled` `[L, D]` of the images that somebody has looked at, and so on.
        left_out: how many images are not among them, though they could have been read.
        beyond: the highest score among those whose draws were not kept; 0 where there are none.
    """

    positions: NDArray[np.int64]
    shelf: Mapping[str, Any]
    left_out: int
    beyond: float

    @property
    def draws(self) -> Draws | None:
        """`[m, K, C]`; None where a selection does not look at draws."""
        return self.shelf.get("draws")

    @property
    def features(self) -> Float[Tensor, "m D"] | None:
        """What the trunk makes of them; None where a selection does not look at features."""
        return self.shelf.get("features")

    @property
    def labelled(self) -> Float[Tensor, "L D"] | None:
        """The same of the images that somebody has looked at."""
        return self.shelf.get("labelled")

    def at(self, places: NDArray[np.int64], **more: Any) -> "Kept":
        """Some of the images, and more that is known of each of these."""
        rows = torch.from_numpy(places)
        shelf = {name: value if name in WHOLE else value[rows] for name, value in self.shelf.items()}
        return replace(self, positions=self.positions[places], shelf={**shelf, **more})

    def beside(self, **more: Any) -> "Kept":
        """The same images, and something that is of others; it is named in `WHOLE`."""
        return replace(self, shelf={**self.shelf, **more})

    def check_enough(self, n: int) -> None:
        """Refuse a batch that cannot be picked from what was kept.

        Raises:
            ConfigError: a batch of more images than were kept, though there are more.
        """
        if self.left_out and n > len(self.positions):
            of = f"K = {self.draws.k} draws of {self.draws.c} classes" if self.draws else "their features"
            raise ConfigError(
                f"a batch of at most {len(self.positions)} images, of as many as fit into memory at {of}",
                f"n = {n}",
                "ask for fewer images or draws, or select by power",
            )

    def doubt(self, picks: Picks) -> str:
        """What a person should know of such a batch; nothing where all is well."""
        if self.features is not None:
            some = f"{len(self.positions)} images at random were compared, the other {self.left_out} were not"
            return some if self.left_out else ""
        if self.draws is None:
            return ""
        said = []
        if below := sum(gain < self.beyond for gain in picks.gains):
            said.append(
                f"only the {len(self.positions)} images of highest BALD were compared, and for {below} of the "
                f"picks one of the other {self.left_out} might have gained more"
            )
        if sum(picks.gains) > USED_UP * math.log(self.draws.k) > 0:
            used = int((np.cumsum(picks.gains) <= USED_UP * math.log(self.draws.k)).sum())
            said.append(
                f"the first {used + 1} picks tell the {self.draws.k} draws apart; the others hang on rare doubts "
                "(more strategy.draws say more)"
            )
        return "; ".join(said)


WHOLE = frozenset({"labelled", "targets"})
"""What stands on a shelf and is not of the images that are picked from."""


def by_lot(found: Kept, ids: Sequence[str], seed: int) -> Kept:
    """The same images; of more than `COMPARED` as many at random, and so said."""
    if len(found.positions) <= COMPARED:
        return found
    names = [ids[int(i)] for i in found.positions]
    places = np.sort(np.argpartition(keyed_uniform(names, seed, "compared"), COMPARED)[:COMPARED])
    return replace(found.at(places), left_out=found.left_out + len(names) - len(places))


class Keeper:
    """Takes chunk after chunk and holds the draws of the images with the highest scores; equal ones by lot.

    Args:
        ids: N, as scored.
        seed: of the lots.
        room: bytes of draws.
    """

    def __init__(self, ids: Sequence[str], seed: int, room: int = KEPT_BYTES) -> None:
        self._ids, self._seed, self._room = ids, seed, room
        self._log_probs: Tensor | None = None
        self._positions = np.zeros(0, dtype=np.int64)
        self._scores = np.zeros(0)
        self._left_out, self._beyond = 0, 0.0
        self._joint = True

    def take(self, positions: NDArray[np.int64], units: Units, scores: NDArray[np.float64]) -> None:
        """A chunk of n images.

        Raises:
            ConfigError: units that are not one an image.
        """
        if len(units.draws) != units.n_images or bool((units.image.cpu() != torch.arange(units.n_images)).any()):
            raise ConfigError(
                "a selection that looks at draws, of images that are one unit each",
                f"{len(units.draws)} units of {units.n_images} images",
                "select by power or top-k",
            )
        if not len(positions):
            return
        log_probs, self._joint = units.draws.log_probs.detach(), self._joint and units.draws.joint
        if self._log_probs is None:
            of_one = log_probs[0].numel() * log_probs.element_size()
            slots = min(max(1, self._room // of_one), len(self._ids))
            self._log_probs = torch.empty((slots, *log_probs.shape[1:]), dtype=log_probs.dtype)
        self._merge(positions, scores, log_probs, self._log_probs)

    def _merge(
        self, positions: NDArray[np.int64], scores: NDArray[np.float64], new: Tensor, slots: Tensor
    ) -> None:
        """Those that enter take the slots of those that leave."""
        held = len(self._positions)
        places, values = np.append(self._positions, positions), np.append(self._scores, scores)
        stay = np.arange(len(places))
        if len(places) > len(slots):
            stay = best_first(values, [self._ids[int(i)] for i in places], len(slots), self._seed)
        out = np.setdiff1d(np.arange(len(places)), stay)
        if len(out):
            self._left_out += len(out)
            self._beyond = max(self._beyond, float(values[out].max()))
        entering = stay[stay >= held]
        free = np.append(out[out < held], np.arange(held, len(slots)))[: len(entering)]
        slots[torch.from_numpy(free)] = new[torch.from_numpy(entering - held).to(new.device)].to(
            "cpu", slots.dtype
        )
        kept = max(held, int(free.max()) + 1) if len(free) else held
        self._positions, self._scores = np.resize(self._positions, kept), np.resize(self._scores, kept)
        self._positions[free], self._scores[free] = places[entering], values[entering]

    def kept(self) -> Kept | None:
        """What is held; None where no image could be read."""
        if self._log_probs is None:
            return None
        draws = Draws(self._log_probs[: len(self._positions)], self._joint)
        return Kept(self._positions, {"draws": draws}, self._left_out, self._beyond)
