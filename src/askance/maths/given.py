"""Numbers as people have them: tensors, numpy arrays, lists of either."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from askance.vocab import DrawsError

Numbers: TypeAlias = Tensor | NDArray[Any] | Sequence[Any]
"""A tensor, an array, or a list: of numbers, or of tensors or arrays of one shape."""


def as_tensor(given: Numbers, what: str) -> Tensor:
    """What was given as a tensor: a tensor is itself, an array shares its memory, a list is stacked.

    Args:
        given: a tensor, an array, or a list; whatever else numpy makes an array of is taken too.
        what: it is, for the message.

    Raises:
        DrawsError: no numbers, or a list of several shapes.

    >>> as_tensor(np.array([0.5, 1.0]), "scores")
    tensor([0.5000, 1.0000], dtype=torch.float64)
    >>> as_tensor([torch.zeros(2), torch.ones(2)], "rows").shape
    torch.Size([2, 2])
    """
    if isinstance(given, Tensor):
        return given
    if isinstance(given, list | tuple) and given and all(isinstance(one, Tensor) for one in given):
        shapes = sorted({tuple(one.shape) for one in given})
        if len(shapes) > 1:
            raise _no_numbers(what, f"a list of shapes {', '.join(str(list(shape)) for shape in shapes[:4])}")
        return torch.stack(list(given))
    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:  # numpy's own words name the shapes
        raise _no_numbers(what, f"{type(given).__name__}: {error}") from None
    if array.dtype.kind not in "fiub":
        raise _no_numbers(what, f"{type(given).__name__} of {array.dtype}")
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    shared = native.flags.writeable and all(stride >= 0 for stride in native.strides)
    return torch.from_numpy(native if shared else native.copy())


def _no_numbers(what: str, got: str) -> DrawsError:
    return DrawsError(
        f"{what}: a tensor, a numpy array, or a list of them of one shape",
        got,
        "np.stack(...) what belongs together, and leave out what is no number",
    )
