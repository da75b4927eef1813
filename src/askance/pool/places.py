"""Where rows of a feature cache are: an index from image ids to row numbers, small in memory."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray


class Places:
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
        all_keys, all_rows = all_keys[all_rows >= 0], all_rows[all_rows >= 0]
        order = np.argsort(all_keys, kind="stable")
        self._sorted, self._rows, self._recent = all_keys[order], all_rows[order], {}

    def drop(self, rows: NDArray[np.int64]) -> None:
        """Forget these rows; the others keep their numbers."""
        self._rows[np.isin(self._rows, rows)] = -1
        gone = set(rows.tolist())
        self._recent = {key: row for key, row in self._recent.items() if row not in gone}

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


def keys_of(ids: Sequence[str]) -> NDArray[np.bytes_]:
    """16 bytes an id: a content id's own, any other name's BLAKE2b-128."""
    joined = "".join(ids) if all(len(name) == 32 for name in ids) else "?"
    found = _hex(joined)
    if found is not None:
        return np.frombuffer(found, "S16")
    return np.array([_key(name) for name in ids], "S16")


def _key(name: str) -> bytes:
    found = _hex(name) if len(name) == 32 else None
    return hashlib.blake2b(name.encode(), digest_size=16).digest() if found is None else found


def _hex(text: str) -> bytes | None:
    """The bytes that small hex digits stand for; None where there is anything else among them."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return None
    return found if 2 * len(found) == len(text) and text == text.lower() else None


def runs(ordered: NDArray[np.int64], gap: int, most: int) -> Iterator[tuple[int, int]]:
    """Slices of ascending row numbers that one read serves: no gap wider than `gap`, no span beyond `most`."""
    start = 0
    while start < len(ordered):
        span = ordered[start : start + int(np.searchsorted(ordered[start:], ordered[start] + most))]
        wide = np.flatnonzero(np.diff(span) > gap)
        stop = start + (int(wide[0]) + 1 if wide.size else len(span))
        yield start, stop
        start = stop
