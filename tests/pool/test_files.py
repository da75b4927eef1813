"""FileImages and thumbnails: the right pixels, the same each time, and never an exception for one bad file."""

from io import BytesIO
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from askance.pool import BadImage, FileImages, Images, Look, content_id, open_image, scan, thumbnail
from askance.pool.files import fitted
from askance.pool.storage import Storage
from askance.vocab import ConfigError
from tests.pool.pictures import encoded, jpeg, picture, png_bomb, write

PLENTY = 10**8


def images(files: dict[str, bytes], folder: Path, **options: object) -> tuple[FileImages, list[str]]:
    """Files on disk, as a pool."""
    uris = {content_id(data): str(write(folder / name, data)) for name, data in files.items()}
    return FileImages(uris, max_pixels=PLENTY, **options), list(uris)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("cache_bytes", [0, 3 * 24 * 24 * 3, 1 << 20])
def test_pixels_depend_on_file_and_look_alone(tmp_path, workers, cache_bytes):
    files = {f"{i}.jpg": jpeg(i, (50 + i, 40)) for i in range(12)}
    pool, ids = images(files, tmp_path, workers=workers, cache_bytes=cache_bytes)
    look = Look(24, 3)
    expected = np.stack([fitted(data, look, PLENTY) for data in files.values()])
    for order in (range(12), [3, 3, 11, 0], [5], []):
        pixels, places = pool.load([ids[i] for i in order], look)
        assert (pixels.dtype, pixels.shape) == (np.uint8, (len(order), 3, 24, 24))
        np.testing.assert_array_equal(pixels, expected[list(order)])
        assert places == list(range(len(order)))
    grey, _ = pool.load(ids[:2], Look(24, 1))
    assert grey.shape == (2, 1, 24, 24)
    assert pool.problems == {}


def test_bad_ones_are_left_out_and_named(tmp_path):
    files = {"a.jpg": jpeg(), "b.jpg": b"text", "c.jpg": jpeg(2)[:-100], "d.png": png_bomb(), "e.jpg": jpeg(4)}
    pool, ids = images({**files, "gone.jpg": jpeg(5), "changed.jpg": jpeg(6)}, tmp_path)
    (tmp_path / "gone.jpg").unlink()
    (tmp_path / "changed.jpg").write_bytes(jpeg(7))
    pixels, places = pool.load([*ids, "never seen"], Look(8, 3))
    assert places == [0, 4]
    assert pixels.shape == (2, 3, 8, 8)
    said = ["not a JPEG", "truncated", "max_pixels", "cannot be read: No such file", "has changed", "no file"]
    for image_id, words in zip([ids[1], ids[2], ids[3], ids[5], ids[6], "never seen"], said, strict=True):
        assert words in pool.problems[image_id]
    nothing, places = pool.load([ids[1]], Look(8, 1))
    assert (nothing.shape, places) == ((0, 1, 8, 8), [])


def test_it_is_images_and_reads_what_a_scan_found(shared_data):
    found = [s.image for s in scan(str(shared_data / "trashnet" / "images" / "trash"), {}, max_pixels=PLENTY)]
    pool: Images = FileImages({image.id: image.uri for image in found}, max_pixels=PLENTY)
    pixels, places = pool.load([image.id for image in found[:20]], Look(32, 3))
    assert pixels.shape == (20, 3, 32, 32)
    assert places == list(range(20))
    whole = Image.open(found[3].uri).convert("RGB").resize((32, 32), Image.Resampling.BICUBIC)
    assert np.abs(pixels[3].astype(int) - np.asarray(whole).transpose(2, 0, 1)).mean() < 2


def test_urls_are_read_too():
    memory = fsspec.filesystem("memory")
    memory.pipe("/files/a.jpg", jpeg())
    pool = FileImages({content_id(jpeg()): "memory://files/a.jpg"}, max_pixels=PLENTY)
    pixels, _ = pool.load([content_id(jpeg())], Look(8, 3))
    np.testing.assert_array_equal(pixels[0], fitted(jpeg(), Look(8, 3), PLENTY))
    assert open_image("memory://files/a.jpg").size == (40, 30)
    memory.rm("/files", recursive=True)


def test_the_cache_spares_reads_within_its_budget(tmp_path, monkeypatch):
    pool, ids = images({f"{i}.jpg": jpeg(i) for i in range(4)}, tmp_path, cache_bytes=2 * 64, workers=1)
    reads = []
    real = Storage.read
    monkeypatch.setattr(Storage, "read", lambda self, uri: (reads.append(Path(uri).stem), real(self, uri))[1])
    look = Look(8, 1)
    for i in (0, 1, 0, 2, 0, 1, 3):  # 2 pushes 1 out, for 0 was used since; then 1 pushes 2, 3 pushes 0
        pool.load([ids[i]], look)
    pool.load([ids[3], ids[1]], look)
    assert reads == ["0", "1", "2", "1", "3"]
    pool.load([ids[3]], Look(9, 1))
    assert reads[-1] == "3"
    assert len(reads) == 6


