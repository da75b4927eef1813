"""A project is made once, by one, in a database of its own, whatever was killed or tried at the same time."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import suppress

import pytest

from askance.session import Session
from askance.session.soundness import notes_of, problems_of
from askance.store import Store
from askance.vocab import AskanceError, Busy, ConfigError, PoolError, StoreError

from .conftest import SETTINGS


def settings(site, **more):
    return {**SETTINGS, "pool": {"source": str(site.pool)}, **more}


def made(site, folder, **more):
    labels = more.pop("labels", None)
    session, *_ = Session.init(site.folder / folder, settings(site, **more), labels=labels)
    session.project.close()


def test_of_many_that_make_one_project_one_wins_and_nothing_is_mixed(site):
    ones = site.csv(site.known(["000.png", "001.png"]), name="ones.csv")
    twos = site.csv(site.known(["010.png", "011.png", "012.png"]), name="twos.csv")
    gate, won, lost = threading.Barrier(4), [], []

    def make(labels):
        gate.wait()
        try:
            made(site, "project", labels=labels)
            won.append(labels)
        except (Busy, ConfigError) as error:
            lost.append(error)

    threads = [threading.Thread(target=make, args=(labels,)) for labels in (ones, twos, ones, twos)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 3)
    with Session.open(site.folder / "project") as session:
        assert len(session.project.store.labels()) == (2 if won[0] == ones else 3)


def test_one_that_found_no_images_takes_nothing_from_one_that_did(site):
    with pytest.raises(PoolError):
        Session.init(site.folder / "project", {"pool": {"source": str(site.folder / "nowhere")}})
    assert not (site.folder / "project").exists()
    made(site, "project")
    assert problems_of(site.folder / "project") == []


KILLED = """
import os, sys
from pathlib import Path
from askance.loop.project import Project
from askance.session import Session
Project.write = lambda self: os.kill(os.getpid(), 9)  # at the last moment: all labels are in
Session.init(Path(sys.argv[1]), {"pool": {"source": sys.argv[2]}}, labels=Path(sys.argv[3]))
"""


def test_one_that_was_killed_can_be_run_again_with_other_labels(site):
    wrong = site.csv([("000.png", "wrong"), ("001.png", "bad")], "path,label", "wrong.csv")
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, site.folder / "project", site.pool, wrong], capture_output=True, check=False
    )
    assert ended.returncode == -9
    with sqlite3.connect(site.folder / "project" / "askance.db") as left:
        assert left.execute("SELECT count(*) FROM labels").fetchone() == (2,)
    left.close()
    made(site, "project", labels=site.csv(site.known(["002.png", "003.png"])))
    with Session.open(site.folder / "project") as session:
        assert {label.value for label in session.project.store.labels().values()} == {"2", "3"}
        assert session.status().images == 60
    assert problems_of(site.folder / "project") == []


def test_a_database_with_a_project_in_it_is_no_place_for_another(site):
    url = f"sqlite:///{site.folder / 'shared.db'}"
    made(site, "one", store=url, labels=site.csv(site.known(["000.png", "001.png"])))
    with pytest.raises(ConfigError, match=r"a database of its own(.|\n)*shared\.db(.|\n)*createdb NAME"):
        made(site, "two", store=url)
    assert not (site.folder / "two" / "askance.toml").exists()
    with Session.open(site.folder / "one") as session:
        assert len(session.project.store.labels()) == 2


def test_a_lost_settings_file_is_made_again_around_the_labels_that_there_are(site):
    made(site, "project", labels=site.csv(site.known(["000.png", "001.png"])))
    (site.folder / "project" / "askance.toml").unlink()
    made(site, "project", classes=["0", "1"])
    with Session.open(site.folder / "project") as session:
        assert len(session.project.store.labels()) == 2


def test_a_relative_database_is_the_projects_wherever_the_command_is_run(site, monkeypatch):
    monkeypatch.chdir(site.folder)
    made(site, "project", store="sqlite:///my labels.db", labels=site.csv(site.known(["000.png", "001.png"])))
    monkeypatch.chdir("/")
    with Session.open(site.folder / "project") as session:
        assert len(session.project.store.labels()) == 2
    assert [path.parent.name for path in site.folder.rglob("my labels.db")] == ["project"]


@pytest.mark.parametrize("look", ["status", "scan", "import_labels", "train"])
def test_a_project_whose_database_is_gone_is_refused_by_all_and_gets_no_new_one(site, look):
    made(site, "project")
    (site.folder / "project" / "askance.db").unlink()
    with (
        pytest.raises(StoreError, match="only `askance init` makes a new one"),
        Session.open(site.folder / "project") as session,
    ):
        getattr(session, look)()
    assert not list((site.folder / "project").glob("askance.db*"))
    (said,) = problems_of(site.folder / "project")
    assert "askance.db, which is not there" in said


def test_a_settings_file_with_a_password_is_closed_to_others_and_doctor_says_if_it_is_not(site):
    made(site, "project", store=f"sqlite:///{site.folder / 'a.db'}?timeout=3")
    file = site.folder / "project" / "askance.toml"
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0o044
    file.write_text(file.read_text().replace("timeout=3", "cache=hunter22"))
    assert any("chmod 600" in one for one in problems_of(site.folder / "project"))


def test_what_kills_left_is_named_and_then_swept_by_the_next_job(site):
    made(site, "project")
    root = site.folder / "project"
    left = [root / name for name in (".askance.toml.0a1b2c3d.tmp", "rounds/0003/.scores.parquet.3w_9pxjz.tmp")]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        os.utime(path, (0, 0))
    assert all(str(path.relative_to(root)) in notes_of(root)[0] for path in left)
    with Session.open(root) as session:
        session.scan()
    assert not any(path.exists() for path in left)
    (root / "rounds" / "0004").mkdir()
    assert "rounds/0003" in notes_of(root)[0]
    assert "rounds/0004" in notes_of(root)[0]


def test_what_is_wrong_with_the_files_of_rounds_is_said_all_at_once(site):
    made(site, "project")
    root = site.folder / "project"
    with sqlite3.connect(root / "askance.db") as loose:
        rows = [(1, "picked", 20, "{}"), (2, "trained", 21, "{")]
        loose.executemany("INSERT INTO rounds VALUES (?, ?, ?, 1, ?, '2025-06-01 12:00:00.000000')", rows)
    loose.close()
    (root / "rounds" / "0001").mkdir(parents=True)
    (root / "rounds" / "0001" / "picks.json").write_text("[" * 100_000)
    text = "\n".join(problems_of(root))
    for part in (
        "no JSON in round 2", "round 1 has no model.safetensors", "round 1 has no scores.parquet",
        "picks.json is no JSON", "round 2 has no config.json",
    ):  # fmt: skip
        assert part in text
    (root / "askance.toml").write_text("[pool\n")
    text = "\n".join(problems_of(root))
    assert "mend that line" in text
    assert "no JSON in round 2" in text  # the database that lies there is looked at all the same


def test_errors_of_other_kinds_are_problems_and_no_end_of_the_check(site, monkeypatch):
    made(site, "project")

    def broken(self):
        raise ZeroDivisionError("who would have thought")

    monkeypatch.setattr(Store, "check", broken)
    assert problems_of(site.folder / "project") == ["ZeroDivisionError: who would have thought"]
    with suppress(AskanceError):
        assert problems_of(site.folder) is not None
