"""Image files, mangled: each is read or refused with a reason, twice the same, within memory and time."""

import random
import resource
import struct
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tools.attack.cases import End, Fault, Result, chance, told

MAX_PIXELS = 1_000_000
"""What a mangled header may ask for before it is refused."""
ROOM = 160 << 20
"""Bytes that memory may grow by in one case: the largest image allowed takes a few MB."""
OTHERS = {
    "PPM": b"P6\n4 4\n255\n" + bytes(48),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "HTML": b"<!doctype html><title>Not found</title>",
    "PDF": b"%PDF-1.4\n%EOF",
    "ZIP": b"PK\x03\x04" + bytes(60),
}
"""Files that come into folders of images and are none of the six formats that are read."""

MOVING = ("GIF moving", "TIFF pages")
"""Half of one may well hold its first image whole."""


def originals() -> dict[str, bytes]:
    """Whole files by name: each format in the ways it is met."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 36, 4), np.uint8)
    grey, colour, clear = (Image.fromarray(noise[..., part]) for part in (0, slice(3), slice(4)))
    deep = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    real = Image.fromarray(noise[..., 0].astype(np.float32) / 255)
    turned = Image.Exif()
    turned[0x0112] = 6
    frames: dict[str, Any] = {"save_all": True, "append_images": [colour.rotate(90), colour]}
    ways: dict[str, tuple[Image.Image, str, dict[str, Any]]] = {
        "JPEG": (colour, "JPEG", {}),
        "JPEG grey": (grey, "JPEG", {}),
        "JPEG progressive": (colour, "JPEG", {"progressive": True}),
        "JPEG CMYK": (colour.convert("CMYK"), "JPEG", {}),
        "JPEG turned": (colour, "JPEG", {"exif": turned}),
        "PNG": (colour, "PNG", {}),
        "PNG clear": (clear, "PNG", {}),
        "PNG palette": (colour.quantize(16), "PNG", {}),
        "PNG 16 bits": (deep, "PNG", {}),
        "PNG 1 bit": (grey.convert("1"), "PNG", {}),
        "GIF": (colour.quantize(32), "GIF", {}),
        "GIF moving": (colour, "GIF", frames),
        "BMP": (colour, "BMP", {}),
        "BMP palette": (colour.quantize(16), "BMP", {}),
        "TIFF": (colour, "TIFF", {}),
        "TIFF LZW": (colour, "TIFF", {"compression": "tiff_lzw"}),
        "TIFF 16 bits": (deep, "TIFF", {}),
        "TIFF float": (real, "TIFF", {}),
        "TIFF pages": (colour, "TIFF", frames),
        "WebP": (colour, "WEBP", {}),
        "WebP whole": (clear, "WEBP", {"lossless": True}),
    }
    found = {}
    for name, (image, form, options) in ways.items():
        out = BytesIO()
        image.save(out, form, **options)
        found[name] = out.getvalue()
    return found | OTHERS


def _bits(data: bytearray, chosen: random.Random, _: bytes) -> bytearray:
    for _bit in range(chosen.choice((1, 1, 2, 8, 64))):
        data[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
    return data


def _header(data: bytearray, chosen: random.Random, _: bytes) -> bytearray:
    for _byte in range(chosen.choice((1, 2, 4))):
        data[chosen.randrange(min(64, len(data)))] = chosen.randrange(256)
    return data


def _number(data: bytearray, chosen: random.Random, _: bytes) -> bytearray:
    """A field of a header is 0, huge, negative or nearly."""
    form = chosen.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(form)
    value = chosen.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), 2 ** (8 * size - 1) - 1, 65_000))
    place = chosen.randrange(min(len(data) - size, chosen.choice((40, 200, 1 << 20))))
    data[place : place + size] = struct.pack(form, value)
    return data


def _cut(data: bytearray, chosen: random.Random, _: bytes) -> bytearray:
    return data[: chosen.randrange(len(data))]


def _half(data: bytearray, chosen: random.Random, _: bytes) -> bytearray:
    """Some of a file, with the end that its format asks for: as it is served by what answers half a request."""
    ends = {b"\xff\xd8": b"\xff\xd9", b"\x89P": b"\0\0\0\0IEND\xaeB`\x82", b"GI": b"\x3b"}
    return data[: int(len(data) * chosen.uniform(0.3, 0.8))] + ends.get(bytes(data[:2]), b"")


def _out(data: bytearray, chosen: random.Random, _: bytes) -> bytearray:
    first = chosen.randrange(len(data))
    del data[first : first + chosen.choice((1, 2, 7, 100))]
    return data


def _twice(data: bytearray, chosen: random.Random, _: bytes) -> bytearray:
    first, length = chosen.randrange(len(data)), chosen.choice((1, 4, 30, 300))
    return data[: first + length] + data[first:]


def _trailing(data: bytearray, chosen: random.Random, other: bytes) -> bytearray:
    return data + chosen.choice((b"\0" * 100, other, b"<?php", bytes(data)))


def _spliced(data: bytearray, chosen: random.Random, other: bytes) -> bytearray:
    return data[: chosen.randrange(len(data))] + other[chosen.randrange(len(other)) :]


def _inserted(data: bytearray, chosen: random.Random, _: bytes) -> bytearray:
    place = chosen.randrange(len(data))
    return data[:place] + chosen.randbytes(chosen.choice((1, 4, 64))) + data[place:]


def _blank(data: bytearray, chosen: random.Random, _: bytes) -> bytearray:
    first = chosen.randrange(len(data))
    last = min(len(data), first + chosen.choice((4, 40, 400)))
    data[first:last] = chosen.choice((b"\0", b"\xff")) * (last - first)
    return data


Mutation = Callable[[bytearray, random.Random, bytes], bytearray]
MUTATIONS: dict[str, Mutation] = {
    "bits": _bits,
    "header": _header,
    "number": _number,
    "cut": _cut,
    "half": _half,
    "left out": _out,
    "twice": _twice,
    "trailing": _trailing,
    "spliced": _spliced,
    "inserted": _inserted,
    "blank": _blank,
}


class Mangler:
    """Makes and tries mangled images.

    Args:
        folder: where the files lie for a moment.
        largest: growth of memory that is allowed, in bytes.
    """

    def __init__(self, folder: Path, largest: int = ROOM) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.largest = folder, largest
        self._originals = originals()
        warnings.simplefilter("ignore")  # Pillow's, of broken metadata

    def made(self, seed: int) -> tuple[str, str, bytes]:
        """The format, what was done, and the file."""
        chosen = chance("image", seed)
        name, other = chosen.choice(list(self._originals)), chosen.choice(list(self._originals.values()))
        data, done = bytearray(self._originals[name]), []
        for _ in range(chosen.choice((0, 1, 1, 1, 2, 3))):
            how = chosen.choice(list(MUTATIONS))
            if len(data) > 8:
                data = MUTATIONS[how](data, chosen, other)
                done.append(how)
        return name, ", ".join(done) or "nothing", bytes(data)

    def attempt(self, seed: int) -> Result:
        """One file, decoded twice, shown small, and scanned."""
        name, how, data = self.made(seed)
        end: End = "ok"
        note, before = "", _peak()
        try:
            note = self._tried(data, seed)
            if note == "taken" and name in OTHERS and how == "nothing":
                raise Fault("differs", f"{name} was taken for an image")
            if note == "taken" and name not in (*OTHERS, *MOVING) and how == "half":
                raise Fault("lost", f"half a {name} was taken for a whole one")
            if note != "taken" and name not in OTHERS and how == "nothing":
                raise Fault("lost", f"a good {name} was refused: {note}")
            if (grown := _peak() - before) > self.largest:
                raise Fault("hang", f"memory grew by {grown >> 20} MB for a file of {len(data)} bytes")
            note = ""
        except Fault as fault:
            end, note = fault.end, fault.note
        except Exception as error:
            end, note = "traceback", told(error)
        return Result("image", seed, name, how, end, note)

    def _tried(self, data: bytes, seed: int) -> str:
        from askance.pool import scan, thumbnail
        from askance.pool.decoding import BadImage, decode

        def verdict() -> str:
            try:
                found = decode(data, max_pixels=MAX_PIXELS)
            except BadImage as error:
                return f"refused: {error.got}"
            if found.pixels.mode not in ("RGB", "L") or found.width * found.height > MAX_PIXELS:
                raise Fault("differs", f"{found.pixels.mode}, {found.width} x {found.height}")
            return f"taken: {hash(found.pixels.tobytes())} {found.pixels.size}"

        first, again = verdict(), verdict()
        if first != again:
            raise Fault("differs", f"first {first}, then {again}")
        path = self.folder / "image.png"
        path.write_bytes(data)
        try:
            thumbnail(str(path), 8, max_pixels=MAX_PIXELS)
            small = True
        except BadImage:
            small = False
        taken = first.startswith("taken")
        if small < taken:
            raise Fault("differs", "decoded whole and refused as a thumbnail")
        if seed % 4 == 0:
            (seen,) = scan(str(path.parent), {}, max_pixels=MAX_PIXELS, workers=1)
            if (seen.image is None) != (seen.problem is not None) or (seen.image is None and not seen.problem):
                raise Fault("lost", f"neither an image nor a reason: {seen}")
            if (seen.image is not None) < taken:
                raise Fault("differs", f"decoded whole and quarantined: {seen.problem}")
        return "taken" if taken else first


def _peak() -> int:
    """The most memory this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
