"""`askance import`: take labels."""

from pathlib import Path
from typing import Annotated

import typer

from askance.cli.options import ProjectDir


def import_labels(
    path: Annotated[Path, typer.Argument(help="A CSV (path,label[,split]) or a folder with a folder a class.")],
    who: Annotated[
        str | None,
        typer.Option(help="Who said these labels; else you. Another person's labels stay, these are kept beside."),
    ] = None,
    add_classes: Annotated[
        bool, typer.Option("--add-classes", help="Take class names that are new, as they are written.")
    ] = False,
    settle: Annotated[
        bool, typer.Option("--settle", help="Where people differ, these labels are the ones that count.")
    ] = False,
    project: ProjectDir = Path("."),
) -> None:
    """Take labels. Rows that cannot be taken are written aside with the reason; the others go in.

    A label is a class, or `unreadable`, or `none of these`. The first import defines the classes.
    """
    from askance.cli.imported import print_imported
    from askance.cli.options import default_who
    from askance.cli.show import print_next
    from askance.cli.status import next_command
    from askance.session import Session

    with Session.open(project) as session:
        imported = session.import_labels(path, who or default_who(), add_classes=add_classes, settle=settle)
        print_imported(imported)
        print_next(next_command(session))
    if imported.rejected and not imported.taken:
        raise typer.Exit(1)
