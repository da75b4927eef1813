"""`askance disagreements`: how far people agree, and where they do not."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from askance.cli.options import ProjectDir

if TYPE_CHECKING:
    from askance.session.people import Differing, People

SHOWN = 20
"""Images that are listed; all are in the CSV."""


def disagreements(
    csv: Annotated[
        Path | None,
        typer.Option(help="Write them to a CSV: fill in `label`, then askance import FILE --settle."),
    ] = None,
    project: ProjectDir = Path("."),
) -> None:
    """Show how far people agree, and the images of which they say different things.

    Agreement is of what people said before anybody settled a difference: the share of images on which two say the
    same, Cohen's kappa (0 by chance, 1 always), and Krippendorff's alpha over everybody.
    """
    from askance.cli.show import console
    from askance.session import Session
    from askance.session.people import people, write_disagreements

    with Session.open(project) as session:
        found = people(session.project)
        for line in _agreement(found):
            console.print(line, markup=False, highlight=False)
        for one in found.disagreements[:SHOWN]:
            console.print(f"  {_line(one)}", markup=False, highlight=False)
        if len(found.disagreements) > SHOWN:
            more = len(found.disagreements) - SHOWN
            console.print(f"  and {more} more: askance disagreements --csv differ.csv", highlight=False)
        if csv is not None:
            file = write_disagreements(session.project, csv)
            console.print(
                f"{len(found.disagreements)} images to settle: {file}. Fill in `label`, then "
                f"askance import {file} --settle",
                markup=False,
                highlight=False,
            )


def _agreement(found: "People") -> list[str]:
    if not found.shared:
        return ["no image has been labelled by two people: askance import FILE --who NAME says who labelled"]
    lines = [f"{found.shared} images were labelled by two people or more"]
    for pair in found.pairs:
        kappa = "no kappa: all in one class" if pair.kappa is None else f"kappa {pair.kappa:.2f}"
        lines.append(f"  {pair.a} and {pair.b}: {pair.n} images, {100 * pair.agreement:.0f} % the same, {kappa}")
    if found.alpha is not None:
        lines.append(f"  everybody: Krippendorff's alpha {found.alpha:.2f}")
    settled = f", {found.settled} settled" if found.settled else ""
    lines.append(f"they differ on {len(found.disagreements)}{settled}")
    return lines


def _line(one: "Differing") -> str:
    """`0003.jpg: anna glass (counts), bob plastic`."""
    words = [f"{who} {text}" + (" (counts)" if who == one.in_force else "") for who, text in one.words.items()]
    return f"{Path(one.name).name}: {', '.join(words)}"
