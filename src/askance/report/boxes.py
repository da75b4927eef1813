"""What the report of a detection project says: how well it finds, what it gets wrong, what an image costs."""

from collections.abc import Sequence
from dataclasses import replace

from askance.report.box_data import BoxCost, FoundBox
from askance.report.calibration import ReliabilityWords, bins_of, reliability_svg_of
from askance.report.compare import Table
from askance.report.data import ReportData, RoundRow
from askance.report.overlay import doubts
from askance.report.words import duration, trim
from askance.vocab.box_diagnosis import BoxClass, BoxDiagnosis

WORDS = ReliabilityWords(things="boxes", right="right", title="boxes the model finds")


EVEN = 0.5
"""The confidence from which a box found in a picked image is expected to be drawn there."""


def standing(found: BoxDiagnosis) -> list[str]:
    """How well it finds, in sentences."""
    images = f"{found.tested:,} test image{'s' * (found.tested != 1)}"
    empty = f", {found.empty:,} of them without an object" if found.empty else ""
    if found.ap50 is None:
        return [f"There is no object in the {images}: average precision has no value."]
    said = [
        f"On {images} with {found.objects:,} objects{empty}: AP50 {interval(found.ap50, found.low, found.high)}, "
        f"AP75 {_share(found.ap75)}, AP {_share(found.ap)}; {_share(found.recall)} of the objects of a class are "
        "found by some box."
    ]
    right = sum(one.right for one in found.classes)
    wrong = {kind: sum(getattr(one, kind) for one in found.classes) for kind in _WRONG}
    missed = sum(one.missed for one in found.classes)
    if not right:
        return [*said, "No box is right."]
    told = [f"{n:,} {_WRONG[kind]}" for kind, n in sorted(wrong.items(), key=lambda pair: -pair[1]) if n]
    kinds = f" ({', '.join(told)})" if told else ""
    return [
        *said,
        f"From {_share(found.least)} confidence on, where finding and not missing balance best (F1), {right:,} "
        f"boxes are right, {sum(wrong.values()):,} wrong{kinds}, and {missed:,} objects are missed.",
    ]


_WRONG = {
    "misplaced": "badly placed",
    "confused": "of another class",
    "twice": "found twice",
    "nothing": "on nothing",
}


def classes_table(found: BoxDiagnosis) -> Table:
    """Per class, the least average precision first, what is not there at the end."""
    order = sorted(found.classes, key=lambda one: 2.0 if one.ap50 is None else one.ap50)
    head = (
        "class",
        "objects",
        "AP50",
        "right",
        "missed",
        "badly placed",
        "another class",
        "twice",
        "nothing there",
    )
    return Table((*head, "calibration error"), tuple(_row(one) for one in order))


def confused_table(found: BoxDiagnosis) -> Table | None:
    """Classes taken for another, the most first; None where none is."""
    names = [one.name for one in found.classes]
    pairs = [
        (n, names[own], names[said])
        for own, row in enumerate(found.confused)
        for said, n in enumerate(row)
        if n and own != said
    ]
    rows = [(own, said, f"{n:,}") for n, own, said in sorted(pairs, key=lambda pair: -pair[0])[:10]]
    return Table(("object", "found as", "boxes"), tuple(rows)) if rows else None


def calibration_sentence(found: BoxDiagnosis) -> str:
    """How sure it is beside how often it is right."""
    if found.reliability is None or found.calibration_error is None:
        return ""
    n = sum(found.reliability.count)
    return (
        f"Over all {n:,} boxes, down to the least sure, confidence and the share that is right differ by "
        f"{trim(100 * found.calibration_error)} points on average (detection ECE)."
    )


def calibration_svg(found: BoxDiagnosis, *, narrow: bool) -> str | None:
    """The share of boxes that is right by confidence; None without boxes."""
    return reliability_svg_of([("", found.reliability)], WORDS, narrow=narrow) if found.reliability else None


def bins_table(found: BoxDiagnosis) -> Table | None:
    """The picture in numbers."""
    return bins_of([("", found.reliability)], WORDS) if found.reliability else None


