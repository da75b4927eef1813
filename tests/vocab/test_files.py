"""Names that are free: nothing that stands is ever replaced."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from askance.vocab import Damaged, StoreError
from askance.vocab.files import allocate, free_name, make_folder, open_room, read_json, write_free, write_whole


def test_a_name_that_is_not_taken_stays(tmp_path):
    assert free_name(tmp_path / "batch.csv") == tmp_path / "batch.csv"


def test_a_taken_name_gets_the_first_free_number(tmp_path):
    for name in ("batch.csv", "batch-2.csv"):
        (tmp_path / name).write_text("somebody's work")
    assert free_name(tmp_path / "batch.csv", b"other work") == tmp_path / "batch-3.csv"


def test_a_file_of_the_same_content_is_as_good_as_free(tmp_path):
    (tmp_path / "batch.csv").write_text("somebody's work")
    (tmp_path / "batch-2.csv").write_text("other work")
    assert free_name(tmp_path / "batch.csv", b"other work") == tmp_path / "batch-2.csv"


def test_a_taken_folder_and_a_dead_link_count_as_taken(tmp_path):
    (tmp_path / "batch").mkdir()
    (tmp_path / "batch-2").symlink_to(tmp_path / "nowhere")
    assert free_name(tmp_path / "batch") == tmp_path / "batch-3"


def test_many_at_once_each_get_a_file_of_their_own(tmp_path):
    contents = [f"rows of {i % 4}".encode() for i in range(16)]
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda data: write_free(tmp_path / "new" / "labels.csv", data), contents))
    assert [file.read_bytes() for file in files] == contents
    assert {file.read_bytes() for file in (tmp_path / "new").iterdir()} == set(contents)


def test_what_is_written_again_is_the_same_file(tmp_path):
    first = write_free(tmp_path / "labels.csv", b"one")
    assert write_free(tmp_path / "labels.csv", b"two").name == "labels-2.csv"
    assert write_free(tmp_path / "labels.csv", b"one") == first == tmp_path / "labels.csv"


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(StoreError, match="to write"):
        write_free(tmp_path / "file" / "labels.csv", b"one")


def test_room_that_the_disk_does_not_have_is_told_before_it_is_mapped(tmp_path):
    with pytest.raises(StoreError, match="TMPDIR"):
        open_room(1 << 60)
    handle = open_room(5_000)
    assert os.fstat(handle).st_size == 5_000
    assert os.fstat(handle).st_nlink == 0  # unnamed: gone when it is closed
    os.close(handle)


def test_a_file_system_that_promises_nothing_is_written_to(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with (tmp_path / "room").open("wb") as file:
        allocate(file.fileno(), 3_000_000)
    assert (tmp_path / "room").read_bytes() == bytes(3_000_000)


def test_a_file_where_a_folder_should_be_is_told(tmp_path):
    (tmp_path / "rounds").touch()
    for path in (tmp_path / "rounds", tmp_path / "rounds" / "0001"):
        with pytest.raises(StoreError, match="move the file"):
            make_folder(path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"a": "x"}', b"\xff", b"[" * 200_000, b'{"a":' * 200_000, b"null"]
)
def test_a_file_that_is_not_what_was_written_is_told(tmp_path, content):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(Damaged, match=r"x\.json as Askance wrote it"):
        read_json(tmp_path / "x.json", dict[str, int])


def test_a_long_name_is_written_whole(tmp_path):
    write_whole(tmp_path / ("x" * 240 + ".csv"), b"1")
    assert (tmp_path / ("x" * 240 + ".csv")).read_bytes() == b"1"
    with pytest.raises(StoreError, match="shorter name"):
        write_whole(tmp_path / ("x" * 300), b"1")


def test_a_disk_that_lets_nothing_go_either_is_told_all_the_same(tmp_path, monkeypatch):
    def no(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    (tmp_path / "a").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", no)
    monkeypatch.setattr(os, "unlink", no)
    with pytest.raises(StoreError, match="Read-only"):
        write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
