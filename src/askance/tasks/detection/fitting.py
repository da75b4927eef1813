"""Heads trained on the labelled images, each from a start of its own.

Letters: n labelled images, b of a minibatch, M heads, C classes, h x w cells, U objects.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from askance.maths import keyed_seed
from askance.networks.dense import DenseHead
from askance.networks.maps import Level
from askance.tasks.detection.loss import distances, edge_loss, peak_loss
from askance.tasks.detection.model import DenseModel, Shape, new_head
from askance.tasks.detection.targets import Cells, Things, cells
from askance.training.dense import DenseRecipe, Reading, fit_dense
from askance.vocab import Progress, silent

_EDGES_COUNT = 2.0
"""What the loss of edges counts beside that of peaks."""
_KEPT = 50_000_000
"""Numbers of what heads should say that are kept from one epoch to the next."""
_SURE = 0.6
"""How much of a class's quality is being sure of it; the rest is being in the right place."""


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
    heads, losses = [], []
    for m in range(members):
        head = new_head(levels, len(classes), shape, keyed_seed("dense head", seed, m))
        if start is None:
            standardise(head, maps, n)
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


def standardise(head: DenseHead, maps: Reading, n: int) -> None:
    """Take mean and scale of every channel from the labelled images, a few at a time."""
    sums: list[tuple[Tensor, Tensor, int]] = []
    for start in range(0, n, 16):
        levels = maps(range(start, min(start + 16, n)), False)
        flat = [level.transpose(0, 1).flatten(1).double() for level in levels]
        now = [(one.sum(1), one.square().sum(1), one.shape[1]) for one in flat]
        sums = [(a + d, b + e, c + f) for (a, b, c), (d, e, f) in zip(sums, now, strict=True)] if sums else now
    for mean, scale, (total, squares, count) in zip(head.mean, head.scale, sums, strict=True):
        middle = total / count
        deviation = (squares / count - middle.square()).clamp_min(0).sqrt().clamp_min(1e-4)
        with torch.no_grad():
            mean.copy_(middle.reshape(-1, 1, 1))
            scale.copy_(1 / deviation.reshape(-1, 1, 1))


@torch.inference_mode()
def quality(model: DenseModel, maps: Reading, objective: BoxObjective) -> tuple[float, ...]:
    """How well each class is learnt where it is labelled: the mean over its objects of p^.6 IoU^.4; 0 without one.

    The class-wise quality of Yang, Huang and Crowley 2024 (PPAL, arXiv 2211.11612, eq. 3), at the end of training.
    """
    total, count = torch.zeros(objective.n_classes), torch.zeros(objective.n_classes)
    for start in range(0, len(objective.things), 16):
        some = range(start, min(start + 16, len(objective.things)))
        levels = maps(some, False)
        outputs = torch.stack([head(levels) for head in model.heads])
        probs = torch.sigmoid(outputs[:, :, : objective.n_classes]).mean(0)
        edges = distances(outputs[:, :, objective.n_classes :]).mean(0)
        for i, place in enumerate(some):
            wanted = objective.cells(place)
            kind, row, column = (wanted.peaks == 1).nonzero(as_tuple=True)
            said, true = edges[i][:, row, column].T, wanted.edges[:, row, column].T
            found = probs[i][kind, row, column] ** _SURE * _overlap(said, true) ** (1 - _SURE)
            total.index_add_(0, kind, found)
            count.index_add_(0, kind, torch.ones(len(kind)))
    return tuple((total / count.clamp_min(1)).tolist())


def _overlap(a: Float[Tensor, "U 4"], b: Float[Tensor, "U 4"]) -> Float[Tensor, "U"]:
    """IoU of boxes around one point, by their distances to it."""
    areas = [(to[:, 0] + to[:, 2]) * (to[:, 1] + to[:, 3]) for to in (torch.minimum(a, b), a, b)]
    return areas[0] / (areas[1] + areas[2] - areas[0]).clamp_min(1e-9)


def _of_all(progress: Progress, m: int, members: int) -> Callable[[str, int, int | None], None]:
    """Progress of one head as that of all."""

    def told(what: str, done: int, total: int | None) -> None:
        steps = total or 1
        progress(what, m * steps + done, members * steps)

    return told
