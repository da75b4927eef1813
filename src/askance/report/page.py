"""One HTML file that stands alone: no script, no request; for light and dark, for paper and telephone."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from askance.report import calibration, compare, crew, mistakes, project, verdict
from askance.report.box_page import boxes_context, card_overlays, counts_of, curves_by_boxes, rounds_by_boxes
from askance.report.chart import Chart, chart, data_uri
from askance.report.data import SECTIONS, DoubtedLabel, NearImage, PickedImage, ReportData
from askance.report.doubts import doubts
from askance.report.ink import SERIES
from askance.report.judged import judged_table
from askance.report.names import Name, name_of
from askance.report.plot import band_svg, curves_svg, differences_svg
from askance.report.rounds import marks, rounds_table, segments
from askance.report.words import words_for
from askance.vocab import ConfigError
from askance.vocab.files import reading, write_free, write_whole
from askance.vocab.strategies import beside_random, by_lot, how_chosen, score_name

MARK = b'<meta name="generator" content="Askance">'
"""By what a report is known to be one."""

SHOWN = 50
"""Quarantined files that are named; all are counted."""

_PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of a stacked bar.

    Attributes:
        share: of the whole bar, percent.
        colour: place in the palette.
        text: what it stands for.
    """

    share: float
    colour: int
    text: str


@dataclass(frozen=True, slots=True)
class Card:
    """One picked image as it is shown."""

    image: PickedImage
    name: Name
    source: str | None
    votes: tuple[Part, ...]
    probabilities: tuple[Part, ...]
    near: tuple[tuple[NearImage, str | None], ...]
    overlay: Markup | None = None
    counts: str = ""


def write_report(path: Path, data: ReportData) -> None:
    """Write a report; every section appears only where there is data for it. Same data, same bytes.

    Whatever stands in the data (class names, paths, reasons) is shown as text, never taken as HTML.

    Raises:
        CurveError: curves that lack the metric, or two of a strategy with one seed.
        StoreError: the disk said no.
    """
    write_whole(path, render(data).encode())


def write_new_report(path: Path, data: ReportData) -> Path:
    """The same where nothing is replaced: under this name, or the next one that is free; which one it was.

    Raises:
        CurveError: as `write_report`.
        StoreError: the disk said no.
    """
    return write_free(path, render(data).encode())


def refuse_other_files(path: Path) -> None:
    """Check, before a report is written under a name that somebody chose, that no other file is lost by it.

    Raises:
        ConfigError: there is a file that is no report of Askance, or a folder.
    """
    if not (path.exists() or path.is_symlink()):
        return
    if not path.is_file() or MARK not in _start(path):
        raise ConfigError(
            "a file that is not there yet, or an earlier report",
            f"{path}, which is something else",
            "choose another name",
        )


def _start(path: Path) -> bytes:
    with reading(path), path.open("rb") as file:
        return file.read(2_000)


def _repeated(data: ReportData) -> bool:
    """Whether enough seeds were run for tests of a strategy against another to say anything."""
    runs = Counter(curve.strategy for curve in data.curves)
    return len(runs) > 2 and sorted(runs.values())[-2] >= compare.TESTED


def render(data: ReportData) -> str:
    """The page as text."""
    compared = bool(compare.differences(data))
    reasons = Counter((sighting.problem or "unknown").split(":")[0] for sighting in data.quarantined)
    return _PAGES.get_template("report.html.j2").render(
        data=data,
        absent={name: data.absent.get(name, "") for name in SECTIONS},
        headline=_headline(data),
        words=words_for(data.metric),
        curves=_curves_chart(data) if data.curves else None,
        differences=_differences_chart(data) if compared else None,
        few=compared and min(n for band in compare.differences(data).values() for n in band.n) < compare.FEW,
        differences_table=compare.differences_table(data) if compared else None,
        targets_table=compare.targets_table(data) if data.curves and data.targets else None,
        saved_table=compare.saved_table(data) if compared else None,
        penalties_table=compare.penalties_table(data) if compared and _repeated(data) else None,
        rounds=_rounds_chart(data),
        rounds_by_boxes=rounds_by_boxes(data),
        rounds_table=rounds_table(data.rounds, data.metric) if data.rounds else None,
        marks=marks(data.rounds),
        recalls=project.recalls(data),
        balance=project.balance(data),
        batch_title=project.batch_title(data),
        chosen=_chosen(data),
        gain=score_name(data.how) if data.how else "gain",
        cards=_cards(data),
        people=_people(data),
        times=project.times_table(data.rounds),
        **_diagnosed(data),
        **boxes_context(data),
        **curves_by_boxes(data),
        judged_table=judged_table(data) if compared else None,
        reasons=reasons.most_common(),
        shown=list(data.quarantined)[:SHOWN],
    )


