"""Images brought to one shape: the corner look to the pixel; the others as they were when looks were square."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from askance.pool import Look
from askance.pool.decoding import decode
from askance.pool.files import fitted
from tests.pool.pictures import encoded, picture

PLENTY = 10**8
BICUBIC = Image.Resampling.BICUBIC


def in_the_corner(size, look):
    """Of a white image: the rows and columns that are white, and what is beyond."""
    pixels = fitted(encoded(Image.new("RGB", size, "white"), "PNG"), look, PLENTY)
    lit = pixels.min(0) > 250
    height, width = lit.any(1).sum(), lit.any(0).sum()
    assert lit[:height, :width].all()
    assert (pixels[:, ~lit] == 0).all()
    return pixels.shape, (width, height)


@pytest.mark.parametrize(
    ("size", "look", "scale", "inner"),
    [
        ((20, 10), (32, 16), 1.6, (32, 16)),
        ((20, 10), (32, 32), 1.6, (32, 16)),
        ((10, 20), (32, 16), 0.8, (8, 16)),
        ((20, 20), (32, 16), 0.8, (16, 16)),
        ((64, 4), (32, 16), 0.5, (32, 2)),
        ((20, 10), 16, 0.8, (16, 8)),
    ],
)
def test_a_corner_look_is_as_large_as_it_fits_and_black_beyond(size, look, scale, inner):
    asked = Look(look, 3, "corner")
    assert asked.scale(*size) == pytest.approx(scale)
    assert in_the_corner(size, asked) == (asked.shape, inner)


def test_what_is_at_a_place_is_found_at_scale_times_it():
    """A box of the image, times the scale, is the box of the input: from the top left, without a shift."""
    image = np.zeros((40, 60), np.uint8)
    image[8:24, 12:36] = 255
    look = Look((96, 32), 1, "corner")
    assert look.scale(60, 40) == 0.8
    pixels = fitted(encoded(Image.fromarray(image), "PNG"), look, PLENTY)[0] > 127
    rows, columns = pixels.any(1).nonzero()[0], pixels.any(0).nonzero()[0]
    assert [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1] == [10, 6, 29, 19]  # 9.6, 6.4, 28.8, 19.2


def squared(data, size, fit):
    """As it was when every look was a square."""
    decoded = decode(data, max_pixels=PLENTY, grey=False, enough=(2 * size, 2 * size))
    image = decoded.pixels.convert("RGB")
    width, height = image.size
    if fit == "stretch":
        return image.resize((size, size), BICUBIC, reducing_gap=2.0)
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return image.resize((size, size), BICUBIC, (left, top, left + side, top + side), 2.0)
    scale = size / max(decoded.width, decoded.height)
    inner = (max(1, round(decoded.width * scale)), max(1, round(decoded.height * scale)))
    square = Image.new("RGB", (size, size))
    square.paste(image.resize(inner, BICUBIC, reducing_gap=2.0), ((size - inner[0]) // 2, (size - inner[1]) // 2))
    return square


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 120), st.integers(1, 120), st.integers(1, 64), st.sampled_from(["stretch", "crop", "pad"]))
@example(29, 40, 28, "crop")
@example(123, 58, 28, "crop")
@example(58, 116, 28, "crop")
def test_square_looks_are_bit_for_bit_what_they_were(width, height, size, fit):
    data = encoded(picture(3, (width, height)), "PNG")
    found = fitted(data, Look(size, 3, fit), PLENTY)
    assert np.array_equal(found, np.asarray(squared(data, size, fit)).transpose(2, 0, 1))


@settings(max_examples=40, deadline=None)
@given(
    *[st.integers(1, 130)] * 2, *[st.integers(1, 60)] * 2, st.sampled_from(["stretch", "crop", "pad", "corner"])
)
def test_every_image_fits_every_shape(width, height, wide, tall, fit):
    look = Look((wide, tall), 1, fit)
    pixels = fitted(encoded(Image.new("L", (width, height), 255), "PNG"), look, PLENTY)
    assert pixels.shape == look.shape == (1, tall, wide)
    assert pixels.max() >= 250
    if fit in ("stretch", "crop"):
        assert pixels.min() >= 250
