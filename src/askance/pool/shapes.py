"""What shape the images of a pool mostly have. No torch."""

from collections import Counter
from collections.abc import Iterable

_STEP = 32
"""Inputs of networks are whole multiples of this."""
_MIXED = 0.2
"""The share of images across the commonest shape, from which on a square serves all better."""


def commonest_input(sizes: Iterable[tuple[int, int]], longer: int = 320) -> tuple[int, int]:
    """Width and height of an input into which most images fit with little to fill, the longer side as asked for.

    Where some are upright and some lie, it is a square.

    >>> commonest_input([(640, 480)] * 9 + [(100, 100)])
    (320, 256)
    >>> commonest_input([(640, 480), (480, 640)])
    (320, 320)
    """
    ratios = Counter(round(width / height, 1) for width, height in sizes)
    if not ratios:
        return longer, longer
    n = sum(ratios.values())
    lying, upright = (sum(count for ratio, count in ratios.items() if test(ratio)) for test in (_lies, _stands))
    if min(lying, upright) > _MIXED * n:
        return longer, longer
    ratio = max(ratios, key=lambda one: (ratios[one], -abs(one - 1)))
    if ratio >= 1:
        return longer, _rounded(longer / ratio)
    return _rounded(longer * ratio), longer


def _lies(ratio: float) -> bool:
    return ratio > 1


def _stands(ratio: float) -> bool:
    return ratio < 1


def _rounded(pixels: float) -> int:
    return max(_STEP, -int(-pixels // _STEP) * _STEP)
