"""What lies in a pool's folder and is no image of it."""

import shutil
from collections import Counter

import pytest

from askance.pool import scan
from askance.vocab import PoolError
from tests.pool.looking import PLENTY
from tests.pool.pictures import jpeg, write


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
