"""The weights of torchvision's networks, from torch's own cache.

They come as `.pth` files, which are pickles. This is the one place that reads one: only after its SHA-256 is what
torchvision says it is, and by torch's reader that builds tensors and plain values and runs nothing else.
"""

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from urllib.error import URLError

import torch
from torch import Tensor

from askance.networks.hub import ERROR_PAGE, is_offline, unreachable
from askance.vocab import WeightsMissing
from askance.vocab.files import make_folder

_HASH = re.compile(r"-([0-9a-f]{8,})\.")


def of_torchvision(name: str, what: str) -> tuple[Mapping[str, Tensor], str, str]:
    """The tensors, where they came from, and what to do if they do not fit.

    Args:
        name: of one of torchvision's classifiers.
        what: whose they are, for the error: `the pretrained weights of vgg16`.

    Raises:
        WeightsMissing: the file is not in the cache and cannot be fetched, or it is not the file it should be.
    """
    path, how = torchvision_file(name, what)
    if wrong := wrong_hash(path):
        raise WeightsMissing(
            f"{what}: {path.name}", f"{wrong}: {path}", f"delete that file and run again, or {how}"
        )
    try:
        found: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise WeightsMissing(f"{what}: {path.name}", f"no file of weights, {said}: {path}", how) from error
    return found, f"torchvision ({path})", "set model.options to what the weights were made for"


def torchvision_file(name: str, what: str) -> tuple[Path, str]:
    """The file of a network's best weights in torch's cache, fetched if need be, and how to bring it there.

    Raises:
        WeightsMissing: it is not in the cache and cannot be fetched.
    """
    path, address = torchvision_place(name)
    how = f"where there is internet: curl -O {address}\nthen here: put {path.name} into {path.parent}"
    if not path.is_file():
        _fetch(address, path, what, how)
    return path, how


def torchvision_place(name: str) -> tuple[Path, str]:
    """Where the file of a network's best weights is in torch's cache, or would be, and its address."""
    import torchvision

    address: str = torchvision.models.get_model_weights(name).DEFAULT.url
    return Path(torch.hub.get_dir()) / "checkpoints" / address.rpartition("/")[2], address


def wrong_hash(path: Path) -> str | None:
    """What is wrong with a file whose name ends in the first digits of its SHA-256; None if it is that file."""
    expected = _HASH.search(path.name)
    if expected is None:
        return "its name has no hash to check it by"
    digest = sha256()
    with path.open("rb") as file:
        start = file.read(64)
        digest.update(start)
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest().startswith(expected[1]):
        return None
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return ERROR_PAGE
    return f"half a file or another one: its SHA-256 begins with {digest.hexdigest()[:8]}, not {expected[1]}"


def _fetch(address: str, path: Path, what: str, how: str) -> None:
    absent = f"it is not in torch's cache, {path.parent}"
    wanted = f"{what}: {path.name}"
    if is_offline():
        raise WeightsMissing(wanted, f"offline mode (HF_HUB_OFFLINE), and {absent}", how)
    if problem := unreachable(address):
        raise WeightsMissing(wanted, f"no answer from {address} ({problem}), and {absent}", how)
    make_folder(path.parent)
    try:
        torch.hub.download_url_to_file(address, str(path), progress=False)
    except (OSError, URLError, RuntimeError) as error:
        raise WeightsMissing(wanted, f"{address}: {error}", how) from error
