"""Bounds on what comes from outside: bytes, silence, folders and archives in each other; and what is no file."""

import io
import os
import socket
import tarfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from askance.pool import FileImages, Limits, Look, content_id
from askance.pool.storage import Storage
from askance.vocab import PoolError
from tests.pool.looking import problem, seen
from tests.pool.pictures import jpeg, write

SHORT = Limits(timeout=0.5)


# ---- bytes


def test_a_file_of_any_size_is_not_read(tmp_path, reads):
    huge = tmp_path / "huge.jpg"
    with open(huge, "wb") as file:
        file.truncate(1 << 40)
    write(tmp_path / "a.jpg", jpeg(1))
    known = seen(tmp_path)
    assert known[str(huge)].problem == "1,099,511,627,776 bytes, more than max_bytes = 500,000,000"
    assert reads == [str(tmp_path / "a.jpg")]
    assert seen(tmp_path, known) == known


def test_the_limit_on_bytes_is_part_of_what_is_known(tmp_path, reads):
    file = write(tmp_path / "a.jpg", jpeg(1))
    size = file.stat().st_size
    small, enough = Limits(max_bytes=size - 1), Limits(max_bytes=size)
    refused = seen(tmp_path, limits=small)
    assert refused[str(file)].problem == f"{size:,} bytes, more than max_bytes = {size - 1:,}"
    assert seen(tmp_path, refused, limits=small)[str(file)] is refused[str(file)]
    taken = seen(tmp_path, refused, limits=enough)
    assert taken[str(file)].image.id == content_id(jpeg(1))
    assert seen(tmp_path, taken, limits=small) == refused
    assert reads == [str(file)]


def test_an_image_that_was_replaced_by_a_large_file_is_a_problem_and_not_read(tmp_path):
    file = write(tmp_path / "a.jpg", jpeg(1))
    images = FileImages({content_id(jpeg(1)): str(file)}, max_pixels=10**6, limits=Limits(max_bytes=10_000))
    file.write_bytes(bytes(20_000))
    assert images.load([content_id(jpeg(1))], Look(8, 3))[1] == []
    assert images.problems == {content_id(jpeg(1)): "cannot be read: 20,000 bytes, more than max_bytes = 10,000"}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_a_member_of_an_archive_is_not_unpacked_beyond_the_limit(tmp_path, kind):
    archive = tmp_path / f"photos.{kind}"
    fill(archive, {"a.jpg": jpeg(1), "bomb.jpg": bytes(3_000_000)})
    storage, source = Storage(Limits(max_bytes=1_000_000)), f"{kind[:3]}://bomb.jpg::{archive}"
    with pytest.raises(OSError, match="more than max_bytes = 1,000,000"):
        storage.read(source)
    found = seen(f"{kind[:3]}://::{archive}", limits=Limits(max_bytes=1_000_000))
    assert [s.problem for s in found.values()] == [None, "3,000,000 bytes, more than max_bytes = 1,000,000"]


# ---- what is no file


def test_files_that_are_none_are_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "s.jpg"))
    write(tmp_path / "x.jpg" / "inside.jpg", jpeg(1))
    said = {Path(uri).name: s.problem for uri, s in seen(tmp_path).items()}
    server.close()
    no_file = "cannot be read: it is not a regular file"
    assert said == {"pipe.jpg": no_file, "device.jpg": no_file, "s.jpg": no_file, "inside.jpg": None}
    for name in ("pipe.jpg", "device.jpg"):
        with pytest.raises(OSError, match="not a regular file"):
            Storage().read(str(tmp_path / name))


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc")
def test_files_of_the_system_are_empty(tmp_path):
    (tmp_path / "k.jpg").symlink_to("/proc/self/status")
    (tmp_path / "none.jpg").touch()
    assert {s.problem for s in seen(tmp_path).values()} == {"the file is empty"}


@pytest.mark.parametrize("change", ["grows", "shrinks"])
def test_a_file_that_changes_while_it_is_read_is_tried_again(tmp_path, monkeypatch, change):
    file = write(tmp_path / "a.jpg", jpeg(1))
    real = os.fstat

    def fstat(handle):
        status = real(handle)
        os.truncate(file, status.st_size + (50 if change == "grows" else -50))
        return status

    monkeypatch.setattr("askance.pool.storage.os.fstat", fstat)
    known = seen(tmp_path)
    (only,) = known.values()
    assert (only.problem, only.stamp) == ("cannot be read: it was written to while it was read", "")
    monkeypatch.undo()
    file.write_bytes(jpeg(1))
    assert problem(tmp_path, known) is None


# ---- folders in folders, archives in archives


