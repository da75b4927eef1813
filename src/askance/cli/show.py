"""What a person sees: tables, progress bars with the time left, errors that teach."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from askance.vocab import AskanceError
from askance.vocab import Progress as ProgressFunction

console = Console()
errors = Console(stderr=True)

EVERY = 20.0
"""Seconds between two lines on how far work is, where no bar can be drawn."""

_NUMBER = "0123456789+-.<>"
"""What a cell of a column of numbers begins with, if it is not empty."""


@contextmanager
def bars() -> Iterator[ProgressFunction]:
    """A `progress(what, done, total)` that draws one bar a kind of work, on stderr, gone when all is done.

    Where stderr is no terminal but a file, long work writes a line now and then.
    """
    if not errors.is_terminal:
        yield lines(EVERY)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
    ) as drawing:
        tasks = {}

        def progress(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = drawing.add_task(what, total=total)
            drawing.update(tasks[what], completed=done, total=total)

        yield progress


def lines(every: float, clock: Callable[[], float] = time.monotonic) -> ProgressFunction:
    """A `progress(what, done, total)` that writes how far work is, at most once in so many seconds."""
    last = clock()

    def progress(what: str, done: int, total: int | None) -> None:
        nonlocal last
        if clock() - last >= every:
            last = clock()
            errors.print(f"{what}: {done:,}" + ("" if total is None else f" of {total:,}"), highlight=False)

    return progress


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A title and a table; columns of numbers are set to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    rows = list(rows)
    for i, column in enumerate(columns):
        numbers = i > 0 and all(row[i][:1] in _NUMBER for row in rows)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(_plain, row))
    console.print(f"[bold]{_plain(title)}[/]", highlight=False)
    console.print(table)


def complain(error: AskanceError) -> None:
    """Show an error: what was wanted, what came, what to do."""
    errors.print(f"[bold red]wanted[/] {_plain(error.wanted)}", highlight=False)
    errors.print(f"[bold red]got[/]    {_plain(error.got)}", highlight=False)
    more = "\n       "  # a second line stands under the first
    errors.print(f"[bold green]fix[/]    {_plain(error.fix).replace(chr(10), more)}", highlight=False)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
