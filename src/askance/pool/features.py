"""Features on disk by image id: float16 rows that are appended to, read by place, and survive a kill anywhere."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from askance.pool.cache_meta import check, width_of
from askance.pool.places import Places, keys_of, runs
from askance.pool.sums import of_keys, of_rows
from askance.vocab import Damaged, ModelError, PoolError
from askance.vocab.files import make_folder, reading, writing

_HALF = np.dtype("<f2")
_SUM = np.dtype("<u8")
_BLOCK = 1 << 20
"""Bytes read at once; what bounds memory beyond the rows that were asked for."""
_GONE = b"\0"
"""What stands, over and over, in place of the id of a row that was found damaged: no image has that id."""
_GAP = 16 << 10
"""Rows up to this many bytes apart are read in one go: cheaper than a second request."""


def open_cache(folder: Path) -> "FeatureCache":
    """The cache that a folder holds, of whatever width.

    Raises:
        StoreError: there is none, or what it says of itself is damaged.
    """
    return FeatureCache(folder, width_of(folder))


class FeatureCache:
    """float16 rows `[n, dim]` by image id, in a folder.

    `rows.f2` has the rows, `sums.u8` their digests, `ids.txt` their ids, a line each, `meta.json` the width. Rows
    are on disk before their ids are written, so what a kill leaves is a torn tail, which readers do not see and
    the next writer cuts off. Several processes may append to one folder; they take turns. Nothing is held in
    memory but an index of the ids.

    A row that is read and is not as it was written, or is another image's, is taken out, so that `missing` names
    it. A cache from before there were digests gets them at its next `append` or `seal`. Where `meta.json` is
    damaged it is written again if the rows are of that width by their digests; else the cache begins anew, empty.

    Args:
        folder: made if it is not there.
        dim: numbers in a row.

    Raises:
        PoolError: the folder has features of another width, or files that are not this cache's.
        StoreError: the folder cannot be made or written.
    """

    def __init__(self, folder: str | os.PathLike[str], dim: int) -> None:
        self.folder, self.dim = Path(folder), dim
        self._row_bytes = dim * _HALF.itemsize
        self._rows, self._names = self.folder / "rows.f2", self.folder / "ids.txt"
        self._sums = self.folder / "sums.u8"
        self._places = Places()
        self._end = 0  # bytes of ids.txt that are known
        make_folder(self.folder)
        with self._alone(), writing(self.folder):
            check(self.folder, dim)
        with reading(self.folder):
            self._catch_up()

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._places)

    @property
    def ids(self) -> list[str]:
        """All ids, in the order of their rows, without those that were taken out."""
        return [line.decode(errors="replace") for line in self._lines() if not line.startswith(_GONE)]

    @property
    def taken_out(self) -> int:
        """How many rows were found damaged, ever."""
        return sum(line.startswith(_GONE) for line in self._lines())

    def missing(self, ids: Sequence[str]) -> list[int]:
        """Places in `ids` of the images that have no row yet."""
        with reading(self.folder):
            self._catch_up()
        return [int(i) for i in np.flatnonzero(self._places.find(keys_of(ids)) < 0)]

    def append(self, ids: Sequence[str], rows: NDArray[np.floating]) -> None:
        """Add rows `[n, dim]`; an id that has a row already, or comes twice, keeps its first.

        Raises:
            ModelError: a row is of another width, not finite, or beyond float16's largest, 65504.
            StoreError: the disk said no; what was there stays.
        """
        half = self._checked(ids, rows)
        with self._alone(), writing(self._rows):
            self._catch_up()
            self._seal()
            keys = keys_of(ids)
            new = [int(i) for i in np.sort(np.unique(keys, return_index=True)[1])]
            absent = self._places.find(keys) < 0
            new = [i for i in new if absent[i]]
            if not new:
                return
            _write_at(self._rows, len(self) * self._row_bytes, half[new].tobytes(), durable=True)
            _write_at(
                self._sums,
                len(self) * _SUM.itemsize,
                (of_rows(half[new]) ^ of_keys(keys[new])).tobytes(),
                durable=False,
            )
            _write_at(self._names, self._end, "".join(f"{ids[i]}\n" for i in new).encode(), durable=False)
            self._catch_up()

    def read(self, ids: Sequence[str]) -> NDArray[np.float16]:
        """Rows `[n, dim]` in the order of `ids`, read by place; memory is these rows and one block.

        Raises:
            PoolError: an id has no row.
            Damaged: a row is not as it was written; such rows are taken out, and `missing` names their ids.
            StoreError: the disk said no.
        """
        keys = keys_of(ids)
        places = self._places.find(keys)
        if (places < 0).any():
            with reading(self.folder):
                self._catch_up()
            places = self._places.find(keys)
        absent = np.flatnonzero(places < 0)
        if absent.size:
            got = f"{absent.size} without, {ids[absent[0]]} first"
            raise PoolError("ids that have features", got, "append what missing(ids) names")
        out = np.empty((len(ids), self.dim), _HALF)
        wrong = self._read_into(out, places, keys) if len(ids) else np.empty(0, np.int64)
        if wrong.size:
            self._take_out(wrong)
            raise Damaged(
                "features as they were written",
                f"{len(wrong):,} of {len(np.unique(places)):,} rows in {self.folder} were changed on the disk",
                "run it again: these are computed anew; and look after that disk",
            )
        return out

    def seal(self) -> None:
        """Make digests of rows that have none yet, as they are now.

        Raises:
            StoreError: the disk said no.
        """
        with self._alone(), writing(self._sums):
            self._catch_up()
            self._seal()

    def damaged(self) -> int:
        """How many rows are not as they were written; nothing is changed.

        Raises:
            StoreError: the disk said no.
        """
        lines = self._lines()
        places = np.array([i for i, line in enumerate(lines) if not line.startswith(_GONE)], np.int64)
        wrong, most = 0, max(1, _BLOCK // self._row_bytes)
        for start in range(0, len(places), most):
            some = places[start : start + most]
            keys = keys_of([lines[i].decode(errors="replace") for i in some])
            wrong += len(self._read_into(np.empty((len(some), self.dim), _HALF), some, keys))
        return wrong

    def _read_into(
        self, out: NDArray[np.float16], places: NDArray[np.int64], keys: NDArray[np.bytes_]
    ) -> NDArray[np.int64]:
        """Fill rows `[n, dim]` by their places; the places of those that are not as they were written."""
        order = np.argsort(places, kind="stable")
        ordered = places[order]
        gap, most = _GAP // self._row_bytes + 1, max(1, _BLOCK // self._row_bytes)
        room = np.empty((min(most, int(ordered[-1]) + 1), self.dim), _HALF)
        sums = np.empty(len(places), _SUM)
        with reading(self._rows), open(self._rows, "rb", buffering=0) as file:
            for start, stop in runs(ordered, gap, most):
                wanted, at = ordered[start:stop], order[start:stop]
                block = self._block(file.fileno(), int(wanted[0]), int(wanted[-1]) + 1, room)
                rows = block if len(block) == len(wanted) else block[wanted - wanted[0]]
                out[at], sums[at] = rows, of_rows(rows)  # while they are in the processor's cache
            known = self._known(int(ordered[-1]) + 1)
        told = places < len(known)  # others are from before there were digests
        differ = (sums ^ of_keys(keys))[told] != known[places[told]]
        wrong = places[told][differ]
        return np.unique(wrong) if wrong.size else wrong  # its first call imports numpy.ma, a tenth of a second

    def _known(self, most: int) -> NDArray[np.uint64]:
        """The digests of the first rows, as far as there are any."""
        if not self._sums.exists():
            return np.empty(0, _SUM)
        with open(self._sums, "rb") as file:
            data = file.read(most * _SUM.itemsize)
        return np.frombuffer(data[: len(data) // _SUM.itemsize * _SUM.itemsize], _SUM)

    def _block(self, file: int, first: int, stop: int, room: NDArray[np.float16]) -> NDArray[np.float16]:
        """Rows first to stop, in one read."""
        block = room[: stop - first]
        if os.preadv(file, [block.view(np.uint8).data], first * self._row_bytes) != block.nbytes:
            raise self._shrunk()
        return block

    def _seal(self) -> None:
        """Digests of rows that have none, by whoever has the lock."""
        done = self._sums.stat().st_size // _SUM.itemsize if self._sums.exists() else 0
        if done >= len(self):
            return
        lines, most = self._lines(), max(1, _BLOCK // self._row_bytes)
        room = np.empty((most, self.dim), _HALF)
        with open(self._rows, "rb", buffering=0) as file:
            for start in range(done, len(self), most):
                stop = min(start + most, len(self))
                keys = keys_of([line.decode(errors="replace") for line in lines[start:stop]])
                made = of_rows(self._block(file.fileno(), start, stop, room)) ^ of_keys(keys)
                _write_at(self._sums, start * _SUM.itemsize, made.tobytes(), durable=False)

    def _take_out(self, places: NDArray[np.int64]) -> None:
        """Have no rows in these places: their ids are written over."""
        self._places.drop(places)
        with self._alone(), writing(self._names):
            lines = self._lines()
            starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
            with open(self._names, "r+b") as file:
                for place in places:
                    file.seek(int(starts[place]))
                    file.write(_GONE * len(lines[place]))

    def _lines(self) -> list[bytes]:
        """What stands for each row in `ids.txt`."""
        if not self._end:
            return []
        with reading(self._names), open(self._names, "rb") as file:
            return file.read(self._end).split(b"\n")[:-1]

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
                self._places.add(keys_of([line[:-1].decode(errors="replace") for line in lines]))
                self._end += sum(map(len, lines))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Writers take turns; the system frees the lock of a process that dies."""
        with ExitStack() as stack:
            with writing(self.folder):
                file = stack.enter_context(open(self.folder / "lock", "ab"))
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _write_at(path: Path, offset: int, data: bytes, *, durable: bool) -> None:
    """Cut a torn tail off at `offset`, then append."""
    with open(path, "ab") as file:
        file.truncate(offset)
        file.write(data)
        file.flush()
        if durable:
            os.fdatasync(file.fileno())
