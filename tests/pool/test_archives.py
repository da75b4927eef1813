"""Archives as pools: where they lie, what is none, and what their members are called."""

import io
import os
import tarfile
import zipfile

import pytest

from askance.pool import scan
from askance.pool.archives import from_folder
from askance.pool.storage import explain
from askance.session import Session
from askance.vocab import PoolError
from tests.pool.pictures import encoded, picture


def _archive(kind, file, names):
    """An archive of so many images, and its URL."""
    content = [encoded(picture(i), "PNG") for i in range(len(names))]
    if kind == "zip":
        with zipfile.ZipFile(file, "w") as archive:
            for name, data in zip(names, content, strict=True):
                archive.writestr(name, data)
    else:
        with tarfile.open(file, "w") as archive:
            for name, data in zip(names, content, strict=True):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return f"{kind}://::{file}"


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("before", ["", "./", "/", ".//./"])
def test_what_stands_before_the_path_of_a_member_is_no_part_of_it(tmp_path, kind, before):
    source = _archive(kind, tmp_path / f"a.{kind}", [f"{before}cats/1.png", f"{before}cats/2.png"])
    seen = list(scan(source, {}, max_pixels=10**6))
    assert [one.uri for one in seen] == [f"{kind}://cats/{i}.png::{tmp_path}/a.{kind}" for i in (1, 2)]
    assert all(one.image is not None for one in seen)


def test_an_archive_that_is_a_pipe_or_a_device_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.zip")
    (tmp_path / "b.zip").symlink_to("/dev/zero")
    for name in ("a.zip", "b.zip"):
        for scheme in ("", "file://"):
            with pytest.raises(PoolError, match="not a regular file"):
                list(scan(f"zip://::{scheme}{tmp_path}/{name}", {}, max_pixels=10**6))


def test_a_relative_archive_is_taken_from_the_projects_folder(tmp_path, monkeypatch):
    (tmp_path / "p").mkdir()
    _archive("zip", tmp_path / "p" / "photos.zip", ["cats/1.png", "cats/2.png"])
    monkeypatch.chdir(tmp_path)
    settings = {"pool": {"source": "zip://cats::photos.zip"}, "classes": ["x", "y"]}
    session, found, _ = Session.init(tmp_path / "p", settings)
    assert found.images == 2
    session.project.close()
    os.chdir("/")
    with Session.open(tmp_path / "p") as session:
        assert session.scan().images == 2
        assert session.project.source == f"zip://cats::{tmp_path}/p/photos.zip"


def test_what_is_no_local_path_stays_what_it_is():
    for source in ("s3://bucket/cats", "zip://::s3://bucket/a.zip", "http://[::1]:80/list.txt", "zip://::"):
        assert from_folder(source, "/data") == source


def test_what_a_server_answers_is_no_missing_file():
    class Answered(Exception):
        def __init__(self, status):
            self.status = status

    def said(status):
        error = FileNotFoundError("http://h/1.png")
        error.__cause__ = Answered(status)
        return explain(error)

    assert said(404) == "No such file or directory"
    assert said(503) == "the server answered 503 (Service Unavailable)"
    assert said(0) == said(302) == "the server sends from one address to the next and never to the file"
