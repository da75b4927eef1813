"""`askance scan`: look at the pool again."""

from pathlib import Path

from askance.cli.options import ProjectDir


def scan(project: ProjectDir = Path(".")) -> None:
    """Look at the pool again: new, changed, broken and vanished images. Unchanged files are not read."""
    from askance.cli.show import bars, console
    from askance.session import Session

    with Session.open(project) as session:
        with bars() as progress:
            found = session.scan(progress)
        console.print(
            f"{found.images} images in {found.places} files: {found.read} read, {found.gone} gone, "
            f"{found.quarantined} quarantined"
        )
        for sighting in session.project.store.quarantined()[:10]:
            console.print(f"  {sighting.uri}: {sighting.problem}", markup=False, highlight=False)
