"""`askance withdraw`: take labels back."""

from pathlib import Path
from typing import Annotated

import typer

from askance.cli.options import ProjectDir


def withdraw(
    names: Annotated[
        list[str] | None, typer.Argument(help="Images: file names, paths or ids; everybody's labels of them.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="What one import said: the name of its file.")] = None,
    who: Annotated[str | None, typer.Option(help="What this person said, not who withdraws it.")] = None,
    answer: Annotated[
        str | None, typer.Option(help="Where this was answered: unreadable, or 'none of these'.")
    ] = None,
    project: ProjectDir = Path("."),
) -> None:
    """Take labels back; the images may be picked again. Nothing is deleted: the history keeps them.

    Names and options together narrow each other: `--source batch.csv --who anna` is what anna said in batch.csv.
    """
    from askance.cli.options import default_who
    from askance.cli.show import console
    from askance.session import Session
    from askance.session.withdraw import withdraw as take_back

    with Session.open(project) as session:
        done = take_back(
            session.project, by=default_who(), names=names or (), source=source, who=who, answer=answer
        )
    told = ", ".join(f"{n} {name}" for name, n in sorted(done.labels.items()))
    lines = [f"{done.total} labels withdrawn" + (f": {told}" if told else "")]
    if done.beside:
        lines.append(f"{done.beside} that were kept beside another person's label are withdrawn too")
    if done.instead:
        lines.append(f"{done.instead} of these images have what another person had said of them as label now")
    if done.silent:
        lines.append(f"{done.silent} of the named images had no such label")
    for line in lines:
        console.print(line, markup=False, highlight=False)
