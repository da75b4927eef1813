"""What an image may weigh: metadata that is no pixels, and memory by the pixel."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from askance.pool import BadImage
from askance.pool.decoding import NoMemory, decode
from askance.pool.png import without_bulk
from tests.pool.pictures import encoded, picture

PLENTY = 10**8
MB = 1 << 20


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(*chunks: bytes, late: bool = False) -> bytes:
    """A PNG with chunks of ours, before its pixels or behind them."""
    data = encoded(picture(), "PNG")
    place = len(data) - 12 if late else 33
    return data[:place] + b"".join(chunks) + data[place:]


LARGE = {
    "tEXt": chunk(b"tEXt", b"Comment\0" + b"x" * (3 * MB)),
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * (3 * MB))),
    "iTXt": chunk(b"iTXt", b"Comment\0\1\0en\0\0" + zlib.compress(b"x" * (3 * MB))),
    "plain iTXt": chunk(b"iTXt", b"Comment\0\0\0en\0\0" + b"x" * (3 * MB)),
    "iCCP": chunk(b"iCCP", b"inks\0\0" + zlib.compress(bytes(3 * MB))),
    "raw EXIF": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"0" * (3 * MB))),
}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kind", LARGE)
def test_metadata_of_any_size_does_not_hide_the_pixels(kind, late):
    found = decode(with_chunks(LARGE[kind], late=late), max_pixels=PLENTY)
    assert found.pixels.tobytes() == picture().tobytes()


def test_many_texts_that_fit_alone_and_not_together():
    some = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * (MB - 1)))
    assert decode(with_chunks(*[some] * 80), max_pixels=PLENTY).pixels.size == (40, 30)


@pytest.mark.parametrize("packed", [False, True])
def test_the_rotation_in_a_large_xmp_is_read(packed):
    text = b'<x tiff:Orientation="6"/>' + b" " * (3 * MB)
    flags, text = (b"\1\0", zlib.compress(text)) if packed else (b"\0\0", text)
    data = with_chunks(chunk(b"iTXt", b"XML:com.adobe.xmp\0" + flags + b"\0\0" + text))
    found = decode(data, max_pixels=PLENTY)
    assert (found.width, found.height) == found.pixels.size == (30, 40)


def test_a_png_of_usual_metadata_is_left_as_it_is():
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "a camera", zip=True)
    info.add_itxt("XML:com.adobe.xmp", "<x/>")
    data = encoded(picture(), "PNG", pnginfo=info)
    assert without_bulk(data) is data
    assert without_bulk(data[:60]) == data[:60]


def test_a_broken_directory_of_further_pictures_does_not_hide_the_first():
    data = encoded(picture(), "JPEG")
    further = b"\xff\xe2\0\x18MPF\0II*\0\x08\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"
    assert decode(data[:2] + further + data[2:], max_pixels=PLENTY).pixels.size == (40, 30)


def test_too_little_memory_is_no_verdict_on_the_file(monkeypatch):
    def none(_):
        raise MemoryError

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load_prepare", none)
    with pytest.raises(NoMemory, match="40 x 30 pixels do not fit into memory"):
        decode(encoded(picture(), "PNG"), max_pixels=PLENTY)
    assert issubclass(NoMemory, BadImage)


# ---- memory

SIDE = 1500
SHADES = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE), dtype=np.uint8)


def of_mode(mode: str) -> Image.Image:
    if mode == "float":
        return Image.fromarray(SHADES.astype(np.float32) * 9)
    if mode == "I;16":
        return Image.fromarray(SHADES.astype(np.uint16) * 250)
    bands = Image.fromarray(SHADES)
    if mode == "P":
        return Image.merge("RGB", (bands, bands, bands)).quantize(50, dither=Image.Dither.NONE)
    return (
        bands.convert(mode)
        if mode in ("L", "1")
        else Image.merge(mode, [bands] * (2 if mode == "LA" else len(mode)))
    )


MODES = {"L": "PNG", "1": "TIFF", "P": "PNG", "LA": "PNG", "RGBA": "PNG", "I;16": "PNG", "float": "TIFF"}
INKS = {"CMYK": "TIFF", "RGB": "JPEG"}
MEASURE = """
import sys
from pathlib import Path
from askance.pool.decoding import decode
def peak():
    return next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
for file in sys.argv[2:]:
    data = Path(file).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    decode(data, max_pixels=10**9, enough=(1, 1) if sys.argv[1] == "scan" else None)
    print(Path(file).stem, peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak is read from /proc")
@pytest.mark.parametrize(("task", "most"), [("scan", 5), ("read", 8)])
def test_decoding_takes_at_most_eight_bytes_a_pixel(tmp_path, task, most):
    for mode, form in (MODES | INKS).items():
        of_mode(mode).save(tmp_path / f"{mode}.{form}", form, **({"transparency": 3} if mode == "P" else {}))
    run = [sys.executable, "-W", "ignore", "-c", MEASURE, task, *map(str, sorted(tmp_path.iterdir()))]
    said = subprocess.run(run, capture_output=True, check=True, text=True).stdout.split()
    took = {mode: int(n) for mode, n in zip(said[::2], said[1::2], strict=True)}
    assert took.keys() == {*MODES, *INKS}
    assert {mode: n / SIDE**2 for mode, n in took.items() if n > most * SIDE**2 + 2 * MB} == {}


def test_one_pixel_is_enough_of_any_mode():
    """What a scan looks at: a small image of the right kind, its size that of the file."""
    for mode in ("L", "1", "P", "LA", "RGBA", "I;16", "float", "CMYK"):
        found = decode(encoded(of_mode(mode), "TIFF"), max_pixels=PLENTY, enough=(1, 1))
        assert (found.width, found.height) == (SIDE, SIDE)
        whole = decode(encoded(of_mode(mode), "TIFF"), max_pixels=PLENTY).pixels
        np.testing.assert_allclose(
            np.asarray(found.pixels.convert("RGB")), np.asarray(whole.reduce(8).convert("RGB")), atol=1
        )
