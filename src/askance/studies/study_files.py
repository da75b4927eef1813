"""What came of a study: a dated page with everything that is needed to doubt it, and its files."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from typing import Any

from askance.report import ReportData, plot_curves
from askance.report.box_page import counts_boxes
from askance.report.claims import Masks
from askance.report.study import study_page
from askance.report.study_boxes import over_boxes
from askance.report.study_data import Bought, Effort, StudyPage, StudyPart
from askance.report.verdict import finding
from askance.session.own_places import refuse_other_folders
from askance.simulation.experiment import Problem
from askance.simulation.runs import read_curves, read_runs
from askance.studies.machine import machine
from askance.studies.rounds_file import Made, Origin, write_rounds
from askance.studies.studies import BASELINE, Part, Study, places_of, problems_of
from askance.vocab import Annotation, Curve
from askance.vocab.faults import door
from askance.vocab.files import write_json, write_whole


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


@door
def write_study(study: Study, out: Path, command: str) -> Written:
    """Write what the finished runs say: page, figures (PNG, SVG), raw curves (Parquet), configuration (JSON).

    Args:
        study: of which runs may be missing; that is said.
        out: where its runs are, and the files come to.
        command: as it was called, for the page.
    """
    now, here = datetime.now(UTC), machine()
    stem = f"{now:%Y-%m-%d}-{study.name}"
    names = [f"{stem}.{kind}" for kind in ("md", "json", "parquet")]
    names += [f"{stem}-{part.name}.{kind}" for part in study.parts for kind in ("png", "svg")]
    names += [f"{stem}-{part.name}-over-boxes.png" for part in study.parts]
    refuse_other_folders(out, names, f"{stem}.json", "study")
    problems = problems_of(study)
    places = places_of(study, out, problems)
    made = {name: place.made() for name, place in places.items()}
    runs = {part.name: read_curves(part.folder(out), part.experiment, whole=True) for part in study.parts}
    origins = {name: Origin.of(of) for name, of in made.items()}
    sections = [
        replace(
            _section(part, [*runs[part.name], *_beside(part, runs)], stem, problems[part.name]),
            metric=study.metric,
            levels=study.levels,
            efforts=_efforts(part, out),
            bought=_bought(part, problems[part.name], out),
            masks=_masks(part, made),
        )
        for part in study.parts
    ]
    figures = [
        path for section in sections if section.figure for path in _figures(section, out, stem, study.subject)
    ]
    figures += [path for section in sections for path in _boxes_figure(section, out, study.subject)]
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
        parts=sections,
        claims=study.claims,
        metric=study.metric,
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


def _alike(head: str, said: Mapping[str, str]) -> dict[str, str]:
    """One line for what parts have in common, and a line for each that has something else; none for no rounds."""
    said = {name: text for name, text in said.items() if text}
    texts = list(dict.fromkeys(said.values()))
    if len(texts) < 2:
        return dict.fromkeys([head] * len(texts), "".join(texts))
    of = {text: ", ".join(name for name in said if said[name] == text) for text in texts}
    return {f"{head}, {of[text]}": text for text in texts}


def _figures(part: StudyPart, out: Path, stem: str, subject: str) -> list[Path]:
    """A strategy has the same colour in all figures; the title says the data, the part, and what was found."""
    data = ReportData(part.title, part.curves, metric=part.metric, reference=part.reference, targets=part.targets)
    about = f"{subject}, {part.title[:1].lower()}{part.title[1:]}" if subject else part.title
    paths = [out / f"{stem}-{part.name}.{kind}" for kind in ("png", "svg")]
    for path in paths:
        plot_curves(
            part.curves,
            path,
            metric=part.metric,
            reference=BASELINE,
            targets=part.targets,
            title=f"{about}: {finding(data)}",
        )
    return paths


def _boxes_figure(part: StudyPart, out: Path, subject: str) -> list[Path]:
    """The same arms over boxes."""
    read = over_boxes(part) if part.boxes_figure else None
    if read is None:
        return []
    path, about = out / part.boxes_figure, f"{subject}, {part.title[:1].lower()}{part.title[1:]}"
    plot_curves(
        part.curves,
        path,
        metric=part.metric,
        reference=BASELINE,
        title=f"{about}: {finding(read)}",
        across="boxes",
    )
    return [path]


def _section(part: Part, curves: list[Curve], stem: str, problem: Problem) -> StudyPart:
    experiment = part.experiment
    scored = "the whole pool" if experiment.subset is None else f"a random {experiment.subset:,} of the pool"
    drawn = "one pass" if experiment.model.posterior == "softmax" else f"K = {experiment.draws}"
    return StudyPart(
        name=part.name,
        title=part.title,
        note=part.note,
        protocol=f"{experiment.start} labels to start from, {experiment.batch} a round, to {experiment.until}; "
        f"{experiment.val} validation labels; {drawn}; {scored} scored a round; {part.data}, "
        f"{len(problem.of_seed(0).answers):,} to pick from",
        curves=curves,
        strategies=experiment.strategies,
        seeds=experiment.seeds,
        until=experiment.until,
        paid=experiment.val,
        reference=part.reference,
        published=part.published,
        figure=f"{stem}-{part.name}.png" if any(len(curve.labels) > 1 for curve in curves) else "",
        efforts={},
        standing=part.standing,
        beside=part.beside,
        boxes_figure=f"{stem}-{part.name}-over-boxes.png" if counts_boxes(curves) else "",
    )


def _efforts(part: Part, out: Path) -> dict[str, Effort]:
    """What the runs took that are at their end."""
    logs: dict[str, list[dict[str, Any]]] = {strategy: [] for strategy in part.experiment.strategies}
    for strategy, _, lines in _whole(part, out):
        logs[strategy] += lines
    return {
        strategy: Effort(
            len(lines),
            sum(not line["training"]["converged"] for line in lines),
            tuple(sum(line["cpu_seconds"][i] for line in lines) for i in range(3)),
        )
        for strategy, lines in logs.items()
    }


def _bought(part: Part, problem: Problem, out: Path) -> dict[str, Bought]:
    """What they bought, by what it truly is."""
    targets = dict(
        zip((*problem.pool.ids, *problem.test.ids), (*problem.pool.targets, *problem.test.targets), strict=True)
    )
    targets |= dict.fromkeys(problem.strangers, len(problem.classes))
    names = (*problem.classes, *(["none of these"] if problem.strangers else []))
    batches: dict[str, list[Counter[int]]] = {}
    runs: Counter[str] = Counter()
    for strategy, _, lines in _whole(part, out):
        batches.setdefault(strategy, []).extend(
            counted for line in lines if (counted := _classes([targets[name] for name in line["picked"]], names))
        )
        runs[strategy] += 1
    return {
        strategy: Bought(
            {name: sum(one[c] for one in found) / runs[strategy] for c, name in enumerate(names)},
            mean(max(one.values()) / one.total() for one in found),
        )
        for strategy, found in batches.items()
        if found
    }


def _classes(picked: Sequence[Any], names: Sequence[str]) -> Counter[int]:
    """How many labels, or objects, of each class there are in some images."""
    if not picked or not isinstance(picked[0], Annotation):
        return Counter(picked)
    place = {name: c for c, name in enumerate(names)}
    return Counter(place[one.name] for said in picked for one in said.objects or ())


def _whole(part: Part, out: Path) -> Iterator[tuple[str, int, list[dict[str, Any]]]]:
    """Strategy, seed and rounds of the runs that are at their end."""
    for (strategy, seed), lines in read_runs(part.folder(out), part.experiment).items():
        if len(lines) == part.experiment.rounds:
            yield strategy, seed, lines
