"""`askance import`: take labels."""

from pathlib import Path
from typing import Annotated

import typer

from askance.cli.options import Format, ProjectDir


def import_labels(
    path: Annotated[
        Path,
        typer.Argument(
            help="A CSV (path,label[,split]), a folder with a folder a class, or annotations: COCO, YOLO, "
            "Pascal VOC, LabelMe, mask images, a CSV of boxes."
        ),
    ],
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
    form: Annotated[
        Format | None, typer.Option("--format", help="Of annotations, where the file does not show it.")
    ] = None,
    scale: Annotated[
        bool, typer.Option("--scale", help="Take annotations of copies in another size, brought to the image's.")
    ] = False,
    whole: Annotated[
        bool, typer.Option("--all-or-nothing", help="Take nothing if something cannot be taken.")
    ] = False,
    project: ProjectDir = Path("."),
) -> None:
    """Take labels. What cannot be taken is written aside with the reason; the rest goes in.

    A label is a class, or `unreadable`, or `none of these`; where images may have several, `glass; metal`, or
    `nothing`. The first import defines the classes. Importing the same again changes nothing.
    """
    from askance.cli.imported import print_imported
    from askance.cli.options import default_who
    from askance.cli.show import print_next
    from askance.cli.status import next_command
    from askance.session import Session

    with Session.open(project) as session:
        imported = session.import_labels(
            path,
            who or default_who(),
            add_classes=add_classes,
            settle=settle,
            scale=scale,
            whole=whole,
            format=form,
        )
        print_imported(imported)
        print_next(next_command(session))
    if imported.rejected and not imported.taken:
        raise typer.Exit(1)
