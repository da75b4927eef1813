"""What databases say when they cannot, turned into what a person can do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from askance.vocab import StoreError

_SQLITE = {
    "SQLITE_NOTADB": ("a SQLite database", "give the path of askance.db, or move this file away"),
    "SQLITE_CORRUPT": (
        "a whole SQLite database",
        "restore a copy, or `sqlite3 askance.db .recover > new.sql`",
    ),
    "SQLITE_FULL": ("room on the disk", "free some space and run it again; nothing was half written"),
    "SQLITE_IOERR": (
        "a disk that takes what is written",
        "look for a full disk, a quota or a failing drive and run it again; nothing was half written",
    ),
    "SQLITE_READONLY": (
        "a database that can be written",
        "chmod u+w the file and its folder, or copy the project",
    ),
    "SQLITE_CANTOPEN": ("a file that can be opened", "check that the folder exists and that you may write in it"),
    "SQLITE_BUSY": ("a turn to write within 30 s", "another program holds the database: wait for it, or close it"),
    "SQLITE_LOCKED": (
        "a turn to write within 30 s",
        "another program holds the database: wait for it, or close it",
    ),
}
"""SQLite's error names (beginnings of) -> what was wanted, what to do."""

_POSTGRES = {
    "53100": ("room on the server's disk", "free some space there and run it again; nothing was half written"),
    "53": ("a server with resources left", "look at the server's log and its connection limit"),
    "25006": ("a database that can be written", "connect to the primary, not a standby"),
    "42501": ("a user who may write here", "GRANT the user rights on the database and its schema"),
    "55P03": ("a turn to write within 30 s", "another program holds the database: wait for it, or close it"),
    "08": ("a Postgres database to connect to", "start the server, createdb NAME, or correct the URL"),
    "XX001": ("a whole database", "restore a copy"),
}
"""SQLSTATE (beginnings of) -> what was wanted, what to do; the first that fits."""

_OTHER = ("a change the schema allows", "`askance doctor` shows what is wrong with the project")


@contextmanager
def teaching(url: URL) -> Iterator[None]:
    """Turn what the database says inside the block into a `StoreError`."""
    try:
        yield
    except DBAPIError as error:
        raise explained(error, url) from error
    except SQLAlchemyError as error:
        raise StoreError("values the database can hold", f"{error}", "correct the value") from error


def explained(error: DBAPIError, url: URL) -> StoreError:
    """The `StoreError` for what a driver raised, with the password left out."""
    where = url.render_as_string(hide_password=True)
    said = " ".join(str(error.orig).split())
    if isinstance(error.orig, sqlite3.Error):
        code, lessons = getattr(error.orig, "sqlite_errorname", ""), _SQLITE
    else:
        code, lessons = getattr(error.orig, "sqlstate", None) or "08", _POSTGRES
    wanted, fix = next((lesson for start, lesson in lessons.items() if code.startswith(start)), _OTHER)
    return StoreError(wanted, f"{where}: {said}", fix)
