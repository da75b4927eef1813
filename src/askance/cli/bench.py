"""`askance bench`: a paper's experiments again, with honest statistics."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer


def bench(
    paper: Annotated[
        Literal["gal2017", "isic2016", "batchbald2019", "trashnet", "boxes"],
        typer.Argument(
            help="Which paper's experiments; trashnet, boxes: those that the field asks of a comparison."
        ),
    ],
    quick: Annotated[bool, typer.Option(help="Minutes in place of a night: to see that it runs.")] = False,
    seeds: Annotated[int | None, typer.Option(min=1, help="Seeds of every part; else as many as planned.")] = None,
    parts: Annotated[str | None, typer.Option(help="Only these parts, comma separated.")] = None,
    data: Annotated[
        Path,
        typer.Option(
            envvar="ASKANCE_DATA", help="The folder of data sets: FOLDER/mnist, FOLDER/isic2016, FOLDER/trashnet."
        ),
    ] = Path("data"),
    download: Annotated[bool, typer.Option("--download", help="Fetch MNIST if it is not there.")] = False,
    out: Annotated[
        Path, typer.Option(help="The folder for results; runs are under it, and go on where they were.")
    ] = Path("benchmarks/papers"),
    resume_from: Annotated[
        Path | None,
        typer.Option(
            help="Take up the rounds of an earlier result, DATE-PAPER.parquet, that are not under --out."
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; else one a core.")] = None,
    run: Annotated[bool, typer.Option(help="--no-run: write the page from the runs there are.")] = True,
) -> None:
    """Reproduce a paper: run its experiments, and write a dated page, figures, raw curves and configuration."""
    from askance.cli.show import bars, console
    from askance.studies.papers import PAPERS
    from askance.studies.studies import resume_study, run_study
    from askance.studies.study_files import write_study

    study = PAPERS[paper].study(PAPERS[paper].folder(data, download=download), quick=quick)
    study = study.only([name.strip() for name in parts.split(",")]) if parts else study
    study = study.with_seeds(seeds) if seeds else study
    if resume_from is not None:
        console.print(f"{resume_study(study, out, resume_from):,} rounds taken up from {resume_from}")
    if run:
        with bars() as progress:
            run_study(study, out, workers=workers, progress=progress)
    written = write_study(study, out, " ".join(["askance", *sys.argv[1:]]))
    if written.whole < written.planned:
        console.print(f"{written.whole} of {written.planned} runs have reached their end", style="yellow")
    console.print(f"page: {written.page}", *(f"      {path}" for path in written.files), sep="\n", highlight=False)
