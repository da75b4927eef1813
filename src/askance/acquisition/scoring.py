"""One door to every acquisition: by name, with whatever it needs."""

from collections.abc import Sequence

from jaxtyping import Float, Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import Draws


def score(
    name: str,
    *,
    draws: Draws | None = None,
    targets: Draws | None = None,
    log_density: Float[Tensor, "N"] | None = None,
    ids: Sequence[str] | None = None,
    seed: int | None = None,
) -> Float64[Tensor, "N"]:
    """Score units by an acquisition of the catalogue, bringing it what its signature asks for.

    Args:
        name: of an acquisition, or an alias; hyphens or underscores.
        draws: `[N, K, C]`, for those that ask what a model thinks.
        targets: `[M, K, C]`, for those that ask what a label says of other images; the same K networks.
        log_density: `[N]`, nats, of the units' features, for those that ask how strange they are.
        ids: N of them, for those that belong to an id.
        seed: any integer, for those that are random.

    Returns:
        float64 `[N]`; higher means more worth labelling.

    Raises:
        ConfigError: no such acquisition, or one that needs what was not given.
        DrawsError: what the acquisition refuses.

    >>> score("random", ids=["a", "b", "c"], seed=0).shape
    torch.Size([3])
    """
    entry = acquisitions[name]
    offered = {"draws": draws, "targets": targets, "log_density": log_density, "ids": ids, "seed": seed}
    return entry.function(**entry.arguments(offered))
