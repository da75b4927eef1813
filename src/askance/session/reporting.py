"""A project's report: its rounds, its last batch and why, what could not be read."""

import shlex
import sys
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import cast

from askance.pool import BadImage, Limits, thumbnail
from askance.report import (
    DoubtedLabel,
    NearImage,
    PickedImage,
    ReportData,
    refuse_other_files,
    write_new_report,
    write_report,
)
from askance.report.box_data import MarkedPicture
from askance.report.boxes import described
from askance.session.box_reporting import cost_of, found_boxes, kept_boxes, size_of, tested_pictures, total_of
from askance.session.crew import crew_of
from askance.session.evidence import MANY, SHOWN, diagnosis_of, neighbours_of
from askance.session.headline import headline
from askance.session.own_places import refuse_own_places
from askance.session.paid import paid
from askance.session.round_rows import beside, round_row
from askance.session.session import Session
from askance.vocab import Diagnosis, Neighbour, Pick, Progress, Round, said, silent
from askance.vocab.box_diagnosis import BoxDiagnosis
from askance.vocab.config import PoolConfig
from askance.vocab.faults import door
from askance.vocab.secrets import masked

LIBRARIES = ("askance", "torch", "torchvision", "timm")
"""Whose versions are named."""

THUMBNAIL, SMALL = 400, 96
"""Pixels of a picture's longer side, which a click enlarges, and of a neighbour's."""

DOUBTS = 24
"""Labels in doubt that are shown; all are counted."""


@door
def write_project_report(session: Session, out: Path | None = None, progress: Progress = silent) -> Path:
    """Write the report of a project as it stands; returns the file.

    Args:
        session: an open project.
        out: the file; None for the next free name of the last round's in `reports/`.
        progress: told of thumbnails.

    Raises:
        ConfigError: `out` is there and is no report, or is where the project has its own files.
        StoreError: the disk said no.
    """
    if out is not None:
        refuse_own_places(session.project.root, out)
        refuse_other_files(out)
    store = session.project.store
    rounds = store.rounds()
    last = next((one for one in reversed(rounds) if one.state == "picked"), None)
    trained = next((one for one in reversed(rounds) if one.labels), None)
    picks, labels = store.picks(last.number) if last else [], store.labels()
    near = neighbours_of(session.project, last) if last else None
    kept = diagnosis_of(session.project, trained) if trained else None
    found = kept.found if kept else None
    doubts = _doubts(session, found) if found else []
    quarantined = store.quarantined()
    detects = session.config.task == "detection"
    boxes = kept_boxes(session.project, trained)
    data = ReportData(
        title=session.project.root.name,
        rounds=[round_row(session.project, one) for one in rounds],
        picked=_shown(session, picks[:SHOWN], near.found if near else {}, progress),
        batch=len(picks),
        answered=sum(pick.image_id in labels for pick in picks),
        diagnosis=found,
        doubts=doubts,
        quarantined=quarantined,
        classes=session.config.classes,
        provenance=_provenance(session, rounds),
        absent={
            **_why_not_diagnosed(trained, found, boxes is not None),
            "rounds": "No round yet: askance train makes one.",
            "batch": "Nothing is picked yet: askance pick does it.",
            "near": "" if near or not picks or detects else _why_no_neighbours(last),
            "quarantine": "Every file could be read.",
            "time": "No round was timed.",
        },
        subject=Path(session.project.source.rstrip("/")).name or session.project.root.name,
        metric=headline(session.config)[0],
        how=str(last.config.get("picked_by", "")) if last else "",
        batch_labels=last.labels if last else None,
        chosen=_chosen(last),
        beside=beside(session.project, rounds),
        plain_accuracy=store.metrics(trained.number).get("test_accuracy_deterministic") if trained else None,
        paid=paid(session, progress),
        answers=Counter(said(label) for label in labels.values() if label.answer is not None),
        crew=crew_of(session.project),
        boxes=boxes,
        tested=_tested(session, boxes),
        cost=cost_of(labels, picks) if detects else None,
    )
    if out is None:
        return write_new_report(session.project.root / "reports" / f"round-{_number(rounds):04d}.html", data)
    write_report(out, data)
    return out


def _number(rounds: list[Round]) -> int:
    return rounds[-1].number if rounds else 0


def _chosen(last: Round | None) -> dict[str, float]:
    """What is known of the scores of the last batch, beside those of the pool."""
    kept = last.config.get("batch") if last else None
    if not isinstance(kept, dict):
        return {}
    return {name: float(value) for name, value in kept.items() if isinstance(value, int | float)}


def _tested(session: Session, found: BoxDiagnosis | None) -> list[MarkedPicture]:
    names = {name: record.uri for name, record in session.project.store.images().items()} if found else {}
    shown = [one.image_id for one in found.shown if one.image_id in names] if found else []
    return tested_pictures(found, names, {name: _thumbnail(names[name], session.config.pool) for name in shown})


