"""Images as the sets of their objects: one row an image, whose products say how alike the objects are.

Letters: N images, U objects, D features of an object, m frequencies, W = 2 m numbers of a row.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from askance.maths.aggregation import totals
from askance.maths.keyed import keyed_seed
from askance.vocab import DrawsError

SHRUNK = 0.1
"""The share of a round covariance that is mixed in, so that few objects, or a noisy feature, do no harm."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Which objects are alike: k(h, h') = exp(-|A (h - h')|^2 / sigma^2), of features that A whitens.

    Attributes:
        whitening: A, `[D, D]`, as a product from the right, h A.
        frequencies: `[D, m]`, normal, of variance 2 / sigma^2 in each direction; then products of
            cos and sin of h A frequencies are k up to an error of about 1 / sqrt(m).
        seed: of the frequencies, and of what keeps classes apart.
    """

    whitening: Float64[Tensor, "D D"]
    frequencies: Float64[Tensor, "D m"]
    seed: int

    @classmethod
    def of(
        cls, features: Float[Tensor, "U D"], *, width: int = 512, sigma: float | None = None, seed: int = 0
    ) -> "Likeness":
        """From the features of objects that stand for all, those of the labelled images say.

        Args:
            features: `[U, D]`, finite.
            width: W, the numbers of a row, even.
            sigma: how far objects are alike, in whitened features; None: two objects at the mean squared distance
                of all have k = e^-2.
            seed: same seed, same rows.

        Raises:
            DrawsError: features that are not finite `[U, D]`, an odd width or none, or sigma not above 0.
        """
        rows = _checked_rows(features)
        if width < 2 or width % 2 or not (sigma is None or sigma > 0):
            raise DrawsError(
                "an even width and sigma above 0", f"width = {width}, sigma = {sigma}", "leave them out"
            )
        whitening = _whitening(rows)
        if sigma is None:
            sigma = _usual_distance(rows @ whitening) / math.sqrt(2)
        generator = torch.Generator().manual_seed(keyed_seed("frequencies", seed))
        normal = torch.randn(rows.shape[1], width // 2, generator=generator, dtype=torch.float64)
        return cls(whitening, normal * (math.sqrt(2) / sigma), seed)


def set_embedding(
    features: Float[Tensor, "U D"],
    weights: Float[Tensor, "U"],
    image: Int[Tensor, "U"],
    n_images: int,
    likeness: Likeness,
    label: Int[Tensor, "U"] | None = None,
) -> Float64[Tensor, "N W"]:
    """One row an image: the weighted mean of its objects' random Fourier features.

    The product of two rows is, up to about 1 / sqrt(m), the mean likeness of an object of one image and an object
    of the other, sum_uv w_u w_v k(h_u, h_v) / (sum_u w_u sum_v w_v); with labels, of objects of one class, for
    those of two classes are not alike at all. So what selections make of rows (lengths, distances, coverage) is
    made of objects: two images are near where the same things are in them.

    With phi(h) = (cos z, sin z) / sqrt(m), z = h A frequencies: phi(h) . phi(h') = mean_j cos(z_j - z'_j). A class
    turns each pair by an angle of its own, which leaves products within it as they are, and makes those across
    classes zero on average. An image is its mean object: a crowded one is no longer than one with a single thing.

    Args:
        features: `[U, D]` of objects, finite.
        weights: `[U]`, 0 or more: how much each counts, as its confidence.
        image: `[U]`, for each object the place of its image in 0..n_images-1.
        n_images: N.
        likeness: from the objects of one set, the same for all rows that are compared.
        label: `[U]`, their classes; None: a class makes no difference.

    Returns:
        `[N, W]`, of length 1 for an image of one object, at most 1 for others; zeros for one without any.

    Raises:
        DrawsError: features that are not finite `[U, D]` of the likeness's D, or a weight below zero.

    Mean embeddings: Smola, Gretton, Song and Schölkopf 2007, "A Hilbert space embedding for distributions". Random
    features: Rahimi and Recht 2007, "Random features for large-scale kernel machines". Likeness by class: Yang,
    Huang and Crowley 2024 (arXiv 2211.11612, section 3.3), there the likest object of the class in place of the
    mean over it, which is no product of rows.

    >>> rows = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 2.0]])
    >>> places = torch.tensor([0, 1, 1])
    >>> some = set_embedding(rows, torch.tensor([0.9, 1.0, 0.0]), places, 3, Likeness.of(rows))
    >>> [round(float(some[0] @ some[i]), 6) for i in range(3)]
    [1.0, 1.0, 0.0]
    """
    rows = _checked_rows(features, likeness.whitening.shape[0])
    heavy = weights.detach().to("cpu", torch.float64)
    if not bool((heavy >= 0).all()):
        raise DrawsError("weights of 0 or more", f"{float(heavy.min()):.3g}", "give confidences")
    place = image.cpu()
    angles = rows @ likeness.whitening @ likeness.frequencies
    if label is not None:
        angles = angles + _turns(label.cpu(), likeness)
    waves = torch.cat([angles.cos(), angles.sin()], 1) / math.sqrt(angles.shape[1])
    whole = torch.zeros(n_images, waves.shape[1], dtype=torch.float64)
    whole.index_add_(0, place, waves * heavy[:, None])
    return whole / totals(heavy, place, n_images).clamp_min(torch.finfo(torch.float64).tiny)[:, None]


def _turns(label: Int[Tensor, "U"], likeness: Likeness) -> Float64[Tensor, "U m"]:
    """An angle for each class and frequency, that belongs to the class's number and the seed."""
    numbers, of = torch.unique(label, return_inverse=True)
    turns = torch.empty(len(numbers), likeness.frequencies.shape[1], dtype=torch.float64)
    for place, number in enumerate(numbers.tolist()):
        generator = torch.Generator().manual_seed(keyed_seed("turn", likeness.seed, int(number)))
        turns[place] = torch.rand(turns.shape[1], generator=generator, dtype=torch.float64) * (2 * math.pi)
    return turns[of]


