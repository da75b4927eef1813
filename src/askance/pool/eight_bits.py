"""Images of any mode -> 8 bits, `RGB` or `L`, a band of rows at a time.

So memory is the image, the result, and next to nothing besides.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

_BAND = 1 << 15
"""Pixels of a band."""
_FROM_16_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)


def eight_bit(image: Image.Image, *, grey: bool, shrink: int = 1) -> Image.Image:
    """Any mode of Pillow -> `RGB` or `L`, as `decode` describes. The image itself may be changed.

    Args:
        image: loaded.
        grey: give `L` whatever the image has.
        shrink: give means of `shrink x shrink` pixels.

    Raises:
        ValueError: Pillow has no conversion from this mode.
    """
    numbers = image.mode in ("I", "F") or image.mode.startswith("I;16")
    mode = "L" if grey or numbers or image.mode in ("1", "L", "LA", "La") else "RGB"
    see_through = image.has_transparency_data and not numbers
    if image.mode == mode and not see_through and shrink == 1:
        return image._new(image.im)  # no copy, and no file behind it
    into = image if image.mode == mode and shrink == 1 else None
    seen = _in_bands(image, mode, _turning(image, mode, see_through=see_through), shrink, into)
    seen.info.pop("transparency", None)
    return seen


def _turning(image: Image.Image, mode: str, *, see_through: bool) -> Callable[[Image.Image], Image.Image]:
    """What makes `mode` of a band of this image."""
    if image.mode.startswith("I;16"):
        return lambda band: Image.fromarray(_FROM_16_BITS[np.asarray(band).astype(np.uint16, copy=False)])
    if image.mode in ("I", "F"):
        low, high = _range(image)
        return lambda band: Image.fromarray(_stretched(np.asarray(band), low, high))
    if see_through:
        return partial(_on_white, mode=mode)
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for Adobe's, which are inverted
        return lambda band: ImageChops.invert(band).convert(mode)
    return lambda band: band.convert(mode)


def _in_bands(
    image: Image.Image,
    mode: str,
    turned: Callable[[Image.Image], Image.Image],
    shrink: int,
    into: Image.Image | None,
) -> Image.Image:
    """The image, turned band by band, in an image of `mode`: `into`, or a new one."""
    width, height = image.size
    size = -(-width // shrink), -(-height // shrink)
    result = Image.new(mode, size) if into is None else into
    for top, band in _bands(image, shrink):
        part = turned(band)
        result.paste(part.reduce(shrink) if shrink > 1 else part, (0, top // shrink))
    return result if into is None else into._new(into.im)


def _bands(image: Image.Image, step: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """Copies of whole rows, a multiple of `step` of them, each with where it begins."""
    width, height = image.size
    rows = max(1, _BAND // max(1, width * step)) * step
    for top in range(0, height, rows):
        yield top, image.crop((0, top, width, min(top + rows, height)))


def _on_white(band: Image.Image, mode: str) -> Image.Image:
    white = Image.new("RGBA", band.size, "white")
    return Image.alpha_composite(white, band.convert("RGBA")).convert(mode)


def _range(image: Image.Image) -> tuple[float, float]:
    """What becomes black and what becomes white of 32-bit integers or floats."""
    low, high = np.inf, -np.inf
    for _, band in _bands(image):
        values = np.asarray(band)
        inside = values[np.isfinite(values)]
        if inside.size:
            low, high = min(low, float(inside.min())), max(high, float(inside.max()))
    full = 1.0 if image.mode == "F" else 65535.0
    if low > high or (low >= 0 and high <= full):
        return 0.0, full
    return low, high


def _stretched(values: NDArray[np.generic], low: float, high: float) -> NDArray[np.uint8]:
    """Values `[H, W]` from low to high -> 0 to 255; what is not finite -> 0."""
    finite = np.isfinite(values)
    exact = np.where(finite, values, 0).astype(np.float64)
    scaled = np.clip((exact - low) / max(high - low, np.finfo(np.float64).tiny), 0, 1)
    return np.where(finite, np.rint(scaled * 255), 0).astype(np.uint8)
