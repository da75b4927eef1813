"""Whether a database is whole, as functions of a connection."""

from sqlalchemy import Connection, inspect

from askance.store import migrate
from askance.store.schema import metadata

_GUARDS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid IN (to_regclass('labels'), to_regclass('splits'))",
}
_GUARDED = {
    "sqlite": {f"{table}_no_{verb}" for table in ("labels", "splits") for verb in ("update", "delete", "replace")},
    "postgresql": {f"{table}_no_{verb}" for table in ("labels", "splits") for verb in ("change", "truncate")},
}
"""Triggers that keep labels and splits append-only."""


def problems(connection: Connection) -> list[str]:
    """What is wrong, in words for people; empty when all is sound."""
    found = _damage(connection) if connection.dialect.name == "sqlite" else []
    here = migrate.revision(connection)
    if here != migrate.newest():
        found.append(f"the schema is at {here}, not {migrate.newest()}")
    missing = set(metadata.tables) - set(inspect(connection).get_table_names())
    found += [f"the table {name} is missing" for name in sorted(missing)]
    guards = set(connection.exec_driver_sql(_GUARDS[connection.dialect.name]).scalars())
    lost = _GUARDED[connection.dialect.name] - guards
    return found + [f"the trigger {name} that keeps the table append-only is missing" for name in sorted(lost)]


def _damage(connection: Connection) -> list[str]:
    """What SQLite finds in its own file."""
    said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    found = [str(line) for line in said if line != "ok"]
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        found.append(f"row {row} of {table} speaks of something that {parent} does not have")
    return found
