"""What lies in a pool's folder and is no image of it."""

import shutil
from collections import Counter

import pytest

from askance.pool import passed_over, scan
from askance.vocab import PoolError
from tests.pool.looking import PLENTY, problem
from tests.pool.pictures import encoded, jpeg, picture, write


def found(source):
    passed = Counter()
    seen = {s.uri.removeprefix(f"{source}/") for s in scan(str(source), {}, max_pixels=PLENTY, passed=passed)}
    return seen, dict(passed)


def test_other_endings_are_counted_and_leftovers_of_systems_are_not(tmp_path):
    for name in ("a.jpg", "b.JFIF", "c.pjpeg", "sub/d.HEIC", "e.heic", "f.mov", "noend"):
        write(tmp_path / name, jpeg(1))
    for name in (
        ".hidden.heic",
        "Thumbs.db",
        "sub/desktop.ini",
        ".DS_Store",
        "__MACOSX/._a.jpg",
        "__MACOSX/g.jpg",
    ):
        write(tmp_path / name, b"x")
    assert found(tmp_path) == ({"a.jpg", "b.JFIF", "c.pjpeg"}, {"heic": 2, "mov": 1, "": 1})


def test_nothing_but_pictures_of_a_telephone(tmp_path):
    for i in range(12):
        write(tmp_path / f"{i}.heic", b"x")
    write(tmp_path / "clip.mov", b"x")
    with pytest.raises(
        PoolError, match=r"has none, but 12 \.heic files, 1 \.mov file\nfix: +convert them to JPEG"
    ):
        scan(str(tmp_path), {}, max_pixels=PLENTY)


def test_an_empty_folder(tmp_path):
    with pytest.raises(PoolError, match=r"which has none\nfix: +check the folder's name"):
        scan(str(tmp_path), {}, max_pixels=PLENTY)


@pytest.mark.parametrize("mark", ["askance.toml", ".askance-batch"])
def test_projects_and_batches_in_a_pool_are_no_part_of_it(tmp_path, mark):
    write(tmp_path / "a.jpg", jpeg(1))
    write(tmp_path / "work" / mark, b"")
    write(tmp_path / "work" / "b.jpg", jpeg(2))
    write(tmp_path / "work" / "cat" / "c.jpg", jpeg(3))
    assert found(tmp_path) == ({"a.jpg"}, {})
    archive = shutil.make_archive(str(tmp_path.parent / "pool"), "zip", tmp_path)
    by_url = scan(f"zip://::{archive}", {}, max_pixels=PLENTY)
    assert [s.uri for s in by_url] == [f"zip://a.jpg::{archive}"]
    write(tmp_path / mark, b"")  # the folder that was named counts, whatever is in it
    assert found(tmp_path)[0] == {"a.jpg"}


def test_other_names_of_formats_that_are_read(tmp_path):
    for name, data in (
        ("a.mpo", jpeg(1)),
        ("b.apng", encoded(picture(2), "PNG")),
        ("c.JIF", jpeg(3)),
        ("d.btf", encoded(picture(4), "TIFF", big_tiff=True)),
    ):
        write(tmp_path / name, data)
    assert all(s.image is not None for s in scan(str(tmp_path), {}, max_pixels=PLENTY))
    assert found(tmp_path) == ({"a.mpo", "b.apng", "c.JIF", "d.btf"}, {})


def test_archives_are_to_be_unpacked_and_pictures_to_be_converted():
    assert passed_over({"zip": 1, "tar": 2, "heic": 3}) == (
        "3 .heic files were passed over: convert them to JPEG, as Askance reads JPEG, PNG, WebP, TIFF, BMP and GIF"
        "; "
        "2 .tar files, 1 .zip file were passed over: unpack them, or make a project of each: zip://::photos.zip"
    )


@pytest.mark.parametrize(
    ("name", "fix"), [("p.zip", "zip://::"), ("p.tar.gz", "tar://::"), ("p.7z", "libarchive://::")]
)
def test_an_archive_as_source_says_how(tmp_path, name, fix):
    archive = write(tmp_path / name, b"x")
    with pytest.raises(PoolError, match=f"as source, give {fix}{archive}"):
        scan(str(archive), {}, max_pixels=PLENTY)


@pytest.mark.parametrize(
    ("begins", "what"),
    [
        (b"\0\0\0\x24ftypheic", "HEIC"),
        (b"\0\0\0\x20ftypavif", "AVIF"),
        (b"<svg xmlns=", "SVG"),
        (b"%PDF-1.7", "a PDF"),
    ],
)
def test_other_pictures_in_a_list_are_named(tmp_path, begins, what):
    write(tmp_path / "photo", begins + bytes(40))
    listed = write(tmp_path / "list.txt", b"photo\n")
    assert problem(listed).endswith(f": it is {what}, convert it to JPEG")
