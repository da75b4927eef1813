"""Whose a database is: nobody's yet, a project's, or left by an `init` that never came to its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Table, delete, func, select, true

from askance.store.schema import images, jobs, labels, rounds, sightings, splits
from askance.vocab import StoreError

MAKING = "init"
"""The kind of the job that makes a project."""

GUARDED = ("labels", "splits")

Beginning = Literal["empty", "unfinished", "labelled", "project"]
"""`labelled` is unfinished, and some labels or splits are in it already."""


def made_by(connection: Connection) -> Beginning:
    """Whose it is. The job of an `init` under way says nothing; one that is done says that a project is made."""
    finished = (jobs.c.kind != MAKING) | (jobs.c.state == "done")
    if _any(connection, jobs, finished) or _any(connection, rounds):
        return "project"
    said = _any(connection, labels) or _any(connection, splits)
    before = connection.scalar(select(func.count()).select_from(jobs).where(jobs.c.state != "running"))
    if before:
        return "labelled" if said else "unfinished"
    return "project" if said or _any(connection, sightings) else "empty"


def begin_anew(connection: Connection) -> None:
    """Delete labels, splits and images, of which nobody has said anything but the `init` that never ended.

    Raises:
        StoreError: a project was made here.
    """
    if made_by(connection) == "project":
        raise StoreError("a database without a project", "one with a project", "give another database")
    with _unguarded(connection):
        for table in (labels, splits, sightings, images):
            connection.execute(delete(table))


@contextmanager
def _unguarded(connection: Connection) -> Iterator[None]:
    """Within the transaction, without the triggers that keep labels and splits append-only."""
    if connection.dialect.name == "postgresql":
        for table in GUARDED:
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in GUARDED:
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        return
    found = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('labels', 'splits')"
    ).all()
    for name, _ in found:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for _, sql in found:
        connection.exec_driver_sql(sql)


def _any(connection: Connection, table: Table, where: ColumnElement[Any] | None = None) -> bool:
    query = select(1).select_from(table).where(true() if where is None else where).limit(1)
    return connection.execute(query).first() is not None