# ---- fit

WIDE = Image.fromarray(
    np.repeat(np.arange(0, 240, 2, dtype=np.uint8)[None], 60, axis=0)
)  # 120 x 60, left to right


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_stretch_crop_and_pad(form):
    data = encoded(WIDE, form)
    stretch, crop, pad = (
        fitted(data, Look(30, 1, fit), PLENTY)[0].astype(int) for fit in ("stretch", "crop", "pad")
    )
    np.testing.assert_allclose(stretch[15], np.arange(30) * 8 + 3, atol=4)
    np.testing.assert_allclose(crop[15], 60 + np.arange(30) * 4 + 1, atol=4)
    np.testing.assert_array_equal(pad[[*range(7), *range(23, 30)]], 0)
    np.testing.assert_allclose(pad[15], np.arange(30) * 8 + 3, atol=4)


@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    size=st.integers(1, 40),
    fit=st.sampled_from(["stretch", "crop", "pad"]),
    channels=st.sampled_from([1, 3]),
    form=st.sampled_from(["JPEG", "PNG"]),
)
@settings(max_examples=80)
def test_every_shape_fits(width, height, size, fit, channels, form):
    pixels = fitted(encoded(Image.new("RGB", (width, height), "white"), form), Look(size, channels, fit), PLENTY)
    assert pixels.shape == (channels, size, size)
    assert pixels.flags.c_contiguous
    assert pixels[:, (size - 1) // 2, (size - 1) // 2].min() >= 250
    if fit != "pad":
        assert pixels.min() >= 250


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
def test_large_jpegs_are_antialiased_and_agree_with_a_full_decode(fit):
    """A checkerboard far finer than the look is grey, not moiré; a picture is within a grey level or two."""
    fine = Image.fromarray((np.indices((480, 640)).sum(axis=0) % 2 * 255).astype(np.uint8))
    pixels = fitted(encoded(fine, "JPEG", quality=95), Look(24, 1, fit), PLENTY)[0, 4:20]
    np.testing.assert_allclose(pixels, 127.5, atol=4)
    big = picture(5, (640, 480))
    by_jpeg = fitted(encoded(big, "JPEG", quality=95), Look(24, 3, fit), PLENTY).astype(int)
    by_png = fitted(encoded(big, "PNG"), Look(24, 3, fit), PLENTY)
    assert np.abs(by_jpeg - by_png).mean() < 2


def test_a_turned_phone_picture_fits_as_the_upright_one():
    upright = picture(2, (320, 200))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)
    for fit in ("stretch", "crop", "pad"):
        look = Look(20, 3, fit)
        difference = fitted(turned, look, PLENTY).astype(int) - fitted(encoded(upright, "PNG"), look, PLENTY)
        assert np.abs(difference).mean() < 2


def test_grey_files_become_three_equal_channels_and_colour_becomes_grey():
    grey = fitted(encoded(picture(mode="L"), "PNG"), Look(16, 3), PLENTY)
    assert (grey[0] == grey[1]).all()
    assert (grey[1] == grey[2]).all()
    red = fitted(encoded(Image.new("RGB", (9, 9), "red"), "PNG"), Look(4, 1), PLENTY)
    np.testing.assert_array_equal(red, 76)


@pytest.mark.parametrize("look", [Look(8, 3, "squash"), Look(8, 2), Look(8, 4)])
def test_a_look_that_does_not_exist_is_the_callers_mistake(look):
    with pytest.raises(ConfigError, match="stretch, crop, pad or corner"):
        fitted(jpeg(), look, PLENTY)


# ---- one image


def test_open_image_takes_paths_urls_and_bytes(tmp_path):
    path = write(tmp_path / "a b.jpg", jpeg())
    expected = np.asarray(open_image(jpeg()))
    for source in (path, str(path), f"file://{path}"):
        np.testing.assert_array_equal(np.asarray(open_image(source)), expected)
    with pytest.raises(BadImage, match="cannot be read: No such file"):
        open_image(tmp_path / "none.jpg")


@pytest.mark.parametrize(
    ("size", "expected"), [((640, 480), (64, 48)), ((30, 20), (30, 20)), ((3000, 4), (64, 1))]
)
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_thumbnails_are_small_jpegs(tmp_path, size, expected, form):
    path = write(tmp_path / "x", encoded(picture(1, size), form))
    data = thumbnail(str(path), 64)
    small = Image.open(BytesIO(data))
    assert (small.format, small.size) == ("JPEG", expected)
    assert data == thumbnail(f"file://{path}", 64)


def test_thumbnails_of_bad_files_say_why(tmp_path):
    with pytest.raises(BadImage, match="max_pixels"):
        thumbnail(str(write(tmp_path / "x.png", png_bomb())), 64)
    with pytest.raises(BadImage, match="max_pixels = 100"):
        thumbnail(str(write(tmp_path / "x.jpg", jpeg())), 64, max_pixels=100)
