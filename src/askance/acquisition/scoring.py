"""One door to every acquisition: by name, with whatever it needs."""

from collections.abc import Sequence

from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import Draws


def score(
    name: str, *, draws: Draws | None = None, ids: Sequence[str] | None = None, seed: int | None = None
) -> Float64[Tensor, "N"]:
    """Score units by an acquisition of the catalogue, bringing it what its signature asks for.

    Args:
        name: of an acquisition, or an alias; hyphens or underscores.
        draws: `[N, K, C]`, for those that ask what a model thinks.
        ids: N of them, for those that belong to an id.
        seed: any integer, for those that are random.

    Returns:
        float64 `[N]`; higher means more worth labelling.

    Raises:
        ConfigError: no such acquisition, or one that needs what was not given.

    >>> score("random", ids=["a", "b", "c"], seed=0).shape
    torch.Size([3])
    """
    entry = acquisitions[name]
    return entry.function(**entry.arguments({"draws": draws, "ids": ids, "seed": seed}))
