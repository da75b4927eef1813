"""A simulation from its words to its report."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from askance.loop.settings import check_config
from askance.maths.curves import quartiles
from askance.pool import MAX_PIXELS
from askance.report import ReportData, plot_curves, refuse_other_files, write_report
from askance.report.compare import sizes_to
from askance.report.levels import levels_of
from askance.report.verdict import finding, headline
from askance.report.words import count, show, words_for
from askance.session.choosing import choose, choose_model, look_of_named
from askance.session.own_places import refuse_other_folders
from askance.simulation.experiment import Experiment, Problem
from askance.simulation.runs import read_runs
from askance.simulation.simulate import Lab, simulate
from askance.studies.boxes import boxes_from, detection
from askance.studies.machine import made
from askance.studies.problems import anew, classification, images_in, natural_look, problem_from
from askance.vocab import ConfigError, Curve, Progress, silent
from askance.vocab.config import DetectorConfig, ModelConfig, TrainConfig
from askance.vocab.faults import door
from askance.vocab.files import write_whole


@dataclass(frozen=True, slots=True)
class View:
    """What of the curves is looked at.

    Attributes:
        metric: by which strategies are compared.
        levels: values of it that labels are counted to; None: round ones that the curves reach.
    """

    metric: str = "error"
    levels: Sequence[float] | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """The curves, and how to read them.

    Attributes:
        view: what of them is looked at.
        trainings: models trained in all.
        unconverged: of these, stopped at their step limit.
        report: the file.
        verdict: its first sentence.
    """

    curves: list[Curve]
    strategies: tuple[str, ...]
    view: View
    trainings: int
    unconverged: int
    report: Path
    verdict: str

    @property
    def level_names(self) -> list[str]:
        """The levels that labels are counted to, for people."""
        return [show(level, words_for(self.view.metric)) for level in self.view.levels or ()]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """For each training size, the mean of each strategy over its seeds; of a share in percent."""
        for size in sorted({size for curve in self.curves for size in curve.labels}):
            cells = []
            for name in self.strategies:
                values = [
                    curve.metrics[self.view.metric][curve.labels.index(size)]
                    for curve in self.curves
                    if curve.strategy == name and size in curve.labels
                ]
                cells.append(self._cell(values) if values else "")
            yield size, cells

    def _cell(self, values: Sequence[float]) -> str:
        mean = sum(values) / len(values)
        return f"{100 * mean:.1f}" if words_for(self.view.metric).percent else f"{mean:.3f}"

    def targets(self) -> Iterator[tuple[str, list[str]]]:
        """For each strategy, the median over seeds of the labels to each level; `>n` where it is not reached."""
        view, below = self.view, words_for(self.view.metric).below
        for name in self.strategies:
            curves = [curve for curve in self.curves if curve.strategy == name and curve.labels]
            budget = max(curve.labels[-1] for curve in curves)
            sizes = [sizes_to(curves, level, view.metric, below=below) for level in view.levels or ()]
            yield name, [count(quartiles(one)[1], budget) for one in sizes]


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


def chosen_for(
    data: str, settings: Mapping[str, Mapping[str, Any]]
) -> tuple[ModelConfig, TrainConfig, tuple[str, ...]]:
    """The same, where a folder of images gets the network that `init` would choose for it; and notes on that.

    Raises:
        ConfigError: as `settings_for`.
        ModelError: a network that nobody knows.
        PoolError: no images there.
    """
    model, train = settings_for(data, settings)
    if natural_look(data):
        return model, train, ()
    chosen = choose_model(look_of_named(settings.get("model", {})), images_in(_folder(data)), MAX_PIXELS)
    model, train = settings_for(data, {**settings, "model": chosen.settings})
    network = f"network: {model.name} at {model.size} x {model.size} pixels, weights {model.weights}"
    return model, train, (network, *chosen.notes)


def chosen_boxes(
    data: str, settings: Mapping[str, Mapping[str, Any]]
) -> tuple[ModelConfig, TrainConfig, DetectorConfig, tuple[str, ...]]:
    """The same of a detector: what `init` would choose for such images.

    Raises:
        ConfigError: another section, an unknown name or a wrong value.
        PoolError: no images there.
    """
    if strange := settings.keys() - {"model", "train", "detector"}:
        raise ConfigError(
            "settings of model, train or detector", ", ".join(sorted(strange)), "--set model.name=..."
        )
    asked = {"task": "detection", "pool": {"source": data}, **settings}
    asked["model"] = look_of_named(settings.get("model", {}))
    found, notes = choose(asked, check_config(asked, "--set"), images_in(data))
    config = check_config(found, "--set")
    return config.model, config.train, config.detector, notes


def demo_experiment(seeds: int) -> Experiment:
    """Three strategies on scikit-learn's digits, from 10 labels to 60, in a minute or two on two cores."""
    model, train = settings_for(
        "digits",
        {
            "model": {"name": "pixels", "hidden": 128},
            "train": {
                "batch": 32,
                "learning_rate": 3e-3,
                "weight_decay": [0.1],
                "min_steps": 100,
                "max_steps": 1500,
            },
        },
    )
    return Experiment(
        strategies=("uncertainty-herding", "bald", "random"),
        seeds=tuple(range(seeds)),
        start=10,
        batch=10,
        until=60,
        draws=50,
        model=model,
        train=train,
    )


