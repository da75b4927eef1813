"""Who is at work on the project: one live job at a time, as functions of a connection."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, func, insert, select, update

from askance.store.columns import Utc
from askance.store.process import Process, runs, this_process
from askance.store.schema import jobs
from askance.vocab import Busy

HEARTBEAT = 5.0
"""Seconds between signs of life."""

SILENCE = timedelta(seconds=60)
"""A job elsewhere that gave no sign of life for longer is dead."""

JobState = Literal["running", "done", "failed", "lost"]


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work on the project, now or once.

    Attributes:
        kind: what it does, in a word.
        started: in UTC, by the database's clock; so is `heartbeat`, its last sign of life.
        state: `lost` is a job that died and was taken over.
        message: why it failed or was lost; None otherwise.
    """

    id: int
    kind: str
    pid: int
    host: str
    started: datetime
    heartbeat: datetime
    state: JobState
    message: str | None


_job = select(
    jobs.c.id,
    jobs.c.kind,
    jobs.c.pid,
    jobs.c.host,
    jobs.c.started,
    jobs.c.heartbeat,
    jobs.c.state,
    jobs.c.message,
)


def begin(connection: Connection, kind: str) -> Job:
    """Enter a job; one that died is written off.

    Raises:
        Busy: another job lives.
    """
    now, me = clock(connection), this_process()
    running = select(jobs.c.id, jobs.c.space, jobs.c.birth).where(jobs.c.state == "running")
    for number, space, birth in connection.execute(running).all():
        other = one(connection, number)
        if _lives(other, Process(other.pid, other.host, space, birth), now):
            raise _busy(other)
        note = f"gave no sign of life after {other.heartbeat:%Y-%m-%d %H:%M:%S} UTC; taken over by {kind} of "
        end(connection, number, "lost", f"{note}process {me.pid} on {me.host}")
    row = {"kind": kind, "started": now, "heartbeat": now, "state": "running"}
    row |= {"pid": me.pid, "host": me.host, "space": me.space, "birth": me.birth}
    entered = connection.execute(insert(jobs).values(row)).inserted_primary_key
    assert entered is not None
    return one(connection, entered[0])


def beat(connection: Connection, number: int) -> None:
    """Give a sign of life."""
    mine = (jobs.c.id == number) & (jobs.c.state == "running")
    connection.execute(update(jobs).where(mine).values(heartbeat=clock(connection)))


def end(connection: Connection, number: int, state: JobState, message: str | None) -> bool:
    """Close a running job; False where somebody else has."""
    mine = (jobs.c.id == number) & (jobs.c.state == "running")
    return connection.execute(update(jobs).where(mine).values(state=state, message=message)).rowcount == 1


def one(connection: Connection, number: int) -> Job:
    """The job of that number."""
    return Job(*connection.execute(_job.where(jobs.c.id == number)).one())


def everything(connection: Connection) -> list[Job]:
    """All jobs, oldest first."""
    return [Job(*row) for row in connection.execute(_job.order_by(jobs.c.id))]


def clock(connection: Connection) -> datetime:
    """Now, by the database's clock: the one that all hosts share."""
    now = connection.scalar(select(func.current_timestamp(type_=Utc())))
    assert isinstance(now, datetime)
    return now


def _lives(job: Job, process: Process, now: datetime) -> bool:
    seen = runs(process)
    return now - job.heartbeat <= SILENCE if seen is None else seen


def _busy(job: Job) -> Busy:
    return Busy(
        "no other job on this project",
        f"{job.kind} by process {job.pid} on {job.host}, since {job.started:%Y-%m-%d %H:%M:%S} UTC",
        f"wait for it, or stop it on {job.host}: kill {job.pid}",
    )
