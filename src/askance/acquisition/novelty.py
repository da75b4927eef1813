"""Novelty: features where the training set has hardly any.

Letters: N units.
"""

from jaxtyping import Float, Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.vocab import DrawsError


@acquisitions
def novelty(log_density: Float[Tensor, "N"]) -> Float64[Tensor, "N"]:
    """Minus the log density of a unit's features, -log q(z), in nats: how unlike the training set it is.

    It asks nothing of the classes: it is high for what is strange, whether or not the model is in two minds
    about it. Any density will do, as a Gaussian a class on the trunk's features.

    Args:
        log_density: `[N]`, nats, finite; in log space throughout, for a density itself underflows.

    Returns:
        `[N]`, any real number: a density may be above one, and then this is negative.

    Raises:
        DrawsError: a log density that is not finite.

    Mukhoti, Kirsch, van Amersfoort, Torr and Gal 2023, "Deep deterministic uncertainty" (arXiv 2102.11582).

    >>> import torch
    >>> novelty(torch.tensor([-12.5, 3.0]))
    tensor([12.5000, -3.0000], dtype=torch.float64)
    """
    wide = log_density.detach().double()
    if not bool(wide.isfinite().all()):
        raise DrawsError(
            "a finite log density for each unit",
            f"{int((~wide.isfinite()).sum())} of {len(wide)} NaN or infinite",
            "compute densities in log space (logsumexp over classes), on features that are finite",
        )
    return -wide
