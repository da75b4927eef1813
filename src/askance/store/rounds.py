"""Rounds with their metrics and picks, as functions of a connection."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from askance.store.images import unknown_images
from askance.store.schema import metrics, picks, rounds
from askance.vocab import Json, Pick, Round, StoreError
from askance.vocab.errors import listed


def save_round(connection: Connection, done: Round, measured: Mapping[str, float]) -> None:
    """Write a trained round, or write it again."""
    if done.state != "trained" or done.at.tzinfo is None:
        raise StoreError(
            "a round in state trained, begun at a time with a zone",
            f"state {done.state}, at {done.at}",
            "save_picks moves it to picked; use datetime.now(UTC)",
        )
    state = connection.scalar(select(rounds.c.state).where(rounds.c.number == done.number))
    if state == "picked":
        raise StoreError(
            "a round whose picks are not made yet",
            f"round {done.number}, picked",
            f"start round {done.number + 1}",
        )
    row = {"labels": done.labels, "seed": done.seed, "config": done.config, "at": done.at, "state": "trained"}
    if state is None:
        connection.execute(insert(rounds), [{"number": done.number, **row}])
    else:
        connection.execute(update(rounds).where(rounds.c.number == done.number).values(row))
    connection.execute(delete(metrics).where(metrics.c.round == done.number))
    values = [{"round": done.number, "name": name, "value": value} for name, value in measured.items()]
    if values:
        connection.execute(insert(metrics), values)


def save_picks(
    connection: Connection, number: int, chosen: Sequence[Pick], config: Mapping[str, Json] | None
) -> None:
    """Write a round's picks (and configuration) in place of any it had, and say that it has picked."""
    changes = {"state": "picked"} | ({} if config is None else {"config": config})
    moved = connection.execute(update(rounds).where(rounds.c.number == number).values(changes))
    if moved.rowcount != 1:
        raise StoreError("a round that is saved", f"round {number}", "save_round comes first")
    missing = unknown_images(connection, (pick.image_id for pick in chosen))
    if missing:
        raise StoreError("picks from this project's pool", f"unknown ids {listed(missing)}", "scan the pool first")
    connection.execute(delete(picks).where(picks.c.round == number))
    rows = [
        {"round": number, "rank": p.rank, "image_id": p.image_id, "gain": p.gain, "why": p.why} for p in chosen
    ]
    if rows:
        connection.execute(insert(picks), rows)


def all_rounds(connection: Connection) -> list[Round]:
    """In order of number."""
    query = select(
        rounds.c.number, rounds.c.state, rounds.c.labels, rounds.c.seed, rounds.c.config, rounds.c.at
    ).order_by(rounds.c.number)
    return [Round(*row) for row in connection.execute(query)]


def in_short(connection: Connection) -> list[tuple[int, str, int]]:
    """Number, state and labels of each, in order."""
    query = select(rounds.c.number, rounds.c.state, rounds.c.labels).order_by(rounds.c.number)
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def measured(connection: Connection, number: int) -> dict[str, float]:
    """Name -> value, in order of name; empty where there is no such round."""
    query = select(metrics.c.name, metrics.c.value).where(metrics.c.round == number)
    return dict(sorted((row[0], row[1]) for row in connection.execute(query)))


def picked(connection: Connection, number: int) -> list[Pick]:
    """Best first; empty where there is no such round, or it has not picked."""
    query = select(picks.c.image_id, picks.c.rank, picks.c.gain, picks.c.why).where(picks.c.round == number)
    return [Pick(*row) for row in connection.execute(query.order_by(picks.c.rank))]
