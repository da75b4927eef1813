"""Random: the baseline every other acquisition has to beat."""

from collections.abc import Sequence

import torch
from jaxtyping import Float64
from torch import Tensor

from askance.acquisition.catalogue import acquisitions
from askance.maths import keyed_uniform


@acquisitions
def random(ids: Sequence[str], seed: int) -> Float64[Tensor, "N"]:
    """A uniform number that belongs to the id and the seed; no model is asked.

    Picked by `top_k` it is sampling without replacement, the very picks of the selection `random`.

    Returns:
        `[N]`, in (0, 1).

    >>> bool(random(["a", "b"], 0)[1] == random(["b"], 0)[0])
    True
    """
    return torch.from_numpy(keyed_uniform(ids, seed, "random"))
