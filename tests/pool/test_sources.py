"""Folders, lists, archives and addresses as sources; those that cannot be, and the real ones."""

import os
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
from tests.pool.looking import PLENTY, seen
from tests.pool.pictures import encoded, jpeg, picture, write

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
        ("l.CSV", "Nr,File_Name,group\n1,a.jpg,g1\n2,sub/b b.png,\n\n,,\n"),
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


@pytest.mark.parametrize(
    "url", ["reference://::/x/refs.json", "dask://worker/a", "zip://a::reference://b", "filecache::dask://x/y"]
)
def test_a_place_whose_content_would_be_run_is_refused(url):
    with pytest.raises(PoolError, match="only gives bytes"):
        Storage().filesystem(url)