def _whitening(rows: Float64[Tensor, "U D"]) -> Float64[Tensor, "D D"]:
    """The symmetric root of the inverse covariance, shrunk to a round one; the identity where all are alike."""
    apart = rows - rows.mean(0)
    covariance = apart.T @ apart / max(1, len(rows))
    size = float(covariance.diagonal().mean()) if len(rows) else 0.0
    eye = torch.eye(rows.shape[1], dtype=torch.float64)
    if not size > 0:
        return eye
    values, vectors = torch.linalg.eigh((1 - SHRUNK) * covariance + SHRUNK * size * eye)
    whitening: Tensor = (vectors * values.rsqrt()) @ vectors.T
    return whitening


def _usual_distance(rows: Float64[Tensor, "U D"]) -> float:
    """The root of the mean squared distance of two of the rows; 1 where there are none apart."""
    squared = 2 * float((rows - rows.mean(0)).square().sum(1).mean()) if len(rows) else 0.0
    return math.sqrt(squared) if squared > 0 else 1.0


def _checked_rows(features: Tensor, width: int | None = None) -> Float64[Tensor, "U D"]:
    if features.dim() != 2 or width not in (None, features.shape[1]):
        raise DrawsError(
            f"features of objects [U, {'D' if width is None else width}]",
            f"shape {list(features.shape)}",
            "one row an object, from the network that the likeness was made of",
        )
    rows = features.detach().to("cpu", torch.float64)
    if not bool(rows.isfinite().all()):
        raise DrawsError(
            "finite features of objects",
            f"{int((~rows.isfinite()).any(1).sum())} of {len(rows)} rows with NaN or infinite numbers",
            "leave these objects out",
        )
    return rows
