"""Images as people have them, a batch at a time: tensors, arrays, lists, data sets and loaders.

Letters: N images.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import (
    DataLoader,
    Dataset,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from askance.maths import as_tensor
from askance.vocab import DrawsError, ModelError

ImageSource: TypeAlias = Tensor | NDArray[Any] | Sequence[Any] | Dataset[Any] | Iterable[Any]
"""Images `[N, ...]`: a tensor, an array, a list of images; a data set; or anything that gives batches, as a
`DataLoader`: tensors, tuples or lists that begin with one, or dicts, of which `key` names the images."""

_SHUFFLED = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


def batches(images: ImageSource, size: int, *, model: nn.Module, key: str | None = None) -> Iterator[Tensor]:
    """The images in their order, `size` at a time whatever the batches they come in; the last may be smaller.

    Args:
        images: see `ImageSource`; one batch of them is in memory at a time where they come in batches.
        size: images of one batch, at least 1.
        model: that they are for; floating-point arrays become its dtype (numpy's own is float64).
        key: of the images, where batches are dicts.

    Raises:
        ModelError: no images; a loader that shuffles or leaves images out; batches of something else.

    >>> loader = DataLoader([(torch.zeros(3), 0)] * 5, batch_size=2)
    >>> [len(batch) for batch in batches(loader, 4, model=nn.Linear(3, 2))]
    [4, 1]
    """
    if size < 1:
        raise ModelError("a batch of at least one image", f"batch={size}", "ask for batch=64")
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.get_default_dtype())
    if isinstance(images, DataLoader):
        _check_loader(images)
    elif isinstance(images, Dataset):
        images = DataLoader(images, batch_size=size)
    if isinstance(images, Tensor) or _is_array(images) or isinstance(images, Sequence):
        whole = images if isinstance(images, Tensor) else _images(images, dtype)
        return iter(torch.split(whole, size))
    if not isinstance(images, Iterable):
        raise _not_images(images)
    return _cut((_images(_of_batch(batch, key), dtype) for batch in _given(images)), size)


def first_few(parts: Iterator[Tensor], n: int) -> tuple[Tensor, Iterator[Tensor]]:
    """The first n images, or all where there are fewer, and all of them still to come."""
    taken: list[Tensor] = []
    while sum(map(len, taken)) < n and (part := next(parts, None)) is not None:
        taken.append(part)
    return torch.cat(taken)[:n] if taken else torch.empty(0), chain(taken, parts)


def grouped(parts: Iterator[Tensor], n: int) -> Iterator[list[Tensor]]:
    """n batches at a time."""
    while some := list(islice(parts, n)):
        yield some


def _cut(parts: Iterable[Tensor], size: int) -> Iterator[Tensor]:
    waiting: list[Tensor] = []
    for part in parts:
        if waiting and part.shape[1:] != waiting[0].shape[1:]:
            raise ModelError(
                f"images of one shape, {list(waiting[0].shape[1:])}",
                f"a batch of {list(part.shape[1:])}",
                "resize them all alike in the data set",
            )
        waiting.append(part)
        while sum(map(len, waiting)) >= size:
            joined = torch.cat(waiting) if len(waiting) > 1 else waiting[0]
            yield joined[:size]
            waiting = [joined[size:]] if len(joined) > size else []
    if waiting:
        yield torch.cat(waiting)


def _given(images: Iterable[Any]) -> Iterator[Any]:
    """What comes, with a word where torch cannot make batches of it."""
    try:
        yield from images
    except TypeError as error:
        if "default_collate" not in str(error):
            raise
        raise ModelError(
            "a data set of tensors or arrays",
            str(error).rpartition("found ")[2],
            "turn images into tensors in the data set: transform=torchvision.transforms.ToTensor()",
        ) from None


def _of_batch(batch: Any, key: str | None) -> Any:
    """The images of what a loader gives."""
    if isinstance(batch, Mapping):
        if key is None or key not in batch:
            raise ModelError(
                "the key of the images, where batches are dicts",
                f"a dict of {', '.join(map(str, batch))}" + (f" and key={key!r}" if key else ""),
                f"say which: key={next(iter(batch), 'image')!r}",
            )
        return batch[key]
    if key is not None:
        raise ModelError(f"dicts with {key!r}", f"a {type(batch).__name__}", "leave key out")
    if isinstance(batch, list | tuple):  # (images, targets), as torch's data sets give them
        if not batch:
            raise _not_images(batch)
        return batch[0]
    return batch


def _images(given: Any, dtype: torch.dtype) -> Tensor:
    if not (isinstance(given, Tensor) or _is_array(given) or isinstance(given, list | tuple)):
        raise _not_images(given)
    try:
        found = as_tensor(given, "images")
    except DrawsError as error:
        raise ModelError(error.wanted, error.got, "resize them all alike, then np.stack(...)") from None
    return found.to(dtype) if found.is_floating_point() and not isinstance(given, Tensor) else found


def _is_array(given: object) -> bool:
    return hasattr(given, "__array__") and hasattr(given, "shape")


def _check_loader(loader: DataLoader[Any]) -> None:
    sampler: Any = getattr(loader.batch_sampler, "sampler", loader.sampler)
    if isinstance(sampler, _SHUFFLED):
        raise ModelError(
            "a DataLoader that gives images in their order, so that row n of the draws is image n",
            f"one with a {type(sampler).__name__}",
            "DataLoader(dataset, batch_size=..., shuffle=False)",
        )
    size, sized = loader.batch_size, hasattr(loader.dataset, "__len__")
    if loader.drop_last and size and sized and (left := len(sampler) % size):
        raise ModelError(
            "a DataLoader that gives every image",
            f"drop_last=True, which leaves out the last {left}",
            "DataLoader(dataset, batch_size=..., drop_last=False)",
        )


def _not_images(given: object) -> ModelError:
    return ModelError(
        "images [N, ...] as a tensor, an array, a list, a Dataset or a DataLoader of tensors",
        f"a {type(given).__name__}",
        "put transforms.ToTensor() into the data set, or torch.stack(...) the images",
    )
