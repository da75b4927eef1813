"""What the system, a database or memory says no to, in three lines: for doors that nothing has met it before.

Each room meets its own errors where they happen, with the better words. What it has not foreseen is told here: by
`door`, for everybody who calls a `Session` from Python, and by the last door of the commands.
"""

import errno
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from askance.vocab.errors import AskanceError, ModelError, StoreError
from askance.vocab.secrets import masked

P = ParamSpec("P")
R = TypeVar("R")


_AGAIN = "then run the same command again; nothing was lost"
_DISK = {
    errno.ENOSPC: f"free some space, {_AGAIN}",
    errno.EDQUOT: f"free some space of your quota, {_AGAIN}",
    errno.EIO: f"look after that disk, {_AGAIN}",
    errno.EACCES: f"mend the permissions, {_AGAIN}",
    errno.EPERM: f"mend the permissions, {_AGAIN}",
    errno.EROFS: "copy the project to a disk that can be written, and work there",
    errno.EMFILE: f"allow more open files (ulimit -n 4096), {_AGAIN}",
    errno.ENFILE: f"close other programs, {_AGAIN}",
    errno.ENOMEM: f"close other programs, or lower train.batch, {_AGAIN}",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOENT: "check that it is there",
}
"""What to do, by what the operating system says."""


def door(work: Callable[P, R]) -> Callable[P, R]:
    """A function that raises an `AskanceError` for whatever a disk, a database or too little memory can cause.

    >>> @door
    ... def read():
    ...     raise OSError(errno.EIO, "Input/output error", "rows.f2")
    >>> read()
    Traceback (most recent call last):
    askance.vocab.errors.StoreError: wanted: to read or write rows.f2
    got:    Input/output error
    fix:    look after that disk, then run the same command again; nothing was lost
    """

    @functools.wraps(work)
    def guarded(*args: P.args, **options: P.kwargs) -> R:
        try:
            return work(*args, **options)
        except Exception as error:
            found = None if isinstance(error, AskanceError) else foreseen(error)
            if found is None:
                raise
            raise found from error

    return guarded


def foreseen(error: BaseException) -> AskanceError | None:
    """An error of the system, of a database or of memory in three lines; None for others and for a closed pipe.

    >>> print(foreseen(OSError(errno.ENOSPC, "No space left on device", "a/b")))
    wanted: to read or write a/b
    got:    No space left on device
    fix:    free some space, then run the same command again; nothing was lost
    >>> foreseen(KeyError("x")) is None
    True
    """
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        return None
    return next((tell(error) for fits, tell in _KINDS if fits(error)), None)


def in_a_line(error: BaseException) -> str:
    """An error in a line, without passwords.

    >>> in_a_line(KeyError("postgresql://anna:secret@host/db"))
    "KeyError: 'postgresql://anna:***@host/db'"
    """
    first = (str(error).strip().splitlines() or [""])[0][:500]
    return masked(f"{type(error).__name__}: {first}" if first else type(error).__name__)


def is_called(error: BaseException, name: str) -> bool:
    """Whether an error is of a kind of that name; whose kind it is need not be imported."""
    return any(kind.__name__ == name for kind in type(error).__mro__)


def _of_disk(error: BaseException) -> AskanceError:
    assert isinstance(error, OSError)
    what = f" {error.filename}" if error.filename is not None else " a file, or what is printed to"
    usual = f"mend the disk or the permissions, {_AGAIN}"
    got = error.strerror or in_a_line(error)
    return StoreError(f"to read or write{what}", got, _DISK.get(error.errno or 0, usual))


def _of_memory(error: BaseException) -> AskanceError:
    got = in_a_line(error) if str(error) else "there is no more"
    fix = f"close other programs, or lower train.batch, model.size or --workers, {_AGAIN}"
    return ModelError("enough memory", got, fix)


def _of_database(error: BaseException) -> AskanceError:
    return StoreError("a database that answers", in_a_line(error), "askance doctor looks at it")


def _of_nesting(error: BaseException) -> AskanceError:
    fix = "askance doctor looks at the project's files"
    return AskanceError("a file or a network that is not nested so deeply", in_a_line(error), fix)


def _of_text(error: BaseException) -> AskanceError:
    fix = "rename what has such letters, or set PYTHONUTF8=1"
    return AskanceError("text that can be written as UTF-8", in_a_line(error), fix)


def _is_memory(error: BaseException) -> bool:
    words = str(error)
    return (
        isinstance(error, MemoryError)
        or is_called(error, "OutOfMemoryError")
        or (isinstance(error, RuntimeError) and ("allocate memory" in words or "out of memory" in words))
    )


_KINDS: tuple[tuple[Callable[[BaseException], bool], Callable[[BaseException], AskanceError]], ...] = (
    (_is_memory, _of_memory),
    (lambda error: isinstance(error, OSError), _of_disk),
    (lambda error: isinstance(error, RecursionError), _of_nesting),
    (lambda error: isinstance(error, UnicodeError), _of_text),
    (lambda error: is_called(error, "SQLAlchemyError"), _of_database),
)
"""What an error is -> how it is told; the first that fits."""
