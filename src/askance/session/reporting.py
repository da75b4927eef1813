"""A project's report: its rounds, its last batch and why, what could not be read."""

import sys
from collections import Counter
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import cast

from askance.pool import BadImage, thumbnail
from askance.report import PickedImage, ReportData, RoundRow, write_report
from askance.session.session import Session
from askance.vocab import Json, Pick, Progress, Round, silent

THUMBNAIL = 160
"""Pixels of a thumbnail's longer side."""

SHOWN = 60
"""Images of the last batch that are shown."""


def write_project_report(session: Session, out: Path | None = None, progress: Progress = silent) -> Path:
    """Write the report of a project as it stands; returns the file."""
    path = out or session.project.root / "report.html"
    store = session.project.store
    rounds = store.rounds()
    last = next((one for one in reversed(rounds) if one.state == "picked"), None)
    picks = store.picks(last.number) if last else []
    data = ReportData(
        title=session.project.root.name,
        rounds=[_round(session, one) for one in rounds],
        picked=_shown(session, picks[:SHOWN], progress),
        batch=len(picks),
        quarantined=store.quarantined(),
        classes=session.config.classes,
        provenance=_provenance(session, rounds),
    )
    write_report(path, data)
    return path


def _round(session: Session, one: Round) -> RoundRow:
    """What is known of a round: its metrics, its labels, its picks."""
    metrics = session.project.store.metrics(one.number)
    test = {key.removeprefix("test_"): value for key, value in metrics.items() if key.startswith("test_")}
    training = cast(Mapping[str, Json], one.config.get("training", {}))
    return RoundRow(
        number=one.number,
        labels=one.labels,
        metrics=test,
        tested=cast(int, one.config.get("tested", 0)),
        labelled=cast(Mapping[str, int], one.config.get("labelled", {})),
        picked=Counter(
            str(p.why["predicted"]) for p in session.project.store.picks(one.number) if "predicted" in p.why
        ),
        converged=bool(training.get("converged", True)),
    )


def _shown(session: Session, picks: list[Pick], progress: Progress) -> list[PickedImage]:
    images = session.project.store.images()
    shown = []
    for done, pick in enumerate(picks, start=1):
        uri = images[pick.image_id].uri if pick.image_id in images else ""
        shown.append(
            PickedImage(
                name=uri or pick.image_id,
                rank=pick.rank,
                gain=pick.gain,
                predicted=str(pick.why.get("predicted", "")),
                votes=cast(Mapping[str, int], pick.why.get("votes", {})),
                probabilities=cast(Mapping[str, float], pick.why.get("probabilities", {})),
                thumbnail=_thumbnail(uri, session.config.pool.max_pixels),
            )
        )
        progress("thumbnails", done, len(picks))
    return shown


def _thumbnail(uri: str, max_pixels: int) -> bytes | None:
    try:
        return thumbnail(uri, THUMBNAIL, max_pixels=max_pixels) if uri else None
    except BadImage:
        return None


def _provenance(session: Session, rounds: list[Round]) -> dict[str, str]:
    strategy = session.config.strategy
    facts = {
        "project": str(session.project.root),
        "pool": session.project.source,
        "model": session.config.model.name,
        "strategy": f"{strategy.selection} of {strategy.acquisition}, K = {strategy.draws}",
        "seed": str(session.config.seed),
        "command": " ".join(["askance", *sys.argv[1:]]),
        "versions": ", ".join(f"{name} {version(name)}" for name in ("askance", "torch", "torchvision", "timm")),
    }
    if rounds:
        facts["last round"] = f"{rounds[-1].number}, {rounds[-1].at:%Y-%m-%d %H:%M} UTC"
    return facts