def test_folders_in_folders_end(tmp_path):
    for depth in range(5):
        write(tmp_path.joinpath(*"abcde"[:depth]) / f"{depth}.jpg", jpeg(depth))
    (tmp_path / "a" / "b" / "loop").symlink_to(tmp_path)
    found = seen(tmp_path, limits=Limits(max_depth=2))
    said = {uri.removeprefix(f"{tmp_path}/"): s.problem for uri, s in found.items()}
    deep = said.pop("a/b/c")
    assert said == {"0.jpg": None, "a/1.jpg": None, "a/b/2.jpg": None}
    assert deep.startswith("this folder cannot be read: it lies more than max_depth = 2 folders deep")
    assert len(seen(tmp_path)) == 5


def test_archives_in_archives_are_read_and_end(tmp_path):
    inner = tmp_path / "inner.zip"
    fill(inner, {"site/a.jpg": jpeg(1), "site/b.jpg": jpeg(2)})
    outer = tmp_path / "outer.zip"
    fill(outer, {"in/inner.zip": inner.read_bytes()})
    source = f"zip://::zip://in/inner.zip::{outer}"
    found = seen(source)
    assert {s.image.id for s in found.values()} == {content_id(jpeg(1)), content_id(jpeg(2))}
    (first, *_) = found
    assert Storage().read(first) == jpeg(1)
    with pytest.raises(PoolError, match="at most 3 archives within each other"):
        seen("zip://::zip://a.zip::zip://b.zip::zip://c.zip::" + str(outer))


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_threads_do_not_mix_up_the_members_of_an_archive(tmp_path, kind):
    """They share one open file: a `tarfile` that two threads read at once gives each of them parts of both."""
    archive = tmp_path / f"photos.{kind}"
    pictures = {f"{i:03d}.jpg": jpeg(i, (64, 48)) for i in range(60)}
    fill(archive, pictures)
    found = seen(f"{kind[:3]}://::{archive}", workers=16)
    assert [s.image and s.image.id for s in found.values()] == [content_id(data) for data in pictures.values()]
    uris = {s.image.id: uri for uri, s in found.items()}
    images = FileImages(uris, max_pixels=10**6, workers=16)
    assert images.load(list(uris), Look(8, 3))[1] == list(range(60))


def fill(archive: Path, members: dict[str, bytes]) -> None:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for name, data in members.items():
                file.writestr(name, data)
        return
    with tarfile.open(archive, "w:gz" if archive.suffix == ".gz" else "w") as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))


# ---- silence


@pytest.fixture
def silent():
    """A server on this machine that takes calls and never says a word."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(50)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class Endless(BaseHTTPRequestHandler):
    """Sends for as long as somebody listens, as a camera does."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            pass

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def endless():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endless)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_server_that_is_silent_is_not_waited_for(tmp_path, silent):
    list_of = tmp_path / "list.csv"
    good = write(tmp_path / "good.jpg", jpeg(1))
    list_of.write_text("path\n" + "".join(f"{silent}/{i}.jpg\n" for i in range(40)) + f"{good}\n")
    started = time.monotonic()
    found = seen(list_of, limits=SHORT, workers=2)
    assert time.monotonic() - started < 5
    assert found.pop(str(good)).image is not None
    said = {s.problem for s in found.values()}
    assert "cannot be read: no answer within 0.5 seconds (timeout under [pool])" in said
    assert "cannot be read: its storage was silent 3 times, and was not asked again" in said
    assert len(said) == 2
    assert {s.stamp for s in found.values()} == {""}, "the next scan tries again"


@pytest.mark.parametrize("chain", ["", "zip://::"])
def test_a_silent_source_is_an_error_soon(silent, chain):
    with pytest.raises(PoolError, match=r"no answer within 0\.5 seconds"):
        seen(f"{chain}{silent}/photos/{'a.zip' if chain else ''}", limits=SHORT)


def test_a_file_without_an_end_is_not_read_to_its_end(endless):
    storage = Storage(Limits(max_bytes=3_000_000))
    with pytest.raises(OSError, match="more than max_bytes = 3,000,000"):
        storage.read(f"{endless}/camera.jpg")


@pytest.mark.parametrize(
    "error", [ValueError("x"), SyntaxError("x"), KeyError("x"), OverflowError(), MemoryError(), RecursionError()]
)
def test_whatever_a_storage_raises_one_file_is_quarantined(tmp_path, monkeypatch, error):
    memory = fsspec.filesystem("memory")
    memory.pipe({"/limits/a.jpg": jpeg(1), "/limits/b.jpg": jpeg(2)})
    real = type(memory).open

    def opened(self, path, *args, **options):
        if path.endswith("a.jpg"):
            raise error
        return real(self, path, *args, **options)

    monkeypatch.setattr(type(memory), "open", opened)
    first, second = seen("memory://limits").values()
    assert first.problem.startswith("cannot be read: ")
    assert (first.stamp, second.image.id) == ("", content_id(jpeg(2)))
    monkeypatch.setattr(type(memory), "find", lambda *_, **__: (_ for _ in ()).throw(error))
    with pytest.raises(PoolError, match="a storage that can be listed"):
        seen("memory://limits")
