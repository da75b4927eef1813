"""A paper's experiments run again: from a study to a dated page with everything that is needed to doubt it."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from askance.loop.experiment import Experiment, Problem
from askance.loop.runs import read_curves, read_runs
from askance.loop.simulate import Lab, simulate_all
from askance.report import plot_curves
from askance.report.claims import Claim, Masks
from askance.report.plot import colours_of
from askance.report.study import study_page
from askance.report.study_data import TARGETS, Effort, Published, Standing, StudyPage, StudyPart
from askance.session.machine import machine, made
from askance.session.problems import classification
from askance.session.rounds_file import Made, Origin, Place, read_rounds, write_rounds
from askance.vocab import ConfigError, Curve, Progress, silent
from askance.vocab.files import write_json, write_whole

BASELINE = "random"


@dataclass(frozen=True, slots=True)
class Part:
    """Arms that are compared with each other.

    Attributes:
        name: one word or two with a hyphen; claims and `--parts` call it by that.
        title: of its section.
        data: what it is run on, in words; runs of the same data and settings are shared, between studies too.
        problem: makes the images; picklable.
        experiment: arms, seeds, budget.
        reference: the arm that the others are compared with.
        published: labels to 10 % and 5 % error, as printed.
        standing: errors at one training size, as printed.
        note: what a reader has to know of this part.
        beside: strategy -> the part whose runs of it are shown with these, up to the same budget: of arms to
            which what this part changes makes no difference.
        metric: what is looked at; the same in all parts of a study.
        targets: values of it that labels are counted to; none, and they are not counted.
        weights: the folder that `model.weights` is under, where there are any.
    """

    name: str
    title: str
    data: str
    problem: Callable[[], Problem]
    experiment: Experiment
    reference: str = BASELINE
    published: Sequence[Published] = ()
    standing: Standing | None = None
    note: str = ""
    beside: Mapping[str, str] = field(default_factory=dict)
    metric: str = "error"
    targets: Sequence[float] = TARGETS
    weights: str | None = None

    def folder(self, out: Path) -> Path:
        """Where its runs are: the same for all that depends on the same settings and data."""
        said = json.dumps([self.data, self.experiment.as_json()], sort_keys=True)
        return out / "runs" / blake2b(said.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Study:
    """A paper's experiments.

    Attributes:
        name: a word, and the start of its files' names.
        title: of the page.
        cites: the paper.
        differs: what is not as in the paper, a sentence each.
        parts: what is run.
        claims: what the paper says of its arms, to be tested.
    """

    name: str
    title: str
    cites: str
    differs: tuple[str, ...]
    parts: tuple[Part, ...]
    claims: tuple[Claim, ...] = ()

    def only(self, names: Sequence[str]) -> "Study":
        """The same study of some of its parts, with the claims about them; its name says which.

        Raises:
            ConfigError: there is no such part.
        """
        known = [part.name for part in self.parts]
        if strange := [name for name in names if name not in known]:
            raise ConfigError(f"parts of {self.name}: {', '.join(known)}", ", ".join(strange), "choose of these")
        chosen = tuple(part for part in self.parts if part.name in names)
        name = self.name if len(chosen) == len(known) else "-".join([self.name, *(part.name for part in chosen)])
        claims = tuple(one for one in self.claims if {one.better[0], one.worse[0]} <= set(names))
        return replace(self, name=name, parts=chosen, claims=claims)

    def with_seeds(self, n: int) -> "Study":
        """The same study with the seeds from 0 to n - 1 in all its parts."""
        seeds = tuple(range(n))
        return replace(
            self,
            parts=tuple(replace(part, experiment=replace(part.experiment, seeds=seeds)) for part in self.parts),
        )


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a study.

    Attributes:
        page: the dated Markdown file.
        files: the others: configuration, raw curves, figures.
        whole: runs that reached their end.
        planned: runs that were to.
    """

    page: Path
    files: tuple[Path, ...]
    whole: int
    planned: int


def run_study(study: Study, out: Path, *, workers: int | None = None, progress: Progress = silent) -> None:
    """Run what has not been run; a study that was stopped goes on where it was.

    Raises:
        ConfigError: a folder of runs was changed by hand.
    """
    simulate_all(
        [_lab(part, out) for part in study.parts], workers=workers or os.cpu_count() or 1, progress=progress
    )


def resume_study(study: Study, out: Path, raw: Path) -> int:
    """Take up the rounds of an earlier result (its `.parquet`) that are not here; how many they were.

    Raises:
        ConfigError: no such result, or one of other settings.
    """
    return read_rounds(raw, _places(study, out))


