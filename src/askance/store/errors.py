"""What databases say when they cannot, turned into what a person can do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from askance.store.columns import Unreadable
from askance.store.engine import file_of, shown
from askance.vocab import StoreError
from askance.vocab.secrets import HIDDEN, secrets_of

_WAIT = ("a turn to write within 30 s", "another program holds the database: wait for it, or close it")
_TABLES = (
    "a database with the tables and columns of Askance",
    "restore a copy of it; `askance doctor` names all that is missing",
)

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
    "SQLITE_PERM": ("a file that you may open", "check who owns the file and its folder"),
    "SQLITE_BUSY": _WAIT,
    "SQLITE_LOCKED": _WAIT,
    "SQLITE_PROTOCOL": (
        "a file system whose locks work",
        "lay the database on a disk of this machine (a network drive often cannot lock), or use Postgres",
    ),
    "SQLITE_TOOBIG": ("values of less than a gigabyte", "correct the value"),
    "SQLITE_NOMEM": ("enough memory", "close other programs and run it again; nothing was half written"),
}
"""SQLite's error names (beginnings of) -> what was wanted, what to do."""

_POSTGRES = {
    "53100": ("room on the server's disk", "free some space there and run it again; nothing was half written"),
    "53": ("a server with resources left", "look at the server's log and its connection limit"),
    "25006": ("a database that can be written", "connect to the primary, not a standby"),
    "42501": ("a user who may write here", "GRANT the user rights on the database and its schema"),
    "42P01": _TABLES,
    "42703": _TABLES,
    "3F000": ("a schema to work in", "CREATE SCHEMA, or correct search_path in the URL"),
    "55P03": _WAIT,
    "57P": ("a server that stays", "the server was stopped: start it and run it again; nothing was half written"),
    "58": ("a server whose disk works", "look at the server's log; nothing was half written"),
    "08": ("a Postgres database to connect to", "start the server, createdb NAME, or correct the URL"),
    "XX001": ("a whole database", "restore a copy"),
    "XX002": ("a whole database", "restore a copy"),
}
"""SQLSTATE (beginnings of) -> what was wanted, what to do; the first that fits."""

_WORDS = {
    "password authentication failed": (
        "the password of that user",
        "correct it in `store`, or in ~/.pgpass",
    ),
    "no password supplied": ("a password", "write it into `store` (user:password@host), or into ~/.pgpass"),
    "pg_hba.conf": ("a server that lets this user in from here", "add a line to its pg_hba.conf"),
    "role ": ("a user of the server", "createuser NAME, or correct the user in `store`"),
    "database ": ("a database of that name", "createdb NAME, or correct the name in `store`"),
    "resolve host": ("the name of a host", "correct the host in `store`, or look at the network"),
    "translate host name": ("the name of a host", "correct the host in `store`, or look at the network"),
    "connection refused": ("a server that runs", "start the server, or correct host and port in `store`"),
    "timeout": (
        "a server that answers",
        "look at the network, or correct host and port in `store`",
    ),
    "server closed the connection": (
        "a server that stays",
        "look at the server's log and run it again; nothing was half written",
    ),
    "invalid connection option": ("options that Postgres knows", "correct what stands behind ? in `store`"),
    "no such table": _TABLES,
    "no such column": _TABLES,
    "has no column": _TABLES,
}
"""Words of a message that comes without a code -> what was wanted, what to do; the first that fits."""

_OTHER = ("a change the schema allows", "`askance doctor` shows what is wrong with the project")


@contextmanager
def teaching(url: URL) -> Iterator[None]:
    """Turn what the database says inside the block into a `StoreError`."""
    try:
        yield
    except DBAPIError as error:
        raise explained(error, url) from error
    except Unreadable as error:
        raise StoreError(
            "rows as Askance writes them",
            f"{shown(url)}: {without_secrets(str(error), url)}",
            "restore a copy of the database; `askance doctor` names the rows",
        ) from error
    except SQLAlchemyError as error:
        raise StoreError(
            "values the database can hold", without_secrets(f"{error}", url), "correct the value"
        ) from error


def explained(error: DBAPIError, url: URL) -> StoreError:
    """The `StoreError` for what a driver raised, with the password left out."""
    said = without_secrets(" ".join(str(error.orig).split()), url)
    if isinstance(error.orig, sqlite3.Error):
        code, lessons = getattr(error.orig, "sqlite_errorname", None) or "", _SQLITE
    else:
        code, lessons = getattr(error.orig, "sqlstate", None) or "", _POSTGRES
    by_words = code in {"", "SQLITE_ERROR"}
    found = _by_words(said) if by_words else None
    code = code or ("" if lessons is _SQLITE else "08")
    wanted, fix = found or next((lesson for start, lesson in lessons.items() if code.startswith(start)), _OTHER)
    return StoreError(wanted, f"{shown(url)}: {said}", fix)


def gone(url: URL) -> StoreError:
    """That there is no database where there was one."""
    wanted, init = "the project's database", "only `askance init` makes a new one"
    file = file_of(url)
    if file is None:
        fix = f"correct `store` in askance.toml, or restore a copy of the database; {init}"
        return StoreError(wanted, f"{shown(url)} without any table of Askance", fix)
    got = f"{file}, which is {'empty' if file.exists() else 'not there'}"
    fix = f"put {file.name} back, from a copy, or correct `store` in askance.toml; {init}"
    here = Path(file.name).absolute()
    if here.is_file() and here != file.absolute():
        fix = f"earlier versions looked in the folder of the command; if it is that one: mv {here}* {file.parent}"
    return StoreError(wanted, got, fix)


def without_secrets(text: str, url: URL) -> str:
    """What a driver said, without what the URL keeps secret."""
    for secret in sorted(secrets_of(url.render_as_string(hide_password=False)), key=len, reverse=True):
        text = text.replace(secret, HIDDEN) if len(secret) > 2 else text
    return text


def _by_words(said: str) -> tuple[str, str] | None:
    lower = said.lower()
    gone = "does not exist" in lower
    for words, lesson in _WORDS.items():
        if words in lower and (gone or words not in {"role ", "database "}):
            return lesson
    return None
