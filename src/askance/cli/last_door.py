"""The last door: whatever no room has met ends here, in three lines, and with the whole story in a file.

Every error that a person, a disk, a network or another program can cause is met where it happens, by an
`AskanceError`. What comes here besides is told all the same: what was wanted, what came, what to do.
"""

import errno
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from askance.vocab import AskanceError

STOPPED = 130
"""The exit status of a command that Ctrl-C ended."""

TRACEBACK = "ASKANCE_TRACEBACK"
"""The variable that has the whole story on the screen, too."""

KEPT = "askance-error.txt"
"""Where the whole story of the last such error is, in the project or else among temporary files."""

_HEAD = b"Askance ended with an error that it did not foresee\n"

_PASSWORD = re.compile(r"(://[^\s:/@]*:)[^\s@]+@")

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


def told(error: BaseException) -> int:
    """Tell a person what ended a command; the exit status."""
    if os.environ.get(TRACEBACK, "") not in ("", "0"):
        traceback.print_exception(error, file=sys.stderr)
    for kind, end in _ENDS.items():
        if _is(error, kind):
            return end(error)
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        return 1  # whoever reads, as `| head`, has enough
    return _complained(explained(error, _keep(error)))


def explained(error: BaseException, kept: Path | None) -> AskanceError:
    """Three lines on an error that no room has met.

    >>> print(explained(OSError(errno.ENOSPC, "No space left on device", "a/b"), None))
    wanted: to read or write a/b
    got:    No space left on device
    fix:    free some space, then run the same command again; nothing was lost
    """
    for fits, tell in _KINDS:
        if fits(error):
            found = tell(error)
            break
    else:
        found = AskanceError(
            f"{_command()} to run to its end", _said(error), f"this is a fault of Askance: {_REPORT}"
        )
    where = f"; the whole story is in {kept}" if kept is not None else ""
    return AskanceError(found.wanted, found.got, found.fix + where)


_REPORT = "run the same command again, and if it comes again report it"


def _of_disk(error: BaseException) -> AskanceError:
    assert isinstance(error, OSError)
    what = f" {error.filename}" if error.filename is not None else " a file, or what this command prints to"
    usual = f"mend the disk or the permissions, {_AGAIN}"
    return AskanceError(
        f"to read or write{what}", error.strerror or _said(error), _DISK.get(error.errno or 0, usual)
    )


def _of_memory(error: BaseException) -> AskanceError:
    got = _said(error) if str(error) else "there is no more"
    return AskanceError(
        "enough memory", got, f"close other programs, or lower train.batch, model.size or --workers, {_AGAIN}"
    )


def _of_database(error: BaseException) -> AskanceError:
    return AskanceError("a database that answers", _said(error), f"askance doctor looks at it; {_REPORT}")


def _of_nesting(error: BaseException) -> AskanceError:
    return AskanceError(
        "a file or a network that is not nested so deeply",
        _said(error),
        "askance doctor looks at the project's files",
    )


def _of_text(error: BaseException) -> AskanceError:
    return AskanceError(
        "text that can be written as UTF-8", _said(error), "rename what has such letters, or set PYTHONUTF8=1"
    )


def _is_memory(error: BaseException) -> bool:
    words = str(error)
    return (
        isinstance(error, MemoryError)
        or _is(error, "OutOfMemoryError")
        or (isinstance(error, RuntimeError) and ("allocate memory" in words or "out of memory" in words))
    )


_KINDS: tuple[tuple[Callable[[BaseException], bool], Callable[[BaseException], AskanceError]], ...] = (
    (_is_memory, _of_memory),
    (lambda error: isinstance(error, OSError) and not _is(error, "RequestException"), _of_disk),
    (lambda error: isinstance(error, RecursionError), _of_nesting),
    (lambda error: isinstance(error, UnicodeError), _of_text),
    (lambda error: _is(error, "SQLAlchemyError"), _of_database),
)
"""What an error is -> how it is told; the first that fits."""


def _of_parser(error: BaseException) -> AskanceError:
    """A command that was typed as no command is."""
    context = getattr(error, "ctx", None)
    usage = context.get_usage().removeprefix("Usage: ") if context is not None else "askance COMMAND"
    name = context.command_path if context is not None else "askance"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return AskanceError(" ".join(usage.split()), message, f"{name} --help says what it takes")


def _is(error: BaseException, name: str) -> bool:
    """Whether it is of a kind of that name, without importing whose kind it is."""
    return any(kind.__name__ == name for kind in type(error).__mro__)


def _said(error: BaseException) -> str:
    """An error in a line, without passwords."""
    first = (str(error).strip().splitlines() or [""])[0][:500]
    return _PASSWORD.sub(r"\1***@", f"{type(error).__name__}: {first}" if first else type(error).__name__)


def _command() -> str:
    return " ".join(["askance", *sys.argv[1:2]])


def _keep(error: BaseException) -> Path | None:
    """Write the whole story to a file; which one, or None where even that cannot be."""
    story = "".join(traceback.format_exception(error))
    said = f"{time.strftime('%Y-%m-%d %H:%M:%S %z')}\n{' '.join(sys.argv)}\n\n{story}"
    data = _HEAD + _PASSWORD.sub(r"\1***@", said).encode(errors="backslashreplace")
    for folder in _places():
        path = folder / KEPT
        with suppress(OSError):
            if path.is_symlink() or (path.exists() and not path.read_bytes().startswith(_HEAD)):
                continue
            path.write_bytes(data)
            return path
    with suppress(OSError):
        handle, name = tempfile.mkstemp(prefix="askance-error-", suffix=".txt")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        return Path(name)
    return None


def _places() -> list[Path]:
    """The project's folder, if there is one."""
    from askance.loop.project import find_project

    words = sys.argv[1:]
    named = [words[i + 1] for i, word in enumerate(words[:-1]) if word in ("-p", "--project")]
    with suppress(AskanceError, OSError, RuntimeError):
        return [find_project(Path(named[-1] if named else "."))]
    return []


def _complained(error: AskanceError, status: int = 1) -> int:
    from askance.cli.show import complain

    with suppress(OSError):  # there is nobody left to tell
        complain(error)
    return status


def _stopped() -> int:
    with suppress(OSError):
        print("\nStopped. Nothing is lost: run the same command again to go on.", file=sys.stderr)
    return STOPPED


def _status(stop: SystemExit) -> int:
    if stop.code == STOPPED:
        return _stopped()
    if isinstance(stop.code, str):
        print(stop.code, file=sys.stderr)
        return 1
    return stop.code or 0


def _helped(error: BaseException) -> int:
    error.show()  # type: ignore[attr-defined]  # the parser's own kind, which is not exported
    return 2


_ENDS: dict[str, Callable[[Any], int]] = {
    "KeyboardInterrupt": lambda _: _stopped(),
    "Abort": lambda _: _stopped(),
    "SystemExit": _status,
    "AskanceError": _complained,
    "NoArgsIsHelpError": _helped,
    "ClickException": lambda error: _complained(_of_parser(error), 2),
}
"""How a command may end that did not come to its own end, by the name of the kind."""
