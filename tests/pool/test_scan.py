"""One sighting for each place, whatever lies there; and nothing read twice."""

import os
import socket
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from askance.pool import content_id, scan
from askance.pool.storage import Storage
from askance.vocab import MissingExtra, PoolError, Sighting
from tests.pool.pictures import encoded, jpeg, picture, png_bomb, write

PLENTY = 10**8


def seen(source: object, known: dict[str, Sighting] | None = None, **options: object) -> dict[str, Sighting]:
    sightings = list(scan(str(source), known or {}, **{"max_pixels": PLENTY, **options}))
    assert [s.uri for s in sightings] == sorted({s.uri for s in sightings})
    assert all((s.image is None) == (s.problem is not None) for s in sightings)
    assert all(s.image is None or s.image.uri == s.uri for s in sightings)
    return {s.uri: s for s in sightings}


def problem(source: Path, known: dict[str, Sighting] | None = None, **options: object) -> str | None:
    (sighting,) = seen(source, known, **options).values()
    return sighting.problem


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """The uris whose bytes were read."""
    found: list[str] = []
    real = Storage.read

    def read(self, uri):
        found.append(uri)
        return real(self, uri)

    monkeypatch.setattr(Storage, "read", read)
    return found


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


# ---- lists


@pytest.fixture
def pictures(tmp_path) -> Path:
    for i, name in enumerate(("a.jpg", "sub/b b.png", "no-suffix", "../outside.jpg")):
        write(tmp_path / "data" / name, jpeg(i))
    return tmp_path / "data"


def named(found: dict[str, Sighting], folder: Path) -> dict[str, str | None]:
    return {os.path.relpath(uri, folder): s.image and s.image.group for uri, s in found.items()}


def test_a_text_list(pictures):
    entries = (
        f"a.jpg\r\n\n sub/b b.png\nno-suffix\n{pictures}/../outside.jpg\nfile://{pictures}/a.jpg\nsub/../a.jpg\n"
    )
    found = seen(write(pictures / "list.txt", entries.encode()))
    assert named(found, pictures) == dict.fromkeys(["../outside.jpg", "a.jpg", "no-suffix", "sub/b b.png"])
    assert all(s.problem is None for s in found.values())


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.csv", "label,Path ,group\ncat,a.jpg,g1\ndog,sub/b b.png,\n"),
        ("l.csv", "\ufefffile,group\na.jpg,g1\nsub/b b.png\n"),
        ("l.csv", 'image;group\r\n"a.jpg";g1\r\nsub/b b.png;\r\n'),
        ("l.tsv", "group\turi\ng1\ta.jpg\n\tsub/b b.png\n"),
        ("l.CSV", "whatever,group\na.jpg,g1\nsub/b b.png,\n\n,,\n"),
    ],
)
def test_tables_with_a_header(pictures, name, text):
    found = seen(write(pictures / name, text.encode()))
    assert named(found, pictures) == {"a.jpg": "g1", "sub/b b.png": None}


def test_a_table_without_a_header(pictures):
    found = seen(write(pictures / "l.csv", b"a.jpg,cat\nsub/b b.png,dog\n"))
    assert named(found, pictures) == {"a.jpg": None, "sub/b b.png": None}


def test_every_entry_of_a_list_counts(pictures):
    found = seen(write(pictures / "l.txt", b"a.jpg\nmissing.jpg\nbad\0name\nl.txt\n"))
    problems = [s.problem for s in found.values() if s.problem]
    assert len(found) == 4
    assert "cannot be read: embedded null byte" in problems
    assert "cannot be read: No such file or directory" in problems
    assert any("not a JPEG" in said for said in problems)


def test_a_groups_change_is_seen_without_reading(pictures, reads):
    path = write(pictures / "l.csv", b"path,group\na.jpg,one\n")
    first = seen(path)
    path.write_bytes(b"path,group\na.jpg,two\n")
    second = seen(path, first)
    uri = f"{pictures}/a.jpg"
    assert second[uri] == replace(first[uri], image=replace(first[uri].image, group="two"))
    assert reads == [uri]
    with pytest.raises(PoolError, match="'one' and in 'two'"):
        seen(write(path, b"path,group\na.jpg,one\na.jpg,two\n"))


# ---- urls


def test_memory(reads):
    memory = fsspec.filesystem("memory")
    memory.pipe(
        {
            "/pool/a.jpg": jpeg(),
            "/pool/x/b.PNG": encoded(picture(), "PNG"),
            "/pool/.h/c.jpg": b"",
            "/pool/t.md": b"",
        }
    )
    memory.pipe("/pool/bad.jpg", b"bad")
    try:
        first = seen("memory://pool")
        assert list(first) == [f"memory://pool/{name}" for name in ("a.jpg", "bad.jpg", "x/b.PNG")]
        assert [s.image is None for s in first.values()] == [False, True, False]
        assert seen("memory://pool", first) == first
        assert len(reads) == 3
        memory.pipe("/pool/bad.jpg", jpeg(1))
        assert seen("memory://pool", first)["memory://pool/bad.jpg"].image.id == content_id(jpeg(1))
        memory.pipe("/pool/l/list.csv", b"path,group\n../a.jpg,g\nmemory://pool/x/b.PNG,\nnone.jpg,\n")
        listed = seen("memory://pool/l/list.csv")
        assert [s.image and s.image.group for s in listed.values()] == ["g", None, None]
        assert list(listed) == [f"memory://pool/{name}" for name in ("a.jpg", "l/none.jpg", "x/b.PNG")]
        assert [s.problem for s in listed.values() if s.problem] == ["cannot be read: No such file or directory"]
        with pytest.raises(PoolError, match="which has none"):
            seen("memory://nothing-here")
        with pytest.raises(PoolError, match="its folder"):
            seen("memory://pool/a.jpg")
    finally:
        memory.rm("/pool", recursive=True)


