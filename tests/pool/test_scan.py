"""One sighting for each place, whatever lies there; and nothing read twice."""

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from askance.pool import content_id, scan
from askance.vocab import PoolError
from tests.pool.looking import PLENTY, problem, seen
from tests.pool.pictures import encoded, jpeg, picture, png_bomb, write

# ---- folders


def test_a_nested_folder(tmp_path):
    data = jpeg(3, (40, 30))
    write(tmp_path / "deep" / "er" / "a.JPG", data)
    write(tmp_path / "b.png", encoded(picture(), "PNG"))
    write(tmp_path / "deep.jpeg", jpeg(1))
    for name in (".hidden.jpg", ".askance/thumb.jpg", "notes.txt", "labels.csv", "jpg", "a.jpg.part"):
        write(tmp_path / name, data)
    found = seen(tmp_path)
    assert list(found) == [f"{tmp_path}/{name}" for name in ("b.png", "deep.jpeg", "deep/er/a.JPG")]
    sighting = found[f"{tmp_path}/deep/er/a.JPG"]
    image = sighting.image
    assert (image.id, image.width, image.height, image.format) == (content_id(data), 40, 30, "JPEG")
    assert (sighting.size, sighting.stamp) == (len(data), str(os.stat(sighting.uri).st_mtime_ns))
    assert image.group is None


def test_width_and_height_are_after_rotation(tmp_path):
    exif = picture().getexif()
    exif[0x0112] = 6
    write(tmp_path / "phone.jpg", encoded(picture(), "JPEG", exif=exif))
    (sighting,) = seen(tmp_path).values()
    assert (sighting.image.width, sighting.image.height) == (30, 40)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_formats_are_told_by_content_not_by_name(tmp_path, form):
    write(tmp_path / "x.jpg", encoded(picture(), form))
    (sighting,) = seen(tmp_path).values()
    assert sighting.image.format == form


@pytest.mark.parametrize(
    "name", ["sp ace.jpg", "new\nline.jpg", "ünï 像.jpg", "a::b.jpg", "c:%20#?.jpg", "'\"*.png", "x.tar.JPEG"]
)
def test_odd_names(tmp_path, name):
    write(tmp_path / name, jpeg())
    assert list(seen(tmp_path)) == [f"{tmp_path}/{name}"]
    assert problem(tmp_path) is None


def test_a_name_that_no_database_could_hold_is_quarantined(tmp_path):
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg")), jpeg())
    (sighting,) = seen(tmp_path).values()
    assert sighting.uri.encode().endswith(b"/caf\\xe9.jpg")
    assert "not valid UTF-8" in sighting.problem


