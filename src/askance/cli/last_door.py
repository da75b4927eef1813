"""The last door: whatever no room has met ends here, in three lines, and with the whole story in a file.

Every error that a person, a disk, a network or another program can cause is met where it happens, by an
`AskanceError`. What comes here besides is told all the same: what was wanted, what came, what to do.
"""

import errno
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from askance.vocab import AskanceError
from askance.vocab.faults import foreseen, in_a_line, is_called
from askance.vocab.secrets import masked

STOPPED = 130
"""The exit status of a command that Ctrl-C ended."""

TRACEBACK = "ASKANCE_TRACEBACK"
"""The variable that has the whole story on the screen, too."""

KEPT = "askance-error.txt"
"""Where the whole story of the last such error is, in the project or else among temporary files."""

_HEAD = b"Askance ended with an error that it did not foresee\n"


def told(error: BaseException) -> int:
    """Tell a person what ended a command; the exit status."""
    if os.environ.get(TRACEBACK, "") not in ("", "0"):
        traceback.print_exception(error, file=sys.stderr)
    for kind, end in _ENDS.items():
        if is_called(error, kind):
            return end(error)
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        return 1  # whoever reads, as `| head`, has enough
    return _complained(explained(error, _keep(error)))


def explained(error: BaseException, kept: Path | None) -> AskanceError:
    """Three lines on an error that no room has met, and where the whole story is."""
    found = foreseen(error) or AskanceError(
        f"{_command()} to run to its end",
        in_a_line(error),
        "this is a fault of Askance: run the same command again, and if it comes again report it",
    )
    where = f"; the whole story is in {kept}" if kept is not None else ""
    return AskanceError(found.wanted, found.got, found.fix + where)


def _of_parser(error: BaseException) -> AskanceError:
    """A command that was typed as no command is."""
    context = getattr(error, "ctx", None)
    usage = context.get_usage().removeprefix("Usage: ") if context is not None else "askance COMMAND"
    name = context.command_path if context is not None else "askance"
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return AskanceError(" ".join(usage.split()), message, f"{name} --help says what it takes")


def _command() -> str:
    return " ".join(["askance", *sys.argv[1:2]])


def _keep(error: BaseException) -> Path | None:
    """Write the whole story to a file; which one, or None where even that cannot be."""
    story = "".join(traceback.format_exception(error))
    said = f"{time.strftime('%Y-%m-%d %H:%M:%S %z')}\n{' '.join(sys.argv)}\n\n{story}"
    data = _HEAD + masked(said).encode(errors="backslashreplace")
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