def write_study(study: Study, out: Path, command: str) -> Written:
    """Write what the finished runs say: page, figures (PNG, SVG), raw curves (Parquet), configuration (JSON).

    Args:
        study: of which runs may be missing; that is said.
        out: where its runs are, and the files come to.
        command: as it was called, for the page.
    """
    now, here = datetime.now(UTC), machine()  # before files change, which would make a clean checkout a dirty one
    stem = f"{now:%Y-%m-%d}-{study.name}"
    places = _places(study, out)
    made = {name: place.made() for name, place in places.items()}
    runs = {part.name: read_curves(part.folder(out), part.experiment, whole=True) for part in study.parts}
    found = [(part, [*runs[part.name], *_beside(part, runs)]) for part in study.parts]
    origins = {name: Origin.of(of) for name, of in made.items()}
    arms = dict.fromkeys(name for part in study.parts for name in part.experiment.strategies)
    colours = colours_of(list(arms), BASELINE)
    figures = [path for part, curves in found if curves for path in _figures(part, curves, out, stem, colours)]
    config = out / f"{stem}.json"
    write_json(config, {"study": study.name, "parts": {name: place.config() for name, place in places.items()}})
    raw = out / f"{stem}.parquet"
    write_rounds(raw, places)
    page = StudyPage(
        title=f"{study.title}, {now:%Y-%m-%d}",
        cites=study.cites,
        differs=study.differs,
        provenance={
            **here,
            "command": f"`{command}`",
            "configuration": f"`{config.name}`; raw curves and picks: `{raw.name}`",
            **_alike("rounds by", {name: origin.code for name, origin in origins.items()}),
            **_alike("draws by", {name: origin.masks for name, origin in origins.items()}),
        },
        parts=[_section(part, curves, out, stem, _masks(part, made)) for part, curves in found],
        claims=study.claims,
    )
    path = out / f"{stem}.md"
    write_whole(path, study_page(page).encode())
    planned = sum(len(part.experiment.strategies) * len(part.experiment.seeds) for part in study.parts)
    return Written(path, (config, raw, *figures), sum(map(len, runs.values())), planned)


def _beside(part: Part, runs: Mapping[str, Sequence[Curve]]) -> list[Curve]:
    """Curves of other parts that are shown with a part's own: of the same seeds, as far as its budget goes."""
    seeds = {curve.seed for curve in runs[part.name]}
    return [
        curve.upto(part.experiment.until)
        for strategy, other in part.beside.items()
        for curve in runs.get(other, ())
        if curve.strategy == strategy and curve.seed in seeds
    ]


def _masks(part: Part, made: Mapping[str, Made]) -> dict[str, Masks]:
    """How the draws of each round came to their masks, of the arms beside too."""
    arms = {**made[part.name], **{name: made.get(other, {}).get(name, {}) for name, other in part.beside.items()}}
    return {name: {at: one["masks"] for at, one in arm.items() if one["masks"]} for name, arm in arms.items()}


def _places(study: Study, out: Path) -> dict[str, Place]:
    return {part.name: Place(part.experiment, part.data, part.folder(out)) for part in study.parts}


def _alike(head: str, said: Mapping[str, str]) -> dict[str, str]:
    """One line for what parts have in common, and a line for each that has something else; none for no rounds."""
    said = {name: text for name, text in said.items() if text}
    texts = list(dict.fromkeys(said.values()))
    if len(texts) < 2:
        return dict.fromkeys([head] * len(texts), "".join(texts))
    of = {text: ", ".join(name for name in said if said[name] == text) for text in texts}
    return {f"{head}, {of[text]}": text for text in texts}


def _lab(part: Part, out: Path) -> Lab:
    task = partial(classification, features=str(out / "runs" / "features"), weights=part.weights)
    return Lab(part.experiment, part.problem, task, part.folder(out), made())


def _figures(part: Part, curves: list[Curve], out: Path, stem: str, colours: Mapping[str, int]) -> list[Path]:
    """An arm has the same colour in all figures of a study; random is grey."""
    paths = [out / f"{stem}-{part.name}.{kind}" for kind in ("png", "svg")]
    for path in paths:
        plot_curves(curves, path, metric=part.metric, reference=BASELINE, targets=part.targets, colours=colours)
    return paths


def _section(part: Part, curves: list[Curve], out: Path, stem: str, masks: Mapping[str, Masks]) -> StudyPart:
    experiment = part.experiment
    scored = "the whole pool" if experiment.subset is None else f"a random {experiment.subset:,} of the pool"
    drawn = "one pass" if experiment.model.posterior == "softmax" else f"K = {experiment.draws}"
    return StudyPart(
        name=part.name,
        title=part.title,
        note=part.note,
        protocol=f"{experiment.start} labels to start from, {experiment.batch} a round, to {experiment.until}; "
        f"{experiment.val} validation labels; {drawn}; {scored} scored a round; {part.data}",
        curves=curves,
        strategies=experiment.strategies,
        seeds=experiment.seeds,
        until=experiment.until,
        paid=experiment.val,
        reference=part.reference,
        published=part.published,
        figure=f"{stem}-{part.name}.png" if curves else "",
        efforts=_efforts(part, out),
        standing=part.standing,
        masks=masks,
        beside=part.beside,
        metric=part.metric,
        targets=part.targets,
    )


def _efforts(part: Part, out: Path) -> dict[str, Effort]:
    """What the runs took that are at their end."""
    logs: dict[str, list[dict[str, Any]]] = {strategy: [] for strategy in part.experiment.strategies}
    for (strategy, _), lines in read_runs(part.folder(out), part.experiment).items():
        logs[strategy] += lines if len(lines) == part.experiment.rounds else []
    return {
        strategy: Effort(
            len(lines),
            sum(not line["training"]["converged"] for line in lines),
            tuple(sum(line["cpu_seconds"][i] for line in lines) for i in range(3)),
        )
        for strategy, lines in logs.items()
    }
