"""Random numbers that belong to an id, not to a place: same seed, same number, in whatever order it is asked.

Every random choice over images (ties, Gumbel noise, random picks, subsets) is made with these, so that
picks do not depend on batch size, order, or what else is in the pool.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_ids(ids: Iterable[Any]) -> Sequence[Any]:
    """Ids in their order, by place: of a list, an array, a tensor, a column of a table, or whatever gives them.

    >>> as_ids(np.array(["a", "b"]))[1], as_ids(range(2))[1]
    (np.str_('b'), 1)
    """
    if isinstance(ids, Sequence):
        return ids
    if type(ids).__module__.partition(".")[0] == "torch":
        return list(getattr(ids, "tolist")())  # noqa: B009 - of a tensor, each number as Python has it
    return list(ids)


def keyed_uniform(ids: Sequence[str], seed: int, purpose: str) -> NDArray[np.float64]:
    """Uniform numbers in the open interval (0, 1), one an id, `[N]`.

    Each is an odd multiple of 2^-53 made of 52 bits of BLAKE2b, so neither 0 nor 1 can come out.

    Args:
        ids: what the numbers belong to; of what is no text, its text.
        seed: any integer; another seed gives independent numbers.
        purpose: a word that keeps uses apart, so that a tie-break never repeats a random pick.

    >>> bool(keyed_uniform(["a", "b"], 0, "doc")[1] == keyed_uniform(["b"], 0, "doc")[0])
    True
    """
    prefix = _joined(seed, purpose)
    digests = b"".join([blake2b(prefix + str(name).encode(), digest_size=8).digest() for name in ids])
    words = np.frombuffer(digests, dtype="<u8")
    return np.asarray(((words >> 12) + 0.5) * 2.0**-52, dtype=np.float64)


def keyed_seed(*parts: str | int) -> int:
    """A 63-bit seed for a generator, from the words that say what it is for.

    >>> keyed_seed("mask", 0, "head.0", 3) == keyed_seed("mask", 0, "head.0", 3)
    True
    >>> keyed_seed("a", "bc") == keyed_seed("ab", "c")
    False
    """
    return int.from_bytes(blake2b(_joined(*parts), digest_size=8).digest(), "little") >> 1


def _joined(*parts: str | int) -> bytes:
    """Each part after its length, so that no two lists of parts give the same bytes."""
    texts = [str(part).encode() for part in parts]
    return b"".join(b"%d:%b" % (len(text), text) for text in texts)
