"""One row of features an image, from its objects; and how near a row is to those of labelled images.

Letters: n images, U objects, D features, C_l channels of level l.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, normalize

from askance.maths import Densities, Rows
from askance.networks.found import Found
from askance.uncertainty import fit_density
from askance.vocab import LabelError

_PATCHES = 8
"""Patches of an image that stand for its objects where no model has found any."""


def rows_of_objects(found: Found, maps: Sequence[Tensor], size: tuple[int, int]) -> Float[Tensor, "n D"]:
    """Of each image the mean of its objects' directions, each by how sure it is; of one without, its patches'.

    Args:
        found: boxes in pixels of the input.
        maps: of these images.
        size: width and height of the input.
    """
    directions = normalize(_at_objects(found, maps, size), dim=1)
    sure = 1 - found.draws.log_probs[..., -1].exp().mean(1)
    total = torch.zeros(found.n_images, directions.shape[1]).index_add_(0, found.image, directions * sure[:, None])
    none = torch.bincount(found.image, minlength=found.n_images) == 0
    total[none] = rows_of_patches([level[none] for level in maps])
    return normalize(total, dim=1)


def rows_of_patches(maps: Sequence[Tensor]) -> Float[Tensor, "n D"]:
    """Of each image the mean direction of the patches that stand out most from the rest of it.

    What stands out is a peak of the distance to the image's mean, in the coarser maps: objects, where nobody has
    said yet what one is.
    """
    levels = [normalize(level.float(), dim=1) for level in maps]
    finest = levels[0].shape[-2:]
    apart = sum(
        torch.nn.functional.interpolate(
            (level - level.mean((2, 3), keepdim=True)).norm(dim=1, keepdim=True), size=finest, mode="nearest"
        )
        for level in levels[1:] or levels
    )
    assert isinstance(apart, Tensor)
    smooth = avg_pool2d(apart, 3, 1, 1)
    peaks = torch.where(smooth == max_pool2d(smooth, 5, 1, 2), smooth, 0.0).flatten(1)
    cells = peaks.topk(min(_PATCHES, peaks.shape[1]), dim=1).indices
    row, column = cells // finest[1], cells % finest[1]
    image = torch.arange(len(cells))[:, None].expand_as(cells)
    parts = [_at(level, image, row, column, finest) for level in levels]
    return normalize(torch.cat(parts, dim=-1).mean(1), dim=1)


def densities_of(
    rows: Callable[[Sequence[str]], Iterator[Rows]], ids: Sequence[str], labelled: Sequence[str]
) -> Iterator[Densities]:
    """Log densities of images' rows under one Gaussian of the labelled images', chunk by chunk.

    Raises:
        LabelError: fewer than two labelled images that can be read.
    """
    known = [chunk.rows for chunk in rows(sorted(labelled))]
    seen = torch.cat(known) if known else torch.empty(0, 1)
    if len(seen) < 2:
        raise LabelError("two readable labelled images, to say what is unlike them", str(len(seen)), "label more")
    fitted = fit_density([(seen, torch.zeros(len(seen), dtype=torch.long))], n_classes=1, covariance="pooled")
    return (Densities(chunk.positions, fitted.log_density(chunk.rows)) for chunk in rows(ids))


def _at_objects(found: Found, maps: Sequence[Tensor], size: tuple[int, int]) -> Float[Tensor, "U D"]:
    """Directions of the maps' cells at the middles of boxes, all levels side by side."""
    height, width = maps[0].shape[-2:]
    finest = (height, width)
    left, top, right, bottom = found.boxes.unbind(1)
    column = ((left + right) / 2 / size[0] * width).long().clamp(0, width - 1)
    row = ((top + bottom) / 2 / size[1] * height).long().clamp(0, height - 1)
    levels = [normalize(level.float(), dim=1) for level in maps]
    return torch.cat([_at(level, found.image, row, column, finest) for level in levels], dim=-1)


def _at(level: Tensor, image: Tensor, row: Tensor, column: Tensor, finest: Sequence[int]) -> Tensor:
    """A coarser map at cells of the finest."""
    height, width = level.shape[-2:]
    return level[image, :, row * height // finest[0], column * width // finest[1]]
