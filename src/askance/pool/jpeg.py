"""JPEGs decoded to their last block: half a file that is closed with an end marker is found, at next to no cost.

libjpeg takes the end of the data for the end of the picture: what is missing becomes grey, or stays coarse,
and Pillow passes over the warning. So the end of each scan is held open here: behind its data come ones, which
are no code of any JPEG. A decoder that still wants blocks takes them for blocks, and stops in the middle of one
when they are used up; one that has all of its blocks is done, or skips them on its way to the next marker.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

_ONES = b"\xff\x00"
"""Eight ones, as data of a scan."""
_BEHIND = 16 * _ONES
"""What comes behind a scan: more than a decoder looks ahead, and no more than three or four blocks."""
_TRIES = 12
"""Times that eight more ones are given: a decoder in the middle of a block does not use them all at once."""
_BLOCK = 1 << 18
"""Bytes given to the decoder at once."""

_EOI = b"\xff\xd9"
_TAIL = 64
"""Bytes at the end of a file of one scan that its decoder must want: if it does not, the scan has ended before."""
_MARKER = re.compile(rb"\xff[\x02-\xfe]")
_NO_RESTART = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")
_HEADERS = 4096
"""Bytes at the start in which most files say whether they have restart markers."""

_END, _SCAN, _INTERVAL = 0xD9, 0xDA, 0xDD
_RESTARTS = range(0xD0, 0xD8)
_ALONE = {0x01, 0xD8, *_RESTARTS}
"""Markers without a segment."""
_ARITHMETIC = {0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
"""Frames in arithmetic codes: their decoder does not wait for data."""
_PROGRESSIVE = 0xC2
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


class _Scan(NamedTuple):
    """One scan: where its data ends, and the restart marker that would come next, where there are any."""

    end: int
    restart: bytes


class _Frame:
    """What the headers of a JPEG promise, and the scans that came."""

    def __init__(self) -> None:
        self.kind, self.interval = 0, 0
        self.components: set[int] = set()
        self.scans: list[_Scan] = []
        self.bits_to_come: dict[tuple[int, int], int] = {}  # (component, coefficient) -> lowest bits not yet there

    @property
    def in_one_scan(self) -> bool:
        return self.kind != _PROGRESSIVE and len(self.scans) == 1 and not self.missing()

    def missing(self) -> str | None:
        """What the headers promise and no scan brings, in words."""
        if self.scans and not self.components <= {component for component, _ in self.bits_to_come}:
            return "a scan is missing"
        if any(self.bits_to_come.values()):
            return "the last scans are missing"
        return None

    def segment(self, marker: int, content: bytes) -> None:
        """Take note of a segment."""
        if marker in _FRAMES and len(content) >= 6:
            self.kind, self.components = marker, set(content[6::3])
        elif marker == _INTERVAL:
            self.interval = int.from_bytes(content[:2])
        elif marker == _SCAN and content:
            self._scan(content)

    def _scan(self, content: bytes) -> None:
        n = content[0]
        components, rest = content[1 : 1 + 2 * n : 2], content[1 + 2 * n :]
        first, last, low = 0, 0, 0
        if self.kind == _PROGRESSIVE and len(rest) >= 3:
            first, last, low = rest[0], min(rest[1], 63), rest[2] & 15
        for component in components:
            self.bits_to_come.update(dict.fromkeys(((component, k) for k in range(first, last + 1)), low))


def decoded_whole(image: ImageFile.ImageFile) -> None:
    """Have a JPEG that is opened, and not loaded yet, decoded to its last block.

    Its `load` then raises `EOFError` where the data ends before the image does.
    """
    several = "progressive" in image.info
    image.tile = [tile._replace(codec_name="askance-jpeg", args=(several, tile.args)) for tile in image.tile]


class _WholeJpeg(ImageFile.PyDecoder):
    """Pillow's own decoder of JPEG, given the ends of scans as said at the top."""

    _pulls_fd = True

    def decode(self, buffer: Any) -> tuple[int, int]:
        """Decode the file; Pillow's code of what is wrong with it, 0 for nothing.

        Raises:
            EOFError: the data ends before the image does.
        """
        assert self.fd is not None
        self.fd.seek(0)
        data = self.fd.read()
        several = self.args[0]
        if not several and data.endswith(_EOI) and self._as_most_are(data):
            return 0, 0
        with self._decoder() as decoder:
            return 0, _Feeding(decoder, data).all()

    def _as_most_are(self, data: bytes) -> bool:
        """Decode a file of one scan that ends with the file; False if it is another, or has not all blocks."""
        head, tail = data[:-_TAIL], data[-_TAIL : -len(_EOI)]
        with_restarts = b"\xff\xdd\0\4" in data[:_HEADERS]
        if (_NO_RESTART if with_restarts else _MARKER).search(tail):
            return False
        with self._decoder() as decoder:
            taken, _ = decoder.decode(head)
            if taken < 0:
                return False
            taken, code = decoder.decode(head[taken:] + tail + _BEHIND)
            return bool(taken < 0 and code == 0)

    @contextmanager
    def _decoder(self) -> Iterator[Any]:
        _, args, *scaled = self.args
        decoder = Image._getdecoder(self.mode, "jpeg", args, tuple(scaled))
        try:
            decoder.setimage(self.im, self.state.extents())
            yield decoder
        finally:
            decoder.cleanup()