def test_file_urls_are_local_paths(tmp_path):
    write(tmp_path / "a.jpg", jpeg())
    assert list(seen(f"file://{tmp_path}")) == [f"{tmp_path}/a.jpg"]


def test_an_archive_is_read_in_place(tmp_path, reads):
    path = tmp_path / "pool.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for i, name in enumerate(("in/a.jpg", "in/b b.jpg", "other/c.jpg")):
            archive.writestr(name, jpeg(i))
    first = seen(f"zip://::{path}")
    assert list(first) == [f"zip://{name}::{path}" for name in ("in/a.jpg", "in/b b.jpg", "other/c.jpg")]
    assert seen(f"zip://::{path}", first) == first
    assert len(reads) == 3
    assert list(seen(f"zip://in::file://{path}")) == [
        f"zip://{n}::file://{path}" for n in ("in/a.jpg", "in/b b.jpg")
    ]
    assert [s.image.id for s in first.values()] == [content_id(jpeg(i)) for i in range(3)]
    with pytest.raises(PoolError, match=f"zip://::{path}"):
        seen(path)
    with pytest.raises(PoolError, match="a URL that fsspec can open"):
        seen(f"zip://::{tmp_path}/none.zip")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture
def server(tmp_path) -> Iterator[str]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


def test_http(tmp_path, server, reads):
    write(tmp_path / "www" / "a.jpg", jpeg())
    write(tmp_path / "www" / "text.jpg", b"text")
    found = seen(f"{server}/www/")
    assert list(found) == [f"{server}/www/a.jpg", f"{server}/www/text.jpg"]
    assert found[f"{server}/www/a.jpg"].image.id == content_id(jpeg())
    path = write(tmp_path / "urls.txt", f"{server}/www/a.jpg\n{server}/www/none.jpg\nwww/a.jpg\n".encode())
    first = seen(path)
    problems = [s.problem for s in first.values()]
    assert problems[:2] == [None, None]
    assert "cannot be read" in problems[2]
    reads.clear()
    assert seen(path, first) == first
    assert reads == []  # Last-Modified is a stamp
    assert list(seen(f"{server}/urls.txt")) == [
        f"{server}/{n}" for n in ("www/a.jpg", "www/a.jpg", "www/none.jpg")[1:]
    ]


# ---- sources that cannot be


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "nothing", "which is not there"),
        (lambda folder: folder, "which has none"),
        (lambda folder: write(folder / "x.jpg", jpeg()), "its folder"),
        (lambda folder: write(folder / "x.txt", b"\n \n"), "which has none"),
        (lambda folder: write(folder / "x.csv", b""), "which has none"),
        (lambda folder: write(folder / "x.csv", b"path,group\n"), "which has none"),
        (lambda folder: write(folder / "x.csv", b"caf\xe9.jpg\n"), "a list in UTF-8"),
        (lambda folder: "nosuch://x/y", "Protocol not known"),
    ],
)
def test_sources_that_cannot_be_teach_at_the_door(tmp_path, make, said):
    with pytest.raises(PoolError, match=said):
        scan(str(make(tmp_path)), {}, max_pixels=PLENTY)


@pytest.mark.parametrize(("protocol", "extra"), [("s3", "s3"), ("gs", "gs"), ("abfs", "az"), ("az", "az")])
def test_a_missing_extra_is_named_with_its_command(monkeypatch, protocol, extra):
    def absent(url):
        raise ImportError(f"Install it to access {url}")

    monkeypatch.setattr(fsspec.core, "url_to_fs", absent)
    with pytest.raises(MissingExtra, match=rf"pip install askance\[{extra}\]"):
        scan(f"{protocol}://bucket/images", {}, max_pixels=PLENTY)


# ---- real images


def test_trashnet_has_three_pairs_of_duplicates(shared_data):
    found = seen(shared_data / "trashnet")
    assert len(found) == 2527
    assert len({s.image.id for s in found.values()}) == 2524
    assert {(s.image.width, s.image.height, s.image.format) for s in found.values()} == {(192, 256, "JPEG")}


def test_near_duplicates_are_600_images_by_their_list_too(shared_data, tmp_path):
    """`pairs.csv` names its files without the folder they lie in, so its entries are looked for beside it."""
    near = shared_data / "near_duplicates"
    folder = seen(near / "images")
    assert len({s.image.id for s in folder.values()}) == 600
    listed = seen(near / "pairs.csv")
    assert len(listed) == 600
    assert {s.problem for s in listed.values()} == {"cannot be read: No such file or directory"}
    lines = (near / "pairs.csv").read_text().splitlines()
    table = write(
        tmp_path / "pairs.csv", "\n".join([lines[0], *(f"{near}/images/{x}" for x in lines[1:])]).encode()
    )
    again = seen(table, folder)
    assert {uri: s.image.id for uri, s in again.items()} == {uri: s.image.id for uri, s in folder.items()}
    assert len({s.image.group for s in again.values()}) == 60 + 60
