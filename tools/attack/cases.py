"""What one case is, and how it can end."""

import random
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Kind = Literal["kill", "disk", "image", "table", "together"]
KINDS: tuple[Kind, ...] = ("kill", "disk", "together", "image", "table")
"""In the order they are run."""

End = Literal["ok", "lost", "differs", "unsound", "leftover", "traceback", "hang", "crash"]
"""How a case ends.

- `lost`: something that was there or was acknowledged is gone, or a row of a file is unaccounted for.
- `differs`: what came of it is not what an undisturbed run gives, or not the same twice.
- `unsound`: the project does not open, `doctor` finds something, or the command does not end well again.
- `leftover`: half a file stays for good and nobody names it.
- `traceback`: an error that is none of ours, or an exit status without its three lines.
- `hang`: no end within the time for one case.
- `crash`: a signal ended the process that did the work.
"""
FAULTS: tuple[End, ...] = ("lost", "differs", "unsound", "leftover", "traceback", "hang", "crash")


@dataclass(frozen=True, slots=True)
class Result:
    """One case and how it ended.

    Attributes:
        kind: of the case.
        seed: it and the kind make the case again.
        what: the command, the format or the file that was attacked.
        how: what was done to it.
        end: `ok`, or a fault.
        note: what was seen; empty where all is well.
        landed: whether what was done to it was felt: a process died, an operation failed.
    """

    kind: Kind
    seed: int
    what: str
    how: str
    end: End = "ok"
    note: str = ""
    landed: bool = True

    def record(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)


Attempt = Callable[[int], Result]
"""A case from its seed."""


class Fault(Exception):
    """A case ended badly; found by a check, caught where the case is run."""

    def __init__(self, end: End, note: str) -> None:
        super().__init__(note)
        self.end, self.note = end, note


def chance(kind: Kind, seed: int) -> random.Random:
    """Random numbers of a case, of it alone."""
    return random.Random(f"{kind}:{seed}")


def told(error: BaseException) -> str:
    """An error that is none of ours, in a line: what, where it was raised, and the last place in our own code."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{Path('src') / 'askance'}" in frame.filename][-1:]
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in [*ours, *frames[-1:]])
    return f"{type(error).__name__} at {places}: {str(error)[:200]}"
