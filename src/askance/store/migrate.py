"""From whatever schema the database has to the newest, in one transaction."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from askance.vocab import StoreError

VERSION_TABLE = "askance_schema"
"""Where the database keeps its revision; our own name, so that no other program's Alembic is taken for ours."""

_alembic = threading.Lock()
"""Alembic keeps the migration under way in a global: one at a time in a process."""


def scripts() -> Config:
    """Alembic's configuration for the steps in `migrations/`; no file is needed."""
    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def newest() -> str:
    """The revision this program writes."""
    head = ScriptDirectory.from_config(scripts()).get_current_head()
    assert head is not None, "the package ships its migrations"
    return head


def revision(connection: Connection) -> str | None:
    """The revision the database has; None where it has no schema of ours."""
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Take every missing step, within the caller's transaction.

    Raises:
        StoreError: another program's tables are here, or a newer Askance has been.
    """
    here = revision(connection)
    where = connection.engine.url.render_as_string(hide_password=True)
    tables = inspect(connection).get_table_names()
    if here is None and set(tables) - {VERSION_TABLE}:
        raise StoreError(
            "an empty database, or one of Askance",
            f"{where} with the tables {', '.join(sorted(tables)[:5])}",
            "give another file name, or a database of its own (createdb askance)",
        )
    config = scripts()
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if here is not None and here not in known:
        raise StoreError(
            f"a database at schema {newest()} or older",
            f"{where} at schema {here}, written by a newer Askance",
            "pip install --upgrade askance",
        )
    config.attributes["connection"] = connection
    with _alembic:
        command.upgrade(config, to)
