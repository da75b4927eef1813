"""`askance pick`: the next batch worth labelling."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from askance.cli.options import HeldOut, ProjectDir

if TYPE_CHECKING:
    from askance.loop.already import Picked
    from askance.loop.strategy import Strategy
    from askance.session import Session

SHOWN = 10
"""Picks that are named on the screen."""


def pick(
    n: Annotated[
        int | None,
        typer.Option("-n", help="Images to pick (with --split: images of that set); else strategy.batch."),
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="As in bald, power:bald, random; else as in askance.toml.")
    ] = None,
    draws: Annotated[int | None, typer.Option("-k", help="Networks drawn from the posterior.")] = None,
    targets: Annotated[str | None, typer.Option(help="What EPIG is to predict well: as strategy.targets.")] = None,
    split: Annotated[
        HeldOut | None, typer.Option(help="Freeze random images into that set instead, to be labelled.")
    ] = None,
    project: ProjectDir = Path("."),
) -> None:
    """Pick the next images worth labelling, and remember them."""
    from askance.cli.next import paste
    from askance.cli.show import bars, print_next
    from askance.loop.strategy import Strategy

    named = Strategy.parse(strategy) if strategy else None  # before the session, which takes a second
    from askance.session import Session

    with Session.open(project) as opened:
        if split is not None:
            _for_split(opened, split, opened.config.strategy.batch if n is None else n)
            return
        session = opened.override(
            "strategy",
            draws=draws,
            targets=targets,
            acquisition=named.acquisition if named else None,
            selection=named.selection if named else None,
        )
        if targets is not None:
            _check_targets(targets, Strategy.of(session.config.strategy))
        with bars() as progress:
            done = session.pick(n, progress)
        _print(session, done)
        print_next(paste("export", session))


def _print(session: "Session", done: "Picked") -> None:
    """A batch: the first of it, how it was chosen, and how it differs from a random one."""
    from askance.cli.show import console, print_table
    from askance.vocab.strategies import beside_random, by_lot, how_chosen, score_name

    records = session.project.store.images()
    first = done.picks[:SHOWN]

    def name(image_id: str) -> str:
        return Path(records[image_id].uri).name if image_id in records else f"{image_id} (gone)"

    gain = score_name(done.how)
    modelled = any("predicted" in pick.why for pick in first)
    columns = ["image", "rank", *([gain] if gain else []), *(["predicted"] if modelled else [])]
    rows = [
        [
            name(pick.image_id),
            str(pick.rank),
            *([f"{pick.gain:.4f}"] if gain else []),
            *([str(pick.why.get("predicted", ""))] if modelled else []),
        ]
        for pick in first
    ]
    print_table(f"round {done.number}: {len(done.picks)} of {done.scored:,} by {done.how}", columns, rows)
    lots = "the order is that of the lot, not of the score" if gain and by_lot(done.how) else ""
    words = (
        f"... and {len(done.picks) - SHOWN:,} more" if len(done.picks) > SHOWN else "",
        f"They are {how_chosen(done.how, labels=0 if done.number == 0 else None)}.",
        beside_random(done.beside_even, done.how),
        lots,
        done.note,
        "" if done.fresh else "this batch had been picked already",
    )
    for line in filter(None, words):
        console.print(line)


def _check_targets(targets: str, strategy: "Strategy") -> None:
    from askance.vocab import ConfigError

    if "targets" not in strategy.asks:
        raise ConfigError(
            f"a strategy that asks about targets, as epig does, for --targets {targets}",
            strategy.name,
            "--strategy epig, or no --targets",
        )


def _for_split(session: "Session", split: HeldOut, n: int) -> None:
    from askance.cli.next import paste
    from askance.cli.show import console, print_next

    chosen = session.pick_for_split(split, n)
    console.print(f"{len(chosen)} random images joined the {split} set; they will never be picked for training")
    print_next(paste(f"export --split {split}", session))
