"""`askance demo`: the main job, on images that ship with a dependency."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("askance-demo"),
    seeds: Annotated[int, typer.Option(help="How many seeds.")] = 8,
    workers: Annotated[int | None, typer.Option(help="Processes; else one a core.")] = None,
) -> None:
    """Compare the default strategy, BALD and random on 1,797 real digits: curves, report, plot."""
    from askance.cli.simulate import show
    from askance.studies.simulations import demo_experiment, run_simulation

    experiment = demo_experiment(seeds)
    show(partial(run_simulation, "digits", experiment, out, workers=workers), experiment, out)