Image.register_decoder("askance-jpeg", _WholeJpeg)


class _Feeding:
    """A decoder and what it has not taken yet."""

    def __init__(self, decoder: Any, data: bytes) -> None:
        self._decoder, self._data, self._left = decoder, data, b""
        self._done, self._code = False, 0

    def all(self) -> int:
        frame, start = read_frame(self._data), 0
        for scan in frame.scans:
            self._give_from(start, scan.end)
            if self._ends(scan, alone=frame.in_one_scan):
                return self._code
            start = scan.end
        if missing := frame.missing():
            raise EOFError(missing)
        self._give_from(start, len(self._data))
        if not self._done:
            raise EOFError(f"{len(self._left)} bytes not processed")
        return self._code

    def _ends(self, scan: _Scan, *, alone: bool) -> bool:
        """Hold the end of a scan open; whether the image is done with it."""
        self._give(_BEHIND)
        if alone and not self._done:
            raise EOFError("its data ends before its last block")
        if not alone and not self._done:
            self._give(scan.restart)
            for _ in range(_TRIES):
                self._give(_ONES)
                if self._left:
                    raise EOFError("the data of a scan ends before its last block")
        return self._done

    def _give_from(self, start: int, end: int) -> None:
        for place in range(start, end, _BLOCK):
            self._give(self._data[place : min(place + _BLOCK, end)])

    def _give(self, piece: bytes) -> None:
        if self._done:
            return
        self._left += piece
        taken, self._code = self._decoder.decode(self._left)
        self._done = taken < 0
        self._left = self._left[max(taken, 0) :]


def read_frame(data: bytes) -> _Frame:
    """The headers of a JPEG up to its first end marker; no scans where nothing can be said of them."""
    frame, found = _Frame(), _Markers(data)
    for marker, start, end in found:
        frame.segment(marker, data[start:end])
        if frame.kind in _ARITHMETIC:
            return _Frame()
        if marker == _SCAN:
            stop = found.next_from(end, restarts=frame.interval > 0)
            if stop is None:
                break
            restart = b""
            if frame.interval:
                restart = bytes((0xFF, _RESTARTS[found.restarts(end, stop) % 8]))
            frame.scans.append(_Scan(stop, restart))
    return frame


class _Markers:
    """The markers of a JPEG in order, each with where the content of its segment starts and ends."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._values = np.frombuffer(data, np.uint8)
        self._at: NDArray[np.int64] | None = None
        self._kinds: NDArray[np.uint8] | None = None

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        data, place = self._data, 0
        while place + 1 < len(data):
            marker = data[place + 1]
            if data[place] != 0xFF or marker == 0:
                following = self.next_from(place)
                if following is None:
                    return
                place = following
            elif marker == 0xFF:
                place += 1
            elif marker in _ALONE:
                place += 2
            elif marker == _END:
                return
            else:
                end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
                yield marker, place + 4, end
                stop = self.next_from(end) if marker == _SCAN else end
                if stop is None:
                    return
                place = max(stop, place + 2)

    def next_from(self, place: int, *, restarts: bool = True) -> int | None:
        """Where the next marker is, but for restarts where there may be some."""
        at, kinds = self._all()
        first = int(np.searchsorted(at, place))
        if not restarts:
            return int(at[first]) if first < len(at) else None
        others = np.flatnonzero((kinds[first:] & 0xF8) != 0xD0)
        return int(at[first + others[0]]) if others.size else None

    def restarts(self, start: int, end: int) -> int:
        """How many restart markers there are in between."""
        at, kinds = self._all()
        first, last = np.searchsorted(at, (start, end))
        return int(np.count_nonzero((kinds[first:last] & 0xF8) == 0xD0))

    def _all(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Places of all markers, found once."""
        if self._at is None or self._kinds is None:
            at = np.flatnonzero(self._values[:-1] == 0xFF)
            kinds = self._values[at + 1]
            real = (kinds > 0x01) & (kinds != 0xFF)
            self._at, self._kinds = at[real], kinds[real]
        return self._at, self._kinds
