"""The trunk trained with the heads on its maps, kept only where that is better."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import cast

from jaxtyping import Float
from torch import Tensor

from askance.maths import keyed_seed
from askance.networks.maps import MapReader, MapTrunk
from askance.tasks.detection.fitting import BoxObjective, CachedMaps, quality
from askance.tasks.detection.model import DenseModel
from askance.training.whole import WholeRecipe, fit_whole
from askance.vocab import Diverged, Json, Progress, silent
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig

Better = Callable[[DenseModel], float]
"""How good a model is on the validation images; higher is better."""


def whole_recipe(model: ModelConfig, train: TrainConfig, detector: DetectorConfig) -> WholeRecipe | None:
    """How the trunk is trained with the heads; None where it stays as it came."""
    moves = model.train or "head"
    if moves == "head":
        return None
    usual = WholeRecipe(moves)
    return WholeRecipe(
        moves,
        epochs=detector.epochs or usual.epochs,
        rate=detector.learning_rate / 2,
        trunk_rate=train.trunk_learning_rate or detector.learning_rate / 20,
        decay=detector.weight_decay,
        mirror=detector.mirror,
    )


def with_trunk(  # noqa: PLR0913 - what is trained, on what, and how
    model: DenseModel,
    trunk: MapTrunk,
    reader: MapReader,
    ids: Sequence[str],
    objective: BoxObjective,
    recipe: WholeRecipe,
    *,
    better: Better | None,
    seed: int,
    progress: Progress = silent,
) -> tuple[DenseModel, dict[str, Json]]:
    """A model whose trunk was trained too, or the one that came where that is no better; with what to log.

    Args:
        model: heads on the maps of the trunk as it came.
        trunk: which.
        reader: of its maps, and of what it takes.
        ids: of the labelled images, all of which can be read.
        objective: what heads are trained for.
        recipe: how.
        better: how good a model is; None: there are no validation images, and the trained one is kept.
        seed: same seed and images: same weights.
        progress: told of `training`.
    """
    log: dict[str, Json] = {"moves": recipe.moves, "validation_before": better(model) if better else None}
    fit = partial(fit_whole, trunk.movable(), model.heads, Photographs(reader, ids), len(ids), objective, recipe)
    try:
        done = fit(seed=keyed_seed("dense whole", seed), progress=progress)
        maps = CachedMaps(reader.of_trunk(trunk.moved(done.weights)), ids)
        made = replace(model, heads=done.heads, moved=done.weights)
        made = replace(made, quality=quality(made, maps, objective))
        after = better(made) if better else None
    except Diverged as error:
        return model, {**log, "kept": f"heads alone: training the trunk came to {error.got}"}
    log["moved_weights"] = sum(weight.numel() for weight in done.weights.values())
    log["whole_loss"], log["validation_after"] = round(done.loss, 6), after
    if after is not None and after <= cast(float, log["validation_before"]):
        return model, {**log, "kept": "heads alone: training the trunk made them no better on validation images"}
    return made, {**log, "kept": "trained"}


class Photographs:
    """Pixels of the labelled images by their places; satisfies `training.whole.Photographs`."""

    def __init__(self, reader: MapReader, ids: Sequence[str]) -> None:
        self._reader, self._ids = reader, ids

    def __call__(self, places: Sequence[int], mirrored: bool) -> Float[Tensor, "b c h w"]:
        """See `training.whole.Photographs`."""
        return self._reader.pixels([self._ids[place] for place in places], mirrored=mirrored)
