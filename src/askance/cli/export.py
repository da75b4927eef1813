"""`askance export`: hand a batch to whoever labels it, or all labels to whoever needs them."""

from pathlib import Path
from typing import Annotated

import typer

from askance.cli.options import HeldOut, ProjectDir


def export(
    csv: Annotated[
        Path | None, typer.Option(help="Write the batch as a CSV: fill in `label`, then import it.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Write the batch as a folder: sort into a folder a class, then import it.")
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copies in the folder instead of links.")] = False,
    number: Annotated[int | None, typer.Option("--round", help="The batch of that round; else the last.")] = None,
    split: Annotated[HeldOut | None, typer.Option(help="Not a batch but what that set still lacks.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Write all labels: a .csv file, or a folder with a folder a class.")
    ] = None,
    project: ProjectDir = Path("."),
) -> None:
    """Write the last batch (CSV, folder or both), or all labels."""
    from askance.cli.show import console
    from askance.session import Session
    from askance.vocab import ConfigError

    if csv is None and folder is None and labels is None:
        raise ConfigError(
            "where to write", "neither --csv, --folder nor --labels", "askance export --csv batch.csv"
        )
    with Session.open(project) as session:
        if csv is not None or folder is not None:
            n = session.export_batch(csv=csv, folder=folder, copy=copy, split=split, number=number)
            console.print(f"{n} images to label: {', '.join(str(p) for p in (csv, folder) if p)}", highlight=False)
        if labels is not None:
            console.print(f"{session.export_labels(labels)} labels: {labels}", highlight=False)
