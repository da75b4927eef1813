"""What a report shows beside the numbers of a round, kept in the round's folder when there is a model to ask.

`diagnosis.json` is made after training, `neighbours.json` after a pick. Each says what it was made from, so that
one of an earlier training is not taken for this one's; losing either costs a report a section and nothing else.
"""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from askance.loop.already import model_file
from askance.loop.project import Project
from askance.vocab import Diagnosis, Neighbour, Pick, Progress, Round, StoreError, silent
from askance.vocab.box_diagnosis import BoxDiagnosis
from askance.vocab.config import Config
from askance.vocab.files import read_json, write_whole

SHOWN = 60
"""Images of a batch that a report shows, and that neighbours are looked for."""

NEAR = 3
"""Labelled images beside each."""

FEW, MANY = 500, 3000
"""Labelled images that neighbours are always, and at most, looked for among."""


T = TypeVar("T")

_NEIGHBOURS = dict[str, list[Neighbour]]


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """Something found in a round's folder, and what it took to make, in seconds."""

    found: T
    seconds: float


@dataclass(frozen=True, slots=True)
class _File:
    version: int
    of: Any
    seconds: float
    found: Any


def diagnosed(config: Config) -> bool:
    """Whether the models of such a project can be diagnosed."""
    return config.task in ("classification", "detection")


def keep_diagnosis(project: Project, task: Any, one: Round, progress: Progress = silent) -> None:
    """Diagnose a round's model on validation and test labels, unless that is done or cannot be."""
    if has_diagnosis(project, one):
        return
    path, basis, file = _diagnosis_file(project, one), one.config.get("inputs"), model_file(project, one.number)
    began = time.perf_counter()
    val, test = project.labelled("val"), project.labelled("test")
    k = project.config.strategy.draws
    found = task.diagnose(task.load(file), val, test, k=k, seed=one.seed, progress=progress)
    _write_timed(path, basis, began, asdict(found))


def keep_neighbours(project: Project, task: Any, number: int, picks: tuple[Pick, ...]) -> None:
    """Find the training images most like each picked one, unless that is done or would cost too much."""
    if not wants_neighbours(project, number, picks):
        return
    ids, labelled = [pick.image_id for pick in picks[:SHOWN]], _labelled(project)
    path, file = _neighbours_file(project, number), model_file(project, number)
    began = time.perf_counter()
    near = task.nearest(task.load(file), ids, labelled, n=NEAR)
    _write_timed(
        path, ids, began, {name: [asdict(one) for one in some] for name, some in zip(ids, near, strict=True)}
    )


def has_diagnosis(project: Project, one: Round) -> bool:
    """Whether a round's model is diagnosed, or there is none."""
    basis = one.config.get("inputs")
    if basis is None or not diagnosed(project.config) or not model_file(project, one.number).exists():
        return True
    kind: Any = BoxDiagnosis if project.config.task == "detection" else Diagnosis
    return kept_in(_diagnosis_file(project, one), basis, kind) is not None


def wants_neighbours(project: Project, number: int, picks: tuple[Pick, ...]) -> bool:
    """Whether images like the picked ones are still to be looked for: there is a model, and it is cheap."""
    ids = [pick.image_id for pick in picks[:SHOWN]]
    if project.config.task != "classification" or not model_file(project, number).exists():
        return False
    if kept_in(_neighbours_file(project, number), ids, _NEIGHBOURS):
        return False
    return _cheap(project, number, len(_labelled(project)))


def _labelled(project: Project) -> list[str]:
    """Training images that are in the pool."""
    present = project.store.images()
    return [name for name in project.labelled("train").ids if name in present]


def diagnosis_of(project: Project, one: Round) -> Kept[Diagnosis] | None:
    """What is kept of a round's model; None where nothing is, or only of an earlier training."""
    return kept_in(_diagnosis_file(project, one), one.config.get("inputs"), Diagnosis)


def box_diagnosis_of(project: Project, one: Round) -> Kept[BoxDiagnosis] | None:
    """The same of a detector; None where nothing is kept, or only of an earlier training."""
    return kept_in(_diagnosis_file(project, one), one.config.get("inputs"), BoxDiagnosis)


def neighbours_of(project: Project, one: Round) -> Kept[dict[str, list[Neighbour]]] | None:
    """Picked image -> the labelled images most like it, best first; None where nobody looked."""
    ids = [pick.image_id for pick in project.store.picks(one.number)[:SHOWN]]
    return kept_in(_neighbours_file(project, one.number), ids, _NEIGHBOURS)


def _diagnosis_file(project: Project, one: Round) -> Path:
    return project.round_folder(one.number) / "diagnosis.json"


def _neighbours_file(project: Project, number: int) -> Path:
    return project.round_folder(number) / "neighbours.json"


def _cheap(project: Project, number: int, labelled: int) -> bool:
    """Whether features of the labelled images cost no more than scoring did, or little anyway."""
    scored = next((one.config.get("scored", 0) for one in project.store.rounds() if one.number == number), 0)
    return 0 < labelled <= max(FEW, min(MANY, scored if isinstance(scored, int) else 0))


def _write_timed(path: Path, basis: object, began: float, found: Any) -> None:
    write_kept(path, basis, found, round(time.perf_counter() - began, 3))


def write_kept(path: Path, basis: object, found: Any, seconds: float = 0.0) -> None:
    """Keep something found, with what it was made from."""
    kept = {"version": 1, "of": basis, "seconds": seconds, "found": found}
    write_whole(path, json.dumps(kept, ensure_ascii=False).encode())


def is_kept(path: Path) -> bool:
    """Whether a file is whole, whatever it was made from."""
    kind: Any = Diagnosis | BoxDiagnosis if path.name == "diagnosis.json" else _NEIGHBOURS
    try:
        kept = read_json(path, _File)
        TypeAdapter(kind).validate_python(kept.found)
    except (StoreError, ValidationError):
        return False
    return True


def kept_in(path: Path, basis: object, kind: type[T]) -> Kept[T] | None:
    """What is kept, if it is whole, of this version, and was made from this."""
    try:
        kept = read_json(path, _File)
        if kept.version != 1 or kept.of != basis or basis is None:
            return None
        return Kept(TypeAdapter(kind).validate_python(kept.found), kept.seconds)
    except (StoreError, ValidationError):
        return None
