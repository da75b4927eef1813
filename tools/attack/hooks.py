"""Python's own files and SQLite's connections, changed so that each operation is counted first.

It changes this process for good, so it belongs into a fork.
"""

import builtins
import io
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.attack.operations import PATHS, Blow, Watch

_LOOKS = {"os.listdir", "os.scandir"}
_QUERIES = ("SELECT", "PRAGMA", "BEGIN", "ROLLBACK", "WITH")


def watch(roots: list[Path], blow: Blow) -> Watch:
    """Count and strike from now on, in this process, for good."""
    found = Watch(tuple(f"{root}{os.sep}" for root in roots) + tuple(map(str, roots)), blow)
    os.cpu_count = lambda: 1  # one thread, so that the n-th operation is the same each time
    sys.addaudithook(lambda event, values: _audit(found, event, values))
    _patch_files(found)
    _patch_database(found)
    if blow.stroke == "timer":
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, max(blow.seconds, 1e-4))
    if blow.stroke == "size":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (blow.n, resource.RLIM_INFINITY))
    return found


def _audit(found: Watch, event: str, values: tuple[Any, ...]) -> None:
    """Python tells of an operation before it is done; an error here is the operation's."""
    if event == "open":
        path, flags = found.inside(values[0]), values[2]
        if path is not None and not isinstance(values[0], int):
            writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            found.step("create" if writes else "read", path)
    elif event in PATHS or event in _LOOKS:
        path = found.inside(values[1] if event == "os.rename" else values[0])
        if path is not None:
            found.step(event.removeprefix("os."), path)
            if event == "os.rename":
                found.moved(os.fsdecode(values[0]), path)


def _patch_files(found: Watch) -> None:
    import _io

    raw_file, real_open = _raw(found), io.open

    def opened(  # noqa: PLR0913, PLR0917 - as `open` has them
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if found.inside(file) is None:
            return real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
        raw = raw_file(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        return raw if buffering == 0 else _buffered(raw, mode, buffering, encoding, errors, newline)

    builtins.open = io.open = _io.open = opened
    for name in ("fsync", "fdatasync"):
        setattr(os, name, _flush(found, getattr(os, name)))


def _buffered(raw: io.FileIO, mode: str, buffering: int, *text: Any) -> Any:
    """A file as `open` gives it, over one of ours."""
    size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
    kind: Any = io.BufferedRandom if "+" in mode else io.BufferedReader if raw.readable() else io.BufferedWriter
    binary = kind(raw, size)
    return binary if "b" in mode else io.TextIOWrapper(binary, *text)


def _raw(found: Watch) -> type[io.FileIO]:
    class Raw(io.FileIO):
        """A file whose every read and write is an operation."""

        def write(self, data: Any) -> int:
            """Write, or half of it, or fail."""
            place, view = found.inside(self.fileno()), memoryview(data).cast("B")
            most = found.step("write", place, view) if place else None
            found.wrote(self.fileno())
            return int(super().write(view if most is None else view[:most]) or 0)

        def readinto(self, buffer: Any) -> int:
            """Read, or fail."""
            if place := found.inside(self.fileno()):
                found.step("read", place)
            return int(super().readinto(buffer) or 0)

        def readall(self) -> bytes:
            """Read all, or fail."""
            if place := found.inside(self.fileno()):
                found.step("read", place)
            return super().readall()

        def truncate(self, size: int | None = None) -> int:
            """Cut, or fail."""
            if place := found.inside(self.fileno()):
                found.step("truncate", place)
            return super().truncate(size)

    return Raw


def _flush(found: Watch, real: Callable[[int], None]) -> Callable[[int], None]:
    def flush(file: Any) -> None:
        handle = file if isinstance(file, int) else file.fileno()
        if place := found.inside(handle):
            found.step("fsync", place)
        real(handle)
        found.flushed(handle)

    return flush


def _kind(statement: str) -> str:
    return "query" if statement.lstrip().upper().startswith(_QUERIES) else "sql"


def _patch_database(found: Watch) -> None:
    real = sqlite3.connect

    class Cursor(sqlite3.Cursor):
        """Statements are operations."""

        def execute(self, *given: Any) -> "Cursor":
            """Run, or fail."""
            found.step(_kind(given[0]), "database")
            super().execute(*given)
            return self

        def executemany(self, *given: Any) -> "Cursor":
            """Run, or fail."""
            found.step(_kind(given[0]), "database")
            super().executemany(*given)
            return self

    class Connection(sqlite3.Connection):
        """Commits are operations."""

        def cursor(self, factory: Any = Cursor) -> Any:
            """Of ours."""
            return super().cursor(factory)

        def commit(self) -> None:
            """Commit, or fail."""
            found.step("commit", "database")
            super().commit()

    def connect(database: Any, *given: Any, **options: Any) -> Any:
        place = str(database).removeprefix("file:").partition("?")[0]
        if found.inside(place) is None:
            return real(database, *given, **options)
        found.step("read", place)
        connection = real(database, *given, **{"factory": Connection, **options})
        if found.blow.stroke == "pages":
            pages = sqlite3.Cursor(connection).execute("PRAGMA page_count").fetchone()[0]
            sqlite3.Cursor(connection).execute(f"PRAGMA max_page_count = {pages + found.blow.n}")
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = connect
