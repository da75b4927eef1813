"""Random numbers that a network draws outside of torch: Python's own and numpy's, by their global generators.

Nobody can see who asks for them, only that somebody did. So they follow from the draw, and nothing of such a
network is run once for all draws. A generator that a network keeps for itself is not seen; see `company`.
"""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from askance.maths import keyed_seed


@contextmanager
def outside_seeded(*parts: str | int) -> Iterator[None]:
    """Both generators from these words inside, as they were outside.

    >>> with outside_seeded("doc", 0):
    ...     first = random.random()
    >>> with outside_seeded("doc", 0):
    ...     print(random.random() == first)
    True
    """
    before, states = random.getstate(), np.random.get_state()  # noqa: NPY002 - it is the one that networks use
    seed = keyed_seed(*parts)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(states)  # noqa: NPY002


def outside_state() -> tuple[object, ...]:
    """Where both generators stand: it has changed where somebody drew a number."""
    kind, keys, place, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), kind, np.asarray(keys).tobytes(), place, *rest


def draws_outside(run: Callable[[], object]) -> bool:
    """Whether somebody draws a number of either generator in a call.

    A change of Python's generator alone does not say it: what checks types at run time looks at random items of
    lists, and takes its numbers from there.

    >>> draws_outside(lambda: random.random()), draws_outside(lambda: 1)
    (True, False)
    """
    heard: list[str] = []

    def hear(frame: FrameType, event: str, called: Any) -> None:
        ours = event == "c_call" and getattr(called, "__self__", None) is _GLOBAL
        if ours and not frame.f_code.co_filename.startswith("<@beartype"):
            heard.append(called.__name__)

    profile, before = sys.getprofile(), outside_state()
    sys.setprofile(hear)
    try:
        run()
    finally:
        sys.setprofile(profile)
    return bool(heard) or outside_state()[1:] != before[1:]


_GLOBAL = random.random.__self__  # type: ignore[attr-defined]
"""The generator behind the functions of the module `random`."""
