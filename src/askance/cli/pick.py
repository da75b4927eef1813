"""`askance pick`: the next batch worth labelling."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from askance.cli.options import HeldOut, ProjectDir

if TYPE_CHECKING:
    from askance.loop.strategy import Strategy
    from askance.session import Session


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
    from askance.cli.show import bars, console, print_next, print_table
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
        records = session.project.store.images()

        def name(image_id: str) -> str:
            return Path(records[image_id].uri).name if image_id in records else f"{image_id} (gone)"

        print_table(
            f"round {done.number}: {len(done.picks)} of {done.scored} by {done.how}",
            ("image", "rank", "gain", "predicted"),
            [
                (name(p.image_id), str(p.rank), f"{p.gain:.4f}", str(p.why.get("predicted", "")))
                for p in done.picks[:10]
            ],
        )
        more = f"... and {len(done.picks) - 10} more" if len(done.picks) > 10 else ""
        again = "" if done.fresh else "this batch had been picked already"
        for line in filter(None, (more, done.note, again)):
            console.print(line)
        print_next(paste("export", session))


def _check_targets(targets: str, strategy: "Strategy") -> None:
    from askance.vocab import ConfigError

    if not strategy.aims:
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