@door
def run_simulation(  # noqa: PLR0913 - what is simulated, how it is split, and how it is looked at
    data: str,
    experiment: Experiment,
    out: Path,
    *,
    resplit: bool = False,
    several: bool = False,
    labels: Path | None = None,
    view: View | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> Results:
    """Run, or continue, and write `report.html`, `curves.png` and `curves.parquet` beside the runs.

    Args:
        data: as `problem_from` reads it.
        resplit: each seed tests on images of its own.
        several: whether an image may have several labels.
        labels: of detection, where the annotations are; None: in the folder.
        view: what is compared and written about; None for the error. Curves have all metrics, so that another
            view of finished runs is a matter of seconds.
        workers: processes; None for one a core.

    Raises:
        ConfigError: the metric is not one of these images, or files of somebody's would be lost in `out`.
    """
    view = view or View()
    report = out / "report.html"
    refuse_other_folders(out, ("report.html", "curves.png", "curves.parquet"), "experiment.json", "data")
    refuse_other_files(report)
    features = str(out / "features")
    task: partial[Any] = partial(classification, features=features)
    plain: Callable[[], Problem]
    if experiment.detector is not None:
        task = partial(detection, detector=experiment.detector, features=features)
        plain = boxes_from(data, None if labels is None else str(labels))
    else:
        plain = problem_from(data, several=several)
    problem = partial(anew, plain) if resplit else plain
    _check_metric(view.metric, problem)
    lab = Lab(experiment, problem, task, out, made())
    curves = simulate(lab, workers=workers or os.cpu_count() or 1, progress=progress)
    tested = "others for each seed, of the same images" if resplit else "the same for all seeds"
    if view.levels is None:
        view = replace(view, levels=levels_of(curves, view.metric))
    verdict = _write(curves, data, experiment, out, view, tested)
    logs = [line["training"] for lines in read_runs(out, experiment).values() for line in lines]
    return Results(
        curves, experiment.strategies, view, len(logs), sum(not log["converged"] for log in logs), report, verdict
    )


def _folder(data: str) -> str:
    """Where the images are: of a table, its folder."""
    return data if Path(data).is_dir() else str(Path(data).parent)


def _check_metric(metric: str, problem: Callable[[], Problem]) -> None:
    if metric == "auroc" and (n := len(problem().classes)) != 2:
        raise ConfigError("two classes, which alone have an AUROC", f"{n}", "--metric macro_recall")


def _write(curves: list[Curve], data: str, experiment: Experiment, out: Path, view: View, tested: str) -> str:
    """Report, plot and curves; what the report says first."""
    reference = "random" if "random" in experiment.strategies else experiment.strategies[-1]
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
    report = ReportData(
        title=f"Simulation on {Path(data).name}",
        curves=curves,
        provenance=provenance,
        metric=view.metric,
        reference=reference,
        targets=view.levels or (),
        fixed_labels=experiment.val,
        subject=Path(data).name,
    )
    write_report(out / "report.html", report)
    plot_curves(
        curves,
        out / "curves.png",
        metric=view.metric,
        reference=reference,
        targets=report.targets,
        title=f"{report.subject}: {finding(report)}",
    )
    rows = [
        (curve.strategy, curve.seed, size, metric, values[i])
        for curve in curves
        for metric, values in curve.metrics.items()
        for i, size in enumerate(curve.labels)
    ]
    names = ("strategy", "seed", "labels", "metric", "value")
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))), sink)
    write_whole(out / "curves.parquet", sink.getvalue().to_pybytes())
    return headline(report)[0]


def _unusual(section: BaseModel) -> str:
    """The settings of a section that are not its defaults."""
    said = section.model_dump(mode="json", exclude_defaults=True)
    return ", ".join(f"{name} = {value}" for name, value in said.items()) or "defaults"
