"""A simulation from its words to its report."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from askance.loop.experiment import Experiment
from askance.loop.runs import read_runs
from askance.loop.settings import check_config
from askance.loop.simulate import Lab, simulate
from askance.maths.curves import quartiles
from askance.report import ReportData, plot_curves, write_report
from askance.report.compare import sizes_to
from askance.report.study_data import TARGETS
from askance.report.words import count
from askance.session.machine import made
from askance.session.problems import anew, classification, natural_look, problem_from
from askance.vocab import ConfigError, Curve, Progress, silent
from askance.vocab.config import ModelConfig, TrainConfig


@dataclass(frozen=True, slots=True)
class Results:
    """The curves, and how to read them.

    Attributes:
        trainings: models trained in all.
        unconverged: of these, stopped at their step limit.
    """

    curves: list[Curve]
    strategies: tuple[str, ...]
    trainings: int
    unconverged: int

    @property
    def target_names(self) -> list[str]:
        """The errors that labels are counted to, for people."""
        return [f"{target:.0%} error" for target in TARGETS]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """For each training size, the mean error of each strategy over its seeds, in percent."""
        for size in sorted({size for curve in self.curves for size in curve.labels}):
            cells = []
            for name in self.strategies:
                values = [
                    curve.metrics["error"][curve.labels.index(size)]
                    for curve in self.curves
                    if curve.strategy == name and size in curve.labels
                ]
                cells.append(f"{100 * sum(values) / len(values):.1f}" if values else "")
            yield size, cells

    def targets(self) -> Iterator[tuple[str, list[str]]]:
        """For each strategy, the median over seeds of the labels to each target; `>n` where it is not reached."""
        for name in self.strategies:
            curves = [curve for curve in self.curves if curve.strategy == name and curve.labels]
            budget = max(curve.labels[-1] for curve in curves)
            yield name, [count(quartiles(sizes_to(curves, target))[1], budget) for target in TARGETS]


def settings_for(data: str, settings: Mapping[str, Mapping[str, Any]]) -> tuple[ModelConfig, TrainConfig]:
    """Checked `model` and `train` sections, as in `askance.toml`, over what suits the data.

    Raises:
        ConfigError: another section, an unknown name or a wrong value.
    """
    if strange := settings.keys() - {"model", "train"}:
        raise ConfigError(
            "settings of model or train", ", ".join(sorted(strange)), "the rest are options of simulate"
        )
    sections = {name: dict(values) for name, values in settings.items()}
    model = natural_look(data) | sections.pop("model", {})
    config = check_config({"pool": {"source": data}, "model": model, **sections}, "--set")
    return config.model, config.train


def demo_experiment(seeds: int) -> Experiment:
    """Four strategies on scikit-learn's digits, from 20 labels to 120, in about a minute on two cores."""
    model, train = settings_for(
        "digits",
        {
            "model": {"name": "gal-cnn"},
            "train": {
                "batch": 32,
                "learning_rate": 3e-3,
                "weight_decay": [0.1],
                "min_steps": 150,
                "max_steps": 600,
            },
        },
    )
    return Experiment(
        strategies=("bald", "power:bald", "variation-ratios", "random"),
        seeds=tuple(range(seeds)),
        start=20,
        batch=20,
        until=120,
        draws=50,
        model=model,
        train=train,
    )


def run_simulation(
    data: str,
    experiment: Experiment,
    out: Path,
    *,
    resplit: bool = False,
    workers: int | None = None,
    progress: Progress = silent,
) -> Results:
    """Run, or continue, and write `report.html`, `curves.png` and `curves.parquet` beside the runs.

    Args:
        data: as `problem_from` reads it.
        resplit: each seed tests on images of its own.
        workers: processes; None for one a core.
    """
    task = partial(classification, features=str(out / "features"))
    problem = partial(anew, problem_from(data)) if resplit else problem_from(data)
    lab = Lab(experiment, problem, task, out, made())
    curves = simulate(lab, workers=workers or os.cpu_count() or 1, progress=progress)
    _write(
        curves,
        data,
        experiment,
        out,
        "others for each seed, of the same images" if resplit else "the same for all seeds",
    )
    logs = [line["training"] for lines in read_runs(out, experiment).values() for line in lines]
    return Results(curves, experiment.strategies, len(logs), sum(not log["converged"] for log in logs))


def _write(curves: list[Curve], data: str, experiment: Experiment, out: Path, tested: str) -> None:
    reference = "random" if "random" in experiment.strategies else experiment.strategies[-1]
    plot_curves(curves, out / "curves.png", reference=reference, targets=TARGETS)
    provenance = {
        "data": data,
        "seeds": ", ".join(map(str, experiment.seeds)),
        "start, batch, until": f"{experiment.start}, {experiment.batch}, {experiment.until} labels",
        "test images": tested,
        "draws": str(experiment.draws),
        "scored a round": "the whole pool" if experiment.subset is None else f"a random {experiment.subset}",
        "targets": f"{experiment.n_targets} of the {experiment.targets}",
        "model": _unusual(experiment.model),
        "train": _unusual(experiment.train),
        "versions": ", ".join(f"{name} {version(name)}" for name in ("askance", "torch", "numpy")),
    }
    write_report(
        out / "report.html",
        ReportData(
            title=f"Simulation on {Path(data).name}",
            curves=curves,
            provenance=provenance,
            reference=reference,
            targets=TARGETS,
            fixed_labels=experiment.val,
        ),
    )
    rows = [
        (curve.strategy, curve.seed, size, metric, values[i])
        for curve in curves
        for metric, values in curve.metrics.items()
        for i, size in enumerate(curve.labels)
    ]
    names = ("strategy", "seed", "labels", "metric", "value")
    pq.write_table(
        pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))), out / "curves.parquet"
    )


def _unusual(section: BaseModel) -> str:
    """The settings of a section that are not its defaults."""
    said = section.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{name} = {value}" for name, value in said.items()) or "defaults"
