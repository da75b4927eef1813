"""How far people agree on what they both saw, beyond what chance would give. NumPy alone.

Letters: N images, R raters, C categories; n_ij how many images one rater put in category i and the other in j,
p_i and q_j the shares of each rater; o_cd the coincidences of categories c and d, n_c their sums, n all of them.
"""

import numpy as np
from jaxtyping import Float64, Int64

Ratings = Int64[np.ndarray, "N R"]


def agreement(a: Int64[np.ndarray, "N"], b: Int64[np.ndarray, "N"]) -> float:
    """Share of images that two raters put in the same category, in [0, 1]; NaN where there are none.

    >>> agreement(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
    0.75
    """
    return float(np.mean(a == b)) if len(a) else float("nan")


def cohen_kappa(a: Int64[np.ndarray, "N"], b: Int64[np.ndarray, "N"]) -> float:
    """Agreement of two raters beyond chance (Cohen 1960, doi 10.1177/001316446002000104).

    kappa = (p_o - p_e) / (1 - p_e), with p_o the share of images they agree on and p_e = sum_i p_i q_i what they
    would agree on by chance, each with their own shares of the categories. 1: always the same; 0: as by chance.

    Returns:
        In [-1, 1]; NaN where there are no images, or where both put every image in one and the same category.

    >>> round(cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])), 3)
    0.5
    """
    if not len(a):
        return float("nan")
    c = int(max(a.max(), b.max())) + 1
    table = np.zeros((c, c))
    np.add.at(table, (a, b), 1.0 / len(a))
    observed = float(np.trace(table))
    expected = float(table.sum(axis=1) @ table.sum(axis=0))
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def coincidences(ratings: Ratings) -> Float64[np.ndarray, "C C"]:
    """o_cd: pairs of ratings c and d within an image, each image with m of them weighing 1 / (m - 1).

    Args:
        ratings: category of each image by each rater, from 0; -1 where a rater did not see it.
    """
    c = int(ratings.max(initial=-1)) + 1
    counts = np.zeros((len(ratings), c))
    rows, raters = np.nonzero(ratings >= 0)
    np.add.at(counts, (rows, ratings[rows, raters]), 1.0)
    m = counts.sum(axis=1)
    counts, m = counts[m > 1], m[m > 1]
    weighed = counts / (m[:, None] - 1)
    together: Float64[np.ndarray, "C C"] = counts.T @ weighed - np.diag(weighed.sum(axis=0))
    return together


def krippendorff_alpha(ratings: Ratings) -> float:
    """Agreement of any number of raters beyond chance, for categories without an order and with gaps.

    alpha = 1 - D_o / D_e = 1 - (n - 1) sum_{c != d} o_cd / sum_{c != d} n_c n_d (Krippendorff 2011, "Computing
    Krippendorff's alpha-reliability", section C: nominal data). Images that fewer than two raters saw say nothing.

    Args:
        ratings: `[N, R]`, category of each image by each rater, from 0; -1 where a rater did not see it.

    Returns:
        At most 1; 0 as by chance; NaN where no image was seen by two, or all ratings are one category.

    >>> round(krippendorff_alpha(np.array([[0, 0], [1, 1], [0, 1], [1, 1]])), 3)
    0.533
    """
    together = coincidences(ratings)
    sums = together.sum(axis=1)
    n = float(sums.sum())
    by_chance = n * n - float(sums @ sums)
    apart = n - float(np.trace(together))
    return 1 - (n - 1) * apart / by_chance if by_chance > 0 else float("nan")