def cost_sentences(cost: BoxCost) -> list[str]:
    """What an image cost, what the batch will, and which of it has no box."""
    said = []
    if cost.images:
        empty = f"; in {cost.empty:,} there is nothing" if cost.empty else ""
        said.append(
            f"Labelled so far: {_count(cost.images, 'image')} with {_count(cost.boxes, 'box')}, "
            f"{trim(cost.boxes / cost.images)} an image{empty}."
        )
    if cost.timed:
        each = f", {duration(cost.seconds / cost.timed_boxes)} a box" if cost.timed_boxes else ""
        all_ = "" if cost.timed == cost.images else f" (known of {_count(cost.timed, 'image')})"
        said.append(f"That took {duration(cost.seconds / cost.timed)} an image{each}{all_}.")
    if cost.expected:
        mean = sum(cost.expected) / len(cost.expected)
        beside = f", against {trim(cost.boxes / cost.images)} in those labelled" if cost.images else ""
        said.append(f"In the picked images the model finds {trim(mean)} boxes an image at even odds{beside}.")
    return said


def unseen_sentence(cost: BoxCost) -> str:
    """The share of picks without a box; empty where none was picked by a model."""
    if not cost.expected:
        return ""
    if not cost.unseen:
        return "In each of them the model finds something."
    share = f"{100 * cost.unseen / len(cost.expected):.0f}\N{NO-BREAK SPACE}%"
    return (
        f"In {cost.unseen:,} of the {_count(len(cost.expected), 'picked image')} ({share}) the model finds no box "
        "at all. No box, no score: they have their own share of a batch, since what a detector misses is seen "
        "nowhere else."
    )


def doubt_legend(images: Sequence[Sequence[FoundBox]]) -> str:
    """What the lines of the boxes say."""
    most = max((one.bald for image in images for one in image), default=0.0)
    flat = [value for row in doubts(images) for value in row]
    if not flat:
        return ""
    if most > 1e-6:
        return f"by how far the draws differ about it (BALD); the most here is {most:.2g} nats"
    return "by how near its probability is to even: there is one draw, which cannot differ"


def by_boxes(rounds: Sequence[RoundRow]) -> list[RoundRow]:
    """The rounds with boxes in the place of images, where both are known; else none."""
    rows = [replace(row, labels=row.objects) for row in rounds if row.labels and row.objects]
    return rows if rows and all(row.objects for row in rounds if row.labels) else []


def trained_on(row: RoundRow) -> str:
    """Labels a model saw, in words.

    >>> trained_on(RoundRow(1, 40, objects=512)), trained_on(RoundRow(1, 40))
    ('40 training images (512 boxes)', '40 training labels')
    """
    return (
        f"{row.labels:,} training images ({row.objects:,} boxes)"
        if row.objects
        else f"{row.labels:,} training labels"
    )


def described(boxes: Sequence[FoundBox], total: int) -> str:
    """How many boxes a picked image holds at even odds, and how many less likely ones.

    >>> described([FoundBox((0, 0, 1, 1), "can", 0.9), FoundBox((0, 0, 1, 1), "lid", 0.2)], 2)
    '1 box, 1 unlikely'
    >>> described([], 0)
    'nothing found'
    """
    if not boxes:
        return "nothing found"
    sure = sum(one.confidence >= EVEN for one in boxes)
    rest = max(total, len(boxes)) - sure
    return _count(sure, "box") + (f", {rest:,} unlikely" if rest else "")


def interval(value: float, low: float | None, high: float | None) -> str:
    r"""A share with its interval.

    >>> interval(0.712, 0.65, 0.75)
    '71.2\xa0% (65 to 75)'
    """
    between = f" ({trim(100 * low)} to {trim(100 * high)})" if low is not None and high is not None else ""
    return f"{_share(value)}{between}"


def is_detection(data: ReportData) -> bool:
    """Whether boxes are what the report is about."""
    return data.boxes is not None or data.cost is not None


def _row(one: BoxClass) -> tuple[str, ...]:
    ap50 = "–" if one.ap50 is None else interval(one.ap50, one.low, one.high)
    counts = (one.right, one.missed, one.misplaced, one.confused, one.twice, one.nothing)
    error = "–" if one.calibration_error is None else f"{trim(100 * one.calibration_error)} points"
    return (one.name, f"{one.objects:,}", ap50, *(f"{n:,}" for n in counts), error)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{trim(100 * value)}\N{NO-BREAK SPACE}%"


def _count(n: int, name: str) -> str:
    plural = f"{name}es" if name.endswith("x") else f"{name}s"
    return f"{n:,} {name if n == 1 else plural}"
