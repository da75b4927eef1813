"""From units to images: one score, one class and one count for each, whatever the task's units are.

Letters: N images of a pool, n images of a chunk, U units, K draws, C classes.
"""

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from askance.loop.strategy import Strategy
from askance.maths import Cost, Units, aggregate, log_mean_probs, totals

PROBABLE = 0.5
"""From so many expected things of a class on it is in an image, rather than not."""


def scores_of_images(of_units: Float[Tensor, "U"], units: Units, strategy: Strategy) -> NDArray[np.float64]:
    """One number an image, `[n]`, by the strategy's aggregation; 0 for an image without units."""
    confidence = units.about.get("confidence")
    sure = None if confidence is None else confidence.detach().cpu()
    image, cost = units.image.cpu(), Cost(*strategy.cost)
    return aggregate(of_units, image, units.n_images, strategy.aggregation, sure, cost).numpy()


def labels_of(units: Units) -> Int[Tensor, "U"]:
    """The predicted class of each unit: as the task says, for whom nothing is no class; else by the mean draw."""
    if "label" in units.about:
        return units.about["label"].cpu().long()
    return log_mean_probs(units.draws.log_probs).argmax(dim=-1).cpu()


def counts_of(units: Units) -> Float[Tensor, "U"]:
    """How much of a thing each unit is expected to be: its confidence; 1 where the task says none."""
    confidence = units.about.get("confidence")
    if confidence is None:
        return torch.ones(len(units.draws), dtype=torch.float64)
    return confidence.detach().cpu().double()


def classes_of_images(of_units: Float[Tensor, "U"], units: Units) -> NDArray[np.int64]:
    """The predicted class of each image's highest scoring unit, `[n]`; of equal ones the last; -1 without units.

    >>> from askance.maths import Draws
    >>> draws = Draws(torch.tensor([[[0.9, 0.1]], [[0.2, 0.8]], [[0.6, 0.4]]]).log(), joint=True)
    >>> classes_of_images(torch.tensor([1.0, 5.0, 2.0]), Units(draws, torch.tensor([0, 0, 1]), 3))
    array([ 1,  0, -1])
    """
    groups = np.full(units.n_images, -1, dtype=np.int64)
    ascending = torch.argsort(of_units, stable=True).numpy()
    best = labels_of(units).numpy()[ascending]
    groups[units.image.cpu().numpy()[ascending]] = best  # the last write is the highest scoring's
    return groups


class Images:
    """What the units of a pool say of its images, chunk by chunk.

    Attributes:
        scores: `[N]` float64; NaN where no chunk had the image.
        counts: `[N]`, how many things are expected in each; NaN likewise.
        empty: `[N]`, whether an image that was looked at has no unit.
    """

    def __init__(self, n: int) -> None:
        self.scores, self.counts = np.full(n, np.nan), np.full(n, np.nan)
        self.empty = np.zeros(n, dtype=bool)
        self._best = np.full(n, -1, dtype=np.int64)
        self._pairs: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []

    def take(
        self, positions: NDArray[np.int64], of_units: Float[Tensor, "U"], units: Units, strategy: Strategy
    ) -> None:
        """A chunk of n images, and the scores of its units."""
        self.scores[positions] = scores_of_images(of_units, units, strategy)
        image, counted = units.image.cpu(), counts_of(units)
        self.counts[positions] = totals(counted, image, units.n_images).numpy()
        self.empty[positions] = np.bincount(image.numpy(), minlength=units.n_images) == 0
        self._best[positions] = classes_of_images(of_units, units)
        places = positions[image.numpy()]
        pairs, of = np.unique(np.stack([places, labels_of(units).numpy()]), axis=1, return_inverse=True)
        summed = np.bincount(of.ravel(), counted.numpy(), pairs.shape[1]).astype(np.float64)
        self._pairs.append((pairs[0], pairs[1], summed))

    def groups(self, *, by_score: bool) -> NDArray[np.int64]:
        """A class for each image, `[N]`; -1 for one without units.

        Args:
            by_score: that of its highest scoring unit; else, where no score tells units apart, the rarest of the
                classes that are probably in it (of which the fewest things are expected in the whole pool), or
                where none is, the most probable. An image that is one unit has one class either way.
        """
        if by_score or not self._pairs:
            return self._best
        images, classes, counted = (np.concatenate(parts) for parts in zip(*self._pairs, strict=True))
        groups = np.full(len(self.scores), -1, dtype=np.int64)
        if len(images):
            in_pool = np.bincount(classes, counted)[classes]
            probable = counted >= PROBABLE
            rank = np.where(probable, in_pool, -counted)
            order = np.lexsort((classes, rank, ~probable, images))[::-1]  # the last write of an image stands
            groups[images[order]] = classes[order]
        return groups
