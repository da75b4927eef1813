"""What every selection asks of its arguments."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from askance.maths import Draws
from askance.vocab import SelectionError

Scores: TypeAlias = Float[Tensor, "N"] | Float[NDArray[np.float64], "N"]
"""One number an image, NaN for an image that was not scored."""


def check_request(ids: Sequence[str], n: int) -> None:
    """Refuse a batch of nothing, and ids that are not one an image.

    Raises:
        SelectionError: `n` below one, or an id given twice.
    """
    if n < 1:
        raise SelectionError("a batch of at least one image", f"n = {n}", "ask for n >= 1")
    if len(set(ids)) != len(ids):
        twice = [name for name, count in Counter(ids).items() if count > 1]
        raise SelectionError(
            "each image once",
            f"{len(twice)} ids more than once, the first {twice[0]!r}",
            "drop the repeats; images are told apart by their content's id",
        )


def check_groups(groups: Sequence[str | int], ids: Sequence[str]) -> None:
    """Refuse classes that are not one an image.

    Raises:
        SelectionError: more or fewer than ids.
    """
    if len(groups) != len(ids):
        raise SelectionError(
            f"a class for each of {len(ids)} ids", f"{len(groups)} classes", "align groups with ids"
        )


def check_draws(draws: Draws, ids: Sequence[str]) -> None:
    """Refuse draws that are not of one image an id.

    Raises:
        SelectionError: of more or fewer.
    """
    if len(draws) != len(ids):
        raise SelectionError(f"one id for each of {len(draws)} images", f"{len(ids)} ids", "align ids with draws")


def check_features(features: Float[Tensor, "N D"], ids: Sequence[str]) -> None:
    """Refuse features that are not one row of finite numbers an id.

    Raises:
        SelectionError: more rows or fewer, or NaN or infinite numbers.
    """
    if features.dim() != 2 or len(features) != len(ids):
        raise SelectionError(
            f"features [{len(ids)}, D], a row for each id",
            f"shape {list(features.shape)}",
            "align features with ids",
        )
    check_finite(features)


def check_finite(features: Float[Tensor, "n D"]) -> None:
    """Refuse features that are not numbers.

    Raises:
        SelectionError: NaN or infinite ones.
    """
    if not bool(features.isfinite().all()):
        raise SelectionError("finite features", "NaN or infinite ones", "leave out images without features")


def checked_scores(scores: Scores, ids: Sequence[str]) -> NDArray[np.float64]:
    """The scores as float64 `[N]`, NaN where an image was not scored.

    Raises:
        SelectionError: not one score an id, or an infinite one.
    """
    values: NDArray[np.float64] = torch.as_tensor(scores).detach().to("cpu", torch.float64).numpy()
    if values.shape != (len(ids),):
        raise SelectionError(
            f"one score for each of {len(ids)} ids", f"shape {list(values.shape)}", "align scores with ids"
        )
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise SelectionError(
            "finite scores, NaN for an image that was not scored",
            f"{values[infinite[0]]} for {ids[int(infinite[0])]!r}, {len(infinite)} such in all",
            "mend the acquisition; no score is infinite",
        )
    return values


def checked_weights(scores: Scores, ids: Sequence[str]) -> NDArray[np.float64]:
    """The scores as weights: `checked_scores` of zero or more.

    Raises:
        SelectionError: one below zero, and as `checked_scores`.
    """
    values = checked_scores(scores, ids)
    if (values < 0).any():
        raise SelectionError(
            "scores of zero or more, which can weigh",
            f"a score of {np.nanmin(values):.3g}",
            "select by softmax or softrank, which take any score",
        )
    return values


def checked_counts(counts: Scores, ids: Sequence[str]) -> NDArray[np.float64]:
    """How many things are expected in each image, float64 `[N]`.

    Raises:
        SelectionError: not one an id, or one that is negative, NaN or infinite.
    """
    values: NDArray[np.float64] = torch.as_tensor(counts).detach().to("cpu", torch.float64).numpy()
    if values.shape != (len(ids),) or not (np.isfinite(values) & (values >= 0)).all():
        low = f", {float(np.nanmin(values)):.3g} the least" if values.size and not np.isnan(values).all() else ""
        raise SelectionError(
            f"for each of {len(ids)} ids how many things are expected, 0 or more",
            f"shape {list(values.shape)}{low}",
            "sum the confidences of what was found in each image",
        )
    return values
