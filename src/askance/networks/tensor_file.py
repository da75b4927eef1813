"""A file of tensors and of what is said about them, read back only as it was written: the digest goes with it."""

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from askance.networks.hub import fault_of
from askance.vocab.files import damaged, parse_json, reading

T = TypeVar("T")


def read_tensors(path: Path, about: type[T]) -> tuple[dict[str, Tensor], T]:
    """The tensors of a safetensors file, and what its `askance` metadata says; nothing in it is run.

    Args:
        path: of the file.
        about: a dataclass, what the metadata should say; a file without any says nothing, `{}`.

    Raises:
        StoreError: it cannot be read at all.
        Damaged: it is no such file, or its metadata is not of that kind.
    """
    with reading(path), path.open("rb"):  # else the library's words for a folder, or no right to read
        pass
    try:
        with safe_open(path, "pt") as file:
            said = (file.metadata() or {}).get("askance", "{}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a mapping)
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise damaged(path, fault_of(path) or str(error)) from None
    return tensors, parse_json(said, path, about)


def digest_of(tensors: Mapping[str, Tensor], *words: str) -> str:
    """Of tensors by name, and of whatever else is told by its words, in 32 hex digits.

    >>> a, b = (digest_of({"weight": torch.full((2,), value)}) for value in (0.0, 1.0))
    >>> a == b
    False
    """
    found = blake2b("\n".join(words).encode(), digest_size=16)
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
