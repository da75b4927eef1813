"""Files under way: opened beside their place, held while their writer lives, swept when it does not.

A writer holds a lock on its file, which the system frees when the process ends, however it ends. So a file that
nobody holds is what a kill has left.
"""

import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

YOUNG = 60.0
"""Seconds in which a file that nobody holds is left alone: it may be about to be held."""

_BEGINNING = 60
"""Letters of a file's name that its unfinished copy begins with: all of a long one and more would be too long."""

_UNDER_WAY = re.compile(r"\..+\.[a-z0-9_]{8}\.(tmp|part)")
"""`.model.safetensors.3w_9pxjz.tmp` is a file under way, `.batch-0002.0a1b2c3d.part` a folder."""


def open_beside(path: Path) -> tuple[int, Path]:
    """Open a new file beside another, readable by whom the umask allows, and hold it; the handle and its path.

    Raises:
        OSError: the folder cannot be written.
    """
    while True:
        place = path.with_name(f".{path.name[:_BEGINNING]}.{secrets.token_hex(4)}.tmp")
        with suppress(FileExistsError):
            handle = os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
            _hold(handle)
            return handle, place


def folder_beside(path: Path) -> tuple[int, Path]:
    """Make a new folder beside another, and hold it; the handle, to be closed, and its path.

    Raises:
        OSError: the folder around it cannot be written.
    """
    while True:
        place = path.with_name(f".{path.name[:_BEGINNING]}.{secrets.token_hex(4)}.part")
        with suppress(FileExistsError):
            place.mkdir()
            handle = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
            _hold(handle)
            return handle, place


def leftovers(folder: Path, name: str | None = None) -> list[Path]:
    """Files and folders under way in a folder that no writer holds, by name.

    Args:
        folder: looked at itself, not what is below it; it need not be there.
        name: only of the file or folder of this name.
    """
    try:
        found = [Path(one.path) for one in os.scandir(folder) if _is_under_way(one.name, name)]
    except OSError:
        return []
    return sorted(path for path in found if not _is_held(path))


def sweep(folder: Path, name: str | None = None) -> list[Path]:
    """Remove what killed writers have left in a folder, see `leftovers`; what was removed."""
    swept = []
    for path in leftovers(folder, name):
        with suppress(OSError):
            if time.time() - path.lstat().st_mtime < YOUNG:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
            swept.append(path)
    return swept


def below(folder: Path, names: Iterable[str]) -> list[Path]:
    """A folder, those of these names in it, and all folders in them; links are not followed."""
    found = [folder]
    for name in names:
        found += [Path(root) for root, _, _ in os.walk(folder / name)]
    return found


def _is_under_way(name: str, of: str | None) -> bool:
    if not name.startswith("."):
        return False
    return _UNDER_WAY.fullmatch(name) is not None and (of is None or name[1:].rsplit(".", 2)[0] == of[:_BEGINNING])


def _hold(handle: int) -> None:
    with suppress(OSError):  # a file system without locks: what is left there is swept when it is no longer young
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _is_held(path: Path) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False
