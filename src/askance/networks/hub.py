"""Files of the Hugging Face hub: from its cache, else from the hub, else how to get them. No torch.

The cache is read here, not by the hub's library, whose import takes as long as all else that `askance init` does.
"""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import getproxies

from askance.vocab import WeightsMissing

WEIGHTS = "model.safetensors"
_YES = {"1", "ON", "YES", "TRUE"}
_PATIENCE = 5.0
"""Seconds to wait for the hub to answer at all."""

ERROR_PAGE = "an error page (HTML) in place of the file"


class HubFile(NamedTuple):
    """A file of a repository on the hub."""

    repo: str
    name: str = WEIGHTS

    @property
    def url(self) -> str:
        """Its address, for people."""
        return f"{self.repo}/{self.name}"


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the hub's library keeps what it fetched, as its own variables say.

    >>> cache_folder({"HF_HOME": "/mnt/hf"}).as_posix(), cache_folder({"HF_HUB_CACHE": "/mnt/hub"}).as_posix()
    ('/mnt/hf/hub', '/mnt/hub')
    """
    given = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE")
    base = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = environment.get("HF_HOME") or os.path.join(base, "huggingface")
    return Path(os.path.expandvars(given or os.path.join(home, "hub"))).expanduser()


def is_offline(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a person has said that nothing is to be fetched: `HF_HUB_OFFLINE=1`."""
    return any(environment.get(name, "").upper() in _YES for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"))


def cached(file: HubFile) -> Path | None:
    """The file in the hub's cache, if it is there; its content is not looked at."""
    repo, _, revision = file.repo.partition("@")
    folder = cache_folder() / f"models--{repo.replace('/', '--')}"
    try:
        commit = (folder / "refs" / (revision or "main")).read_text().strip()
    except OSError:
        commit = revision
    path = folder / "snapshots" / commit / file.name
    return path if commit and path.is_file() else None


def fetched(file: HubFile, what: str) -> Path:
    """The file from the cache, or from the hub if it is not there yet.

    Args:
        file: which.
        what: whose it is, for the error: `the weights of resnet18`.

    Raises:
        WeightsMissing: it is not in the cache, and offline mode is on, the hub cannot be reached, has no such
            file, does not give it to everybody, or sent something else; or it is there, and is no whole file.
    """
    path = cached(file) or _download(file, what)
    if file.name.endswith(".safetensors") and (wrong := fault_of(path)):
        raise WeightsMissing(f"{what}: {file.url}", f"{wrong}: {path}", again(file))
    return path


def fault_of(path: Path) -> str | None:
    """What is wrong with a file that should hold safetensors, in words; None if nothing can be seen from outside.

    >>> import tempfile
    >>> page = Path(tempfile.mkdtemp()) / "page"
    >>> _ = page.write_text("<!DOCTYPE html><p>502")
    >>> fault_of(page)
    'an error page (HTML) in place of the file'
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(64)
            length = int.from_bytes(start[:8], "little")
            header = start[8:9]
    except OSError as error:
        return error.strerror or str(error)
    text = start.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head")):
        return ERROR_PAGE
    if text.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer in place of the file (git lfs pull was not run)"
    if size < 9:
        return f"an empty file ({size} bytes)"
    if header != b"{":
        return "not a safetensors file"
    return _half(path, size, length)


def _half(path: Path, size: int, length: int) -> str | None:
    """Whether the file ends before what its header promises."""
    import json

    needed = 8 + length
    if needed <= size:
        with path.open("rb") as file:
            file.seek(8)
            try:
                entries = json.loads(file.read(length))
                ends = [one["data_offsets"][1] for name, one in entries.items() if name != "__metadata__"]
            except (ValueError, TypeError, KeyError, AttributeError, IndexError):
                return "not a safetensors file: its header cannot be read"
        needed += max(ends, default=0)
    return f"half a file: {size:,} of {needed:,} bytes" if size < needed else None


def how_to_get(file: HubFile) -> str:
    """Two lines that bring a file here."""
    repo, _, _ = file.repo.partition("@")
    if file.name != WEIGHTS:  # one of several that belong together: the folder of the cache comes here whole
        folder = f"models--{repo.replace('/', '--')}"
        return (
            f"where there is internet: {_command(file)} preprocessor_config.json {WEIGHTS}\n"
            f"then here: copy the folder {folder} from that machine's cache into {cache_folder()}"
        )
    folder = repo.rpartition("/")[2]
    return (
        f"where there is internet: {_command(file)} --local-dir {folder}\n"
        f"then here: askance init FOLDER --weights {folder}/{file.name}; for a project there is, under [model] "
        f'in askance.toml: weights = "/whole/path/to/{folder}/{file.name}"; of askance simulate '
        f"--set model.weights={folder}/{file.name}"
    )


def again(file: HubFile) -> str:
    """Two lines that bring a file here in place of a broken one."""
    return f"{_command(file)} --force-download\nor, without internet here, {how_to_get(file)}".replace(
        "\nthen", "; then"
    )


def _command(file: HubFile) -> str:
    repo, _, revision = file.repo.partition("@")
    return f"hf download {repo} {file.name}" + (f" --revision {revision}" if revision else "")


def _download(file: HubFile, what: str) -> Path:
    wanted = f"{what}: {file.url}"
    absent = f"it is not in the hub's cache, {cache_folder()}"
    if is_offline():
        raise WeightsMissing(wanted, f"offline mode (HF_HUB_OFFLINE), and {absent}", how_to_get(file))
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    if problem := unreachable(endpoint):
        raise WeightsMissing(wanted, f"no answer from {endpoint} ({problem}), and {absent}", how_to_get(file))
    from huggingface_hub import hf_hub_download

    repo, _, revision = file.repo.partition("@")
    try:
        found = hf_hub_download(
            repo, file.name, revision=revision or None, cache_dir=cache_folder(), endpoint=endpoint
        )
    except Exception as error:  # the hub's library raises its own, its transport's and the system's errors
        raise WeightsMissing(wanted, _said(error, file, endpoint), how_to_get(file)) from error
    return Path(found)


def unreachable(address: str) -> str | None:
    """Why no connection to a server can be made, in the system's words; None if one can, or a proxy makes it.

    The hub's library tries for half a minute before it says so.
    """
    parts = urlsplit(address)
    if getproxies().keys() & {parts.scheme, "all"}:
        return None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_PATIENCE).close()
    except OSError as error:
        return error.strerror or str(error) or type(error).__name__
    return None


def _said(error: Exception, file: HubFile, endpoint: str) -> str:
    """A fault of the hub in a line."""
    from huggingface_hub import errors

    known = {
        errors.GatedRepoError: f"{file.repo} is gated: given to those who asked its owner, after `hf auth login`",
        errors.RepositoryNotFoundError: f"no repository {file.repo} on {endpoint}, or a private one",
        errors.RevisionNotFoundError: f"no such revision of {file.repo} on {endpoint}",
        errors.FileMetadataError: f"{endpoint} answered, but not as a hub does: an error page, or a proxy's",
        errors.RemoteEntryNotFoundError: f"no file {file.name} in {file.repo}",
    }
    causes = (error, error.__cause__)
    for kind, words in known.items():
        if any(isinstance(one, kind) for one in causes):
            return words
    text = str(error.__cause__ or error) or type(error).__name__
    if any(words in text for words in ("Consistency check failed", "peer closed", "incomplete")):
        return f"half a file came from {endpoint}: {text.splitlines()[0]}"
    return f"{endpoint}: {text.splitlines()[0]}"
