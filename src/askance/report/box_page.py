"""The parts of a page that are about boxes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from markupsafe import Markup

from askance.maths import against, spanned
from askance.report import boxes, verdict
from askance.report.box_data import FoundBox
from askance.report.chart import Chart, chart, data_uri
from askance.report.data import PickedImage, ReportData
from askance.report.judged import judged_table
from askance.report.names import name_of
from askance.report.overlay import doubts, drawn_overlay, found_overlay, picked_overlay
from askance.report.plot import band_svg, curves_svg
from askance.report.rounds import segments
from askance.report.words import words_for
from askance.vocab import Curve


def boxes_context(data: ReportData) -> dict[str, object]:
    """What the sections on boxes show; nothing where the report is of something else."""
    found, cost = data.boxes, data.cost
    told: dict[str, object] = {
        "box_standing": boxes.standing(found) if found else [],
        "box_classes": boxes.classes_table(found) if found and found.objects else None,
        "box_confused": boxes.confused_table(found) if found else None,
        "box_calibration": _calibration(data),
        "box_sure": boxes.calibration_sentence(found) if found else "",
        "box_bins": boxes.bins_table(found) if found else None,
        "box_cost": boxes.cost_sentences(cost) if cost else [],
        "box_unseen": boxes.unseen_sentence(cost) if cost else "",
        "box_legend": boxes.doubt_legend([image.boxes for image in data.picked]),
        "tested_cards": [
            (one, name_of(one.name), data_uri(one.thumbnail), drawn_overlay(one.image), found_overlay(one.image))
            for one in data.tested
        ],
    }
    return told


def card_overlays(picked: Sequence[PickedImage]) -> list[Markup | None]:
    """For each picked image its boxes; None where boxes are not what it was picked by."""
    doubt = doubts([image.boxes for image in picked])
    return [
        picked_overlay(image.size, image.boxes, row) if image.size else None
        for image, row in zip(picked, doubt, strict=True)
    ]


def counts_of(found: Sequence[FoundBox]) -> str:
    """Boxes at even odds by class, the commonest first.

    >>> counts_of([FoundBox((0, 0, 1, 1), "can", 0.9), FoundBox((0, 0, 1, 1), "can", 0.2)])
    '1 can'
    """
    counts = Counter(one.name for one in found if one.confidence >= boxes.EVEN)
    return ", ".join(f"{n:,} {name}" for name, n in counts.most_common())


def rounds_by_boxes(data: ReportData) -> Chart | None:
    """The project's own curve once more, over the boxes that were drawn; None where labels are no boxes."""
    bands = segments(boxes.by_boxes(data.rounds), data.metric)
    if not bands:
        return None
    caption = (
        f"{words_for(data.metric).sentence} by boxes in the training images: what labelling is paid by. A "
        "strategy that picks crowded images looks better by images than it is by boxes."
    )
    draw = partial(band_svg, bands, metric=data.metric, targets=data.targets, across="boxes in training images")
    return chart(data.titled("by boxes drawn"), caption, draw)


def curves_by_boxes(data: ReportData) -> dict[str, object]:
    """A simulation's curves once more over boxes, with their own verdict; nothing where curves count no boxes."""
    nothing: dict[str, object] = {"by_boxes": None, "by_boxes_said": [], "by_boxes_table": None}
    if not counts_boxes(data.curves):
        return nothing
    read = replace(data, curves=against(data.curves, "boxes"), counted="boxes")
    draw = partial(
        curves_svg,
        spanned(read.curves),
        metric=data.metric,
        reference=data.reference,
        targets=data.targets,
        across="boxes in training images",
    )
    caption = (
        f"{words_for(data.metric).sentence} by boxes in the training images, which is what labelling is paid by, "
        "read off between the rounds, where all seeds are. Lines: means over seeds; bands: their 95 % t-intervals."
    )
    return {
        "by_boxes": chart(data.titled(f"by boxes, {verdict.finding(read)}"), caption, draw),
        "by_boxes_said": verdict.headline(read),
        "by_boxes_table": judged_table(read),
    }


def counts_boxes(curves: Sequence[Curve]) -> bool:
    """Whether curves can be read over boxes: each counts them, and buys some."""
    counted = [curve.metrics.get("boxes", ()) for curve in curves]
    return bool(counted) and all(len(boxes) > 1 and boxes[-1] > boxes[0] for boxes in counted)


def _calibration(data: ReportData) -> Chart | None:
    if data.boxes is None:
        return None
    caption = boxes.WORDS.caption(
        "Boxes by how sure the model is of them, and how often they are right (overlap .5 or more with an object "
        "of their class)"
    )
    return chart(data.titled("as sure as right?"), caption, partial(boxes.calibration_svg, data.boxes))
