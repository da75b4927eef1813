"""Whether a project is sound: its settings, its database, the files of its rounds. No torch.

Every look is guarded: what one of them meets hinders none of the others.
"""

import json
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from askance.loop.project import CONFIG, DATABASE, database_of, find_project
from askance.loop.settings import holds_a_password, read_config
from askance.loop.tidying import left_by_kills
from askance.store import Store
from askance.vocab import AskanceError, ConfigError
from askance.vocab.config import Config
from askance.vocab.errors import listed

T = TypeVar("T")

MODEL, KEPT, PICKS, SCORES = "model.safetensors", "config.json", "picks.json", "scores.parquet"
"""Files of a round."""

Rounds = list[tuple[int, str, int]]
"""Number, state, labels."""


def problems_of(root: Path) -> list[str] | None:
    """What is wrong with the project in a folder, in words; None where there is none."""
    try:
        folder = find_project(root)
    except ConfigError as error:
        return None if error.wanted.startswith("a project") else [told(error)]
    found: list[str] = []
    config = _tried(found, lambda: read_config(folder / CONFIG))
    rounds = _tried(found, lambda: _database(folder, config, found))
    _tried(found, lambda: found.extend(_files(folder, rounds)))
    if config is not None:
        _tried(found, lambda: found.extend(_settings(folder, config)))
    return found


def notes_of(root: Path) -> list[str]:
    """What is no fault and yet to be known: what a killed command left in the project's folder."""
    found: list[str] = []
    with suppress(AskanceError, OSError):
        folder = find_project(root)
        if left := left_by_kills(folder):
            names = listed([str(path.relative_to(folder)) for path in left])
            found.append(f"left by a killed command; the next scan, train or pick removes it: {names}")
        if unrecorded := _unrecorded(folder):
            names = listed([f"rounds/{name}" for name in unrecorded])
            found.append(f"files of a round that was killed before it was recorded; train makes it again: {names}")
    return found


def told(error: AskanceError) -> str:
    """An error in one line."""
    return " ".join(f"{error.got} ({error.fix})".split())


def _tried(found: list[str], look: Callable[[], T]) -> T | None:
    """What a look gives; None where it meets something, which is added to what was found."""
    try:
        return look()
    except AskanceError as error:
        said = told(error)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    if said not in found:
        found.append(said)
    return None


def _database(folder: Path, config: Config | None, found: list[str]) -> Rounds:
    """Its rounds; what is wrong with it is added to what was found."""
    if config is None and not (folder / DATABASE).exists():
        return []  # where it is, the settings would say
    place = folder / DATABASE if config is None else database_of(folder, config)
    with Store.open(place, make=False) as store:
        found += [one for one in store.check() if one not in found]
        return store.rounds_in_short()


def _unrecorded(folder: Path) -> list[str]:
    """Folders of rounds that the database does not know."""
    with Store.open(database_of(folder, read_config(folder / CONFIG)), make=False) as store:
        known = {f"{number:04d}" for number, _, _ in store.rounds_in_short()}
    there = [path.name for path in (folder / "rounds").glob("[0-9][0-9][0-9][0-9]*") if path.is_dir()]
    return sorted(set(there) - known)


def _files(folder: Path, rounds: Rounds | None) -> Iterator[str]:
    """What lacks in the folders of rounds."""
    for number, state, labels in rounds or []:
        place = folder / "rounds" / f"{number:04d}"
        wanted = [MODEL, KEPT] if labels else []
        wanted += [PICKS, SCORES] if state == "picked" else []
        for name in wanted:
            if not (place / name).is_file():
                fix = "run askance train" if name == MODEL else "it is for people: nothing is lost that is needed"
                yield f"round {number} has no {name}: {fix}"
            elif name.endswith(".json") and not _is_json(place / name):
                yield f"{place / name} is no JSON: the database has what it said"


def _settings(folder: Path, config: Config) -> Iterator[str]:
    source = config.pool.source
    if "://" not in source and "::" not in source and not (folder / source).exists():
        place = (folder / source).resolve()
        yield f"the pool's source {place} is not there: mend pool.source in {CONFIG}"
    file = folder / CONFIG
    if holds_a_password(config) and stat.S_IMODE(file.stat().st_mode) & 0o077:
        yield f"{CONFIG} holds a password and others may read it: chmod 600 {file}"


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return True
