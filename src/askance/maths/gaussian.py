"""Logits with a Gaussian posterior: what closed forms give, and what can be drawn from it.

Letters: N units, K draws, C classes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from askance.maths.draws import Draws
from askance.vocab import DrawsError


@dataclass(frozen=True, slots=True)
class GaussianLogits:
    """The mean `[N, C]` and covariance `[N, C, C]` of the logits of N units.

    A posterior is anything that can be drawn from: `draw` gives `Draws` for almost nothing.

    Raises:
        DrawsError: shapes that do not belong together, NaN or infinite entries, covariances not symmetric.
    """

    mean: Float[Tensor, "N C"]
    covariance: Float[Tensor, "N C C"]

    def __post_init__(self) -> None:
        n, c = self.mean.shape
        if tuple(self.covariance.shape) != (n, c, c):
            raise DrawsError(
                f"a covariance of shape [{n}, {c}, {c}]",
                str(list(self.covariance.shape)),
                "one C x C matrix a unit",
            )
        if not (bool(self.mean.isfinite().all()) and bool(self.covariance.isfinite().all())):
            raise DrawsError("finite logits", "NaN or infinity", "check the features the moments were made from")
        skew = (self.covariance - self.covariance.mT).abs()
        if bool((skew > 1e-3 * self.covariance.abs().amax((-2, -1), keepdim=True)).any()):
            raise DrawsError(
                "symmetric covariances", f"entries {float(skew.max()):.3g} apart", "average with its transpose"
            )

    def draw(self, k: int, generator: torch.Generator, dtype: torch.dtype = torch.float64) -> Draws:
        """K draws; the same C standard normals a draw serve every unit.

        From K = 2C on the draws of a unit have exactly the mean and the covariance asked for, see `normals`.
        They are **not** joint: a Gaussian over logits image by image says nothing of how two images move together.

        Args:
            dtype: of the draws; roots are taken in float64.
        """
        return Draws.from_logits(self.sample(k, generator, dtype), joint=False)

    def sample(
        self, k: int, generator: torch.Generator, dtype: torch.dtype = torch.float64
    ) -> Float[Tensor, "N K C"]:
        """What `draw` normalises: K times C numbers a unit, for heads that are no softmax."""
        n, c = self.mean.shape
        root = _root(self.covariance.double()).to(dtype)
        noise = normals(k, c, generator).to(root)
        spread = noise @ root.permute(2, 1, 0).reshape(
            c, c * n
        )  # units fastest in memory, as draws are normalised
        logits = self.mean.to(dtype).T + spread.view(k, c, n)
        return logits.permute(2, 0, 1)


def normals(k: int, c: int, generator: torch.Generator) -> Float64[Tensor, "K C"]:
    """K standard normals of C axes; from K = 2C on in pairs z, -z and whitened.

    Then their mean is exactly 0 and their covariance (1/K) sum z z^T exactly 1, so that whatever is of second
    order is free of sampling noise; at K = 2C they are the points of the spherical cubature of degree 3, turned at
    random. An odd one is 0.

    >>> z = normals(9, 3, torch.Generator().manual_seed(0))
    >>> torch.allclose(z.T @ z / 9, torch.eye(3, dtype=torch.float64))
    True
    """
    matched = k >= 2 * c
    z = torch.randn(k // 2 if matched else k, c, generator=generator, dtype=torch.float64, device=generator.device)
    if not matched:
        return z
    skew = torch.linalg.cholesky(z.T @ z * (2 / k))
    white = torch.linalg.solve_triangular(skew, z.T, upper=False).T
    return torch.cat([white, -white, z.new_zeros(k % 2, c)])


def _root(covariance: Float64[Tensor, "N C C"]) -> Float64[Tensor, "N C C"]:
    """Some R with R R^T = covariance, which moves little when the covariance does.

    Cholesky's, and the symmetric one where a covariance is singular or next to it: there a Cholesky factor follows
    the rounding. Eigenvectors scaled do so wherever two eigenvalues are close.
    """
    root: Tensor
    root, failed = torch.linalg.cholesky_ex(covariance)
    pivots = root.diagonal(dim1=-2, dim2=-1)
    weak = (failed > 0) | ~(
        pivots.amin(-1) > _WEAK * covariance.diagonal(dim1=-2, dim2=-1).amax(-1).clamp_min(0).sqrt()
    )
    if bool(weak.any()):
        values, vectors = torch.linalg.eigh(covariance[weak])
        noise = _WEAK**2 * values[:, -1:].clamp_min(0)  # what rounding makes of an eigenvalue that is zero
        root[weak] = (vectors * torch.where(values > noise, values, 0).sqrt().unsqueeze(-2)) @ vectors.mT
    return root


_WEAK = 1e-6
"""A pivot smaller than this, beside the largest standard deviation, is near what rounding makes of zero."""
