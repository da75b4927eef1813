"""A URL or a path -> an engine whose transactions mean the same on SQLite and Postgres.

Readers never wait. Writers take turns: `BEGIN IMMEDIATE` on SQLite, an advisory lock on Postgres, so that what a
write reads first is still true when it writes, on both.

SQLite runs in WAL with `synchronous=FULL`: a commit is on the disk before it is acknowledged. NORMAL would survive
a kill too, but a power cut could take the last labels; one fsync a commit is cheap beside the work of a person.
"""

import os
import stat
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from askance.vocab import MissingExtra, StoreError
from askance.vocab.secrets import masked_url

PATIENCE = 30
"""Seconds a writer waits for its turn."""

_SERVER = {"connect_timeout": 15, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""Seconds after which a server that does not answer, or no more, is given up, where the URL says nothing."""

_TURN = 0x61736B61
"""The advisory lock of all writers on Postgres: `aska`."""


def parse(url: str | Path) -> URL:
    """The URL of a SQLite file or a Postgres database.

    >>> parse("postgres://me@db/cats").drivername
    'postgresql+psycopg'
    """
    if isinstance(url, Path):
        return URL.create("sqlite", database=str(url))
    wanted = "sqlite:///path/askance.db or postgresql://user@host/name"
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(wanted, repr(masked_url(url)), "write the database as such a URL") from None
    if "@" in (parsed.host or ""):  # else a driver names the end of the password as the host it looks for
        got = f"{masked_url(url)}, with an @ in its user or password"
        raise StoreError(wanted, got, "write @ in a user or password as %40, / as %2F, : as %3A")
    if parsed.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and not _is_in_memory(parsed):
        return parsed
    raise StoreError(wanted, shown(parsed), "use SQLite in a file, or Postgres")


def _is_in_memory(url: URL) -> bool:
    """Whether a database would be gone with the process."""
    name = (url.database or "").removeprefix("file:") if _is_file_uri(url) else url.database
    return name in {None, "", ":memory:"} or (_is_file_uri(url) and url.query.get("mode") == "memory")


def shown(url: URL) -> str:
    """A URL for people, without its password."""
    return masked_url(url.render_as_string(hide_password=False))


def under(url: URL, folder: Path) -> URL:
    """The same database, the relative path of a file taken from a folder.

    >>> under(parse("sqlite:///labels.db"), Path("/project")).database
    '/project/labels.db'
    """
    if url.drivername != "sqlite":
        return url
    scheme, path = ("file:", str(url.database)[5:]) if _is_file_uri(url) else ("", str(url.database))
    return url.set(database=f"{scheme}{folder / path}")


def file_of(url: URL) -> Path | None:
    """The file of a SQLite database; None for a server."""
    if url.drivername != "sqlite":
        return None
    return Path(str(url.database)[5:] if _is_file_uri(url) else str(url.database))


def is_empty(file: Path) -> bool:
    """Whether there is nothing at a place; what cannot be looked at is left to whoever opens it."""
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError):  # a link to what is gone, too
        return True
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


def connect(url: URL) -> Engine:
    """An engine for reading.

    Raises:
        StoreError: the file cannot be there, or be written.
        MissingExtra: Postgres without its driver.
    """
    if (path := file_of(url)) is not None:
        _check_path(path)
        engine = _engine(url, connect_args={"timeout": PATIENCE})
        event.listen(engine, "connect", _sqlite_settings)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    try:
        patience = {key: value for key, value in _SERVER.items() if key not in url.query}
        engine = _engine(url, pool_pre_ping=True, connect_args=patience)
    except ModuleNotFoundError as error:
        raise MissingExtra("the Postgres driver, psycopg", f"{error}", "pip install askance[postgres]") from error
    event.listen(engine, "begin", _postgres_begin)
    return engine


def writer(engine: Engine) -> Engine:
    """The same engine, whose transactions take their turn to write."""
    return engine.execution_options(askance_writes=True)


def _engine(url: URL, **options: Any) -> Engine:
    try:
        return create_engine(url, hide_parameters=True, **options)
    except (ArgumentError, ValueError, TypeError) as error:  # what stands behind the question mark
        raise StoreError(
            "options of a database", f"{shown(url)}: {error}", "correct what stands behind ?"
        ) from None


def _check_path(path: Path) -> None:
    folder = path.absolute().parent
    try:
        if not folder.is_dir():
            raise StoreError("a folder that exists", str(folder), f"mkdir -p {folder}")
        if path.is_dir():
            raise StoreError("a file", f"the folder {path}", f"give {path / 'askance.db'}")
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise StoreError("a file", f"{path}, which is none", "move it away, or give another path")
        closed = [place for place in (path, folder) if place.exists() and not os.access(place, os.W_OK)]
    except (OSError, ValueError) as error:
        raise StoreError("a folder that can be looked into", f"{error}", f"chmod u+rwx {folder}") from error
    if closed:
        raise StoreError("a database that can be written", f"{closed[0]} is read-only", f"chmod u+w {closed[0]}")


def _is_file_uri(url: URL) -> bool:
    return str(url.database).startswith("file:") and str(url.query.get("uri", "")).lower() in {"true", "1"}


def _sqlite_settings(connection: Any, record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; _sqlite_begin does
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("askance_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres_begin(connection: Connection) -> None:
    if connection.get_execution_options().get("askance_writes", False):
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")