def test_duplicates_share_an_id_and_keep_their_places(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        write(tmp_path / name, jpeg())
    write(tmp_path / "c.jpg", jpeg(1))
    ids = [s.image.id for s in seen(tmp_path).values()]
    assert ids[0] == ids[1] != ids[2]


def test_links_are_followed_and_loops_end(tmp_path):
    write(tmp_path / "real" / "a.jpg", jpeg())
    write(tmp_path / "elsewhere" / "b.jpg", jpeg(1))
    pool = tmp_path / "pool"
    pool.mkdir()
    (pool / "one").symlink_to(tmp_path / "real")
    (pool / "twice").symlink_to(tmp_path / "real")
    (pool / "self").symlink_to(pool)
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (pool / "b.jpg").symlink_to(tmp_path / "elsewhere" / "b.jpg")
    (pool / "gone.jpg").symlink_to(tmp_path / "nothing")
    (pool / "loop.jpg").symlink_to(pool / "loop.jpg")
    found = seen(pool)
    assert found.keys() >= {f"{pool}/b.jpg", f"{pool}/gone.jpg", f"{pool}/loop.jpg", f"{pool}/one/a.jpg"}
    assert len(found) == 5  # and elsewhere/b.jpg, by way of real/up
    assert "cannot be read: No such file" in found[f"{pool}/gone.jpg"].problem
    assert "cannot be read" in found[f"{pool}/loop.jpg"].problem
    assert len({s.image.id for s in found.values() if s.image}) == 2


def test_a_source_is_not_written_to(tmp_path):
    write(tmp_path / "a" / "x.jpg", jpeg())
    write(tmp_path / "a" / "bad.png", b"no")

    def state() -> list[tuple[str, int, int]]:
        paths = sorted([tmp_path, *tmp_path.rglob("*")])
        return [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in paths]

    before = state()
    for path in (tmp_path / "a", tmp_path):
        path.chmod(0o555)
    try:
        seen(tmp_path, seen(tmp_path))
    finally:
        for path in (tmp_path, tmp_path / "a"):
            path.chmod(0o755)
    assert state() == before


# ---- bad files

BAD = {
    "empty.jpg": (b"", "empty"),
    "text.jpg": (b"I am a text", "not a JPEG, PNG"),
    "cut.jpg": (jpeg()[:-200], "truncated"),
    "cut.png": (encoded(picture(), "PNG")[:-200], "truncated"),
    "bomb.png": (png_bomb(), "3,000,000,000 pixels"),
}


def test_bad_files_are_quarantined_beside_good_ones(tmp_path):
    for name, (data, _) in BAD.items():
        write(tmp_path / name, data)
    write(tmp_path / "good.jpg", jpeg())
    found = seen(tmp_path)
    for name, (data, said) in BAD.items():
        sighting = found[f"{tmp_path}/{name}"]
        assert said in sighting.problem
        assert sighting.size == len(data)
    assert found[f"{tmp_path}/good.jpg"].problem is None


def test_a_pipe_or_a_socket_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.png"))
        problems = [s.problem for s in seen(tmp_path).values()]
    assert problems == ["cannot be read: it is not a regular file"] * 2
    assert "it is a folder" in problem(write(tmp_path / "list.txt", b"."))


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that another user can enter, so that permissions can be tried by root too."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Give root's rights up for a test."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_what_may_not_be_read_is_tried_again(open_to_all, request):
    closed = write(open_to_all / "closed.jpg", jpeg())
    closed.chmod(0)
    folder = write(open_to_all / "shut" / "x.jpg", jpeg()).parent
    folder.chmod(0)
    request.getfixturevalue("nobody")
    found = seen(open_to_all)
    assert found[str(closed)].problem == "cannot be read: Permission denied"
    assert found[str(folder)].problem == "this folder cannot be read: Permission denied"
    with pytest.raises(PoolError, match="Permission denied"):
        seen(folder)
    os.seteuid(os.getuid())
    closed.chmod(0o644)
    folder.chmod(0o755)
    assert all(s.problem is None for s in seen(open_to_all, found).values())


# ---- again


def test_nothing_unchanged_is_read_again(tmp_path, reads):
    write(tmp_path / "good.jpg", jpeg())
    for name, (data, _) in BAD.items():
        write(tmp_path / name, data)
    first = seen(tmp_path)
    assert len(reads) == len(first) == 6
    again = seen(tmp_path, first)
    assert again == first
    assert all(again[uri] is first[uri] for uri in first)
    assert len(reads) == 6


def test_what_has_changed_is_read_again_and_only_that(tmp_path, reads):
    paths = [write(tmp_path / f"{name}.jpg", jpeg(i)) for i, name in enumerate("abcd")]
    first = seen(tmp_path)
    reads.clear()
    data = paths[0].read_bytes()
    paths[0].write_bytes(data[:-2] + b"\0\0")  # same size
    os.utime(paths[0], ns=(1, 1))
    status = paths[1].stat()
    paths[1].write_bytes(jpeg(9) + b"\0")  # same time
    os.utime(paths[1], ns=(status.st_atime_ns, status.st_mtime_ns))
    paths[2].rename(tmp_path / "moved.jpg")
    paths[3].unlink()
    second = seen(tmp_path, first)
    assert sorted(reads) == [str(paths[0]), str(paths[1]), f"{tmp_path}/moved.jpg"]
    assert second[str(paths[0])].image.id != first[str(paths[0])].image.id
    assert second[str(paths[1])].image.id == content_id(jpeg(9) + b"\0")
    assert second[f"{tmp_path}/moved.jpg"].image.id == first[str(paths[2])].image.id
    assert len(second) == 3


def test_a_bad_file_that_was_mended_is_an_image(tmp_path):
    path = write(tmp_path / "x.jpg", b"")
    first = seen(tmp_path)
    path.write_bytes(jpeg())
    assert problem(tmp_path, first) is None


def test_a_moved_limit_is_held_against_known_images_too(tmp_path, reads):
    write(tmp_path / "x.jpg", jpeg(0, (40, 30)))
    first = seen(tmp_path, max_pixels=1199)
    assert "1,200 pixels" in first[f"{tmp_path}/x.jpg"].problem
    raised = seen(tmp_path, first, max_pixels=1200)
    assert raised[f"{tmp_path}/x.jpg"].image.width == 40
    assert seen(tmp_path, raised, max_pixels=1199) == first
    assert len(reads) == 3


@pytest.mark.parametrize("workers", [1, 3, 16])
def test_threads_change_nothing(tmp_path, workers):
    for i in range(150):
        write(tmp_path / f"{i % 7}" / f"{i}.jpg", jpeg(i, (8, 8)) if i % 5 else b"bad")
    first = seen(tmp_path, workers=1)
    some = dict(list(first.items())[::2])
    told: list[tuple[str, int, int | None]] = []
    assert seen(tmp_path, some, workers=workers, progress=lambda *args: told.append(args)) == first
    assert told[-1] == ("scanning", 150, 150)
    assert [done for _, done, _ in told] == [64, 128, 150]


def test_work_in_flight_is_bounded(tmp_path, reads):
    for i in range(120):
        write(tmp_path / f"{i}.jpg", jpeg(i, (8, 8)))
    sightings = scan(str(tmp_path), {}, max_pixels=PLENTY, workers=2)
    next(sightings)
    sightings.close()
    assert len(reads) <= 4 * 2 + 1
