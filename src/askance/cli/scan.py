"""`askance scan`: look at the pool again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from askance.cli.options import ProjectDir

if TYPE_CHECKING:
    from askance.loop.refresh import Refreshed
    from askance.session import Session

SHOWN = 10
"""Broken files that are named, unless all are asked for."""


def scan(
    every: Annotated[bool, typer.Option("--all", help="Name all broken files, not the first ten.")] = False,
    project: ProjectDir = Path("."),
) -> None:
    """Look at the pool again: new, changed, broken and vanished images. Unchanged files are not read."""
    from askance.cli.next import paste
    from askance.cli.show import bars, print_some
    from askance.session import Session

    with Session.open(project) as session:
        with bars() as progress:
            found = session.scan(progress)
        print_found(session, found, again=True)
        broken = [f"{sighting.uri}: {sighting.problem}" for sighting in session.project.store.quarantined()]
        print_some(broken, None if every else SHOWN, paste("scan --all", session))


def print_found(session: "Session", found: "Refreshed", *, again: bool = False) -> None:
    """What a scan found: by `init`, where the project is too; `again`: what has changed since the last one."""
    from askance.cli.next import paste, shortest
    from askance.cli.show import console
    from askance.pool import passed_over

    if not again:
        console.print(f"project: {shortest(session.project.root)}")
    parts = [f"{found.images:,} images in {found.places:,} files"]
    if again:
        moved = f"{found.moved:,} found again at a new place"
        read = f"{found.read - found.moved:,} new or changed"
        parts += [*([moved] if found.moved else []), read, f"{found.gone:,} gone"]
    broken = f"{found.quarantined:,} quarantined"
    if found.quarantined and not again:
        broken += f" ({paste('scan', session)} says which and why)"
    console.print(", ".join([*parts, broken]))
    said = passed_over(found.passed)
    if said:
        console.print(said)
