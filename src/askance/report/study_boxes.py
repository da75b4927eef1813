"""The part of a study's page that is over boxes: what labelling is paid by where there are objects to draw."""

from dataclasses import replace

from askance.maths import against
from askance.report import verdict
from askance.report.box_page import counts_boxes
from askance.report.compare import saved_table
from askance.report.data import ReportData
from askance.report.judged import judged_table
from askance.report.study_data import StudyPart
from askance.report.words import table, words_for


def data_of(part: StudyPart) -> ReportData:
    """The arms of a part, to be judged."""
    return ReportData(part.title, part.curves, metric=part.metric, reference=part.reference, targets=part.targets)


def over_boxes(part: StudyPart) -> ReportData | None:
    """The same read off over the boxes in the training images; None where the curves count none."""
    if not counts_boxes(part.curves):
        return None
    return replace(data_of(part), curves=against(part.curves, "boxes"), counted="boxes")


def boxes_section(part: StudyPart) -> list[str]:
    """Both ways to count, each strategy against the reference; nothing where curves count no boxes."""
    read = over_boxes(part)
    if read is None:
        return []
    return [
        *_judged(data_of(part), "By images"),
        *_judged(read, "By boxes, read off between the rounds"),
        *([f"![{part.words.title} over boxes]({part.boxes_figure})", ""] if part.boxes_figure else []),
        *_saved(read),
    ]


def _judged(data: ReportData, title: str) -> list[str]:
    found = judged_table(data)
    if found is None:
        return []
    return [
        f"### {title}",
        "",
        " ".join(verdict.headline(data)),
        "",
        f"Difference of the area under the curve, {words_for(data.metric).unit}, seed by seed; p of a permutation "
        "test, of several strategies by Holm; what so many seeds *would have shown* at this spread:",
        "",
        *table(found.head, found.rows),
        "",
    ]


def _saved(data: ReportData) -> list[str]:
    if not verdict.saved(data):
        return []
    found = saved_table(data)
    return [
        f"Boxes saved against {data.reference} at equal {words_for(data.metric).title}, medians over pairs of "
        "seeds; where the whole curve, or a level by a sign test, is not beyond chance, no number is said:",
        "",
        *table(found.head, found.rows),
        "",
    ]
