"""Digests of rows on disk: 64 bits a row, of its numbers and of whose they are; cheap beside reading the row.

A digest tells a row that was changed, or that lies under another id, from one that is as it was written. It guards
against disks and accidents; whoever can write the rows can write their digests too.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_WORD = np.dtype("<u8")
_NEAR = 16 << 10
"""Words that are taken at a time: they stay in the processor's cache."""
_OF_ID = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], _WORD)


def of_rows(rows: NDArray[np.float16]) -> NDArray[np.uint64]:
    """One number `[n]` a row `[n, dim]`, that follows from its bytes; a row's digest is this, XOR that of its id.

    Of a row that differs from what was written in one word of 8 bytes it is always another, of any other row but
    for about one in 2^32.

    >>> rows = np.zeros((3, 4), np.float16)
    >>> rows[1], rows[2, 1] = -rows[1], 1
    >>> len(set(of_rows(rows).tolist()))
    3
    """
    words = _words(rows)
    low, high = _weights(words.shape[1])
    found = np.empty(len(words), _WORD)
    few = max(1, _NEAR // max(1, words.shape[1]))
    halves = np.empty((min(few, len(words)), words.shape[1]), _WORD)
    for start in range(0, len(words), few):
        part, of = words[start : start + few], found[start : start + few]
        upper = np.right_shift(part, np.uint64(32), out=halves[: len(part)])
        np.einsum("ij,j->i", part, low, out=of)
        of ^= np.einsum("ij,j->i", upper, high)  # else two signs that turn in one row cancel out
    return found


def of_keys(keys: NDArray[np.bytes_]) -> NDArray[np.uint64]:
    """One number `[n]` for 16 bytes of each id.

    >>> len(set(of_keys(np.array([b"0" * 16, b"1" * 16])).tolist()))
    2
    """
    words = np.ascontiguousarray(keys).view(_WORD).reshape(-1, 2)
    found: NDArray[np.uint64] = words[:, 0] * _OF_ID[0] ^ words[:, 1] * _OF_ID[1]
    return found ^ (found >> np.uint64(29))


def _words(rows: NDArray[np.float16]) -> NDArray[np.uint64]:
    """The bytes of rows as words of 8, filled up with zeros."""
    short = -rows.shape[1] % 4
    if short:
        rows = np.pad(rows, ((0, 0), (0, short)))
    return np.ascontiguousarray(rows).view(_WORD).reshape(len(rows), rows.shape[1] // 4)


@cache
def _weights(n: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Odd numbers, the same on every machine and for ever: the digests on disk depend on them."""
    place = np.arange(1, 2 * n + 1, dtype=_WORD) * _OF_ID[0]  # SplitMix64 of Steele, Lea and Flood 2014
    place = (place ^ (place >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    place = (place ^ (place >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    odd = (place ^ (place >> np.uint64(31))) | np.uint64(1)
    return odd[:n], odd[n:]
