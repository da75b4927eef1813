"""Weight decay chosen without validation labels: each training label is held out once.

Letters: N training images, k folds.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from askance.maths import keyed_uniform
from askance.training.steps import Examples


def folds_of(ids: Sequence[str], targets: Int[Tensor, "N"], k: int, seed: int) -> Int[Tensor, "N"]:
    """The fold of each example, in 0..k-1, `[N]`; -1 for the only one of its class, which is never held out.

    A class's examples, in an order that their ids and the seed decide, are dealt out like cards, and the next
    class goes on where the last one stopped: so folds are even, within one, of each class and of all together.
    With k of 2 or more a class is never held out whole.

    >>> folds_of(["a", "b", "c", "d", "e"], torch.tensor([0, 0, 1, 1, 2]), 2, seed=0)
    tensor([ 0,  1,  1,  0, -1])
    """
    keys = list(zip(keyed_uniform(ids, seed, "folds").tolist(), ids, strict=True))
    found = torch.full((len(ids),), -1)
    dealt = 0
    for c in sorted(set(targets.tolist())):
        members = sorted((targets == c).nonzero().flatten().tolist(), key=keys.__getitem__)
        for place in members if len(members) > 1 else []:
            found[place] = dealt % k
            dealt += 1
    return found


def cross_validated(
    examples: Examples, folds: Int[Tensor, "N"], losses: Callable[[Examples, Examples], Tensor]
) -> float:
    """The mean loss over all examples that are held out once, nats; inf where it is no number.

    Args:
        examples: what there is.
        folds: of `folds_of`.
        losses: what to train on and what was held out -> the loss of each that was held out.
    """
    found = [
        losses(_some(examples, folds != fold), _some(examples, folds == fold))
        for fold in range(int(folds.max()) + 1)
    ]
    mean = float(torch.cat(found).double().mean())
    return mean if math.isfinite(mean) else math.inf


def _some(examples: Examples, which: Tensor) -> Examples:
    places = which.nonzero().flatten()
    return replace(
        examples,
        read=lambda chosen: examples.read(places[chosen]),
        targets=examples.targets[places],
        ids=tuple(examples.ids[place] for place in places.tolist()),
    )
