"""From whatever schema the database has to the newest, in one transaction.

Alembic takes the steps. Importing it costs as much as all of SQLAlchemy, and is left out where no step is missing.
"""

import re
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from askance.store.engine import shown
from askance.vocab import StoreError
from askance.vocab.errors import listed

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "askance_schema"
"""Where the database keeps its revision; our own name, so that no other program's Alembic is taken for ours."""

_MIGRATIONS = Path(__file__).parent / "migrations"

_alembic = threading.Lock()
"""Alembic keeps the migration under way in a global: one at a time in a process."""


def scripts() -> "Config":
    """Alembic's configuration for the steps in `migrations/`; no file is needed."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def steps() -> frozenset[str]:
    """The revisions of all steps, as their files name them."""
    said = (path.read_text(encoding="utf-8") for path in (_MIGRATIONS / "versions").glob("r*.py"))
    return frozenset(re.findall(r'^revision = "(\w+)"$', "\n".join(said), re.MULTILINE))


def newest() -> str:
    """The revision this program writes: steps are numbered."""
    return max(steps())


def revision(connection: Connection) -> str | None:
    """The revision the database has; None where it has no schema of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return None if found is None else str(found)


def tables(connection: Connection) -> list[str]:
    """All tables but that of the revision, sorted."""
    return sorted(set(inspect(connection).get_table_names()) - {VERSION_TABLE})


def upgrade(connection: Connection, to: str = "head") -> None:
    """Take every missing step, within the caller's transaction.

    Raises:
        StoreError: another program's tables are here, or a newer Askance has been.
    """
    here = revision(connection)
    where = shown(connection.engine.url)
    others = tables(connection)
    if here is None and others:
        raise StoreError(
            "an empty database, or one of Askance",
            f"{where} with the tables {listed(others)}",
            "give another file name, or a database of its own (createdb askance)",
        )
    if here is not None and here not in steps():
        raise StoreError(
            f"a database at schema {newest()} or older",
            f"{where} at schema {here}, written by a newer Askance",
            "pip install --upgrade askance",
        )
    from alembic import command
    from alembic.util import CommandError

    config = scripts()
    config.attributes["connection"] = connection
    try:
        with _alembic:
            command.upgrade(config, to)
    except CommandError as error:
        raise StoreError(
            f"a database that can be brought to schema {newest()}", f"{where}: {error}", "restore a copy of it"
        ) from error
