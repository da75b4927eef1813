"""PNGs without the bulk that is no pixels: text and colour profiles beyond what Pillow takes are passed over."""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from PIL import PngImagePlugin

_HEAD = struct.Struct(">I4s")
_XMP = b"XML:com.adobe.xmp"
_WORDS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
"""Chunks that may be of any size, whatever the picture's."""


class _Chunk(NamedTuple):
    kind: bytes
    start: int
    end: int


def without_bulk(data: bytes) -> bytes:
    """A PNG file, less its texts and profiles that are larger than Pillow takes; usually the very same bytes.

    Of a large XMP its first part stays, for the rotation in it.
    """
    parts, kept, room = list[bytes](), 0, PngImagePlugin.MAX_TEXT_MEMORY // 2
    for chunk in _chunks(data):
        if chunk.kind not in _WORDS:
            continue
        key, packed, text = _taken_apart(chunk.kind, data[chunk.start + 8 : chunk.end - 4])
        beginning, whole = _beginning(text, packed=packed)
        fits = len(beginning) <= room
        if fits:
            room -= len(beginning)
        if whole and fits:
            continue
        parts.append(data[kept : chunk.start])
        kept = chunk.end
        if key == _XMP and fits:
            parts.append(_chunk(b"iTXt", _XMP + b"\0\0\0\0\0" + beginning))
    return b"".join([*parts, data[kept:]]) if parts else data


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """All whole chunks, in order."""
    place = 8
    while place + 12 <= len(data):
        length, kind = _HEAD.unpack_from(data, place)
        end = place + 12 + length
        if end > len(data):
            return
        yield _Chunk(kind, place, end)
        place = end


def _chunk(kind: bytes, body: bytes) -> bytes:
    return _HEAD.pack(len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))


def _taken_apart(kind: bytes, body: bytes) -> tuple[bytes, bool, bytes]:
    """A chunk's keyword, whether its text is compressed, and the text."""
    head, _, rest = body.partition(b"\0")
    if kind == b"tEXt":
        return head, False, rest
    if kind == b"iTXt":
        return head, rest[:1] != b"\0", rest[2:].split(b"\0", 2)[-1]
    return head, True, rest[1:]


def _beginning(text: bytes, *, packed: bool) -> tuple[bytes, bool]:
    """As much of a text as Pillow takes, and whether that is all."""
    most = PngImagePlugin.MAX_TEXT_CHUNK
    if not packed:
        return text[:most], len(text) <= most
    unpacking = zlib.decompressobj()
    try:
        return unpacking.decompress(text, most), not unpacking.unconsumed_tail
    except zlib.error:  # Pillow passes it over
        return b"", True
