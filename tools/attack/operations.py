"""The n-th operation on a file or the database is the last, or fails.

Operations below some folders are counted: files opened, read, written, flushed, renamed, removed, folders made and
listed, SQL run and committed (`hooks` tells of them).

What Python does not see (SQLite's own writes, a library's in C) is met by limits and timers of the system instead.
"""

import errno
import os
import signal
import sqlite3
import threading
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

Stroke = Literal["none", "kill", "power", "timer", "error", "short", "size", "pages"]
ERRORS = ("ENOSPC", "EIO", "EACCES", "EROFS", "EDQUOT")
SQL_ERRORS = {
    "SQLITE_FULL": "database or disk is full",
    "SQLITE_IOERR_WRITE": "disk I/O error",
    "SQLITE_READONLY": "attempt to write a readonly database",
    "SQLITE_CANTOPEN": "unable to open database file",
}
PATHS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod"}
CHANGES = {"create", "write", "fsync", "truncate", "sql", "commit", *(name.removeprefix("os.") for name in PATHS)}
"""Operations after which something is different; a full disk still reads."""


@dataclass(frozen=True, slots=True)
class Blow:
    """What happens, and when.

    Attributes:
        stroke: `kill` ends the process before the operation; `power` besides takes what was written and not
            flushed; `timer` ends it after some processor time; `error` has operations fail; `short` has a write do
            half and the next none; `size` limits the size of a file, `pages` the database's, in earnest.
        n: the operation, from 1; of `size` bytes, of `pages` pages more than there are.
        error: of the system, by name.
        lasting: all operations that follow fail too.
        seconds: of processor time, for `timer`.
    """

    stroke: Stroke = "none"
    n: int = 0
    error: str = "ENOSPC"
    lasting: bool = False
    seconds: float = 0.0

    def __str__(self) -> str:
        match self.stroke:
            case "timer":
                return "timer"
            case "error":
                return f"{self.error} {'from then on' if self.lasting else 'once'}"
            case _:
                return self.stroke


@dataclass(slots=True)
class Watch:
    """Counts operations below some folders and strikes at the n-th.

    Attributes:
        roots: folders.
        blow: the stroke.
        steps: what was done, by name.
        unflushed: inode -> path and the length that was on the disk for sure.
        over: whether the command has ended; what comes then is ours.
        struck: the operations that failed, by name.
    """

    roots: tuple[str, ...]
    blow: Blow
    steps: list[str] = field(default_factory=list)
    unflushed: dict[int, tuple[str, int]] = field(default_factory=dict)
    over: bool = False
    struck: list[str] = field(default_factory=list)
    _lock: Any = field(default_factory=threading.RLock)
    _halved: bool = False

    def inside(self, place: object) -> str | None:
        """The path, if it is one below the roots."""
        if isinstance(place, int):
            try:
                place = os.readlink(f"/proc/self/fd/{place}")
            except OSError:
                return None
        if not isinstance(place, str | bytes | os.PathLike):
            return None
        path = os.path.abspath(os.fsdecode(place))
        return path if path.startswith(self.roots) else None

    def step(self, what: str, place: str, data: bytes | memoryview | None = None) -> int | None:
        """An operation is about to be done.

        Returns:
            How much of `data` may be written; None: all.

        Raises:
            OSError: as the blow has it.
        """
        with self._lock:
            if self.over:
                return None
            self.steps.append(what)
            now, blow = len(self.steps), self.blow
            if blow.stroke == "short":
                return self._short(what, place, data)
            if now != blow.n and not (blow.lasting and now > blow.n > 0):
                return None
            if blow.stroke in ("kill", "power"):
                self.end()
            if blow.stroke == "error" and (what in CHANGES or blow.error in ("EIO", "EACCES")):
                raise self.failure(what, place)
        return None

    def end(self) -> NoReturn:
        """Die here, as `kill -9` or a power cut has it."""
        if self.blow.stroke == "power":
            for path, length in self.unflushed.values():
                if os.path.exists(path) and os.path.getsize(path) > length:
                    _REAL_TRUNCATE(path, length)
        os.kill(os.getpid(), signal.SIGKILL)
        raise SystemExit("unreachable")

    def failure(self, what: str, place: str) -> Exception:
        """What the system or the database says."""
        self.struck.append(what)
        if what in ("query", "sql", "commit"):
            names = {"ENOSPC": "SQLITE_FULL", "EDQUOT": "SQLITE_FULL", "EROFS": "SQLITE_READONLY"}
            name = names.get(self.blow.error, "SQLITE_IOERR_WRITE")
            failed = sqlite3.OperationalError(SQL_ERRORS[name])
            failed.sqlite_errorname = name
            return failed
        number = int(getattr(errno, self.blow.error))
        return OSError(number, os.strerror(number), place)

    def _short(self, what: str, place: str, data: bytes | memoryview | None) -> int | None:
        if self._halved and what in ("write", "create", "fsync"):
            raise self.failure(what, place)
        if what == "write" and data is not None and len(self.steps) >= self.blow.n:
            self._halved = True
            return len(data) // 2
        return None

    def wrote(self, handle: int) -> None:
        """A file is about to grow: what it has now is all that is sure, unless less was."""
        status, path = os.fstat(handle), self.inside(handle)
        if path is not None:
            self.unflushed.setdefault(status.st_ino, (path, status.st_size))

    def flushed(self, handle: int) -> None:
        """A file is on the disk."""
        self.unflushed.pop(os.fstat(handle).st_ino, None)

    def moved(self, old: str, new: str) -> None:
        """A file gets another name."""
        if os.path.exists(old) and (inode := os.stat(old).st_ino) in self.unflushed:
            self.unflushed[inode] = (new, self.unflushed[inode][1])


_REAL_TRUNCATE = os.truncate
