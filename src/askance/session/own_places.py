"""Where a project, or a simulation, has its own files: nothing else is written there, nor they elsewhere."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from askance.loop.project import CONFIG
from askance.vocab import ConfigError, StoreError
from askance.vocab.files import read_json

FILES = ("askance.toml", "askance.db", "passed-over.json", "askance-error.txt")
FOLDERS = ("features", "rounds", "training", "rejected")


def refuse_own_places(root: Path, path: Path) -> None:
    """Check that a name that somebody chose for a file is none of a project's own.

    Raises:
        ConfigError: it is, or it is below one.
    """
    try:
        inside = path.resolve().relative_to(root.resolve()).parts
    except ValueError:
        return
    first = inside[0] if inside else ""
    if not inside or first in FOLDERS or any(first == name or first.startswith(f"{name}-") for name in FILES):
        fix = f"choose a name elsewhere, or below {root / 'reports'}"
        raise ConfigError(
            "a file that is not one of the project's own", f"{path}, where {root} keeps its files", fix
        )


def refuse_other_folders(out: Path, names: Iterable[str], mark: str, key: str) -> None:
    """Check, before results are written into a folder under names of ours, that nobody's file is lost by it.

    Args:
        out: the folder.
        names: what is written there.
        mark: the file that results are known by.
        key: what that file, a JSON object, says in any case.

    Raises:
        ConfigError: it is a project, a file, or it has a file of one of these names and no mark.
    """
    if (out / CONFIG).exists():
        raise ConfigError("a folder for results", f"{out}, which is a project", f"--out {out}/simulation")
    if (out.exists() or out.is_symlink()) and not out.is_dir():
        raise ConfigError("a folder for results", f"{out}, which is none", "choose another --out")
    there = [name for name in names if (out / name).exists() or (out / name).is_symlink()]
    try:
        ours = key in read_json(out / mark, dict[str, Any])
    except StoreError:
        ours = (out / mark).exists() and mark not in there  # damaged: whoever reads it says so
    if there and not ours:
        raise ConfigError(
            "a folder with no other files of the names that are written",
            f"{', '.join(str(out / name) for name in there)}, which is not known to be a result of Askance",
            "choose another --out, or move that file away",
        )
