"""Features on disk by image id: float16 rows that are appended to, read by place, and survive a kill anywhere."""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askance.vocab import ModelError, PoolError

_HALF = np.dtype("<f2")
_BLOCK = 4 << 20
"""Bytes read at once; what bounds memory beyond the rows that were asked for."""
_GAP = 16 << 10
"""Rows up to this many bytes apart are read in one go: cheaper than a second request."""


class FeatureCache:
    """float16 rows `[n, dim]` by image id, in a folder.

    `rows.f2` has the rows, `ids.txt` their ids, a line each, `meta.json` the width. Rows are on disk before their
    ids are written, so what a kill leaves is a torn tail, which readers do not see and the next writer cuts off.
    Several processes may append to one folder; they take turns. Nothing is held in memory but an index of the ids.

    Args:
        folder: made if it is not there.
        dim: numbers in a row.

    Raises:
        PoolError: the folder has features of another width, or files that are not this cache's.
    """

    def __init__(self, folder: str | os.PathLike[str], dim: int) -> None:
        self.folder, self.dim = Path(folder), dim
        self._row_bytes = dim * _HALF.itemsize
        self._rows, self._names = self.folder / "rows.f2", self.folder / "ids.txt"
        self._places = _Places()
        self._end = 0  # bytes of ids.txt that are known
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            _check_meta(self.folder / "meta.json", dim)
        self._catch_up()

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._places)

    @property
    def ids(self) -> list[str]:
        """All ids, in the order of their rows."""
        with open(self._names, "rb") as file:
            return file.read(self._end).decode().splitlines() if self._end else []

    def missing(self, ids: Sequence[str]) -> list[int]:
        """Places in `ids` of the images that have no row yet."""
        self._catch_up()
        return [int(i) for i in np.flatnonzero(self._places.find(_keys(ids)) < 0)]

    def append(self, ids: Sequence[str], rows: NDArray[np.floating]) -> None:
        """Add rows `[n, dim]`; an id that has a row already, or comes twice, keeps its first.

        Raises:
            ModelError: a row is of another width, not finite, or beyond float16's largest, 65504.
        """
        half = self._checked(ids, rows)
        with self._alone():
            self._catch_up()
            keys = _keys(ids)
            new = [int(i) for i in np.sort(np.unique(keys, return_index=True)[1])]
            absent = self._places.find(keys) < 0
            new = [i for i in new if absent[i]]
            if not new:
                return
            _write_at(self._rows, len(self) * self._row_bytes, half[new].tobytes(), durable=True)
            _write_at(self._names, self._end, "".join(f"{ids[i]}\n" for i in new).encode(), durable=False)
            self._catch_up()

    def read(self, ids: Sequence[str]) -> NDArray[np.float16]:
        """Rows `[n, dim]` in the order of `ids`, read by place; memory is these rows and one block.

        Raises:
            PoolError: an id has no row.
        """
        places = self._places.find(_keys(ids))
        if (places < 0).any():
            self._catch_up()
            places = self._places.find(_keys(ids))
        absent = np.flatnonzero(places < 0)
        if absent.size:
            got = f"{absent.size} without, {ids[absent[0]]} first"
            raise PoolError("ids that have features", got, "append what missing(ids) names")
        out = np.empty((len(ids), self.dim), _HALF)
        if not len(ids):
            return out
        order = np.argsort(places, kind="stable")
        ordered = places[order]
        gap, most = _GAP // self._row_bytes + 1, max(1, _BLOCK // self._row_bytes)
        with open(self._rows, "rb", buffering=0) as file:
            for start, stop in _runs(ordered, gap, most):
                wanted = ordered[start:stop]
                block = self._block(file.fileno(), int(wanted[0]), int(wanted[-1]) + 1)
                out[order[start:stop]] = block[wanted - wanted[0]]
        return out

    def _block(self, file: int, first: int, stop: int) -> NDArray[np.float16]:
        """Rows first to stop, in one read."""
        size = (stop - first) * self._row_bytes
        data = os.pread(file, size, first * self._row_bytes)
        if len(data) != size:
            raise self._shrunk()
        return np.frombuffer(data, _HALF).reshape(-1, self.dim)

    def _shrunk(self) -> PoolError:
        return PoolError("a feature cache that only grows", f"{self.folder} has shrunk", "delete it")

    def _checked(self, ids: Sequence[str], rows: NDArray[np.floating]) -> NDArray[np.float16]:
        rows = np.asarray(rows)
        if rows.shape != (len(ids), self.dim):
            fix = "one row an id, of the width the cache was opened with"
            raise ModelError(f"rows [{len(ids)}, {self.dim}]", f"rows {list(rows.shape)}", fix)
        if not np.isfinite(rows).all():
            broken = ids[int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])]
            fix = "check the trunk's weights and the pixels it was given"
            raise ModelError("finite features", f"NaN or infinity in those of {broken}", fix)
        with np.errstate(over="ignore"):
            half = rows.astype(_HALF)
        if not np.isfinite(half).all():
            got = f"features up to {np.abs(rows).max():g}"
            raise ModelError("features within float16, up to 65504", got, "normalise the trunk's output")
        bad = next((name for name in ids if not name or len(name.splitlines()) != 1), None)
        if bad is not None:
            raise PoolError("ids of one line", repr(bad), "use content ids")
        return half

    def _catch_up(self) -> None:
        """Learn of rows that were appended since, by this process or another."""
        if not self._names.exists() or not self._rows.exists():
            return
        whole = self._rows.stat().st_size // self._row_bytes
        if whole < len(self) or self._names.stat().st_size < self._end:
            raise self._shrunk()
        with open(self._names, "rb") as file:
            file.seek(self._end)
            while lines := file.readlines(_BLOCK)[: whole - len(self)]:
                if not lines[-1].endswith(b"\n"):
                    lines.pop()
                self._places.add(_keys([line[:-1].decode(errors="replace") for line in lines]))
                self._end += sum(map(len, lines))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Writers take turns; the system frees the lock of a process that dies."""
        with open(self.folder / "lock", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


class _Places:
    """Key -> row number: a sorted array, and a small dictionary of what came since it was sorted."""

    def __init__(self) -> None:
        self._count = 0
        self._sorted = np.empty(0, "S16")
        self._rows = np.empty(0, np.int64)
        self._recent: dict[bytes, int] = {}

    def __len__(self) -> int:
        return self._count

    def add(self, keys: NDArray[np.bytes_]) -> None:
        """Keys of the next rows."""
        rows = np.arange(self._count, self._count + len(keys))
        self._count += len(keys)
        if len(self._recent) + len(keys) <= max(4096, len(self._sorted) // 8):
            self._recent.update(zip(keys.tolist(), rows.tolist(), strict=True))
            return
        all_keys = np.concatenate([self._sorted, np.array(list(self._recent), "S16"), keys])
        all_rows = np.concatenate([self._rows, np.fromiter(self._recent.values(), np.int64), rows])
        order = np.argsort(all_keys, kind="stable")
        self._sorted, self._rows, self._recent = all_keys[order], all_rows[order], {}

    def find(self, keys: NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Row numbers, -1 where there is none."""
        found = np.full(len(keys), -1, np.int64)
        if len(self._sorted):
            near = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
            hit = self._sorted[near] == keys
            found[hit] = self._rows[near[hit]]
        if self._recent:
            absent = np.flatnonzero(found < 0)
            found[absent] = [self._recent.get(key, -1) for key in keys[absent].tolist()]
        return found


