"""Standard normal numbers that belong to a draw, not to a batch.

Letters: K draws.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float32
from torch import Tensor

from askance.maths import keyed_seed


def keyed_normals(purpose: str, seed: int, draws: Sequence[int], shape: Sequence[int]) -> Float32[Tensor, "K ..."]:
    """Standard normal numbers for some draws, `[K, *shape]`; they depend on (purpose, seed, draw) alone.

    Always made on the CPU in float32, so that devices and dtypes agree.

    >>> some, one = (keyed_normals("doc", 0, draws, [3]) for draws in ([0, 7], [7]))
    >>> torch.equal(some[1:], one)
    True
    """
    numbers = torch.empty(len(draws), *shape)
    generator = torch.Generator()
    for place, draw in enumerate(draws):
        generator.manual_seed(keyed_seed("normal", purpose, seed, draw))
        numbers[place] = torch.randn(*shape, generator=generator)
    return numbers
