"""From labels to class indices.

Letters: N labelled images, n that could be read.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from askance.vocab import Json, LabelError, Labelled


def by_id(labelled: Labelled) -> Labelled:
    """The same labels in the order of their ids, so that nothing depends on the order they came in."""
    pairs = sorted(zip(labelled.ids, labelled.targets, strict=True), key=lambda pair: pair[0])
    return Labelled(tuple(name for name, _ in pairs), tuple(target for _, target in pairs))


def targets_of(labelled: Labelled, n_classes: int) -> Int[Tensor, "N"]:
    """Class indices, `[N]`.

    Raises:
        LabelError: an index that is no class.
    """
    wrong = [target for target in labelled.targets if not 0 <= target < n_classes]
    if wrong:
        raise LabelError(f"class indices in 0..{n_classes - 1}", str(wrong[0]), "add the class to `classes`")
    return torch.tensor(labelled.targets, dtype=torch.long)


def check_enough(targets: Int[Tensor, "n"], asked: int, classes: Sequence[str]) -> list[int]:
    """How many labels each class has, if training can make anything of them.

    Raises:
        LabelError: fewer than two classes among the labels of images that could be read, of `asked`.
    """
    counts: list[int] = torch.bincount(targets, minlength=len(classes)).tolist()
    present = [name for name, n in zip(classes, counts, strict=True) if n]
    if len(present) < 2:
        raise LabelError(
            "training labels of two classes or more, on images that can be read",
            f"{len(targets)} of {asked} images, of {', '.join(present) or 'no class'}",
            "label a few images of every class first",
        )
    return counts


def only_validated(classes: Sequence[str], val: Labelled, present: Sequence[int]) -> list[Json]:
    """Classes that validation images have and no training image has."""
    place = {name: i for i, name in enumerate(classes)}
    seen: set[int] = set()
    for target in val.targets:
        seen |= {target} if isinstance(target, int) else {place[name] for name in target.names}
    return [classes[t] for t in sorted(seen) if not present[t]]