_HEX = re.compile("[0-9a-f]*")


def _keys(ids: Sequence[str]) -> NDArray[np.bytes_]:
    """16 bytes an id: a content id's own, any other name's BLAKE2b-128."""
    joined = "".join(ids) if all(len(name) == 32 for name in ids) else "?"
    if _HEX.fullmatch(joined):
        return np.frombuffer(bytes.fromhex(joined), "S16")
    return np.array([_key(name) for name in ids], "S16")


def _key(name: str) -> bytes:
    if len(name) == 32 and _HEX.fullmatch(name):
        return bytes.fromhex(name)
    return hashlib.blake2b(name.encode(), digest_size=16).digest()


def _runs(ordered: NDArray[np.int64], gap: int, most: int) -> Iterator[tuple[int, int]]:
    """Slices of ascending row numbers that one read serves: no gap wider than `gap`, no span beyond `most`."""
    start = 0
    while start < len(ordered):
        span = ordered[start : start + int(np.searchsorted(ordered[start:], ordered[start] + most))]
        wide = np.flatnonzero(np.diff(span) > gap)
        stop = start + (int(wide[0]) + 1 if wide.size else len(span))
        yield start, stop
        start = stop


def _write_at(path: Path, offset: int, data: bytes, *, durable: bool) -> None:
    """Cut a torn tail off at `offset`, then append."""
    with open(path, "ab") as file:
        file.truncate(offset)
        file.write(data)
        file.flush()
        if durable:
            os.fdatasync(file.fileno())


def _check_meta(path: Path, dim: int) -> None:
    """Write the meta of a new cache, or hold an old one against what is asked for."""
    mine = {"version": 1, "dim": dim, "dtype": _HALF.str}
    if not path.exists():
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(mine))
        fresh.replace(path)
        return
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        fix = "delete the folder: it is rebuilt"
        raise PoolError(f"a feature cache in {path.parent}", str(error), fix) from error
    if found != mine:
        raise PoolError(f"features {mine}", f"{found} in {path.parent}", "open another folder, or delete this one")
