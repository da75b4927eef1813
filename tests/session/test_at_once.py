"""Several imports and changes of classes at once: no class is lost, and no label lands on another class."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from askance.session import Session
from askance.session.classes import merge_classes, remove_class, rename_class
from askance.session.labels import take_rows
from askance.store import Store
from askance.vocab import Busy, LabelError
from tests.store.conftest import postgres, postgres_url, sqlite_url, url  # noqa: F401 - fixtures


@pytest.fixture
def project(site, url):  # noqa: F811
    """A project of sixty digits with the classes a and b, and one label of each."""
    labels = site.csv([("000.png", "a"), ("001.png", "b")], name="first.csv")
    settings = {
        "pool": {"source": str(site.pool)},
        "store": url,
        "classes": ["a", "b"],
        "model": {"name": "gal-cnn"},
    }
    session, _, _ = Session.init(site.folder / "project", settings, labels=labels)
    session.project.close()
    return site.folder / "project"


def said(session):
    images, labels = session.project.store.images(), session.project.store.labels()
    return {images[i].uri.rpartition("/")[2]: label.value for i, label in labels.items()}


def test_each_import_knows_the_classes_that_others_added_since_it_was_opened(site, project):
    with Session.open(project) as one, Session.open(project) as two:
        one.import_labels(site.csv([("010.png", "c")], name="1.csv"), "ann", add_classes=True)
        two.import_labels(site.csv([("011.png", "d")], name="2.csv"), "bob", add_classes=True)
        assert two.config.classes == ("a", "b", "c", "d")
    with Session.open(project) as again:
        assert again.config.classes == ("a", "b", "c", "d")
        assert said(again) == {"000.png": "a", "001.png": "b", "010.png": "c", "011.png": "d"}


def test_eight_imports_at_one_moment(site, project):
    files = [site.csv([(f"0{10 + i}.png", f"new {i}")], name=f"{i}.csv") for i in range(8)]
    together = Barrier(len(files))

    def take(file):
        with Session.open(project) as session:
            together.wait()
            return session.import_labels(file, "ann", add_classes=True).new

    with ThreadPoolExecutor(len(files)) as threads:
        assert list(threads.map(take, files)) == [1] * 8
    with Session.open(project) as again:
        assert sorted(again.config.classes) == ["a", "b", *(f"new {i}" for i in range(8))]
        assert {name: value for name, value in said(again).items() if value.startswith("new")} == {
            f"0{10 + i}.png": f"new {i}" for i in range(8)
        }


def test_a_class_that_is_renamed_meanwhile_is_not_said_under_its_old_name(site, project):
    with Session.open(project) as late, Session.open(project) as other:
        rename_class(other.project, "a", "z", "ann")
        imported = late.import_labels(site.csv([("010.png", "a"), ("011.png", "z")], name="late.csv"), "bob")
        assert [one.row.value for one in imported.rejected] == ["a"]
        assert said(late) == {"000.png": "z", "001.png": "b", "011.png": "z"}


def test_changes_of_classes_know_of_each_other(site, project):
    with Session.open(project) as one, Session.open(project) as two:
        one.import_labels(site.csv([("010.png", "c")], name="1.csv"), "ann", add_classes=True)
        assert merge_classes(two.project, ["b", "c"], "b", "bob").config.classes == ("a", "b")
        with pytest.raises(LabelError, match="a class already"):
            rename_class(one.project, "a", "b", "ann")
        with pytest.raises(LabelError, match="a class of this project"):
            remove_class(one.project, "c")
    with Session.open(project) as again:
        assert said(again) == {"000.png": "a", "001.png": "b", "010.png": "b"}


def test_imports_and_renames_at_one_moment(site, project):
    """Whoever comes first: a label is of the renamed class, or it is set aside; never of one that is no more."""
    together = Barrier(2)

    def rename(old, new):
        with Session.open(project) as session:
            together.wait()
            rename_class(session.project, old, new, "ann")

    def take(file):
        with Session.open(project) as session:
            together.wait()
            session.import_labels(file, "bob")

    for turn, (old, new) in enumerate([("a", "a1"), ("a1", "a2"), ("a2", "a3")]):
        file = site.csv([(f"0{20 + turn}.png", old)], name=f"at-once-{turn}.csv")
        with ThreadPoolExecutor(2) as threads:
            for done in (threads.submit(rename, old, new), threads.submit(take, file)):
                done.result()
        with Session.open(project) as again:
            assert again.config.classes == (new, "b")
            assert set(said(again).values()) <= {new, "b"}


def test_who_waits_too_long_is_told(url, monkeypatch):  # noqa: F811
    monkeypatch.setattr("askance.store.turns.PATIENCE", 0.1)
    with Store.open(url) as one, Store.open(url) as two, one.turn():
        assert two.labels() == {}  # reading goes on
        with pytest.raises(Busy, match="another import"), two.turn():
            pass
    with Store.open(url) as free, free.turn():
        pass


def test_an_export_that_comes_back_says_nothing_new(site, project):
    with Session.open(project) as session:
        _, path = session.export_labels(site.folder / "out.csv")
        back = session.import_labels(path, "bob")
        assert (back.unchanged, back.agreed, len(back.rejected)) == (2, 0, 0)
        changed = path.read_text().replace(",a,", ",b,", 1)
        path.with_name("edited.csv").write_text(changed)
        edited = session.import_labels(path.with_name("edited.csv"), "bob")
        assert (edited.unchanged, edited.differed) == (1, 1)
        assert take_rows(session.project, [], path, "bob").taken == 0
