"""`askance export`: hand a batch to whoever labels it, or all labels to whoever needs them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from askance.cli.options import Format, HeldOut, ProjectDir

if TYPE_CHECKING:
    from askance.session import Session
    from askance.session.exporting import Exported

SHOWN = 5
"""Images that could not be put into a batch and are named."""

_Labels = Annotated[
    Path | None,
    typer.Option(
        help="Write all labels: a .csv file, or a folder with a folder a class; of objects a .json (COCO), "
        "a .csv or a folder, see --format."
    ),
]
_Prelabels = Annotated[
    Format | None,
    typer.Option(help="Write the boxes that the model sees in the batch beside it, to begin from in a tool."),
]


def export(
    csv: Annotated[
        Path | None, typer.Option(help="Write a CSV to fill in instead, with a page of thumbnails beside it.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Write a plain folder instead, of links to the images where links can be.")
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="With --folder: copies instead of links.")] = False,
    small: Annotated[
        bool, typer.Option("--small", help="Copies of at most 1,024 pixels, for a batch that is to be sent.")
    ] = False,
    number: Annotated[int | None, typer.Option("--round", help="The batch of that round; else the last.")] = None,
    split: Annotated[HeldOut | None, typer.Option(help="Not a batch but what that set still lacks.")] = None,
    labels: _Labels = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Of labels that say objects; for a folder yolo, else.")
    ] = None,
    prelabels: _Prelabels = None,
    project: ProjectDir = Path("."),
) -> None:
    """Write the last batch as a folder to be labelled by anybody, or all labels.

    The folder, batch-0002 for round 2, comes into the current folder: images, labels.csv to fill in, index.html
    to look at, and a folder for each class to sort the images into. `askance import` takes it back.
    """
    from askance.cli.show import bars, console
    from askance.session import Session
    from askance.vocab import ConfigError

    plain = csv is not None or folder is not None
    if prelabels is not None and (plain or labels is not None or split is not None):
        raise ConfigError(
            "--prelabels with a batch folder", "another kind of export", "askance export --prelabels coco"
        )
    if small and plain:
        raise ConfigError("--small without --csv or --folder", "both", "askance export --small")
    with Session.open(project) as session:
        if plain:
            with bars() as progress:
                done = session.export_batch(
                    csv=csv, folder=folder, copy=copy, split=split, number=number, progress=progress
                )
            _say(session, done)
        elif labels is None:
            with bars() as progress:
                done = session.export_package(small=small, split=split, number=number, progress=progress)
            _say(session, done, whole=True)
            if prelabels is not None:
                place, n = session.export_prelabels(done.written[0], prelabels, number)
                console.print(
                    f"{n:,} boxes that the model sees: {place}; importing that file takes them as labels"
                )
        if labels is not None:
            n, place = session.export_labels(labels, form, console.print)
            _say_taken((labels,) if place.stem != labels.stem else ())
            console.print(f"{n:,} labels: {place}")


def _say(session: "Session", done: "Exported", *, whole: bool = False) -> None:
    from askance.cli.next import paste
    from askance.cli.show import console, print_next, print_some

    _say_taken(done.taken)
    images = f"{done.images:,} {'image' if done.images == 1 else 'images'} to label"
    there = " (there already, nothing is labelled in it)" if done.there else ""
    console.print(f"{images}: {', '.join(map(str, done.written))}{there}")
    if done.left_out:
        console.print(f"{len(done.left_out):,} could not be read and are left out:")
        print_some([f"{place}: {why}" for place, why in done.left_out.items()], SHOWN)
    first = done.written[0]
    if whole:
        page = first / "index.html"
        draws = session.config.task == "detection"
        fill = f"fill in {first / 'labels.csv'}, or sort the images into the folders there ({page})"
        console.print(f"draw the objects in any tool, as {page} says" if draws else fill)
    print_next(paste("import", session, first))


def _say_taken(taken: "tuple[Path, ...]") -> None:
    from askance.cli.show import console

    for place in taken:
        console.print(f"{place} is there with something else in it and stays as it is")
