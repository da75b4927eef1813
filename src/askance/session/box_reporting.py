"""What the report of a detection project shows beside what every report does: boxes, and what they cost."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from askance.loop.project import Project
from askance.report.box_data import BoxCost, FoundBox, MarkedPicture
from askance.report.boxes import EVEN
from askance.session.evidence import box_diagnosis_of
from askance.vocab import Json, Label, Pick, Round
from askance.vocab.box_diagnosis import BoxDiagnosis

_Why = Mapping[str, Json]


def found_boxes(why: _Why) -> list[FoundBox]:
    """The boxes that a pick's `why` names, the surest first; none where the pick was not by boxes.

    `boxes` is a list of `{"box": [left, top, right, bottom], "class": ..., "confidence": ..., "bald": ...,
    "spread": ...}` in pixels of the image as people see it; `objects` counts all of them, `boxes` may be fewer;
    `size` is `[width, height]` of the image.
    """
    listed = why.get("boxes")
    rows = cast(Sequence[Mapping[str, Any]], listed) if isinstance(listed, list) else []
    return [
        FoundBox(
            (float(row["box"][0]), float(row["box"][1]), float(row["box"][2]), float(row["box"][3])),
            str(row["class"]),
            float(row["confidence"]),
            float(row.get("bald", 0.0)),
            float(row.get("spread", 0.0)),
        )
        for row in rows
        if isinstance(row, Mapping) and isinstance(row.get("box"), list) and len(row["box"]) == 4
    ]


def size_of(why: _Why) -> tuple[int, int] | None:
    """Width and height that a pick's `why` says; None where it says no boxes."""
    size = why.get("size")
    if "boxes" not in why or not isinstance(size, list) or len(size) != 2:
        return None
    return int(cast(int, size[0])), int(cast(int, size[1]))


def total_of(why: _Why) -> int:
    """How many boxes the model finds, those that are not listed too."""
    return int(cast(int, why.get("objects", len(found_boxes(why)))))


def cost_of(labels: Mapping[str, Label], picks: Sequence[Pick]) -> BoxCost:
    """What labelling cost so far, and what the batch will.

    Args:
        labels: those in force.
        picks: the last batch.
    """
    said = [label for label in labels.values() if label.annotation is not None]
    boxes = [label.annotation.classes.total() for label in said if label.annotation is not None]
    timed = [(n, label.seconds) for n, label in zip(boxes, said, strict=True) if label.seconds is not None]
    asked = [pick.why for pick in picks if "boxes" in pick.why]
    return BoxCost(
        images=len(said),
        boxes=sum(boxes),
        empty=sum(not n for n in boxes),
        seconds=sum(seconds for _, seconds in timed),
        timed=len(timed),
        timed_boxes=sum(n for n, _ in timed),
        picked=len(picks),
        expected=[sum(box.confidence >= EVEN for box in found_boxes(why)) for why in asked],
        unseen=sum(not total_of(why) for why in asked),
    )


def kept_boxes(project: Project, trained: Round | None) -> BoxDiagnosis | None:
    """The diagnosis of the last detector; None where none is kept."""
    kept = box_diagnosis_of(project, trained) if trained and project.config.task == "detection" else None
    return kept.found if kept else None


def tested_pictures(
    found: BoxDiagnosis | None, names: Mapping[str, str], pictures: Mapping[str, bytes | None]
) -> list[MarkedPicture]:
    """The test images that a diagnosis shows and that are still in the pool.

    Args:
        found: the diagnosis.
        names: image id -> path or URL.
        pictures: image id -> thumbnail.
    """
    shown = found.shown if found else ()
    return [
        MarkedPicture(one, names[one.image_id], pictures.get(one.image_id))
        for one in shown
        if one.image_id in names
    ]
