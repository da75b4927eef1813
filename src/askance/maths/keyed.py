"""Random numbers that belong to an id, not to a place: same seed, same number, in whatever order it is asked.

Every random choice over images (ties, Gumbel noise, random picks, subsets) is made with these, so that
picks do not depend on batch size, order, or what else is in the pool.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray


def keyed_uniform(ids: Sequence[str], seed: int, purpose: str) -> NDArray[np.float64]:
    """Uniform numbers in the open interval (0, 1), one an id, `[N]`.

    Args:
        ids: what the numbers belong to.
        seed: any integer; another seed gives independent numbers.
        purpose: a word that keeps uses apart, so that a tie-break never repeats a random pick.

    >>> bool(keyed_uniform(["a", "b"], 0, "doc")[1] == keyed_uniform(["b"], 0, "doc")[0])
    True
    """
    start = blake2b(f"{seed}/{purpose}/".encode(), digest_size=8)
    raw = bytearray()
    for name in ids:
        one = start.copy()
        one.update(name.encode())
        raw += one.digest()
    words = np.frombuffer(bytes(raw), dtype="<u8")
    return np.asarray(((words >> 11) + 0.5) * 2.0**-53, dtype=np.float64)


def keyed_seed(*parts: str | int) -> int:
    """A 63-bit seed for a generator, from the words that say what it is for.

    >>> keyed_seed("mask", 0, "head.0", 3) == keyed_seed("mask", 0, "head.0", 3)
    True
    """
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
