"""The masks of LabelMe: a small PNG in letters, and where it lies in the image."""

import base64
import binascii
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from askance.integrations.formats.runs import pixels_of, runs_of
from askance.vocab import Mask


def mask_from(said: Any, corner: tuple[int, int], size: tuple[int, int]) -> Mask:
    """The mask of an image from a PNG that is laid on it.

    Args:
        said: base64 text.
        corner: pixel of the image on which the first of the PNG lies.
        size: width and height of the image.

    Raises:
        ValueError: no PNG, or one that does not fit into the image.
    """
    if not isinstance(said, str):
        raise ValueError("a mask without its pixels")
    try:
        image = PngImagePlugin.PngImageFile(BytesIO(base64.b64decode(said, validate=False)))
    except (binascii.Error, SyntaxError, OSError, ValueError) as error:
        raise ValueError(f"a mask that is no PNG: {error}") from None
    (left, top), (width, height) = corner, size
    if left < 0 or top < 0 or left + image.width > width or top + image.height > height:
        reach = f"{image.width} x {image.height} from {left}, {top}"
        raise ValueError(f"a mask that does not fit into the image of {width} x {height}: {reach}")
    try:
        inside = np.asarray(image.convert("L")) > 0
    except (SyntaxError, OSError, ValueError) as error:
        raise ValueError(f"a mask whose PNG is broken: {error}") from None
    pixels = np.zeros((height, width), bool)
    pixels[top : top + image.height, left : left + image.width] = inside
    return runs_of(pixels)


def mask_to(mask: Mask) -> tuple[str, list[list[float]]]:
    """A mask as such a PNG, and the first and the last pixel that it covers."""
    pixels = pixels_of(mask)
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    top, bottom = (int(rows[0]), int(rows[-1])) if len(rows) else (0, 0)
    left, right = (int(columns[0]), int(columns[-1])) if len(columns) else (0, 0)
    file = BytesIO()
    piece = pixels[top : bottom + 1, left : right + 1]
    Image.fromarray(piece.astype(np.uint8) * 255).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii"), [[left, top], [right, bottom]]
