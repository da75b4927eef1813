"""Bytes -> pixels, read right: rotation, 16 bits, palettes, inks, transparency; and refused with a reason.

Six formats are read, each by Pillow's own reader for it, chosen by the file's first bytes and never by its name.
`PIL.Image.open` is not used: its limit on pixels is one number for the whole process, ours is an argument.
(Pillow's own still holds for TIFF and WebP: as it comes, they end at 179 million pixels.)
"""

import struct
from collections.abc import Callable
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageChops,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from askance.vocab import PoolError
from askance.vocab.config import PoolConfig

MAX_PIXELS: int = PoolConfig.model_fields["max_pixels"].default
"""Where nobody says otherwise: what `askance.toml` has by default."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_READERS: dict[tuple[bytes, ...], Callable[[BytesIO], ImageFile.ImageFile]] = {
    (b"\xff\xd8\xff",): JpegImagePlugin.jpeg_factory,
    (b"\x89PNG\r\n\x1a\n",): PngImagePlugin.PngImageFile,
    (b"GIF87a", b"GIF89a"): GifImagePlugin.GifImageFile,
    (b"BM",): BmpImagePlugin.BmpImageFile,
    (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"): TiffImagePlugin.TiffImageFile,
}
_FROM_16_BITS = np.rint(np.arange(65536) / 257).astype(np.uint8)


class BadImage(PoolError):
    """One image that cannot be shown; `got` says why in words for people."""


class Bomb(BadImage):
    """An image with more pixels than allowed: the one verdict that a setting can change."""


class Decoded(NamedTuple):
    """An image, upright, in 8 bits.

    Attributes:
        pixels: mode `RGB` or `L`; smaller than the file's own if the caller said how little is enough.
        width: of the file's image after rotation.
        height: of the file's image after rotation.
        format: as Pillow names it.
    """

    pixels: Image.Image
    width: int
    height: int
    format: str


def bad(problem: str, kind: type[BadImage] = BadImage) -> BadImage:
    """The error for one image, from its problem alone."""
    return kind("an image that can be decoded", problem, "replace the file, or leave it quarantined")


def decode(
    data: bytes, *, max_pixels: int, grey: bool = False, enough: tuple[float, float] | None = None
) -> Decoded:
    """Decode the first frame of an image file, upright, to 8-bit `RGB` or `L`.

    Every pixel is decoded, so a truncated file never passes. What becomes of unusual pixels:

    - 16 bits: divided by 257, so that 65535 becomes 255; nothing is clipped.
    - 32-bit integers beyond 16 bits, and floats beyond [0, 1]: stretched from their lowest to their highest
      value; floats within [0, 1]: times 255; values that are not finite: black.
    - transparency: laid on white. CMYK: to RGB, with Adobe's inversion undone where it was made.

    Args:
        data: the whole file.
        max_pixels: more than this is refused before anything is decoded.
        grey: give mode `L` whatever the file has; otherwise `L` only where the file is grey.
        enough: width and height (before rotation) below which no pixels are needed; lets JPEG decode at
            1/2, 1/4 or 1/8 of its size, never below what is asked for.

    Raises:
        BadImage: not an image, broken, truncated, of an unknown kind, or too large (`Bomb`).
    """
    image = _opened(data)
    width, height = image.size
    if width * height > max_pixels:
        size = f"{width} x {height} = {width * height:,} pixels"
        raise bad(f"{size}, more than max_pixels = {max_pixels:,}: a decompression bomb?", Bomb)
    try:
        if enough is not None or grey:
            smallest = (max(1, int(enough[0])), max(1, int(enough[1]))) if enough else None
            image.draft("L" if grey else None, smallest)
        image.load()
        turn = _orientation(image)
        pixels = _eight_bit(image, grey=grey)
    except Image.DecompressionBombError as error:
        raise bad(str(error), Bomb) from error
    except Exception as error:  # Pillow's readers raise whatever a broken byte leads to
        raise bad(_broken(error)) from error
    if turn in _UPRIGHT:
        pixels = pixels.transpose(_UPRIGHT[turn])
    if turn >= 5:
        width, height = height, width
    return Decoded(pixels, width, height, image.format or "")


def _opened(data: bytes) -> ImageFile.ImageFile:
    """The header read, nothing decoded."""
    if not data:
        raise bad("the file is empty")
    reader = _reader(data[:16])
    if reader is None:
        raise bad(f"not a JPEG, PNG, WebP, TIFF, BMP or GIF image: the file starts with {data[:12]!r}")
    try:
        return reader(BytesIO(data))
    except Image.DecompressionBombError as error:
        raise bad(str(error), Bomb) from error
    except Exception as error:
        raise bad(_broken(error)) from error


def _reader(prefix: bytes) -> Callable[[BytesIO], ImageFile.ImageFile] | None:
    if prefix[:4] == b"RIFF" and prefix[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    return next((reader for magic, reader in _READERS.items() if prefix.startswith(magic)), None)


def _broken(error: Exception) -> str:
    said = str(error) or type(error).__name__
    if isinstance(error, EOFError | struct.error | IndexError) or "truncated" in said.lower():
        return f"truncated: the file ends before its image does ({said})"
    return f"broken: {said}"


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8 of a loaded image; a TIFF turns itself upright as it loads."""
    try:
        turn = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF says nothing about the pixels; viewers ignore it too
        return 1
    return turn if turn in _UPRIGHT else 1


def _eight_bit(image: Image.Image, *, grey: bool) -> Image.Image:
    """Any mode of Pillow -> `RGB` or `L`."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_levels(np.asarray(image)))
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        image = ImageChops.invert(image)  # Pillow takes every CMYK JPEG for Adobe's, which are inverted
    mode = "L" if grey or image.mode in ("1", "L", "LA", "La") else "RGB"
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert(mode)


def _levels(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """16-bit, 32-bit or float values `[H, W]` -> 0 to 255, as `decode` describes."""
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return _FROM_16_BITS[values.astype(np.uint16, copy=False)]
    finite = np.isfinite(values)
    exact = np.where(finite, values, 0).astype(np.float64)
    inside = exact[finite]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 0.0)
    full = 1.0 if values.dtype.kind == "f" else 65535.0
    if low >= 0 and high <= full:
        low, high = 0.0, full
    scaled = np.clip((exact - low) / max(high - low, np.finfo(np.float64).tiny), 0, 1)
    return np.where(finite, np.rint(scaled * 255), 0).astype(np.uint8)
