"""Names that are hard to write down, through the commands themselves: nothing ends in a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from askance.session import Session
from tests.pool.pictures import jpeg

ODD = b"caf\xe9"
"""A name in Latin-1, as bytes on a disk."""


def odd(folder, name=ODD):
    return Path(os.fsdecode(os.fsencode(folder) + b"/" + name))


@pytest.fixture
def site(tmp_path):
    """Six images under two classes, one more under a name that is no UTF-8, one in such a folder."""
    places = [tmp_path / "pool" / kind / f"{i}.jpg" for kind in ("cat", "dog") for i in range(3)]
    places += [odd(tmp_path / "pool" / "cat", ODD + b".jpg"), odd(tmp_path / "pool") / "7.jpg"]
    places += [odd(tmp_path / "pool", b"clip.\xff")]
    for i, place in enumerate(places):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(jpeg(i))
    return tmp_path


def ask(site, *words, **environment):
    """Exit status and output of a command in a process of its own, its bytes as they come."""
    done = subprocess.run(
        [sys.executable, "-m", "askance", *words],
        cwd=site,
        env={**os.environ, "COLUMNS": "200", **environment},
        capture_output=True,
        check=False,
    )
    told = (done.stdout + done.stderr).decode(errors="replace")
    assert "Traceback" not in told, told
    return done.returncode, told


@pytest.mark.slow
def test_names_that_are_no_utf8_on_the_disk(site):
    code, said = ask(site, "init", "p", "--pool", "pool", "--labels", "pool", "--model", "gal-cnn", "--size", "8")
    assert code == 0
    assert "6 images in 8 files, 2 quarantined" in said
    assert "6 new" in said
    assert "cat/caf\\xe9.jpg: its name is not valid UTF-8" in said
    with Session.open(site / "p") as session:
        assert session.config.classes == ("cat", "dog")
        assert all(one.uri.isascii() for one in session.project.store.quarantined())
    assert ask(site, "status", "-p", "p", PYTHONIOENCODING="ascii")[0] == 0
    assert ask(site, "report", "-p", "p")[0] == 0


@pytest.mark.slow
def test_names_that_are_no_utf8_on_the_command_line(site):
    ask(site, "init", "p", "--pool", "pool", "--labels", "pool", "--model", "gal-cnn", "--size", "8")
    odd(site, ODD + b".csv").write_text("path,label\ncat/0.jpg,dog\nnowhere.jpg,cat\n")
    code, said = ask(site, "import", odd(site, ODD + b".csv"), "-p", "p", "--who", os.fsdecode(ODD))
    assert code == 0
    assert "1 rejected" in said
    assert [path.name for path in (site / "p" / "rejected").glob("caf*")] == ["caf\\xe9.csv"]
    with Session.open(site / "p") as session:
        assert "caf\\xe9" in session.project.store.speakers()
    assert ask(site, "withdraw", "--who", os.fsdecode(ODD), "-p", "p")[0] == 0
    for words in (
        ["import", odd(site, b"none\xff"), "-p", "p"],
        ["classes", "rename", "cat", os.fsdecode(ODD), "-p", "p"],
        ["withdraw", os.fsdecode(ODD), "-p", "p"],
        ["init", odd(site, b"project\xff"), "--pool", "pool"],
    ):
        code, said = ask(site, *words)
        assert code == 1
        assert said.startswith("wanted ")
