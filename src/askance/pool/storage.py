"""Bytes by uri: absolute paths through the system, everything else through fsspec."""

import os
import stat as modes
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from http import HTTPStatus
from threading import Lock
from typing import Any, NamedTuple, TypeVar

import fsspec
from fsspec.spec import AbstractFileSystem

from askance.pool.archives import plainly, refuse_pipes
from askance.pool.limits import Limits, gathered, too_large, within
from askance.vocab import AskanceError, MissingExtra, PoolError

REFUSED = frozenset({"reference", "dask", "dvc", "jupyter", "jlab", "pyscript"})
"""Protocols of fsspec by which what lies at a place is run: templates, pickles, kernels. A pool is data."""

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az", "abfss": "az", "adl": "az"}
_STAMPS = (
    *("ETag", "etag", "generation", "mtime", "LastModified", "Last-Modified", "last_modified"),
    *("updated", "modified", "created", "CRC"),
)
"""What storages call the things that change when a file does."""


T = TypeVar("T")
_PIECE = 1 << 20
_NESTED = 3
"""Archives within archives that are opened."""
_WHOLE, _PATIENCE = 6, 30
"""Times `timeout` that a whole file, and a whole listing, may take where nothing is heard in between."""
_SILENT = 3
_HERE = {"file", "local", "memory", "zip", "tar", "libarchive", "dir"}
_SAFELY = sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
"""A named pipe that stands where a file was answers at once."""


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
    """Reads whole files by uri, within limits. A filesystem is opened once and kept as long as this object lives.

    Args:
        limits: on bytes, and on the seconds that a storage behind a URL may be silent. One that was silent
            three times is not asked again.
    """

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008  # it is a constant
        self.limits = limits
        self._open: dict[str, _Opened] = {}
        self._opening = Lock()

    def filesystem(self, url: str) -> tuple[AbstractFileSystem, str]:
        """The fsspec filesystem of a URL, and the path in it.

        Raises:
            MissingExtra: the package for this protocol is not installed.
            PoolError: no such protocol, or the archive around the path cannot be opened.
        """
        opened, path = self._opened(url)
        return opened.filesystem, path

    def _opened(self, url: str) -> tuple["_Opened", str]:
        first, _, around = url.partition("::")
        protocol = first.partition("://")[0]
        key = f"{protocol}::{around}" if around else f"{protocol}://{first.partition('://')[2].partition('/')[0]}"
        with self._opening:  # an archive is read once, and not by each thread
            if key in self._open:
                found = self._open[key]
                return found, str(found.filesystem._strip_protocol(first))
            if around.count("::") >= _NESTED:
                fix = "unpack the outer archives"
                raise PoolError(f"at most {_NESTED} archives within each other", url, fix)
            filesystem, path = self._made(url, protocol)
            self._open[key] = _Opened(filesystem, local=_is_local(url))
            return self._open[key], path

    def _made(self, url: str, protocol: str) -> tuple[AbstractFileSystem, str]:
        if asked := REFUSED & {part.partition("://")[0] for part in url.split("::")}:
            got = f"{url}: {', '.join(sorted(asked))} has what lies at a place run here"
            raise PoolError(
                "a URL of a place that only gives bytes", got, "copy the images, or name them by s3, https..."
            )
        try:
            for part in url.split("::"):
                if "://" in part or part == protocol:
                    fsspec.get_filesystem_class(part.partition("://")[0])  # what it imports is not waited for
            seconds = self.limits.timeout * (_PATIENCE if _is_local(url) else 1)
            refuse_pipes(url)
            found, path = within(seconds, lambda: fsspec.core.url_to_fs(url))
        except ImportError as error:
            extra = _EXTRAS.get(protocol)
            fix = f"pip install askance[{extra}]" if extra else f"install what it needs: {error}"
            raise MissingExtra(f"a package that reads {protocol}://", "it is not installed", fix) from error
        except Exception as error:
            fix = "check the URL: s3://bucket/folder, https://..., zip://folder::/path/to/archive.zip"
            raise PoolError("a URL that fsspec can open", f"{url}: {explain(error)}", fix) from error
        return plainly(found), str(path)

    def read(self, uri: str) -> bytes:
        """All bytes of a file.

        Raises:
            OSError: (or what the storage raises) it cannot be read, is no regular file, or is too large.
            TimeoutError: its storage is silent.
        """
        if not is_url(uri):
            return read_local(uri, self.limits.max_bytes)
        opened, path = self._opened(uri)
        most, seconds = self.limits.max_bytes, self.limits.timeout
        if opened.local:
            with opened.turn:
                return _bounded(opened.filesystem, path, most)
        if opened.at_once and not opened.is_http:  # its own client asks for ranges; all of it is one answer
            seconds *= _WHOLE
        with opened.asked():
            return gathered(seconds, lambda: _pieces(opened, path, most), most)

    def stat(self, uri: str) -> Stat:
        """Size and stamp of a regular file.

        Raises:
            OSError: (or what the storage raises) it is not there, or not a file.
            TimeoutError: its storage is silent.
        """
        if not is_url(uri):
            return local_stat(os.stat(uri))
        return stat_of(self.ask(uri, lambda found, path: found.info(path)))

    def listing(self, url: str, deep: int) -> dict[str, dict[str, Any]]:
        """All files below a URL, `deep` folders at most: path -> what is known of it.

        Raises:
            TimeoutError: the storage is silent. (And what it raises.)
        """
        self.ask(url, lambda found, path: found.exists(path))  # a silent one is found out before a long wait
        opened, _ = self._opened(url)
        flat = opened.at_once and not opened.is_http  # buckets have no folders, and list all at once
        depth = None if flat else deep
        return dict(self.ask(url, lambda found, path: found.find(path, maxdepth=depth, detail=True), _PATIENCE))

    def ask(self, url: str, question: Callable[[AbstractFileSystem, str], T], patience: float = 1) -> T:
        """What a filesystem answers.

        Args:
            url: of the path that the question is about.
            question: takes the filesystem, and the path in it.
            patience: times the seconds that an answer may take.

        Raises:
            TimeoutError: there is none. (And what the storage raises.)
        """
        opened, path = self._opened(url)
        if opened.local:
            with opened.turn:
                return question(opened.filesystem, path)
        with opened.asked():
            return within(self.limits.timeout * patience, lambda: question(opened.filesystem, path))


