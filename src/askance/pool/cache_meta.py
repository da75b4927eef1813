"""What a cache of features says of itself, `meta.json`: checked when it is opened, and mended by the rows."""

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from askance.pool.places import keys_of
from askance.pool.sums import of_keys, of_rows
from askance.vocab import Damaged, PoolError
from askance.vocab.files import damaged, read_json, write_whole

_log = logging.getLogger(__name__)

_HALF, _SUM = np.dtype("<f2"), np.dtype("<u8")
_TRIED = 64
"""Rows by whose digests the width of a cache is known again."""
_REBUILT = "the next train or pick that needs it makes it anew"


@dataclass(frozen=True, slots=True)
class _Meta:
    version: int
    dim: int
    dtype: str

    @property
    def words(self) -> str:
        """As the file has it."""
        return str(asdict(self))


def width_of(folder: Path) -> int:
    """Numbers in a row of the cache in a folder.

    Raises:
        StoreError: there is none, or what it says of itself is damaged.
        PoolError: it is not of this version.
    """
    found = _read(folder / "meta.json")
    if found.dim < 1 or found != _Meta(1, found.dim, _HALF.str):
        raise _other(folder, f"rows of 1 or more numbers {_HALF.str}, of version 1", found)
    return found.dim


def check(folder: Path, dim: int) -> None:
    """Write the meta of a new cache, or of one whose meta was damaged; by whoever has the lock.

    A damaged one is written again where the rows are of this width by their digests. Else the rows go: they are
    features, and can be computed anew.

    Raises:
        PoolError: a sound cache of another width, or of another version.
        StoreError: the disk said no.
    """
    path, mine = folder / "meta.json", _Meta(1, dim, _HALF.str)
    (folder / "meta.new").unlink(missing_ok=True)  # how earlier versions named one under way
    if path.exists() or (folder / "rows.f2").exists():
        try:
            found = _read(path)
        except Damaged as error:
            kept = _is_of(folder, dim)
            if not kept:
                _empty(folder)
            how = "the rows are whole by their digests and stay" if kept else "features are computed anew"
            _log.warning("%s is damaged (%s): %s", path, error.got, how)
        else:
            if found == mine:
                return
            if found.version != 1 or not _is_of(folder, dim):
                raise _other(folder, f"features {mine.words}", found)
            _log.warning("%s is damaged (%s): the rows are whole by their digests and stay", path, found.words)
    write_whole(path, json.dumps(asdict(mine)).encode())


def _read(path: Path) -> _Meta:
    if not path.exists():
        raise damaged(path, "it is gone", _REBUILT)
    return read_json(path, _Meta, _REBUILT)


def _other(folder: Path, wanted: str, found: _Meta) -> PoolError:
    return PoolError(
        wanted, f"{found.words} in {folder}", f"open another folder, or delete {folder}: it is rebuilt"
    )


def _empty(folder: Path) -> None:
    for name in ("ids.txt", "sums.u8", "rows.f2"):
        (folder / name).unlink(missing_ok=True)


def _is_of(folder: Path, dim: int) -> bool:
    """Whether one of the first rows, cut to that width, is as its digest says."""
    names, sums, rows = (folder / name for name in ("ids.txt", "sums.u8", "rows.f2"))
    if not (names.exists() and sums.exists() and rows.exists()):
        return False
    size = dim * _HALF.itemsize
    with open(names, "rb") as of_names, open(sums, "rb") as of_sums, open(rows, "rb") as of_numbers:
        ids = [of_names.readline().rstrip(b"\n").decode(errors="replace") for _ in range(_TRIED)]
        known, data = of_sums.read(_TRIED * _SUM.itemsize), of_numbers.read(_TRIED * size)
    n = min(len(known) // _SUM.itemsize, len(data) // size)
    numbers = np.frombuffer(data[: n * size], _HALF).reshape(n, dim)
    found = of_rows(numbers) ^ of_keys(keys_of(ids[:n]))
    return bool((found == np.frombuffer(known[: n * _SUM.itemsize], _SUM)).any())
