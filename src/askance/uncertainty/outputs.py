"""What networks return, and the logits in it.

Letters: N images, C classes.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from askance.vocab import DrawsError, ModelError

Read: TypeAlias = Callable[[Any], Tensor]
"""From what a model returns to its logits `[N, C]`."""


def one_each(logits: Tensor, images: Tensor) -> Tensor:
    """The logits, where there is a row for each image.

    Raises:
        ModelError: more rows or fewer.
    """
    if len(logits) != len(images):
        raise ModelError(
            f"logits [{len(images)}, C], one row an image", str(list(logits.shape)), "give classifiers of images"
        )
    return logits


def logits_of(output: Any) -> Float[Tensor, "N C"]:
    """The logits `[N, C]` of what a classifier returns: a tensor, or a record or dict that has `logits`.

    Raises:
        ModelError: neither.

    >>> logits_of({"logits": torch.zeros(2, 3)}).shape
    torch.Size([2, 3])
    """
    found = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", output)
    if _are_logits(found):
        return cast(Tensor, found)
    got = _shape(found) if isinstance(found, Tensor) else _described(output)
    which = repr(next(iter(output), "out")) if isinstance(output, Mapping) else "0"
    raise ModelError(
        "logits [N, C], or a record with `logits`, from the model",
        got,
        f"say where they are: read=lambda output: output[{which}], or wrap the model to return them alone",
    )


def checked(read: Read) -> Read:
    """The same reading, which says so where it does not find logits.

    Raises:
        ModelError: when called, where `read` fails or gives something else.
    """
    if read is logits_of:
        return read

    def reading(output: Any) -> Tensor:
        try:
            found = read(output)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ModelError(
                "read to find the logits in what the model returns",
                f"{type(error).__name__}: {error}, in {_described(output)}",
                "change read",
            ) from error
        if _are_logits(found):
            return found
        got = _shape(found) if isinstance(found, Tensor) else _described(found)
        raise ModelError("logits [N, C] from read", got, "let read return one row of numbers an image")

    return reading


def _shape(found: Tensor) -> str:
    return f"{list(found.shape)} of {found.dtype}" + ("" if found.layout == torch.strided else ", sparse")


def _are_logits(found: object) -> bool:
    """Whether this is `[N, C]`, dense, of one class at least."""
    dense = isinstance(found, Tensor) and found.layout == torch.strided and found.is_floating_point()
    return dense and cast(Tensor, found).dim() == 2 and cast(Tensor, found).shape[1] > 0


@contextmanager
def finite(model: nn.Module) -> Iterator[None]:
    """Inside, draws are made of a model's logits.

    Raises:
        ModelError: some are NaN or infinite.
    """
    try:
        yield
    except DrawsError as error:
        raise ModelError(
            f"finite logits from {type(model).__name__}",
            error.got,
            "look for NaN in its weights or the images, and for a division or a logarithm in its forward",
        ) from error


def _described(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"a dict of {', '.join(map(str, output))}"
    if isinstance(output, Tensor):
        return f"a tensor {list(output.shape)} of {output.dtype}"
    if isinstance(output, tuple | list):
        return f"a {type(output).__name__} of {len(output)}"
    return type(output).__name__
