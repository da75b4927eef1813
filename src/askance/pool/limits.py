"""How much of what comes from outside is taken, and how long it is waited for."""

import queue
import time
from collections.abc import Callable, Iterable, Iterator
from threading import Thread
from typing import NamedTuple, TypeVar

from askance.vocab.config import PoolConfig

T = TypeVar("T")
_DEFAULT = PoolConfig.model_fields
_SLOWEST = 4096
"""Bytes a second that a file must come at in the end, else nobody waits for the rest."""


class Limits(NamedTuple):
    """The bounds of `[pool]` in `askance.toml`, but for `max_pixels`.

    Attributes:
        max_bytes: a larger file is not read.
        timeout: seconds without an answer from a storage behind a URL.
        max_depth: folders in folders.
    """

    max_bytes: int = _DEFAULT["max_bytes"].default
    timeout: float = _DEFAULT["timeout"].default
    max_depth: int = _DEFAULT["max_depth"].default

    @classmethod
    def of(cls, pool: PoolConfig) -> "Limits":
        """The limits that a project sets."""
        return cls(pool.max_bytes, pool.timeout, pool.max_depth)


def too_large(size: int, most: int) -> str:
    """What is said of a file that is not read.

    >>> too_large(3_000_000_000, 500_000_000)
    '3,000,000,000 bytes, more than max_bytes = 500,000,000'
    """
    return f"{size:,} bytes, more than max_bytes = {most:,}"


def too_deep(most: int) -> str:
    """What is said of what lies in too many folders."""
    return f"it lies more than max_depth = {most} folders deep: put it further up, or raise max_depth under [pool]"


def no_answer(seconds: float) -> TimeoutError:
    """The error of a storage that is silent."""
    return TimeoutError(f"no answer within {seconds:g} seconds (timeout under [pool])")


def within(seconds: float, call: Callable[[], T]) -> T:
    """What a call returns, or raises, if it does so in time.

    Raises:
        TimeoutError: it has not come back. It goes on in a thread of its own, which ends with the program.
    """
    return next(_answers(seconds, lambda: iter((call(),))))


def gathered(seconds: float, pieces: Callable[[], Iterable[bytes]], most: int) -> bytes:
    """Bytes that come in pieces, each in time, and all at a speed that gets somewhere.

    Raises:
        TimeoutError: no piece has come for so many seconds, or next to nothing in more.
        OSError: there are more than `most` bytes.
    """
    found, size, start = list[bytes](), 0, time.monotonic()
    for piece in _answers(seconds, pieces):
        found.append(piece)
        size += len(piece)
        passed = time.monotonic() - start
        if size > most:
            raise OSError(f"more than max_bytes = {most:,}")
        if passed > seconds and size < passed * _SLOWEST:
            raise TimeoutError(f"{size:,} bytes in {passed:.0f} seconds are too slow (timeout under [pool])")
    return b"".join(found)


def _answers(seconds: float, produce: Callable[[], Iterable[T]]) -> Iterator[T]:
    """What a thread produces, an answer at a time; whoever stops listening stops the thread at its next one."""
    answers: queue.SimpleQueue[tuple[T | None, BaseException | None, bool]] = queue.SimpleQueue()
    listening = [True]

    def work() -> None:
        try:
            for answer in produce():
                if not listening:
                    return
                answers.put((answer, None, False))
            answers.put((None, None, True))
        except BaseException as error:  # handed over to whoever waits
            answers.put((None, error, True))

    Thread(target=work, daemon=True, name="askance-storage").start()
    try:
        while True:
            try:
                answer, error, last = answers.get(timeout=seconds)
            except queue.Empty:
                raise no_answer(seconds) from None
            if error is not None:
                raise error
            if last:
                return
            yield answer  # type: ignore[misc]  # None only with the last
    finally:
        listening.clear()
