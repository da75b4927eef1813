"""Pixels read right, and files that are not images refused in words."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from askance.pool import BadImage, open_image
from askance.pool.decoding import decode
from tests.pool.pictures import encoded, jpeg, picture, png_bomb

PLENTY = 10**8


def opened(data: bytes, **options: object) -> np.ndarray:
    image = open_image(data, max_pixels=PLENTY, **options)
    assert image.mode in ("L", "RGB")
    return np.asarray(image)


# ---- rotation

MARKS = np.array([[1, 2, 3], [4, 5, 6]], np.uint8) * 40  # a scene of two rows, three columns
STORED = {  # how a camera held as the EXIF standard says would have stored that scene
    1: MARKS,
    2: MARKS[:, ::-1],
    3: MARKS[::-1, ::-1],
    4: MARKS[::-1],
    5: MARKS.T,
    6: np.rot90(MARKS),
    7: np.rot90(MARKS.T, 2),
    8: np.rot90(MARKS, -1),
}


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_all_eight_exif_orientations_come_out_upright(form, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    big = np.kron(STORED[turn], np.ones((16, 16), np.uint8))  # whole JPEG blocks: no ringing across marks
    options = {"lossless": True} if form == "WEBP" else {"quality": 100} if form == "JPEG" else {}
    found = decode(encoded(Image.fromarray(big), form, exif=exif, **options), max_pixels=PLENTY, grey=True)
    assert (found.width, found.height, found.format) == (48, 32, form)
    np.testing.assert_allclose(np.asarray(found.pixels)[8::16, 8::16], MARKS, atol=2)


@pytest.mark.parametrize("turn", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    assert open_image(encoded(picture(), "PNG", exif=exif)).size == (40, 30)


def test_exif_that_is_not_exif_does_not_hurt_the_image():
    data = encoded(picture(), "JPEG", exif=b"Exif\0\0this is no TIFF header at all")
    assert open_image(data).size == (40, 30)


# ---- depth

RAMP = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)  # 0, 257, 514...


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
@pytest.mark.parametrize("grey", [False, True])
def test_sixteen_bits_are_scaled_not_clipped(form, grey):
    found = opened(encoded(Image.fromarray(RAMP), form), grey=grey)
    np.testing.assert_array_equal(found, np.arange(256).reshape(16, 16))


def test_sixteen_bits_big_endian():
    image = Image.frombytes("I;16B", (16, 16), RAMP.astype(">u2").tobytes())
    data = encoded(image, "TIFF")
    assert data.startswith(b"MM")
    np.testing.assert_array_equal(opened(data), np.arange(256).reshape(16, 16))


@given(st.integers(0, 65535))
@settings(max_examples=30)
def test_any_sixteen_bit_value_is_divided_by_257(value):
    data = encoded(Image.fromarray(np.full((2, 2), value, np.uint16)), "PNG")
    assert (opened(data) == round(value / 257)).all()


def test_32_bit_integers_are_sixteen_bits_or_stretched():
    small = RAMP.astype(np.int32)
    np.testing.assert_array_equal(opened(encoded(Image.fromarray(small), "TIFF")), np.arange(256).reshape(16, 16))
    large = small * 3000 - 90_000_000
    np.testing.assert_array_equal(opened(encoded(Image.fromarray(large), "TIFF")), np.arange(256).reshape(16, 16))


def test_floats_are_unit_or_stretched_and_never_infinite():
    unit = np.array([[0, 0.5, 1.0], [0.25, 0.1, 0.0]], np.float32)
    np.testing.assert_array_equal(opened(encoded(Image.fromarray(unit), "TIFF")), np.rint(unit * 255))
    heat = np.array([[-20.0, 80.0, 30.0], [np.nan, np.inf, -np.inf]], np.float32)
    np.testing.assert_array_equal(opened(encoded(Image.fromarray(heat), "TIFF")), [[0, 255, 128], [0, 0, 0]])
    nothing = np.full((2, 2), np.nan, np.float32)
    np.testing.assert_array_equal(opened(encoded(Image.fromarray(nothing), "TIFF")), np.zeros((2, 2)))
    flat = np.full((2, 2), 7.0, np.float32)
    assert np.unique(opened(encoded(Image.fromarray(flat), "TIFF"))).size == 1


# ---- modes


def test_one_bit_and_grey_stay_grey():
    bits = picture(mode="1")
    np.testing.assert_array_equal(opened(encoded(bits, "PNG")), np.asarray(bits.convert("L")))
    np.testing.assert_array_equal(
        opened(encoded(bits, "TIFF", compression="group4")), np.asarray(bits.convert("L"))
    )
    grey = picture(mode="L")
    np.testing.assert_array_equal(opened(encoded(grey, "PNG")), np.asarray(grey))


def test_palettes_show_their_colours():
    palette = picture().quantize(16)
    for form in ("PNG", "GIF", "BMP", "TIFF"):
        np.testing.assert_array_equal(opened(encoded(palette, form)), np.asarray(palette.convert("RGB")))


def test_transparency_is_laid_on_white():
    alpha = Image.fromarray(np.repeat([[0], [128], [255]], 4, axis=1).astype(np.uint8))
    colour = Image.new("RGB", (4, 3), (200, 0, 100))
    colour.putalpha(alpha)
    expected = [[255, 255, 255], [227, 127, 177], [200, 0, 100]]
    for form, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})):
        np.testing.assert_allclose(opened(encoded(colour, form, **options))[:, 1], expected, atol=1)
    grey = Image.merge("LA", (Image.new("L", (4, 3), 50), alpha))
    np.testing.assert_allclose(opened(encoded(grey, "PNG"))[:, 1], [255, 152, 50], atol=1)
    assert opened(encoded(grey, "PNG")).ndim == 2


def test_a_transparent_colour_of_a_palette_or_of_rgb_is_white():
    palette = Image.fromarray(np.array([[0, 1]], np.uint8), "L").convert("P")
    palette.putpalette([255, 0, 0, 0, 0, 255])
    for options in ({"transparency": 0}, {"transparency": bytes([0, 255])}):
        np.testing.assert_array_equal(opened(encoded(palette, "PNG", **options)), [[[255, 255, 255], [0, 0, 255]]])
    keyed = encoded(Image.fromarray(np.array([[[9, 9, 9], [1, 2, 3]]], np.uint8)), "PNG", transparency=(9, 9, 9))
    np.testing.assert_array_equal(opened(keyed), [[[255, 255, 255], [1, 2, 3]]])


@pytest.mark.parametrize("ink", [(0, 0, 0, 0), (255, 0, 0, 0), (0, 255, 255, 0), (0, 0, 0, 255)])
def test_inks_become_colours_with_and_without_adobes_inversion(ink):
    paper = tuple((255 - c) * (255 - ink[3]) // 255 for c in ink[:3])
    inks = Image.new("CMYK", (16, 16), ink)
    np.testing.assert_allclose(opened(encoded(inks, "TIFF"))[8, 8], paper, atol=1)
    adobe = encoded(inks, "JPEG", quality=100)
    assert b"Adobe" in adobe
    np.testing.assert_allclose(opened(adobe)[8, 8], paper, atol=3)
    start = adobe.index(b"\xff\xee")
    plain = adobe[:start] + adobe[start + 2 + int.from_bytes(adobe[start + 2 : start + 4]) :]
    inverted = Image.new("CMYK", (16, 16), tuple(255 - c for c in ink))
    assert b"Adobe" not in plain
    wanted = opened(encoded(inverted, "TIFF"))[8, 8]
    np.testing.assert_allclose(opened(plain)[8, 8], wanted, atol=3)


@pytest.mark.parametrize("form", ["GIF", "TIFF", "WEBP", "PNG"])
def test_of_many_frames_the_first_is_read(form):
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(opened(data)[5, 5], [255, 0, 0])


# ---- enough


def test_enough_makes_jpeg_smaller_but_never_below_it():
    data = jpeg(1, (400, 240))
    assert decode(data, max_pixels=PLENTY, enough=(100, 50)).pixels.size == (100, 60)
    assert decode(data, max_pixels=PLENTY, enough=(101, 50)).pixels.size == (200, 120)
    assert decode(data, max_pixels=PLENTY, enough=(10**6, 1)).pixels.size == (400, 240)
    found = decode(data, max_pixels=PLENTY, enough=(1, 1))
    assert (found.width, found.height) == (400, 240)
    full = np.asarray(open_image(data).resize((50, 30), Image.Resampling.BOX), np.int16)
    assert np.abs(np.asarray(found.pixels, np.int16) - full).mean() < 2


def test_grey_of_a_colour_jpeg_is_its_luma():
    full = np.asarray(open_image(jpeg()).convert("L"), np.int16)
    assert np.abs(opened(jpeg(), grey=True).astype(np.int16) - full).max() <= 2


# ---- refusals


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"a photograph of my cat", "not a JPEG, PNG, WebP, TIFF, BMP or GIF image"),
        (b"<svg></svg>", "not a JPEG"),
        (b"\xff\xd8\xff", "broken|truncated"),
        (b"\x89PNG\r\n\x1a\n", "broken|truncated"),
        (b"II*\0", "broken|truncated"),
        (b"GIF89a", "broken|truncated"),
        (b"BM", "broken|truncated"),
        (b"RIFF\0\0\0\0WEBP", "broken|truncated"),
    ],
)
def test_what_is_not_an_image_is_refused_in_words(data, said):
    with pytest.raises(BadImage) as caught:
        open_image(data)
    assert re.search(said, caught.value.got)


FORMS = {
    "JPEG": jpeg(),
    "progressive": encoded(picture(), "JPEG", progressive=True),
    "PNG": encoded(picture(), "PNG"),
    "WEBP": encoded(picture(), "WEBP"),
    "TIFF": encoded(picture(), "TIFF"),
    "LZW": encoded(picture(), "TIFF", compression="tiff_lzw"),
    "BMP": encoded(picture(), "BMP"),
    "GIF": encoded(picture(), "GIF"),
}


@pytest.mark.parametrize("form", FORMS)
def test_half_a_file_never_passes(form):
    data = FORMS[form]
    for kept in range(1, len(data) * 9 // 10, max(1, len(data) // 40)):
        with pytest.raises(BadImage):
            decode(data[:kept], max_pixels=PLENTY, enough=(1, 1))


@pytest.mark.parametrize("form", FORMS)
def test_half_a_file_never_passes_where_a_program_has_pillow_take_halves(form, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(BadImage):
        decode(FORMS[form][: len(FORMS[form]) // 2], max_pixels=PLENTY)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is True, "that program goes on as it was"


@given(st.sampled_from(sorted(FORMS)), st.data())
@settings(max_examples=150)
def test_any_bytes_are_an_image_or_a_bad_image(form, data):
    """Whatever is changed in a file, nothing but `BadImage` comes out."""
    content = bytearray(FORMS[form])
    for place in data.draw(st.lists(st.integers(0, min(len(content), 400) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    try:
        found = decode(bytes(content), max_pixels=10**6)
    except BadImage:
        return
    assert found.pixels.mode in ("L", "RGB")
    assert sorted(found.pixels.size) == sorted((found.width, found.height))


def test_a_bomb_is_refused_before_it_is_decoded(monkeypatch):
    def explode(self):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", explode)
    assert len(png_bomb()) < 100
    with pytest.raises(
        BadImage, match=r"60000 x 50000 = 3,000,000,000 pixels, more than max_pixels = 120,000,000"
    ):
        open_image(png_bomb())
    with pytest.raises(BadImage, match="max_pixels = 1,199"):
        open_image(jpeg(), max_pixels=1199)


def test_the_limit_is_ours_and_not_pillows(monkeypatch):
    """An image at the limit is read, and Pillow's own limit for the process neither stops it nor is moved."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for form in ("JPEG", "PNG", "BMP", "GIF"):
        assert open_image(FORMS[form], max_pixels=1200).size == (40, 30)
    assert Image.MAX_IMAGE_PIXELS == 10
