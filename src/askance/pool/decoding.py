"""Bytes -> pixels, read right: rotation, 16 bits, palettes, inks, transparency; and refused with a reason.

Six formats are read, each by Pillow's own reader for it, chosen by the file's first bytes and never by its name.
`PIL.Image.open` is not used: its limit on pixels is one number for the whole process, ours is an argument.
(Pillow's own still holds for TIFF and WebP: as it comes, they end at 179 million pixels.)
"""

import struct
from collections.abc import Callable
from io import BytesIO
from threading import Lock
from typing import NamedTuple

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from askance.pool.eight_bits import eight_bit
from askance.pool.jpeg import decoded_whole
from askance.pool.png import without_bulk
from askance.vocab import PoolError
from askance.vocab.config import PoolConfig

MAX_PIXELS: int = PoolConfig.model_fields["max_pixels"].default
"""Where nobody says otherwise: what `askance.toml` has by default."""

_GLANCE = 8
"""Times that an image is made smaller of which one pixel is enough: a scan looks at none of them."""
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


def _png(file: BytesIO) -> ImageFile.ImageFile:
    return PngImagePlugin.PngImageFile(BytesIO(without_bulk(file.getvalue())))


def _jpeg(file: BytesIO) -> ImageFile.ImageFile:
    """A JPEG, or the first picture of several in one file; what is said of the others may be broken."""
    try:
        return JpegImagePlugin.jpeg_factory(file)
    except Exception:
        file.seek(0)
        return JpegImagePlugin.JpegImageFile(file)


_READERS: dict[tuple[bytes, ...], Callable[[BytesIO], ImageFile.ImageFile]] = {
    (b"\xff\xd8\xff",): _jpeg,
    (b"\x89PNG\r\n\x1a\n",): _png,
    (b"GIF87a", b"GIF89a"): GifImagePlugin.GifImageFile,
    (b"BM",): BmpImagePlugin.BmpImageFile,
    (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"): TiffImagePlugin.TiffImageFile,
}
_OTHERS = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    **dict.fromkeys((b"\0\0\0\x0c", b"\xffO\xffQ"), "JPEG 2000"),
    **{b"8BPS": "a file of Photoshop", b"%PDF": "a PDF", b"<svg": "SVG", b"PK\3\4": "a zip archive"},
}
"""What else is taken for images, by how it begins."""


class _Strict:
    """While images are decoded here, Pillow takes no truncated ones, whatever this process has it do otherwise."""

    def __init__(self) -> None:
        self._lock, self._inside, self._before = Lock(), 0, False

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                ImageFile.LOAD_TRUNCATED_IMAGES = self._before


_STRICT = _Strict()


class BadImage(PoolError):
    """One image that cannot be shown; `got` says why in words for people."""


class Bomb(BadImage):
    """An image with more pixels than allowed: the one verdict that a setting can change."""


class NoMemory(BadImage):
    """An image that may be sound: there was no memory for it. It is tried again."""


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

    Every pixel is decoded, so a truncated file never passes. In memory are the image as Pillow holds it (1 to 4
    bytes a pixel; WebP: 16) and the result (1 or 4). What becomes of unusual pixels:

    - 16 bits: divided by 257, so that 65535 becomes 255; nothing is clipped.
    - 32-bit integers beyond 16 bits, and floats beyond [0, 1]: stretched from their lowest to their highest
      value; floats within [0, 1]: times 255; values that are not finite: black.
    - transparency: laid on white. CMYK: to RGB, with Adobe's inversion undone where it was made.

    Args:
        data: the whole file.
        max_pixels: more than this is refused before anything is decoded.
        grey: give mode `L` whatever the file has; otherwise `L` only where the file is grey.
        enough: width and height (before rotation) below which no pixels are needed; lets JPEG decode at
            1/2, 1/4 or 1/8 of its size, never below what is asked for. Others are whole, but where one pixel is
            enough they come at 1/8.

    Raises:
        BadImage: not an image, broken, truncated, of an unknown kind, or too large (`Bomb`).
    """
    with _STRICT:
        return _decoded(data, max_pixels, enough, grey=grey)


def upright_size(data: bytes) -> tuple[int, int]:
    """Width and height of an image file as a person sees it, after EXIF rotation; no pixel is decoded.

    Raises:
        BadImage: not an image, or its header is broken.
    """
    with _STRICT:
        image = _opened(data)
        width, height = image.size
        turned = image.format != "TIFF" and _orientation(image) >= 5  # a TIFF says its size upright
    return (height, width) if turned else (width, height)


def _decoded(data: bytes, max_pixels: int, enough: tuple[float, float] | None, *, grey: bool) -> Decoded:
    image = _opened(data)
    (width, height), form = image.size, image.format or ""
    if width * height > max_pixels:
        size = f"{width} x {height} = {width * height:,} pixels"
        raise bad(f"{size}, more than max_pixels = {max_pixels:,}: a decompression bomb?", Bomb)
    try:
        if enough is not None or grey:
            smallest = (max(1, int(enough[0])), max(1, int(enough[1]))) if enough else None
            image.draft("L" if grey else None, smallest)
        if isinstance(image, JpegImagePlugin.JpegImageFile):
            decoded_whole(image)
        image.load()
        turn = _orientation(image)
        glance = enough is not None and max(enough) <= 1 and form != "JPEG"
        pixels = eight_bit(image, grey=grey, shrink=_GLANCE if glance else 1)
    except Image.DecompressionBombError as error:
        raise bad(str(error), Bomb) from error
    except MemoryError as error:
        raise bad(f"{width} x {height} pixels do not fit into memory now", NoMemory) from error
    except Exception as error:  # Pillow's readers raise whatever a broken byte leads to
        raise bad(_broken(error)) from error
    del image  # its pixels are let go before the turn takes room for as many
    if turn in _UPRIGHT:
        pixels = pixels.transpose(_UPRIGHT[turn])
    if turn >= 5:
        width, height = height, width
    return Decoded(pixels, width, height, form)


def _opened(data: bytes) -> ImageFile.ImageFile:
    """The header read, nothing decoded."""
    if not data:
        raise bad("the file is empty")
    reader = _reader(data[:16])
    if reader is None:
        what = _OTHERS.get(data[8:12] if data[4:8] == b"ftyp" else data[:4])
        seen = f"it is {what}, convert it to JPEG" if what else f"the file starts with {data[:12]!r}"
        raise bad(f"not a JPEG, PNG, WebP, TIFF, BMP or GIF image: {seen}")
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


def turn_of(data: bytes) -> int:
    """How EXIF says that a file's pixels are turned, 1 to 8; 1, upright, where it says nothing.

    Raises:
        BadImage: not an image, or of an unknown kind.
    """
    return _orientation(_opened(data))


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8 of a loaded image; a TIFF turns itself upright as it loads."""
    try:
        turn = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF says nothing about the pixels; viewers ignore it too
        return 1
    return turn if turn in _UPRIGHT else 1
