"""What a person sees: tables, progress bars with the time left, errors that teach.

Nothing here is taken for markup: what people named, square brackets and all, is shown as it is. Looks are given by
`style=`. Lines are not broken, so that a command or a path can be copied whole.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

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
from rich.text import Text

from askance.vocab import AskanceError
from askance.vocab import Progress as ProgressFunction

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Letters that move a terminal's cursor, change its colours or turn text round, or that no terminal has."""


def visible(text: str) -> str:
    r"""A text with every letter in it that is not to be seen spelt out: a name cannot act on a terminal.

    >>> print(visible("cat\x1b[2J.png"))
    cat\x1b[2J.png
    """
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


class Screen(Console):
    """A terminal that shows what it is given, letter by letter: no markup, no `:cat:` for a cat, no codes."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def render_str(self, text: str, **options: Any) -> Text:
        """As it is."""
        return super().render_str(visible(text), **options)


console = Screen()
errors = Screen(stderr=True)

NAME = 48
"""First cells of up to so many characters are shown whole in one line."""

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
        TextColumn("{task.description}", markup=False),
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
                tasks[what] = drawing.add_task(visible(what), total=total)
            drawing.update(tasks[what], completed=done, total=total)

        yield progress


def lines(every: float, clock: Callable[[], float] = time.monotonic) -> ProgressFunction:
    """A `progress(what, done, total)` that writes how far work is, at most once in so many seconds."""
    last = clock()

    def progress(what: str, done: int, total: int | None) -> None:
        nonlocal last
        if clock() - last >= every:
            last = clock()
            errors.print(f"{what}: {done:,}" + ("" if total is None else f" of {total:,}"))

    return progress


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A title and a table; columns of numbers are set to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    rows = list(rows)
    short = all(len(row[0]) <= NAME for row in rows)  # a name that is to be typed again is not broken
    for i, column in enumerate(columns):
        numbers = i > 0 and all(row[i][:1] in _NUMBER for row in rows)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold", no_wrap=i == 0 and short)
    for row in rows:
        table.add_row(*row)
    console.print(title, style="bold")
    console.print(table, soft_wrap=False)


def print_some(lines: Sequence[str], most: int | None, more: str = "") -> None:
    """The first lines, and how many more there are.

    Args:
        lines: all of them.
        most: how many are shown; None: all.
        more: where the others are, in words.
    """
    shown = len(lines) if most is None else most
    for line in lines[:shown]:
        console.print(f"  {line}")
    if len(lines) > shown:
        console.print(f"  and {len(lines) - shown:,} more{more and f': {more}'}")


def print_next(command: str) -> None:
    """What to do now; it can be pasted."""
    console.print(Text("next: ") + Text(visible(command), "bold"))


def complain(error: AskanceError) -> None:
    """Show an error: what was wanted, what came, what to do."""
    more = "\n       "  # a second line stands under the first
    for word, colour, text in (
        ("wanted", "red", error.wanted),
        ("got", "red", error.got),
        ("fix", "green", error.fix),
    ):
        errors.print(Text(f"{word:<6}", f"bold {colour}") + Text(f" {visible(text).replace(chr(10), more)}"))
