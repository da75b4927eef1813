"""Whatever comes in: a clear error or a clean continuation, and no label is ever lost."""

import csv
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from askance.session import Session
from askance.vocab import Busy, ConfigError, LabelError, Pick, PoolError, Round, SelectionError, StoreError


def rejected(imported):
    with imported.rejected_file.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_labels_for_unknown_images_are_set_aside_and_the_rest_goes_in(site):
    with site.init() as session:
        path = site.csv([("nowhere.png", "3"), *site.known(["030.png"])])
        imported = session.import_labels(path, "me")
        assert (imported.new, len(imported.rejected)) == (1, 1)
        row = rejected(imported)[0]
        assert row["path"] == "nowhere.png"
        assert "unknown image" in row["reason"]


def test_an_unknown_class_is_set_aside_until_it_is_wanted(site):
    with site.init() as session:
        path = site.csv([("030.png", "seven"), *site.known(["031.png"])])
        imported = session.import_labels(path, "me")
        assert (imported.new, len(imported.rejected)) == (1, 1)
        assert "unknown class seven" in rejected(imported)[0]["reason"]
        assert session.import_labels(path, "me", add_classes=True).new == 1
        assert session.config.classes[-1] == "seven"
    with Session.open(site.folder / "project") as again:
        assert again.config.classes[-1] == "seven"


def test_two_labels_for_one_image_are_both_set_aside(site):
    shutil.copy(site.pool / "030.png", site.pool / "copy of 030.png")  # the same image under another name
    with site.init() as session:
        imported = session.import_labels(site.csv([("030.png", "1"), ("copy of 030.png", "2")]), "me")
        assert (imported.new, len(imported.rejected)) == (0, 2)
        assert "different labels" in rejected(imported)[0]["reason"]


def test_a_label_that_changes_keeps_its_history(site):
    with site.init() as session:
        for value in ("1", "2"):
            imported = session.import_labels(site.csv([("030.png", value)], name=f"{value}.csv"), "me")
        assert [(one.name, one.before, one.after, one.whose) for one in imported.changes] == [
            ("030.png", "1", "2", "me")
        ]
        store = session.project.store
        image_id = next(i for i, record in store.images().items() if record.uri.endswith("030.png"))
        assert [(label.value, label.source) for label in store.history(image_id)] == [
            ("1", "1.csv"),
            ("2", "2.csv"),
        ]
        assert store.labels()[image_id].value == "2"


def test_an_empty_class_is_trained_around_and_said(site):
    zeros_and_ones = [name for name, value in site.truth.items() if value in "01"]
    with site.init(n_labels=0) as session:
        session.import_labels(site.csv(site.known(zeros_and_ones[:8])), "me")
        log = session.train().log
        assert log["classes_without_labels"] == list("23456789")


def test_one_class_or_no_labels_is_not_enough_and_says_so(site):
    with site.init(n_labels=0) as session:
        with pytest.raises(LabelError):
            session.train()
        zeros = [name for name, value in site.truth.items() if value == "0"]
        session.import_labels(site.csv(site.known(zeros[:3])), "me")
        with pytest.raises(LabelError, match="two classes"):
            session.train()


def test_a_pool_of_one_image(tmp_path):
    (tmp_path / "pool").mkdir()
    Image.new("L", (8, 8), 9).save(tmp_path / "pool" / "only.png")
    settings = {"pool": {"source": str(tmp_path / "pool")}, "classes": ["a", "b"]}
    with Session.init(tmp_path / "project", settings)[0] as session:
        picked = session.pick(10)
        assert len(picked.picks) == 1
        assert "10 were asked for and 1 are all there are" in picked.note


def test_more_picks_than_images_gives_all_there_are_and_says_so(site):
    with site.init() as session:
        session.train()
        picked = session.pick(500)
        assert len(picked.picks) == 30
        assert "30 are all there are" in picked.note
        session.import_labels(site.answer(session), "me")
        session.train()
        with pytest.raises(SelectionError, match="unlabelled images"):
            session.pick(1)


def test_a_pool_that_shrinks_keeps_its_labels(site):
    with site.init() as session:
        session.train()
        for name in ("000.png", "001.png", "040.png"):  # two with a label, one without
            (site.pool / name).unlink()
        picked = session.pick(50)
        assert len(picked.picks) == 29
        assert session.status().images == 57
        assert session.status().labels["train"].total() == 20  # no label is lost
        assert session.train().round.labels == 20  # but only the images that are there can be trained on


def test_a_pool_that_vanishes_is_an_error_and_forgets_nothing(site):
    with site.init() as session:
        session.train()
        site.pool.rename(site.folder / "unplugged")
        with pytest.raises(PoolError):
            session.pick(5)
        (site.folder / "unplugged").rename(site.pool)
        assert len(session.pick(5).picks) == 5


def test_a_file_that_changes_is_another_image(site):
    with site.init() as session:
        before = len(session.project.store.images())
        Image.new("L", (8, 8), 77).save(site.pool / "000.png")
        session.scan()
        assert len(session.project.store.images()) == before
        assert session.status().labels["train"].total() == 20


def test_broken_images_are_quarantined_and_never_stop_a_round(site):
    (site.pool / "text.png").write_text("not an image")
    (site.pool / "empty.jpg").write_bytes(b"")
    (site.pool / "cut.png").write_bytes((site.pool / "003.png").read_bytes()[:60])
    with site.init() as session:
        session.train()
        assert len(session.pick(5).picks) == 5
        problems = {Path(s.uri).name: s.problem for s in session.project.store.quarantined()}
        assert set(problems) == {"text.png", "empty.jpg", "cut.png"}
        assert all(problems.values())