def _why_not_diagnosed(trained: Round | None, found: Diagnosis | None, boxes: bool) -> dict[str, str]:
    """Section -> why it has nothing to show."""
    if boxes:
        return {}
    if trained is None:
        return dict.fromkeys(("calibration", "mistakes", "doubts"), "No model is trained yet.")
    if found is None:
        why = f"Nothing is kept of round {trained.number}'s model: the next askance train keeps it."
        return dict.fromkeys(("calibration", "mistakes", "doubts"), why)
    test = "There is no labelled test image: askance pick --split test -n 200 asks for some."
    if not found.doubtable:
        return {"calibration": test, "mistakes": test, "doubts": "There is no held-out label to doubt."}
    if not found.classes:
        why = "Where an image may have several labels, none is taken for another."
        return {"calibration": test, "mistakes": why, "doubts": why}
    none = f"None of the {found.doubtable:,} validation and test labels is in doubt."
    if found.suspects:
        none = f"The {len(found.suspects):,} in doubt have been labelled anew, or left the pool, since."
    return {"calibration": test, "mistakes": test, "doubts": none}


def _why_no_neighbours(last: Round | None) -> str:
    if last is None or not last.labels:
        return "there was no model yet to say what looks alike."
    return f"not looked for: they are where {MANY:,} training labels or fewer make it cheap."


def _doubts(session: Session, found: Diagnosis) -> list[DoubtedLabel]:
    """The labels in doubt that still stand as they were."""
    images, labels = session.project.store.images(), session.project.store.labels()
    standing = [
        one
        for one in found.suspects
        if one.image_id in images and one.image_id in labels and labels[one.image_id].value == one.given
    ]
    return [
        DoubtedLabel(
            name=images[one.image_id].uri,
            split=one.split,
            given=one.given,
            suggested=one.suggested,
            self_confidence=one.self_confidence,
            confidence=one.confidence,
            thumbnail=_thumbnail(images[one.image_id].uri, session.config.pool),
            right=one.right,
        )
        for one in sorted(standing, key=lambda one: one.self_confidence if one.right is None else one.right)[
            :DOUBTS
        ]
    ]


def _shown(
    session: Session, picks: list[Pick], near: Mapping[str, list[Neighbour]], progress: Progress
) -> list[PickedImage]:
    images = session.project.store.images()
    small = cache(lambda uri: _thumbnail(uri, session.config.pool, SMALL))
    labels = session.project.store.labels()
    shown = []
    for done, pick in enumerate(picks, start=1):
        uri = images[pick.image_id].uri if pick.image_id in images else ""
        shown.append(
            PickedImage(
                name=uri or pick.image_id,
                rank=pick.rank,
                gain=pick.gain,
                predicted=str(pick.why.get("predicted", "")) or _described(pick),
                boxes=found_boxes(pick.why),
                size=size_of(pick.why),
                votes=cast(Mapping[str, int], pick.why.get("votes", {})),
                probabilities=cast(Mapping[str, float], pick.why.get("probabilities", {})),
                thumbnail=_thumbnail(uri, session.config.pool),
                stranger_than=cast(float | None, pick.why.get("stranger_than")),
                near=[
                    NearImage(said(labels[one.image_id]), one.similarity, small(images[one.image_id].uri))
                    for one in near.get(pick.image_id, [])
                    if one.image_id in images and one.image_id in labels
                ],
            )
        )
        progress("thumbnails", done, len(picks))
    return shown


def _described(pick: Pick) -> str:
    return described(found_boxes(pick.why), total_of(pick.why)) if "boxes" in pick.why else ""


def _thumbnail(uri: str, pool: PoolConfig, side: int = THUMBNAIL) -> bytes | None:
    try:
        return thumbnail(uri, side, max_pixels=pool.max_pixels, limits=Limits.of(pool)) if uri else None
    except BadImage:
        return None


def _provenance(session: Session, rounds: list[Round]) -> dict[str, str]:
    strategy, now = session.config.strategy, {name: version(name) for name in LIBRARIES}
    facts = {
        "project": str(session.project.root),
        "pool": masked(session.project.source),
        "model": session.config.model.name,
        "strategy": f"{strategy.selection} of {strategy.acquisition}, K = {strategy.draws}",
        "seed": str(session.config.seed),
        "command": masked(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])),
        "versions": _versions(now),
    }
    if rounds:
        last = rounds[-1]
        then = cast(Mapping[str, str], last.config.get("versions", {}))
        facts["last round"] = f"{last.number}, {last.at:%Y-%m-%d %H:%M} UTC, seed {last.seed}"
        if any(then.get(name, found) != found for name, found in now.items()):
            facts["trained with"] = _versions(then)
        facts["as run"] = f"rounds/{last.number:04d}/config.json: all settings, versions and metrics of that round"
    return facts


def _versions(of: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in of.items())
