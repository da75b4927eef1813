"""Files under way: who may read them, who clears them away."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from askance.vocab import StoreError
from askance.vocab.files import write_free, write_whole
from askance.vocab.leftovers import folder_beside, leftovers, open_beside, sweep


@pytest.fixture
def umask():
    """Sets the umask for one test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def aged(path):
    then = time.time() - 3600
    os.utime(path, (then, then))
    return path


@pytest.mark.parametrize(("mask", "wanted"), [(0o077, 0o600), (0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_who_may_read_a_file_says_the_umask(tmp_path, umask, mask, wanted):
    umask(mask)
    write_whole(tmp_path / "a.json", b"{}")
    assert mode(write_free(tmp_path / "b.csv", b"x")) == mode(tmp_path / "a.json") == wanted


def test_a_file_that_was_closed_to_others_stays_so_when_it_is_written_again(tmp_path):
    write_whole(tmp_path / "a.toml", b"1")
    (tmp_path / "a.toml").chmod(0o600)
    write_whole(tmp_path / "a.toml", b"2")
    assert mode(tmp_path / "a.toml") == 0o600


def test_a_private_file_is_its_owners_whatever_the_umask(tmp_path, umask):
    umask(0)
    write_whole(tmp_path / "a.toml", b"secret", private=True)
    assert mode(tmp_path / "a.toml") == 0o600


def test_a_new_file_never_takes_the_place_of_another(tmp_path):
    write_whole(tmp_path / "a.toml", b"first", new=True)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a.toml", b"second", new=True)
    assert [one.name for one in tmp_path.iterdir()] == ["a.toml"]
    assert (tmp_path / "a.toml").read_bytes() == b"first"


def test_a_file_system_without_hard_links_has_new_files_too(tmp_path, monkeypatch):
    def no_links(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    write_whole(tmp_path / "a.toml", b"first", new=True)
    with pytest.raises(FileExistsError):
        write_whole(tmp_path / "a.toml", b"second", new=True)
    assert (tmp_path / "a.toml").read_bytes() == b"first"


def test_what_a_dead_writer_left_goes_and_what_is_a_persons_stays(tmp_path):
    old = tmp_path / ".model.safetensors.3w_9pxjz.tmp"
    old.write_bytes(b"half")
    names = (".hidden", "notes.tmp", ".short.abc.tmp", ".a.12345678.TMP", "model.safetensors")
    mine = [tmp_path / name for name in names]
    for path in mine:
        aged(_touched(path))
    assert leftovers(tmp_path) == [old]
    assert sweep(tmp_path) == []  # it is young: somebody may just have opened it
    aged(old)
    assert sweep(tmp_path) == [old]
    assert sorted(tmp_path.iterdir()) == sorted(mine)


def _touched(path):
    path.touch()
    return path


def test_what_a_living_writer_holds_stays_however_old(tmp_path):
    handle, path = open_beside(tmp_path / "a.json")
    aged(path)
    assert sweep(tmp_path) == leftovers(tmp_path) == []
    os.close(handle)
    assert sweep(tmp_path) == [path]


def test_a_folder_half_filled_by_a_dead_writer_goes_and_that_of_a_living_one_stays(tmp_path):
    handle, path = folder_beside(tmp_path / "batch-0002")
    (path / "001.png").write_bytes(b"x")
    aged(path)
    assert sweep(tmp_path, "batch-0002") == []
    os.close(handle)
    assert sweep(tmp_path, "batch-0003") == []
    assert sweep(tmp_path, "batch-0002") == [path]
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writers_file_is_gone_when_the_file_is_written_again(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from askance.vocab.leftovers import open_beside;"
        "open_beside(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.json")], check=False)
    (left,) = tmp_path.iterdir()
    aged(left)
    write_whole(tmp_path / "a.json", b"{}")
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    write_whole(tmp_path / "a.json", b"old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        write_whole(tmp_path / "a.json", b"new")
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_bytes() == b"old"


def test_a_folder_that_is_not_there_has_no_leftovers(tmp_path):
    assert leftovers(Path(tmp_path / "nowhere")) == []
