"""Which labelled images look most like another, to the trunk.

Letters: Q images asked about, L labelled images, D features.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from askance.networks.features import Features
from askance.vocab import Neighbour

_BLOCK = 256
"""Images asked about at a time: `[256, L]` similarities are held at once."""


def nearest(
    rows: Float[Tensor, "Q D"], labelled: Float[Tensor, "L D"], n: int
) -> tuple[Int[Tensor, "Q m"], Float64[Tensor, "Q m"]]:
    """The places of the m = min(n, L) most similar labelled rows, best first, and their cosines in [-1, 1].

    Equally similar rows come in their own order; a row of zeros is similar to nothing (0).

    >>> nearest(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0], [3.0, 0.0]]), 1)[0].tolist()
    [[1]]
    """
    units = torch.nn.functional.normalize(labelled.double(), dim=1)
    places, cosines = [], []
    for block in torch.split(rows, _BLOCK):
        similar = torch.nn.functional.normalize(block.double(), dim=1) @ units.T
        best = similar.round(decimals=12).sort(dim=1, descending=True, stable=True)
        places.append(best.indices[:, :n])
        cosines.append(best.values[:, :n].clamp(-1, 1))
    return torch.cat(places), torch.cat(cosines)


def neighbours(
    asked: Features, n_asked: int, known: Features, labelled: Sequence[str], n: int
) -> list[list[Neighbour]]:
    """For each of `n_asked` images the n labelled ones most like it, best first; none for an unreadable one."""
    found: list[list[Neighbour]] = [[] for _ in range(n_asked)]
    if asked.places and known.places:
        places, cosines = nearest(asked.rows, known.rows, n)
        for place, near, similar in zip(asked.places, places.tolist(), cosines.tolist(), strict=True):
            names = [labelled[known.places[i]] for i in near]
            found[place] = [Neighbour(name, value) for name, value in zip(names, similar, strict=True)]
    return found
