"""The program's front door. Heavy rooms are imported where a command uses them, so that `--help` is instant."""

import io
import logging
import os
import sys
import warnings
from contextlib import suppress
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


_STOPPED = 130


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
    """Run a command; an error ends in three lines and an exit status, not in a traceback: see `last_door`."""
    _prepare()
    try:
        status = app(standalone_mode=False)
        if status == _STOPPED:  # the way the parser passes Ctrl-C on
            raise KeyboardInterrupt
        _flush()
    except BaseException as error:
        from askance.cli.last_door import told

        status = told(error)
    with suppress(OSError, ValueError):
        _flush()
        sys.exit(status if isinstance(status, int) else 0)
    _let_go()
    sys.exit(status or 1)


def _prepare() -> None:
    """Have what cannot be shown spelt out, and what libraries and our own rooms warn of shown as all else is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(handlers=[_Shown(logging.WARNING)], level=logging.WARNING)
    warnings.showwarning = _warned


class _Shown(logging.Handler):
    """Shows a message as whatever else is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        """On stderr."""
        _tell(record.getMessage())


def _warned(message: Warning | str, *_: object, **__: object) -> None:
    _tell(str(message))


def _tell(text: str) -> None:
    from askance.cli.show import errors

    with suppress(OSError):
        errors.print(text)


def _flush() -> None:
    """What was printed is out, or the disk or pipe it goes to says why not."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _let_go() -> None:
    """Have nothing more written where nothing can be, or the end of the program would say so again."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
