"""One at a time: a turn that other processes wait for, without stopping whoever reads or writes besides."""

import errno
import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

from askance.vocab import Busy
from askance.vocab.files import cannot_write

PATIENCE = 300.0
"""Seconds that a turn is waited for."""

_LOCK = 0x61736B62
"""The advisory lock of turns on Postgres; writers have another."""

_AGAIN = 0.02
"""Seconds between two looks."""

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems without locks say: there it is up to people to do one thing after the other."""


@contextmanager
def turn(engine: Engine) -> Iterator[None]:
    """Have the turn while the block runs: of all processes with this database one at a time.

    It ends with the process, however that ends.

    Raises:
        Busy: somebody else has had it all the time.
        StoreError: the lock beside a SQLite file cannot be made.
    """
    if engine.dialect.name == "sqlite":
        with _of_file(Path(f"{engine.url.database}.turn")):
            yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        _wait(lambda: bool(connection.scalar(text(f"SELECT pg_try_advisory_lock({_LOCK})"))))
        try:
            yield
        finally:
            connection.execute(text(f"SELECT pg_advisory_unlock({_LOCK})"))


@contextmanager
def _of_file(path: Path) -> Iterator[None]:
    try:
        file = path.open("ab")
    except OSError as error:
        raise cannot_write(path, error) from None
    with file:  # closing it gives the lock back

        def taken() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            except OSError as error:
                return error.errno in _NO_LOCKS
            return True

        _wait(taken)
        yield


def _wait(taken: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not taken():
        if time.monotonic() > until:
            got = f"another import or change of classes that has taken {PATIENCE:.0f} s"
            raise Busy("a turn to change labels and classes", got, "wait for it, or stop it, and run this again")
        time.sleep(_AGAIN)
