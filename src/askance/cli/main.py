"""The program's front door. Heavy rooms are imported where a command uses them, so that `--help` is instant."""

import io
import sys
from typing import Annotated

import typer

from askance import __version__
from askance.cli import (
    bench,
    classes,
    demo,
    disagreements,
    doctor,
    export,
    import_,
    init,
    models,
    pick,
    report,
    scan,
    simulate,
    status,
    train,
    withdraw,
)

app = typer.Typer(
    name="askance",
    help="Which images to label next, and the proof that it paid.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("init")(init.init)
app.command("status")(status.status)
app.command("scan")(scan.scan)
app.command("train")(train.train)
app.command("pick")(pick.pick)
app.command("import")(import_.import_labels)
app.command("export")(export.export)
app.command("classes")(classes.classes)
app.command("withdraw")(withdraw.withdraw)
app.command("disagreements")(disagreements.disagreements)
app.command("report")(report.report)
app.command("simulate")(simulate.simulate)
app.command("bench")(bench.bench)
app.command("doctor")(doctor.doctor)
app.command("models")(models.models)
app.command("demo")(demo.demo)

STOPPED = 130
"""The exit status of a command that Ctrl-C ended."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"askance {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say it.")] = False,
) -> None:
    """Which images to label next, and the proof that it paid."""


def main() -> None:
    """Run a command; a mistake a person can mend ends in three lines and exit status 1, not in a traceback."""
    from askance.vocab import AskanceError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name that the terminal cannot show is no reason to stop
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except AskanceError as error:
        from askance.cli.show import complain

        complain(error)
        sys.exit(1)
    except SystemExit as stop:  # the way the parser passes Ctrl-C on
        if stop.code == STOPPED:
            typer.echo("\nStopped. Nothing is lost: run the same command again to go on.", err=True)
        raise