def _diagnosed(data: ReportData) -> dict[str, object]:
    """What the sections on the last model show; nothing where it was not diagnosed."""
    found, listed = data.diagnosis, doubts(data)
    doubted: list[tuple[DoubtedLabel, Name, str | None]] = [
        (one, name_of(one.name), data_uri(one.thumbnail)) for one in (listed.shown if listed else ())
    ]
    told = {"doubted": listed, "doubts": doubted}
    if found is None:
        return {"reliability": None, "classes_table": None, **told}
    return {
        "reliability": _reliability_chart(data),
        "calibrated": calibration.sentences(found, data.plain_accuracy),
        "scores": calibration.scores_table(found),
        "bins": calibration.bins_table(found),
        "matrix": mistakes.matrix(found),
        "pairs": mistakes.pairs_table(found),
        "classes_table": mistakes.classes_table(found),
        **told,
    }


def _chosen(data: ReportData) -> list[str]:
    """How the last batch was chosen, and how it differs from a random one."""
    if not data.how:
        return []
    said = [f"How they were chosen: {how_chosen(data.how, labels=data.batch_labels)}."]
    if by_lot(data.how):
        said.append("Chance decides among likely images, so that an image the model is sure of can be among them.")
    return [*said, *filter(None, [beside_random(data.chosen, data.how)])]


def _people(data: ReportData) -> dict[str, object] | None:
    """Who labelled; None where one person did, and nothing was changed."""
    found = data.crew
    if found is None or not (len(found.persons) > 1 or found.changes):
        return None
    return {
        "sentences": crew.sentences(found),
        "persons": crew.persons_table(found),
        "pairs": crew.pairs_table(found),
        "differing": crew.differing_table(found),
        "changes": crew.changes_table(found),
    }


def _reliability_chart(data: ReportData) -> Chart | None:
    if data.diagnosis is None:
        return None
    words = calibration.words_of(data.diagnosis)
    what = "Test images" if words is calibration.IMAGES else "Answers, whether a label is there or not,"
    caption = words.caption(f"{what} by how sure the model is of its answer, and how often it is right")
    title = data.titled(calibration.finding(data.diagnosis))
    return chart(title, caption, partial(calibration.reliability_svg, data.diagnosis))


def _headline(data: ReportData) -> list[str]:
    sentences = verdict.headline(data) if data.curves else []
    sentences += project.headline(data)
    return sentences or ["Nothing has been measured yet."]


def _curves_chart(data: ReportData) -> Chart | None:
    caption = (
        f"{words_for(data.metric).sentence} by training labels. Lines: means over seeds; bands: their 95 % "
        "t-intervals, where there are three seeds or more. Dotted: the levels that labels are counted to."
    )
    draw = partial(curves_svg, data.curves, metric=data.metric, reference=data.reference, targets=data.targets)
    return chart(data.titled(verdict.finding(data)), caption, draw)


def _differences_chart(data: ReportData) -> Chart | None:
    bands = compare.differences(data)
    better = "Below zero is better" if data.below else "Above zero is better"
    caption = (
        f"Difference from {data.reference} on the same seeds (the line at zero). {better}. Band: 95 % bootstrap "
        "interval of the mean over paired runs, size by size; where it holds zero, the difference may be chance."
    )
    title = data.titled(f"{words_for(data.metric).title} beside {data.reference}")
    return chart(title, caption, partial(differences_svg, bands, metric=data.metric))


def _rounds_chart(data: ReportData) -> Chart | None:
    bands = segments(data.rounds, data.metric)
    if not bands:
        return None
    caption = f"{words_for(data.metric).sentence} by training labels, a dot a round."
    if not all(math.isnan(low) for band in bands for low in band.low):
        caption += " Bars: 95 % Wilson intervals over the test images."
    if len(bands) > 1:
        caption += " Dashed: what is left of it is not to be compared with what is right of it (see the letters)."
    draw = partial(band_svg, bands, metric=data.metric, targets=data.targets)
    return chart(data.titled(project.finding(data)), caption, draw)


def _cards(data: ReportData) -> list[Card]:
    overlays = card_overlays(data.picked)
    return [_card(image, data.classes, over) for image, over in zip(data.picked, overlays, strict=True)]


def _card(image: PickedImage, classes: Sequence[str], over: Markup | None) -> Card:
    return Card(
        image,
        name_of(image.name),
        data_uri(image.thumbnail),
        _parts(image.votes, classes, lambda value: f"{value:.0f}"),
        _parts(image.probabilities, classes, lambda value: f"{100 * value:.0f} %"),
        tuple((one, data_uri(one.thumbnail)) for one in image.near),
        over,
        counts_of(image.boxes),
    )


def _parts(shares: Mapping[str, float], classes: Sequence[str], text: Callable[[float], str]) -> tuple[Part, ...]:
    """Stretches of a bar, largest first; classes keep their colour from card to card."""
    total = sum(shares.values())
    order = list(classes) + [name for name in shares if name not in classes]
    largest = sorted(((value, name) for name, value in shares.items() if value > 0), key=lambda pair: -pair[0])
    return tuple(
        Part(100 * value / total, order.index(name) % len(SERIES), f"{name} {text(value)}")
        for value, name in largest
    )
