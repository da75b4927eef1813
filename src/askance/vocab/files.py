"""Files that are whole or absent: written beside, flushed to the disk, renamed."""

import json
import os
import stat
from contextlib import suppress
from pathlib import Path

from askance.vocab.errors import StoreError
from askance.vocab.leftovers import open_beside, sweep
from askance.vocab.records import Json


def write_whole(path: Path, data: bytes, *, private: bool = False, new: bool = False) -> None:
    """Write a file so that a kill at any moment leaves the old one or the new one.

    Who may read it says the umask; of a file that takes the place of another, no one who could not read that.

    Args:
        path: of the file; its folder is made.
        data: all of it.
        private: for its owner alone, whatever the umask: it holds a password.
        new: only where nothing is of that name, also if others try the same at this moment.

    Raises:
        StoreError: the disk is full or the folder cannot be written; the old file stands.
        FileExistsError: it was to be new, and is there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent, path.name)
        handle, beside = open_beside(path)
    except OSError as error:
        raise cannot_write(path, error) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            _narrow(file.fileno(), path, private=private)
            os.fsync(file.fileno())
            _put_in_place(beside, path, new=new)  # while it is held: nobody may take it for a leftover
        _flush_folder(path.parent)
    except BaseException as error:
        beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and not (new and isinstance(error, FileExistsError)):
            raise cannot_write(path, error) from None
        raise


def write_json(path: Path, value: Json) -> None:
    """Write JSON for people: indented, keys as they come."""
    write_whole(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def free_name(path: Path, data: bytes | None = None) -> Path:
    """The path itself where nothing is there yet, else the first of `name-2`, `name-3`, ... that is free.

    Args:
        path: of a file or a folder.
        data: what is to be written; a file that holds exactly that is as good as a free name.

    >>> free_name(Path("no/such/folder/batch.csv")).name
    'batch.csv'
    """
    candidate, number = path, 1
    while candidate.exists() or candidate.is_symlink():
        if data is not None and candidate.is_file() and candidate.read_bytes() == data:
            break
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate


def write_free(path: Path, data: bytes) -> Path:
    """Write a file under the first free name, also where others do the same at this moment; returns the file.

    A file of one of those names that holds exactly that already is taken for it.

    Raises:
        StoreError: the disk is full or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from None
    while True:
        file = free_name(path, data)
        try:
            file.touch(exist_ok=False)  # the name is ours: nobody else gets it
        except FileExistsError:
            if file.is_file() and file.read_bytes() == data:
                return file
        except OSError as error:
            raise cannot_write(file, error) from None
        else:
            write_whole(file, data)
            return file


def cannot_write(path: Path, error: OSError) -> StoreError:
    """What to tell a person whose disk said no."""
    return StoreError(
        f"to write {path}",
        error.strerror or str(error),
        "free some space or mend the permissions, then run the same command again; nothing was lost",
    )


def _narrow(handle: int, path: Path, *, private: bool) -> None:
    """Let no more people read the file than could read the one whose place it takes."""
    made = allowed = stat.S_IMODE(os.fstat(handle).st_mode)
    with suppress(OSError):
        allowed &= stat.S_IMODE(path.stat().st_mode) | stat.S_IWUSR
    allowed &= 0o600 if private else 0o777
    if allowed != made:
        os.fchmod(handle, allowed)


def _put_in_place(beside: Path, path: Path, *, new: bool) -> None:
    if not new:
        os.replace(beside, path)
        return
    try:
        os.link(beside, path)  # fails where something is of that name, as a rename does not
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise FileExistsError(path) from None
        os.replace(beside, path)
    else:
        beside.unlink()


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a loss of power, where folders can be opened (not on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
