"""`askance report`: one HTML file that shows what the labels bought."""

from pathlib import Path
from typing import Annotated

import typer

from askance.cli.options import ProjectDir


def report(
    out: Annotated[
        Path | None, typer.Option(help="The file to write; else the next free name in reports/ of the project.")
    ] = None,
    project: ProjectDir = Path("."),
) -> None:
    """Write one self-contained HTML file: did it pay, rounds, mistakes, the batch and why, doubtful labels."""
    from askance.cli.show import bars, console
    from askance.session import Session
    from askance.session.reporting import write_project_report

    with Session.open(project) as session:
        with bars() as progress:
            path = write_project_report(session, out, progress)
        console.print(f"report: {path}", highlight=False, soft_wrap=True)