class _Opened:
    """A filesystem, whose turn it is, and how often it was silent."""

    def __init__(self, filesystem: AbstractFileSystem, *, local: bool) -> None:
        self.filesystem, self.local = filesystem, local
        inner = getattr(filesystem, "fs", filesystem)  # that of one that keeps copies
        self.at_once = bool(getattr(inner, "async_impl", False))
        self.is_http = self.at_once and "https" in (filesystem.protocol or ())
        self.turn: AbstractContextManager[object] = nullcontext() if self.at_once else Lock()
        self._silent = 0

    @contextmanager
    def asked(self) -> Iterator[None]:
        """While something is asked of it: one thing at a time, where it has one connection or one file."""
        with self.turn:
            if self._silent >= _SILENT:
                raise TimeoutError(f"its storage was silent {_SILENT} times, and was not asked again")
            try:
                yield
            except TimeoutError:
                self._silent += 1
                raise
            self._silent = 0


def _pieces(opened: _Opened, path: str, most: int) -> Iterator[bytes]:
    """A file behind a URL, in pieces, and not much more of it than may be read."""
    if opened.at_once and not opened.is_http:
        yield bytes(opened.filesystem.cat_file(path, start=0, end=most + 1))
        return
    options = (
        {"block_size": 0, "size": 1} if opened.is_http else {}
    )  # as it comes, without asking for its size first
    with opened.filesystem.open(path, "rb", **options) as file:
        while piece := file.read(_PIECE):
            yield bytes(piece)


def _bounded(filesystem: AbstractFileSystem, path: str, most: int) -> bytes:
    with filesystem.open(path, "rb") as file:
        pieces, size = list[bytes](), 0
        while piece := file.read(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > most:
                raise OSError(f"more than max_bytes = {most:,}")
        return b"".join(pieces)


def _is_local(url: str) -> bool:
    """Whether all of a chain is on this machine.

    >>> _is_local("zip://a.jpg::/photos.zip"), _is_local("zip://a.jpg::s3://bucket/photos.zip")
    (True, False)
    """
    return all("://" not in part or part.partition("://")[0] in _HERE for part in url.split("::"))


def read_local(path: str, most: int) -> bytes:
    """All bytes of a regular file of at most `most`; nothing else is opened, and nothing is waited for.

    Raises:
        OSError: it cannot be read, is no regular file or too large, or another program is writing to it.
    """
    if local_stat(os.stat(path)).size == 0:
        return b""  # so are the files of /proc, whatever reading them would do
    file = os.open(path, os.O_RDONLY | _SAFELY)
    try:
        size = local_stat(os.fstat(file)).size
        if size > most:
            raise OSError(too_large(size, most))
        data = os.read(file, size + 1)
        while len(data) < size and (more := os.read(file, size + 1 - len(data))):
            data += more
    finally:
        os.close(file)
    if len(data) != size:
        raise OSError("it was written to while it was read")
    return data


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
    if isinstance(error, AskanceError):
        return error.got
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if answered := _answered(error) or _answered(error.__cause__):
        return answered
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, OSError):  # there is no such server
        return explain(error.__cause__)
    if isinstance(error, FileNotFoundError):
        return "No such file or directory"
    return str(error) or type(error).__name__


def _answered(error: BaseException | None) -> str | None:
    """What a server said in place of a file; None where it said that there is none."""
    status = getattr(error, "status", None)
    if not isinstance(status, int) or status in (404, 410):
        return None
    if not status or 300 <= status < 400:
        return "the server sends from one address to the next and never to the file"
    return f"the server answered {status}{_meaning(status)}"


def _meaning(status: int) -> str:
    try:
        return f" ({HTTPStatus(status).phrase})"
    except ValueError:
        return ""
