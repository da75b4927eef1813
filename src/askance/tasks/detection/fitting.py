"""Heads trained on the labelled images, each from a start of its own.

Letters: n labelled images, b of a minibatch, M heads, C classes, h x w cells, U objects.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from askance.maths import class_quality, keyed_seed
from askance.networks.dense import standards_of
from askance.networks.maps import Level, MapReader
from askance.tasks.detection.loss import areas, edge_loss, peak_loss
from askance.tasks.detection.model import DenseModel, Shape, new_head
from askance.tasks.detection.targets import Cells, Things, cells
from askance.training.dense import DenseRecipe, Reading, fit_dense
from askance.vocab import Progress, silent

_EDGES_COUNT = 2.0
"""What the loss of edges counts beside that of peaks."""
_KEPT = 50_000_000
"""Numbers of what heads should say that are kept from one epoch to the next."""
_AT_ONCE = 16
"""Images whose maps are in memory at a time, where all labelled ones are gone through."""


@dataclass(frozen=True, slots=True)
class BoxObjective:
    """The loss of heads on the labelled images; satisfies `training.dense.DenseObjective`.

    Attributes:
        things: of each labelled image, in pixels of the input.
        n_classes: C.
        level: the finest map.
        width: of the input, pixels.
    """

    things: Sequence[Things]
    n_classes: int
    level: Level
    width: int
    _built: dict[tuple[int, bool], Cells] = field(default_factory=dict, repr=False)

    def __call__(
        self, outputs: Float[Tensor, "b O h w"], chosen: Int[Tensor, "b"], mirrored: Bool[Tensor, "b"]
    ) -> Float[Tensor, ""]:
        """Focal loss of the peaks, and 1 - GIoU of the edges twice."""
        wanted = [self.cells(place, flip) for place, flip in zip(chosen.tolist(), mirrored.tolist(), strict=True)]
        peaks, counted = (torch.stack([getattr(one, name) for one in wanted]) for name in ("peaks", "counted"))
        placed, edges = (torch.stack([getattr(one, name) for one in wanted]) for name in ("placed", "edges"))
        n = sum(one.n for one in wanted)
        of_peaks = peak_loss(outputs[:, : self.n_classes], peaks, counted, n)
        logs = outputs[:, self.n_classes :].permute(0, 2, 3, 1)[placed]
        return of_peaks + _EDGES_COUNT * edge_loss(logs, edges.permute(0, 2, 3, 1)[placed])

    def cells(self, place: int, mirrored: bool = False) -> Cells:
        """What heads should say of a labelled image, or of its mirror."""
        key = (place, mirrored)
        if key not in self._built:
            of = self.things[place].mirrored(self.width) if mirrored else self.things[place]
            shape = (self.level.height, self.level.width)
            if len(self._built) * (self.n_classes + 6) * shape[0] * shape[1] > _KEPT:
                self._built.clear()
            self._built[key] = cells(of, self.n_classes, shape, self.level.stride)
        return self._built[key]


class CachedMaps:
    """Maps of the labelled images by their places; satisfies `training.dense.Reading`."""

    def __init__(self, reader: MapReader, ids: Sequence[str]) -> None:
        self._reader, self._ids = reader, ids

    def __call__(self, places: Sequence[int], mirrored: bool) -> tuple[Tensor, ...]:
        """See `training.dense.Reading`."""
        return self._reader.known([self._ids[place] for place in places], mirrored=mirrored)


def fit_heads(  # noqa: PLR0913 - all that a head follows from
    maps: Reading,
    objective: BoxObjective,
    levels: tuple[Level, ...],
    classes: tuple[str, ...],
    shape: Shape,
    recipe: DenseRecipe,
    *,
    members: int,
    seed: int,
    start: DenseModel | None = None,
    progress: Progress = silent,
) -> tuple[DenseModel, list[float]]:
    """M heads and the last loss of each; the same for the same images, recipe and seed.

    Args:
        maps: of the labelled images.
        objective: what heads are trained for.
        levels: of the maps.
        classes: their names.
        shape: of a head.
        recipe: of its training.
        members: M.
        seed: of starts and orders.
        start: heads to go on from, instead of from random numbers.
        progress: told of `training`, over all heads.
    """
    n = len(objective.things)
    standards = standards_of(maps(some, False) for some in _few(n)) if start is None else []
    heads, losses = [], []
    for m in range(members):
        head = new_head(levels, len(classes), shape, keyed_seed("dense head", seed, m))
        if start is None:
            head.standardise(standards)
        else:
            head.load_state_dict(start.heads[m].state_dict())
        told = _of_all(progress, m, members)
        fitted, loss = fit_dense(
            head, maps, n, objective, recipe, seed=keyed_seed("dense fit", seed, m), progress=told
        )
        heads.append(fitted)
        losses.append(loss)
    model = DenseModel(tuple(heads), levels, classes, (1.0,) * len(classes))
    return DenseModel(model.heads, levels, classes, quality(model, maps, objective)), losses


@torch.inference_mode()
def quality(model: DenseModel, maps: Reading, objective: BoxObjective) -> tuple[float, ...]:
    """How well each class is learnt where it is labelled, at the end of training: see `maths.class_quality`."""
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for some in _few(len(objective.things)):
        probs, edges = model.mean(maps(some, False))
        for i, place in enumerate(some):
            wanted = objective.cells(place)
            kind, row, column = (wanted.peaks == 1).nonzero(as_tuple=True)
            said, true = edges[i][:, row, column].T, wanted.edges[:, row, column].T
            shared, union = areas(said, true)
            found.append((probs[i][kind, row, column], shared / union, kind))
    sure, overlap, kinds = (torch.cat(parts) for parts in zip(*found, strict=True))
    return tuple(class_quality(sure, overlap, kinds, objective.n_classes).tolist())


def _few(n: int) -> Iterator[range]:
    """Places of n images, a few at a time."""
    return (range(start, min(start + _AT_ONCE, n)) for start in range(0, n, _AT_ONCE))


def _of_all(progress: Progress, m: int, members: int) -> Callable[[str, int, int | None], None]:
    """Progress of one head as that of all."""

    def told(what: str, done: int, total: int | None) -> None:
        steps = total or 1
        progress(what, m * steps + done, members * steps)

    return told
