"""Somebody else's code, called: whatever it raises is told in words, with its own file and line."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from askance.vocab.errors import AskanceError, ModelError

_FULL = ("out of memory", "can't allocate memory", "not enough memory", "alloc failed")
"""Words by which torch says that memory was not enough; of the processor it has no class of error for it."""

_LONGEST = 500
"""Characters of an error's text that are shown: some of torch's run over pages."""


@contextmanager
def theirs(wanted: str, fix: str) -> Iterator[None]:
    """Inside, code runs that is not ours: a network's `forward`, a factory.

    Args:
        wanted: what it was to do.
        fix: what to do where it fails; where memory was not enough, other words take its place.

    Raises:
        ModelError: in place of whatever it raises that is no `AskanceError`; its cause is what was raised.

    >>> with theirs("one over zero", "divide by another number"):
    ...     1 / 0
    Traceback (most recent call last):
    askance.vocab.errors.ModelError: wanted: one over zero
    got:    ZeroDivisionError: division by zero
    fix:    divide by another number
    """
    try:
        yield
    except AskanceError:
        raise
    except (Exception, SystemExit) as error:  # a script that ends itself when it is imported or called, too
        full = is_memory(error)
        enough = "give smaller batches or smaller images, or run it where there is more memory"
        raise ModelError(wanted, told(error), enough if full else fix) from error


def told(error: BaseException) -> str:
    """An error in one line: its kind, what it says, and where, if that is in a person's own code."""
    text = " ".join(str(error).split())
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}... ({len(text) - _LONGEST:,} more characters)"
    place = where(error)
    return f"{type(error).__name__}{': ' if text else ''}{text}" + (f" ({place})" if place else "")


def where(error: BaseException) -> str:
    """The innermost file and line that are neither Askance's nor an installed package's; "" if there is none."""
    own = Path(__file__).parents[1]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        installed = {"site-packages", "dist-packages"} & set(path.parts) or _is_python(path)
        if not installed and own not in path.parents and not frame.filename.startswith("<"):
            return f"{frame.filename}, line {frame.lineno}, in {frame.name}"
    return ""


def is_memory(error: BaseException) -> bool:
    """Whether memory was not enough, of a processor or of a card."""
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _FULL)


def _is_python(path: Path) -> bool:
    """Whether a file is of Python's own library."""
    return path.is_relative_to(Path(traceback.__file__).parent)
