"""One HTML file that stands alone: no script, no request; for light and dark, for paper and telephone."""

import math
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from askance.report import calibration, compare, mistakes, project
from askance.report.data import SECTIONS, DoubtedLabel, NearImage, PickedImage, ReportData
from askance.report.ink import SERIES
from askance.report.plot import band_svg, colours_of, curves_svg, differences_svg
from askance.report.words import words_for
from askance.vocab.files import write_whole

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
class Chart:
    """One picture, laid out twice: for a desk and for a telephone."""

    caption: str
    wide: Markup
    narrow: Markup


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
    source: str | None
    votes: tuple[Part, ...]
    probabilities: tuple[Part, ...]
    near: tuple[tuple[NearImage, str | None], ...]


def write_report(path: Path, data: ReportData) -> None:
    """Write a report; every section appears only where there is data for it. Same data, same bytes.

    Whatever stands in the data (class names, paths, reasons) is shown as text, never taken as HTML.

    Raises:
        CurveError: curves that lack the metric, or two of a strategy with one seed.
        StoreError: the disk said no.
    """
    write_whole(path, render(data).encode())


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
        rounds_table=project.rounds_table(data.rounds, data.metric) if data.rounds else None,
        recalls=project.recalls(data),
        balance=project.balance(data),
        batch_title=project.batch_title(data),
        cards=[_card(image, data.classes) for image in data.picked],
        times=project.times_table(data.rounds),
        **_diagnosed(data),
        reasons=reasons.most_common(),
        shown=list(data.quarantined)[:SHOWN],
    )


def _diagnosed(data: ReportData) -> dict[str, object]:
    """What the sections on the last model show; nothing where it was not diagnosed."""
    found = data.diagnosis
    doubts: list[tuple[DoubtedLabel, str | None]] = [(one, _data_uri(one.thumbnail)) for one in data.doubts]
    if found is None:
        return {"reliability": None, "classes_table": None, "doubts": doubts}
    return {
        "reliability": _reliability_chart(data),
        "calibrated": calibration.sentences(found),
        "scores": calibration.scores_table(found),
        "bins": calibration.bins_table(found),
        "matrix": mistakes.matrix(found),
        "pairs": mistakes.pairs_table(found),
        "classes_table": mistakes.classes_table(found),
        "doubts": doubts,
    }


def _reliability_chart(data: ReportData) -> Chart | None:
    if data.diagnosis is None:
        return None
    wide, narrow = (calibration.reliability_svg(data.diagnosis, narrow=narrow) for narrow in (False, True))
    caption = (
        "Test images by how sure the model is of its answer, and how often it is right: on the dashed line it is "
        "as sure as it is right, below it too sure. Dots grow with their images; lines are 95 % Wilson intervals; "
        "bars count the images."
    )
    return _chart(caption, wide, narrow) if wide and narrow else None


def _headline(data: ReportData) -> list[str]:
    sentences = [*compare.headline(data)] if data.curves else []
    sentences += project.headline(data)
    return sentences or ["Nothing has been measured yet."]


def _curves_chart(data: ReportData) -> Chart:
    caption = (
        f"{words_for(data.metric).sentence} by training labels. Thick: mean over seeds; band: its 95 % "
        "t-interval; thin: each seed. Dotted: targets."
    )
    wide, narrow = (
        curves_svg(data.curves, metric=data.metric, reference=data.reference, targets=data.targets, narrow=narrow)
        for narrow in (False, True)
    )
    return _chart(caption, wide, narrow)


def _differences_chart(data: ReportData) -> Chart:
    bands = compare.differences(data)
    colours = colours_of(list(dict.fromkeys(c.strategy for c in data.curves)), data.reference)
    better = "Below zero is better" if data.below else "Above zero is better"
    caption = (
        f"Difference from {data.reference} on the same seeds (the line at zero). {better}. Band: 95 % bootstrap "
        "interval of the mean over paired runs; where it holds zero, the difference may be chance."
    )
    wide, narrow = (
        differences_svg(bands, colours=colours, metric=data.metric, narrow=narrow) for narrow in (False, True)
    )
    return _chart(caption, wide, narrow)


def _rounds_chart(data: ReportData) -> Chart | None:
    band = project.band(data)
    if band is None:
        return None
    caption = f"{words_for(data.metric).sentence} by training labels, round by round."
    if len(band.labels) > 1 and not all(map(math.isnan, band.low)):
        caption += " Band: 95 % Wilson interval over the test images."
    wide, narrow = (
        band_svg(project.NAME, band, metric=data.metric, targets=data.targets, narrow=narrow)
        for narrow in (False, True)
    )
    return _chart(caption, wide, narrow)


def _chart(caption: str, wide: str, narrow: str) -> Chart:
    return Chart(caption, Markup(wide), Markup(narrow))  # matplotlib escapes every text in it


def _card(image: PickedImage, classes: Sequence[str]) -> Card:
    return Card(
        image,
        _data_uri(image.thumbnail),
        _parts(image.votes, classes, lambda value: f"{value:.0f}"),
        _parts(image.probabilities, classes, lambda value: f"{100 * value:.0f} %"),
        tuple((one, _data_uri(one.thumbnail)) for one in image.near),
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


def _data_uri(picture: bytes | None) -> str | None:
    if picture is None:
        return None
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{b64encode(picture).decode()}"
