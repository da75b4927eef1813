"""Whether a database is whole, as functions of a connection."""

import json
from collections.abc import Callable, Iterator
from functools import partial

from sqlalchemy import Column, Connection, Table, inspect

from askance.store import migrate
from askance.store.columns import JsonText, Whole, Word
from askance.store.schema import metadata
from askance.vocab import StoreError
from askance.vocab.errors import listed

_GUARDS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid IN (to_regclass('labels'), to_regclass('splits')) "
    "AND tgenabled <> 'D'",
}
_GUARDED = {
    "sqlite": {f"{table}_no_{verb}" for table in ("labels", "splits") for verb in ("update", "delete", "replace")},
    "postgresql": {f"{table}_no_{verb}" for table in ("labels", "splits") for verb in ("change", "truncate")},
}
"""Triggers that keep labels and splits append-only."""

_STORED = {
    "INTEGER": ("integer",),
    "BIGINT": ("integer",),
    "BOOLEAN": ("integer",),
    "DOUBLE": ("real", "integer"),
    "DATETIME": ("text",),
    "TEXT": ("text",),
}
"""Type of a column -> what SQLite, which takes anything anywhere, may have in it."""


_COPY = "restore a copy of the database"
_SCANNED = f"askance scan reads those files anew, and mends it where they are still in the pool; else {_COPY}"


def problems(read: Callable[[Callable[[Connection], list[str]]], list[str]]) -> list[str]:
    """What is wrong, in words for people; empty when all is sound. No look hinders the next.

    Args:
        read: gives a function a connection, and raises `StoreError` for what the database says.
    """
    looks: list[Callable[[Connection], list[str]]] = [_damage, _schema, _tables, _guards]
    looks += [partial(_rows, table=table) for table in metadata.sorted_tables]
    found: list[str] = []
    for look in looks:
        try:
            said = read(look)
        except StoreError as error:
            said = [f"{error.got} ({error.fix})"]
        found += [one for one in said if one not in found]
    return found


def _damage(connection: Connection) -> list[str]:
    """What SQLite finds in its own file."""
    if connection.dialect.name != "sqlite":
        return []
    said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    found = [str(line) for line in said if line != "ok"]
    lost: dict[tuple[str, str], list[str]] = {}
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        lost.setdefault((table, parent), []).append(str(row))
    for (table, parent), rows in lost.items():
        fix = _SCANNED if parent == "images" else _COPY
        found.append(f"{table}, row {listed(rows)}: the table {parent} does not have what this speaks of: {fix}")
    return found


def _schema(connection: Connection) -> list[str]:
    here = migrate.revision(connection)
    return [] if here == migrate.newest() else [f"the schema is at {here}, not {migrate.newest()}"]


def _tables(connection: Connection) -> list[str]:
    missing = set(metadata.tables) - set(inspect(connection).get_table_names())
    found = [f"the table {name} is missing" for name in sorted(missing)]
    for table in metadata.sorted_tables:
        if table.name not in missing:
            gone = [column.name for column in table.columns if column.name not in _there(connection, table)]
            found += [f"the table {table.name} has no column {name}" for name in gone]
    return found


def _guards(connection: Connection) -> list[str]:
    guards = set(connection.exec_driver_sql(_GUARDS[connection.dialect.name]).scalars())
    lost = _GUARDED[connection.dialect.name] - guards
    return [f"the trigger {name} that keeps the table append-only is missing" for name in sorted(lost)]


def _rows(connection: Connection, table: Table) -> list[str]:
    """Values that Askance cannot have written."""
    if not inspect(connection).has_table(table.name):
        return []
    there = _there(connection, table)
    columns = [column for column in table.columns if column.name in there]
    return [said for column in columns for said in _values(connection, table, column)]


def _values(connection: Connection, table: Table, column: Column[object]) -> Iterator[str]:
    where = f"the column {column.name} of the table {table.name}"
    name, quoted = f'"{column.name}"', f'"{table.name}"'
    if isinstance(column.type, JsonText):
        keys = ", ".join(f'"{key.name}"' for key in table.primary_key)
        rows = connection.exec_driver_sql(f"SELECT {name}, {keys} FROM {quoted}")
        broken = [" ".join(map(str, key)) for value, *key in rows if not _is_object(value)]
        if broken:
            what = "round" if table.name in {"rounds", "picks"} else "row"
            yield f"{where} is no JSON in {what} {listed(broken)}: {_COPY}"
        return
    rules = _limits(column, name)
    if connection.dialect.name == "sqlite":
        allowed = [*_STORED[column.type.compile(connection.dialect).split("(")[0]], "null"]
        kinds = ", ".join(f"'{kind}'" for kind in allowed)
        rules.append(f"typeof({name}) NOT IN ({kinds})")
        if "DATETIME" in column.type.compile(connection.dialect):
            rules.append(f"{name} NOT GLOB '[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9] [0-2][0-9]:[0-5][0-9]:*'")
    if not rules:
        return
    n = connection.exec_driver_sql(f"SELECT count(*) FROM {quoted} WHERE {' OR '.join(rules)}").scalar()
    if n:
        fix = _SCANNED if table.name in {"images", "sightings"} and column.name not in {"id", "uri"} else _COPY
        yield f"{where} has {n:,} values that Askance cannot have written: {fix}"


def _limits(column: Column[object], name: str) -> list[str]:
    """When a value is none of the words, or less than the least number, that the column takes."""
    kind = column.type
    if isinstance(kind, Word) and kind.allowed:
        return [f"{name} NOT IN ({', '.join(repr(word) for word in kind.allowed)})"]
    return [f"{name} < {kind.least}"] if isinstance(kind, Whole) and kind.least is not None else []


def _is_object(text: object) -> bool:
    try:
        return isinstance(json.loads(str(text)), dict)
    except (ValueError, RecursionError):
        return False


def _there(connection: Connection, table: Table) -> set[str]:
    return {str(column["name"]) for column in inspect(connection).get_columns(table.name)}
