"""Logits with a Gaussian posterior: what closed forms give, and what can be drawn from it.

Letters: N units, K draws, C classes.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
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

    def draw(self, k: int, generator: torch.Generator) -> Draws:
        """K draws; the same C standard normals a draw serve every unit.

        The draws are marginally exact. They are **not** joint: a Gaussian over logits image by image says
        nothing of how two images move together.
        """
        values, vectors = torch.linalg.eigh(self.covariance.double())
        # The symmetric root, [N, C, C], root @ root = covariance: it moves little when the covariance does, so
        # rounding, which may turn eigenvectors of close eigenvalues by any angle, does not make other draws.
        root = (vectors * values.clamp_min(0).sqrt().unsqueeze(-2)) @ vectors.mT
        noise = torch.randn(
            k, self.mean.shape[1], generator=generator, dtype=torch.float64, device=generator.device
        ).to(root.device)
        logits = self.mean.double().unsqueeze(1) + torch.einsum("ncd,kd->nkc", root, noise)
        return Draws.from_logits(logits, joint=False)