def test_a_file_that_breaks_after_the_scan_is_quarantined_in_the_round(site):
    with site.init() as session:
        session.train()
        project = session.project
        stamp = os.stat(site.pool / "045.png")
        (site.pool / "045.png").write_bytes(b"x" * stamp.st_size)  # the same size and time: a scan sees no change
        os.utime(site.pool / "045.png", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        picked = session.pick(40)
        assert len(picked.picks) == 29
        assert [Path(s.uri).name for s in project.store.quarantined()] == ["045.png"]


def test_an_image_that_could_not_be_read_is_tried_again_by_the_next_scan(site):
    shutil.copy(site.pool / "045.png", site.pool / "z copy of 045.png")
    with site.init() as session:
        session.train()
        image_id = next(
            i for i, record in session.project.store.images().items() if record.uri.endswith("045.png")
        )
        session.project.store.quarantine(image_id, "the network was down")
        assert session.status().images == 59
        session.scan()
        assert session.status().images == 60
        assert session.project.store.quarantined() == []


def test_a_row_that_would_move_an_image_between_splits_is_set_aside(site):
    names = sorted(site.truth)
    with site.init() as session:
        rows = [(names[-1], "1", "train"), (names[0], "1", "test"), (names[30], site.truth[names[30]], "val")]
        imported = session.import_labels(site.csv(rows, "path,label,split"), "me")
        assert (imported.new, len(imported.rejected)) == (1, 2)
        assert "in the test set for good" in rejected(imported)[0]["reason"]
        assert session.status().labels["val"].total() == 1
        assert session.status().labels["test"].total() == 10


def test_labels_of_a_class_that_was_struck_out_are_counted(site):
    with site.init() as session:
        ones = session.status().labels["train"]["1"] + session.status().labels["test"]["1"]
    path = site.folder / "project" / "askance.toml"
    path.write_text(path.read_text().replace('"1", ', ""))
    with Session.open(site.folder / "project") as session:
        assert session.status().strange == ones > 0


def test_a_configuration_with_a_typo_names_the_right_word(site):
    site.init().project.close()
    path = site.folder / "project" / "askance.toml"
    path.write_text(path.read_text().replace("max_steps =", "max_stesp ="))
    with pytest.raises(ConfigError, match="did you mean max_steps"):
        Session.open(site.folder / "project")


def test_an_init_that_was_killed_can_be_run_again(site, monkeypatch):
    from askance.loop.project import Project

    with monkeypatch.context() as patch:
        patch.setattr(Project, "write", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            site.init()
    with site.init() as session:
        assert session.status().labels["train"].total() == 20


def test_a_second_process_waits_its_turn(site):
    with site.init() as session, session.project.store.job("train"), pytest.raises(Busy):
        session.train()


FULL = """
import resource, signal, sys
from askance.session import Session
import askance.loop.rounds, askance.tasks.classification
from askance.vocab import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with Session.open(sys.argv[1]) as session:
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    try:
        session.train()
    except StoreError as error:
        print("told:", error.fix)
"""


def test_a_full_disk_is_said_and_the_project_goes_on_afterwards(site):
    site.init().project.close()
    root = str(site.folder / "project")
    done = subprocess.run([sys.executable, "-c", FULL, root], capture_output=True, text=True, check=False)
    assert "told:" in done.stdout, done.stderr[-2000:]
    with Session.open(root) as session:
        assert session.project.store.check() == []
        assert session.status().labels["train"].total() == 20
        assert session.train().fresh


READ_ONLY = """
import os, sys
from askance.session import Session
from askance.vocab import AskanceError
os.setgid(65534); os.setuid(65534)
try:
    Session.init(sys.argv[1] + "/project", {"pool": {"source": sys.argv[2]}, "classes": ["a", "b"]})
except AskanceError as error:
    print("told:", error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody who may not write")
def test_a_folder_that_cannot_be_written_is_said(site, tmp_path_factory):
    root = tmp_path_factory.mktemp("mine")
    for folder in (root, *root.parents):
        if folder.owner() == "root" and folder != Path("/"):
            folder.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", READ_ONLY, str(root), str(site.pool)], capture_output=True, text=True, check=False
    )
    assert "told:" in done.stdout, done.stderr[-2000:]
    assert not (root / "project").exists()


def test_the_pool_is_never_written_to(site):
    before = {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in site.pool.iterdir()}
    with site.init() as session:
        session.train()
        session.pick(5)
        session.export_batch(csv=site.folder / "b.csv", folder=site.folder / "b", copy=True)
    assert {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in site.pool.iterdir()} == before


@pytest.mark.parametrize("damage", [b"", b"this is no database at all, but long enough to be read as one" * 20])
def test_a_damaged_store_is_said_not_overwritten(site, damage):
    site.init().project.close()
    database = site.folder / "project" / "askance.db"
    for name in ("askance.db-wal", "askance.db-shm"):
        database.with_name(name).unlink(missing_ok=True)
    database.write_bytes(damage)
    with pytest.raises(StoreError):
        Session.open(site.folder / "project")
    assert database.read_bytes() == damage


def test_an_image_that_was_put_into_another_batch_is_itself(site):
    with site.init(n_labels=0, n_test=0) as session:
        store = session.project.store
        own, other = sorted(store.images())[:2]
        store.save_round(Round(0, "trained", 0, 0, {}, datetime(2026, 1, 1, tzinfo=UTC)), {})
        store.save_picks(0, [Pick(own, 1, 0.1)])
        (folder,) = session.export_package(site.folder).written
        (file,) = folder.glob("001_*")
        (folder / "7" / file.name).write_bytes(Path(store.images()[other].uri).read_bytes())
        session.import_labels(folder, "me")
        assert {image_id: label.value for image_id, label in store.labels().items()} == {other: "7"}
