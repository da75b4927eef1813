"""Annotations turned with their image: against Pillow, which turns the pixels."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageOps

from askance.integrations.turning import scaled, turned
from askance.vocab import Annotation, Box, Mask, Object, Part, Point

W, H = 7, 5


def mask_of(pixels):
    """Runs of a `[height, width]` array, column by column, counted one by one."""
    runs, value = [0], 0
    for pixel in pixels.T.ravel():
        if pixel != value:
            runs.append(0)
            value = pixel
        runs[-1] += 1
    return Mask(pixels.shape[1], pixels.shape[0], tuple(runs))


def seen(pixels, orientation):
    image = Image.fromarray(pixels.astype(np.uint8) * 255)
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = BytesIO()
    image.save(out, "PNG", exif=exif)
    return (np.asarray(ImageOps.exif_transpose(Image.open(out))) > 0).astype(int)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("first", [0, 1])
def test_box_outline_and_mask_follow_the_pixels(orientation, first):
    pixels = np.zeros((H, W), int)
    pixels[1:3, 4:7] = 1  # the box 4, 1, 7, 3
    pixels[0, 0] = first
    box = np.zeros((H, W), int)
    box[1:3, 4:7] = 1
    outline = Part(((4, 1), (7, 1), (7, 3)), holes=(((5, 1), (6, 1), (6, 2)),))
    said = Annotation(
        (Object("can", Box(4, 1, 7, 3), (outline,), mask_of(pixels), (Point("rim", 6.5, 1.5),)),), size=(W, H)
    )
    found = turned(said, orientation)
    where = np.argwhere(seen(box, orientation))
    (top, left), (bottom, right) = where.min(axis=0), where.max(axis=0) + 1
    one = found.objects[0]
    assert one.box == Box(left, top, right, bottom)
    assert one.bounds == Object("can", parts=one.parts).bounds
    assert one.mask == mask_of(seen(pixels, orientation))
    spot = np.zeros((H, W), int)
    spot[1, 6] = 1
    (y, x) = np.argwhere(seen(spot, orientation))[0]
    assert (one.points[0].x, one.points[0].y) == (x + 0.5, y + 0.5)
    assert found.size == ((H, W) if orientation >= 5 else (W, H))


def test_a_mask_is_scaled_by_its_pixels():
    pixels = np.zeros((2, 3), int)
    pixels[1, 2] = 1
    said = Annotation((Object("can", mask=mask_of(pixels)),), size=(3, 2))
    assert scaled(said, (6, 4)).objects[0].mask == mask_of(pixels.repeat(2, 0).repeat(2, 1))
