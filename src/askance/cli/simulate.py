"""`askance simulate`: would a strategy have paid on images whose labels are known?"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from askance.vocab.metrics import Metric

_Metric = Annotated[
    Metric | None,
    typer.Option(
        help="What is compared: macro_recall has classes count alike, auroc is of two classes, macro_f1, micro_f1 "
        "and map are of several labels an image, ap50, ap75 and ap of boxes. Else error, or ap50."
    ),
]
_Levels = Annotated[
    str | None,
    typer.Option(help="Values of it to count labels to, comma separated; else round ones that the curves reach."),
]
_Targets = Annotated[
    Literal["pool", "test"],
    typer.Option(help="What EPIG is to predict well: pool, or test (its images, never its labels)."),
]
_Subset = Annotated[int | None, typer.Option(help="Score only this many of the pool, at random, a round.")]
_Resplit = Annotated[
    bool,
    typer.Option(
        "--resplit",
        help="Each seed tests on other images of the same data, which a small test set asks for.",
    ),
]
_Several = Annotated[
    bool, typer.Option("--several", help="An image may have several labels; --data may be a CSV file too.")
]
_Task = Annotated[
    Literal["classification", "detection"],
    typer.Option(help="detection: --data is a folder of images, with annotations in it or as --labels."),
]
_Setting = Annotated[
    list[str] | None, typer.Option("--set", help="A model or train setting, as in --set model.name=resnet18.")
]
_Labels = Annotated[Path | None, typer.Option(help="Of detection, where the annotations are; else in the folder.")]


def simulate(
    data: Annotated[
        str, typer.Option(help="digits, a folder of MNIST's idx files, or a folder with a folder a class.")
    ] = "digits",
    out: Annotated[Path, typer.Option(help="The folder to write to, and to continue from.")] = Path("simulation"),
    strategies: Annotated[
        str, typer.Option(help="Comma separated: bald, variation-ratios, power:bald, random...")
    ] = "bald,variation-ratios,max-entropy,random",
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, from 0.")] = 3,
    start: Annotated[int, typer.Option(help="Labels to start from, balanced over the classes.")] = 20,
    val: Annotated[int, typer.Option(help="Further labels to choose the weight decay on.")] = 0,
    batch: Annotated[int, typer.Option(help="Labels a round.")] = 10,
    until: Annotated[int, typer.Option(help="Training labels at which a run ends.")] = 200,
    draws: Annotated[int, typer.Option("-k", help="Networks drawn from the posterior.")] = 100,
    subset: _Subset = None,
    targets: _Targets = "pool",
    n_targets: Annotated[int, typer.Option(help="How many of them, at random, EPIG is asked about.")] = 200,
    resplit: _Resplit = False,
    several: _Several = False,
    task: _Task = "classification",
    labels: _Labels = None,
    metric: _Metric = None,
    levels: _Levels = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; else one a core.")] = None,
    setting: _Setting = None,
) -> None:
    """Hide known labels behind an oracle and compare strategies on the same seeds. Stopped runs continue."""
    from askance.cli.options import settings_of
    from askance.cli.show import bars

    numbers, settings, boxes = _numbers(levels), settings_of(setting or []), task == "detection"
    named = _checked(strategies, data, settings, several=several, task=task)
    with bars() as progress:
        progress("loading PyTorch", 0, None)
        from askance.studies.simulations import View, run_simulation
    rounds = {"start": start, "batch": batch, "until": until, "val": val, "draws": draws}
    asked = {"subset": subset, "targets": targets, "n_targets": n_targets}
    experiment = _experiment(named, seeds, data, settings, boxes=boxes, **rounds, **asked)
    view = View(metric or ("ap50" if boxes else "error"), numbers)
    about: dict[str, Any] = {"resplit": resplit, "several": several, "labels": labels, "view": view}
    show(partial(run_simulation, data, experiment, out, workers=workers, **about), experiment, out)


def _experiment(
    strategies: tuple[str, ...], seeds: int, data: str, settings: dict[str, Any], *, boxes: bool, **numbers: Any
) -> Any:
    """The experiment with the model that is fitted to `data`; what was chosen for it is printed."""
    from askance.cli.show import console
    from askance.simulation.experiment import Experiment
    from askance.studies.simulations import chosen_boxes, chosen_for

    model, train, *detector, notes = chosen_boxes(data, settings) if boxes else chosen_for(data, settings)
    for note in notes:
        console.print(note)
    found_by = detector[0] if detector else None
    return Experiment(strategies, tuple(range(seeds)), model=model, train=train, detector=found_by, **numbers)


def _checked(
    strategies: str, data: str, settings: Mapping[str, Any], *, several: bool = False, task: str = "classification"
) -> tuple[str, ...]:
    """The names of strategies; what there is not is refused before PyTorch is loaded.

    Raises:
        ConfigError: such a strategy, setting or folder.
    """
    from askance.loop.settings import check_config
    from askance.loop.strategy import Strategy
    from askance.vocab import ConfigError

    names = tuple(name.strip() for name in strategies.split(","))
    for name in names:
        Strategy.parse(name).check_for(task, several=several)
    if task == "detection" and not Path(data).is_dir():
        raise ConfigError("a folder of images with boxes", data, "check --data")
    if several and not Path(data).exists():
        raise ConfigError("a CSV file of labels, or a folder with a folder a class", data, "check --data")
    if not several and data != "digits" and not Path(data).is_dir():
        raise ConfigError(
            "digits, a folder of MNIST idx files, or a folder with a folder a class", data, "check --data"
        )
    if not settings.keys() - {"model", "train", "detector"}:  # others are refused as such, later
        check_config({"pool": {"source": data}, "several": several, **settings}, "--set")
    return names


def _numbers(levels: str | None) -> tuple[float, ...] | None:
    """The levels that were asked for.

    Raises:
        ConfigError: they are no numbers.
    """
    from askance.vocab import ConfigError

    try:
        return None if levels is None else tuple(float(level) for level in levels.split(","))
    except ValueError as error:
        raise ConfigError("numbers, comma separated", str(levels), "--levels 0.1,0.05") from error


def show(run: Any, experiment: Any, out: Path) -> None:
    """Run a simulation under a progress bar and print what came of it.

    Args:
        run: `run_simulation` with all but its progress.
        experiment: what it runs.
        out: where it writes.
    """
    from askance.cli.show import bars, console, print_table
    from askance.report.words import words_for

    with bars() as progress:
        results = run(progress=progress)
    print_table(
        f"{words_for(results.view.metric).heading}, mean over seeds",
        ("labels", *experiment.strategies),
        [(str(size), *values) for size, values in results.rows()],
    )
    if results.view.levels:
        print_table(
            "labels to reach it and stay there, median over seeds",
            ("strategy", *results.level_names),
            [(name, *values) for name, values in results.targets()],
        )
    if experiment.val:
        console.print(f"every strategy pays for {experiment.val:,} validation labels besides", highlight=False)
    if results.unconverged:
        console.print(
            f"{results.unconverged:,} of {results.trainings:,} trainings ended at train.max_steps before "
            "their loss had settled: give them more with --set train.max_steps=...",
            style="yellow",
        )
    console.print(results.verdict, style="bold", highlight=False, soft_wrap=True)
    console.print(f"report: {results.report}\nplot:   {out / 'curves.png'}", highlight=False)
