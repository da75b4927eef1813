"""Rare classes counted like common ones: by the weight of each example, or by how often it is drawn.

Both minimise the same mean over classes of the mean cross-entropy within a class. Weights leave the minibatches as
they are; sampling shows the rare class in every minibatch, its few images over and over.

Letters: N training images, C classes that have labels, n_c labels of class c, b images of a minibatch.
"""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor


def balanced_weights(targets: Int[Tensor, "N"]) -> Float[Tensor, "N"]:
    """The weight of each example, `N / (C n_c)`, in [1 / C, N / C]: their mean is 1, their sum over a class N / C.

    >>> balanced_weights(torch.tensor([0, 0, 0, 2]))
    tensor([0.6667, 0.6667, 0.6667, 2.0000])
    """
    counts = torch.bincount(targets)
    return len(targets) / (int((counts > 0).sum()) * counts[targets].float())


def balanced_minibatches(targets: Int[Tensor, "N"], batch: int, seed: int) -> Iterator[Int[Tensor, "b"]]:
    """Positions of min(N, batch) examples, for ever, each class with labels as likely as the next.

    Classes come in shuffled passes over the classes, and a class's examples in shuffled passes over the class:
    none comes again before all others of its class have come.
    """
    generator = torch.Generator().manual_seed(seed)
    members = [(targets == c).nonzero().flatten() for c in sorted(set(targets.tolist()))]
    passes = [_passes(of_class, generator) for of_class in members]
    classes = _passes(torch.arange(len(members)), generator)
    size = min(len(targets), batch)
    while True:
        yield torch.tensor([next(passes[next(classes)]) for _ in range(size)])


def _passes(values: Int[Tensor, "n"], generator: torch.Generator) -> Iterator[int]:
    """The values in one shuffled pass after another, for ever."""
    while True:
        yield from values[torch.randperm(len(values), generator=generator)].tolist()
