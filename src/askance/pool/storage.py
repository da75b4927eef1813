"""Bytes by uri: absolute paths through the system, everything else through fsspec."""

import os
import stat as modes
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import fsspec
from fsspec.spec import AbstractFileSystem

from askance.vocab import MissingExtra, PoolError

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az", "adl": "az"}
_STAMPS = (
    *("ETag", "etag", "generation", "mtime", "LastModified", "Last-Modified", "last_modified"),
    *("updated", "modified", "created", "CRC"),
)
"""What storages call the things that change when a file does."""


class Stat(NamedTuple):
    """What is known of a file before it is read.

    Attributes:
        size: bytes, 0 where unknown.
        stamp: changes when the file does; empty where the storage has nothing of the kind.
    """

    size: int
    stamp: str


def is_url(place: str) -> bool:
    """Whether a place is for fsspec (`s3://...`, `zip::...`) rather than a local path.

    >>> is_url("s3://bucket/1.jpg"), is_url("zip::/a.zip"), is_url("/data/odd::name.jpg")
    (True, True, False)
    """
    return not place.startswith("/") and ("://" in place or "::" in place)


def local_path(place: str) -> str | None:
    """The absolute path of a local place (a path or a `file://` URL), or None."""
    for prefix in ("file://", "local://"):
        if place.startswith(prefix) and "::" not in place:
            place = place.removeprefix(prefix)
    return None if is_url(place) else os.path.abspath(os.path.expanduser(place))


class Storage:
    """Reads whole files by uri. A filesystem is opened once and kept as long as this object lives."""

    def __init__(self) -> None:
        self._filesystems: dict[str, AbstractFileSystem] = {}

    def filesystem(self, url: str) -> tuple[AbstractFileSystem, str]:
        """The fsspec filesystem of a URL, and the path in it.

        Raises:
            MissingExtra: the package for this protocol is not installed.
            PoolError: no such protocol, or the archive around the path cannot be opened.
        """
        first, _, around = url.partition("::")
        protocol = first.partition("://")[0]
        key = f"{protocol}::{around}" if around else f"{protocol}://{first.partition('://')[2].partition('/')[0]}"
        if key in self._filesystems:
            found = self._filesystems[key]
            return found, str(found._strip_protocol(first))
        try:
            found, path = fsspec.core.url_to_fs(url)
        except ImportError as error:
            extra = _EXTRAS.get(protocol)
            fix = f"pip install askance[{extra}]" if extra else f"install what it needs: {error}"
            raise MissingExtra(f"a package that reads {protocol}://", "it is not installed", fix) from error
        except Exception as error:
            fix = "check the URL: s3://bucket/folder, https://..., zip://folder::/path/to/archive.zip"
            raise PoolError("a URL that fsspec can open", f"{url}: {explain(error)}", fix) from error
        self._filesystems[key] = found
        return found, str(path)

    def read(self, uri: str) -> bytes:
        """All bytes of a file.

        Raises:
            OSError: (or what the storage raises) it cannot be read.
        """
        if not is_url(uri):
            with open(uri, "rb") as file:
                return file.read()
        found, path = self.filesystem(uri)
        return bytes(found.cat_file(path))

    def stat(self, uri: str) -> Stat:
        """Size and stamp of a regular file.

        Raises:
            OSError: (or what the storage raises) it is not there, or not a file.
        """
        if not is_url(uri):
            return local_stat(os.stat(uri))
        found, path = self.filesystem(uri)
        return stat_of(found.info(path))


def local_stat(status: os.stat_result) -> Stat:
    """Size and stamp from the system's own record."""
    if modes.S_ISREG(status.st_mode):
        return Stat(status.st_size, str(status.st_mtime_ns))
    raise OSError("it is a folder" if modes.S_ISDIR(status.st_mode) else "it is not a regular file")


def stat_of(info: Mapping[str, Any]) -> Stat:
    """Size and stamp from an fsspec record, whatever its storage calls them."""
    if info.get("type") == "directory":
        raise OSError("it is a folder")
    known = [info[key] for key in _STAMPS if info.get(key)]
    words = [value.isoformat() if isinstance(value, datetime) else str(value) for value in known]
    return Stat(int(info.get("size") or 0), " ".join(words))


def explain(error: Exception) -> str:
    """An error of reading in words for people: the system's reason without its number."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, FileNotFoundError):
        return "No such file or directory"
    return str(error) or type(error).__name__
