"""Whether a project's files are as they were written: all of them, byte by byte; for `askance doctor`."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

from askance.loop.already import model_file
from askance.loop.project import Project
from askance.networks import checkpoint, trunks
from askance.networks.tensor_file import digest_of, read_tensors
from askance.pool.features import open_cache
from askance.session.evidence import is_kept
from askance.session.soundness import problems_of
from askance.training import resume
from askance.vocab import AskanceError, Json, Pick, Round
from askance.vocab.files import damaged, read_json, reading


def check_project(root: Path) -> list[str] | None:
    """What is wrong with the project in a folder, its files too, in words; None where there is none."""
    found = problems_of(root)
    if found is not None:
        with suppress(AskanceError):  # that it cannot be opened has been said
            project = Project.open(root)
            try:
                found += [one for one in damages(project) if one not in found]
            finally:
                project.close()
    return found


def damages(project: Project) -> list[str]:
    """What of a project's files is not as it was written, and what to do, in words; empty when all is."""
    found: list[str] = []
    for one in project.store.rounds():
        found += _of_round(project, one)
    found += _of_features(project.root / "features")
    for file in sorted((project.root / "training").glob("*.safetensors")):
        if (wrong := resume.fault(file)) is not None:
            found.append(f"{file}: {wrong}: this training starts over with the next askance train")
    return found


def _of_round(project: Project, one: Round) -> Iterator[str]:
    folder = project.round_folder(one.number)
    model = model_file(project, one.number)
    checks: dict[Path, Callable[[], str | None]] = {
        model: lambda: _read(lambda: _check_model(model, project.config.task)),
        folder / "config.json": lambda: _as_run(folder / "config.json", one),
        folder / "picks.json": lambda: _picked(folder / "picks.json", project.store.picks(one.number)),
        folder / "scores.parquet": lambda: _scored(folder / "scores.parquet", one),
        **{folder / name: partial(_evident, folder / name) for name in ("diagnosis.json", "neighbours.json")},
    }
    for path, check in checks.items():
        if path.exists() and (wrong := check()) is not None:
            yield f"round {one.number}, {path.name}: {wrong} ({path})"


def _read(work: Callable[[], object]) -> str | None:
    """What an error says; None where there is none."""
    try:
        work()
    except AskanceError as error:
        return f"{error.got}: {error.fix}"
    return None


@dataclass(frozen=True, slots=True)
class _Model:
    """What the file of any model says of itself; the digest came later."""

    format: str | None = None
    digest: str | None = None


def _check_model(path: Path, task: str) -> None:
    """Refuse the file of a model that a round of this task could not read.

    Raises:
        StoreError: it cannot be read, is of another format, or not as it was written.
    """
    tensors, about = read_tensors(path, _Model)
    known = _formats(task)
    if about.format not in known:
        raise damaged(path, f"its format is {about.format}, not {' or '.join(known)}", _ANEW)
    if about.digest is not None and about.digest != digest_of(tensors):
        raise damaged(path, "other numbers than its digest says", _ANEW)


def _formats(task: str) -> tuple[str, ...]:
    if task == "classification":
        return (checkpoint.FORMAT,)
    from askance.networks.detectors.build import FORMAT as WHOLE
    from askance.tasks.detection.known import FORMAT as BLACK_BOX
    from askance.tasks.detection.model import FORMAT as HEADS

    return HEADS, WHOLE, BLACK_BOX


_ANEW = "delete that file: askance train then makes the model anew, from the same labels"
_COLUMNS = ["id", "score", "group"]
"""Of the scores of a round."""


def _as_run(path: Path, one: Round) -> str | None:
    """Whether the settings that a round was run with are those that the database has."""
    try:
        said = read_json(path, dict[str, Any])
    except AskanceError as error:
        return error.got
    other = [key for key in ("inputs", "settings") if key in one.config and said.get(key) != one.config[key]]
    return f"it says another {' and '.join(other)} than the database, which counts" if other else None


def _picked(path: Path, picks: list[Pick]) -> str | None:
    """Whether a batch is the one that the database has."""
    try:
        said = read_json(path, list[dict[str, Any]])
    except AskanceError as error:
        return error.got
    ids = [(row.get("id"), row.get("rank")) for row in said]
    same = not picks or ids == [(pick.image_id, pick.rank) for pick in picks]
    return None if same else "it names another batch than the database, which counts"


def _scored(path: Path, one: Round) -> str | None:
    digests = one.config.get("digests")
    wanted = digests.get(path.name) if isinstance(digests, dict) else None
    with reading(path):
        found = file_digest(path.read_bytes())
    anew = "the next askance pick writes its own"
    if wanted not in (None, found):
        return f"it is not as it was written; {anew}"
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        return f"{error}; {anew}"
    return None if names[: len(_COLUMNS)] == _COLUMNS else f"its columns are {', '.join(names)}; {anew}"


def _evident(path: Path) -> str | None:
    return None if is_kept(path) else "it is damaged: the report goes without it until the next train or pick"


def _of_features(folder: Path) -> Iterator[str]:
    for cache in sorted(path for path in folder.glob("*") if path.is_dir() and path.name != "trunks"):
        try:
            rows = open_cache(cache)
            rows.seal()
            wrong, before = rows.damaged(), rows.taken_out
        except AskanceError as error:
            yield f"{cache}: {error.got} ({error.fix})"
            continue
        if wrong:
            yield f"{wrong:,} of {len(rows.ids):,} rows in {cache} are damaged: they are made anew when used"
        if before:
            yield (
                f"{before:,} rows in {cache} were damaged, and have been made anew: the disk may be failing; "
                "delete that folder to be rid of this, it is rebuilt"
            )
    for file in sorted((folder / "trunks").glob("*.safetensors")):
        if (fault := trunks.fault(file)) is not None:
            yield f"{file}: {fault}: the trunk is built anew with the next round"


def file_digest(data: bytes) -> Json:
    """Of a file's bytes, in 32 hex digits."""
    return blake2b(data, digest_size=16).hexdigest()
