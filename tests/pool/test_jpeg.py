"""JPEGs that lack blocks are found whatever closes them; sound ones are taken, however they are made."""

from io import BytesIO

import pytest
from PIL import Image

from askance.pool import BadImage
from askance.pool.decoding import decode
from tests.pool.pictures import encoded, jpeg, picture

PLENTY = 10**8
END = b"\xff\xd9"
KINDS = {
    "plain": {},
    "fine": {"quality": 97, "subsampling": 0},
    "optimised": {"optimize": True},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "progressive restarts": {"progressive": True, "restart_marker_rows": 1},
}
CLOSED_BY = {
    "end": END,
    "filled end": b"\xff\xff" + END,
    "a comment": b"\xff\xfe\0\6word" + END,
    "a long comment": b"\xff\xfe\1\2" + bytes(256) + END,
    "zeros": bytes(9) + END,
    "what telephones append": END + bytes(300),
}


def sound(kind: str, mode: str = "RGB", size: tuple[int, int] = (200, 150)) -> bytes:
    return encoded(picture(3, size, mode), "JPEG", **KINDS[kind])


def taken(data: bytes, enough: tuple[int, int] | None = None) -> Image.Image:
    return decode(data, max_pixels=PLENTY, enough=enough).pixels


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", [b"", b"\0", b"\xff", jpeg(5), b"MotionPhoto_Data" + bytes(70)])
def test_a_sound_jpeg_is_taken_whatever_follows_it(kind, mode, behind):
    data = sound(kind, mode)
    with Image.open(BytesIO(data)) as image:
        wanted = image.tobytes()
    found = taken(data + behind)
    if mode != "CMYK":
        assert found.tobytes() == wanted
    assert found.size == (200, 150)
    assert taken(data + behind, (1, 1)).size == (25, 19)


@pytest.mark.parametrize("close", CLOSED_BY)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.55, 0.8, 0.95])
def test_part_of_a_jpeg_is_never_taken_for_all_of_it(kind, close, share):
    data = sound(kind)
    half = data[: int(len(data) * share)].rstrip(b"\xff") + CLOSED_BY[close]
    for enough in (None, (1, 1)):
        with pytest.raises(BadImage, match="truncated: the file ends before its image does"):
            taken(half, enough)


def test_a_scan_that_never_came_is_missed():
    """Cut between two scans, nothing is half: the fine detail is announced, and not there."""
    data = sound("progressive")
    scans = [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]
    tables = [data.rfind(b"\xff\xc4", 0, scan) for scan in scans]
    starts = [
        table if previous < table else scan
        for previous, table, scan in zip([0, *scans], tables, scans, strict=False)
    ]
    assert len(starts) == 10
    for start in starts[1:]:
        with pytest.raises(BadImage, match=r"the last scans are missing|a scan is missing"):
            taken(data[:start] + END)


def test_a_jpeg_in_arithmetic_codes_is_left_to_its_decoder():
    """How much a block takes cannot be told there; Pillow's word holds."""
    data = bytearray(sound("plain"))
    data[data.index(b"\xff\xc0") + 1] = 0xC9
    assert taken(bytes(data)).size == (200, 150)


def test_no_real_photograph_is_rejected(shared_data):
    files = sorted(shared_data.rglob("*.jpg"))[::40]
    assert len(files) > 100
    for file in files:
        taken(file.read_bytes(), (1, 1))
