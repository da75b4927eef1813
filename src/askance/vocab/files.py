"""Files that are whole or absent: written beside, flushed to the disk, renamed."""

import errno
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from askance.vocab.errors import Damaged, StoreError
from askance.vocab.leftovers import open_beside, sweep
from askance.vocab.records import Json

T = TypeVar("T")


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
    make_folder(path.parent)
    with writing(path):
        sweep(path.parent, path.name)
        handle, beside = open_beside(path)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            _narrow(file.fileno(), path, private=private)
            os.fsync(file.fileno())
            _put_in_place(beside, path, new=new)  # while it is held: nobody may take it for a leftover
        _flush_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):  # the disk that fails may not let it go either
            beside.unlink(missing_ok=True)
        if isinstance(error, OSError) and not (new and isinstance(error, FileExistsError)):
            raise cannot_write(path, error) from None
        raise


def write_json(path: Path, value: Json) -> None:
    """Write JSON for people: indented, keys as they come."""
    write_whole(path, (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode())


def read_json(path: Path, kind: type[T], fix: str = "") -> T:
    """What a JSON file of Askance's own says, checked to be of the kind that was written.

    Args:
        path: the file.
        kind: a type, a dataclass or `dict[str, int]` and the like; whatever pydantic can check.
        fix: what to do where it is damaged; else to delete it.

    Raises:
        StoreError: it cannot be read at all.
        Damaged: it is not JSON, or not of that kind.

    >>> read_json(Path("/no/such/file"), dict[str, int])
    Traceback (most recent call last):
    askance.vocab.errors.StoreError: wanted: to read /no/such/file
    got:    No such file or directory
    fix:    mend the disk or the permissions, then run the same command again; nothing was lost
    """
    with reading(path):
        data = path.read_bytes()
    return parse_json(data, path, kind, fix)


def parse_json(data: bytes | str, path: Path, kind: type[T], fix: str = "") -> T:
    """The same of bytes that were read from a file, or of one line of it.

    Raises:
        Damaged: they are not JSON, or not of that kind.

    >>> parse_json('{"a": 1, "b": NaN}', Path("x.json"), dict[str, float])
    {'a': 1.0, 'b': nan}
    >>> parse_json('{"a": ', Path("x.json"), dict[str, float])
    Traceback (most recent call last):
    askance.vocab.errors.Damaged: wanted: x.json as Askance wrote it
    got:    Invalid JSON: EOF while parsing a value at line 1 column 6
    fix:    bring back a copy of that file, or delete it
    """
    try:
        found: T = TypeAdapter(kind).validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        got = f"{place}: {first['msg']}" if place else str(first["msg"])
        raise damaged(path, got, fix) from None
    return found


def damaged(path: Path, got: str, fix: str = "") -> Damaged:
    """What to tell a person whose file is not as it was written."""
    return Damaged(f"{path} as Askance wrote it", got, fix or "bring back a copy of that file, or delete it")


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
    make_folder(path.parent)
    while True:
        with reading(path):
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


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless they are there.

    Raises:
        StoreError: the disk said no, or there is a file of that name.
    """
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)


def open_room(size: int, folder: Path | None = None) -> int:
    """An unnamed temporary file of so many bytes, which the disk has promised; its descriptor, to be closed.

    What is mapped of a file without room ends the process when it is written to; so the room is asked for first.

    Args:
        size: bytes, 1 or more.
        folder: where; None: where the system has temporary files.

    Raises:
        StoreError: there is no room.
    """
    where = folder or temporary_folder()
    with writing(where, "set TMPDIR to a folder on a disk with room"), tempfile.TemporaryFile(dir=folder) as file:
        allocate(file.fileno(), size)
        return os.dup(file.fileno())


def temporary_folder() -> Path:
    """Where the system has temporary files.

    Raises:
        StoreError: nowhere can any be written.
    """
    with writing(Path("a temporary file"), "set TMPDIR to a folder that can be written"):
        return Path(tempfile.gettempdir())


def allocate(handle: int, size: int) -> None:
    """Have the disk promise room for so many bytes of an open file, where the system can.

    Raises:
        OSError: there is no room.
    """
    if not hasattr(os, "posix_fallocate"):  # macOS: a file there has no holes that could fail later
        os.truncate(handle, size)
        return
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        _fill(handle, size)


def _fill(handle: int, size: int) -> None:
    """Write zeros, where a file system cannot promise room."""
    zeros = bytes(1 << 20)
    for start in range(0, size, len(zeros)):
        os.pwrite(handle, zeros[: size - start], start)


@contextmanager
def writing(path: Path, fix: str = "") -> Iterator[None]:
    """Tell a person what the system says to the writing inside the block.

    Raises:
        StoreError: any error of the operating system inside.
    """
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error, fix) from None


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Tell a person what the system says to the reading inside the block.

    Raises:
        StoreError: any error of the operating system inside.
    """
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"to read {path}",
            error.strerror or str(error),
            "mend the disk or the permissions, then run the same command again; nothing was lost",
        ) from None


_FIXES = {
    errno.EEXIST: "move the file of that name away, then run the same command again; nothing was lost",
    errno.ENOTDIR: "move the file that stands in its way, then run the same command again; nothing was lost",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "allow more open files (ulimit -n 4096), then run the same command again; nothing was lost",
    errno.EROFS: "copy the project to a disk that can be written, and work there",
}
"""What to do, by what the system says."""


def cannot_write(path: Path, error: OSError, fix: str = "") -> StoreError:
    """What to tell a person whose disk said no."""
    usual = "free some space or mend the permissions, then run the same command again; nothing was lost"
    got = error.strerror or str(error)
    stands = error.filename if isinstance(error.filename, str) else ""
    if stands and Path(stands).name != path.name and error.errno in _FIXES:
        got = f"{got}: {stands}"
    return StoreError(f"to write {path}", got, fix or _FIXES.get(error.errno or 0, usual))


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
