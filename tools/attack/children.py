"""Work in a fork: what it gave, said and acknowledged, and how it ended."""

import json
import os
import selectors
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PATIENCE = 120
"""Seconds one command of a case may take on a busy machine before it counts as hanging."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a fork ended.

    Attributes:
        value: what the work returned; None where it did not come to its end.
        signal: the signal that ended it, or 0.
        said: its stderr.
        acknowledged: what it had been told is safe, in order.
    """

    value: Any
    signal: int
    said: str
    acknowledged: list[str]

    @property
    def hung(self) -> bool:
        """Whether the time ran out."""
        return self.signal == signal.SIGALRM


Work = Callable[[Callable[[str], None]], Any]
"""Takes a function that notes an acknowledgement; what it returns must be JSON."""


def in_child(work: Work, patience: int = PATIENCE) -> Ended:
    """Do work in a fork, whose stdout goes nowhere, and wait for it, at most so many seconds."""
    return begun(work, patience)()


def begun(work: Work, patience: int = PATIENCE) -> Callable[[], Ended]:
    """Begin work in a fork; call what this returns to wait for its end."""
    pipes = {name: os.pipe() for name in ("value", "said", "acknowledged")}
    child = os.fork()
    if child == 0:
        _be_child(work, {name: pipe[1] for name, pipe in pipes.items()}, patience)
    for _, writing in pipes.values():
        os.close(writing)

    def wait() -> Ended:
        texts = _read_all({name: pipe[0] for name, pipe in pipes.items()})
        _, status = os.waitpid(child, 0)
        ended = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        value = json.loads(texts["value"]) if texts["value"] and not ended else None
        return Ended(value, ended, texts["said"], texts["acknowledged"].splitlines())

    return wait


def _be_child(work: Work, pipes: dict[str, int], patience: int) -> None:
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(patience)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(pipes["said"], 2)
        sys.stdout = os.fdopen(1, "w", closefd=False)  # what they were may have been files, which seek
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        write = os.write
        value = work(lambda word: _ignore(write(pipes["acknowledged"], f"{word}\n".encode())))
        write(pipes["value"], json.dumps(value).encode())
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


def _ignore(value: object) -> None:
    """Nothing."""


def _read_all(pipes: dict[str, int]) -> dict[str, str]:
    """Everything that comes out of some pipes, all at once."""
    found = dict.fromkeys(pipes, b"")
    with selectors.DefaultSelector() as selector:
        for name, reading in pipes.items():
            selector.register(reading, selectors.EVENT_READ, name)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 1 << 16)
                found[key.data] += data
                if not data:
                    selector.unregister(key.fd)
                    os.close(key.fd)
    return {name: text.decode(errors="replace") for name, text in found.items()}
