"""A database is one project's: of several that make one in it, one wins; what a killed one left is made anew."""

import json
import threading
from contextlib import suppress

import pytest

from askance.loop.project import Project
from askance.loop.settings import check_config
from askance.loop.tidying import tidy
from askance.store import Store
from askance.vocab import Busy, ConfigError, StoreError

from .made import label, sighting


def config(url, source="p"):
    return check_config({"store": url, "pool": {"source": source}}, "a test")


def cut_short(store):
    """An init that was interrupted after its labels were in."""
    with suppress(KeyboardInterrupt), store.job("init"):
        store.record_sightings([sighting(1)])
        store.add_labels([label(1)])
        store.freeze([sighting(1).image.id], "test")
        raise KeyboardInterrupt


@pytest.mark.parametrize("folders", [("a", "a", "a"), ("a", "b", "c")], ids=["one folder", "three folders"])
def test_of_several_at_once_one_makes_the_project(tmp_path, url, folders):
    gate, won, lost = threading.Barrier(len(folders)), [], []

    def make(n, folder):
        gate.wait()
        project = Project.create(tmp_path / folder, config(url, f"pool {n}"))
        try:
            with project.being_made():
                project.store.record_sightings([sighting(n)])
                project.write()
            won.append(n)
        except (Busy, ConfigError) as error:
            lost.append(error)
        finally:
            project.close()

    threads = [threading.Thread(target=make, args=pair) for pair in enumerate(folders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 2)
    made = [folder for folder in set(folders) if (tmp_path / folder / "askance.toml").exists()]
    assert made == [folders[won[0]]]
    with Store.open(url, make=False) as store:
        assert list(store.images()) == [sighting(won[0]).image.id]


def test_what_an_init_left_unfinished_is_emptied_and_a_project_never_is(store):
    assert store.made_by() == "empty"
    cut_short(store)
    assert store.made_by() == "labelled"
    store.begin_anew()
    assert store.images() == store.labels() == store.splits() == {}
    assert store.made_by() == "unfinished"
    assert store.check() == []
    with store.job("init"):
        store.record_sightings([sighting(1)])
        store.add_labels([label(1)])
    assert store.made_by() == "project"
    with pytest.raises(StoreError, match="without a project"):
        store.begin_anew()
    assert len(store.labels()) == 1


def test_a_database_of_before_there_were_such_jobs_is_a_projects(store):
    store.record_sightings([sighting(1)])
    assert store.made_by() == "project"


def test_the_next_init_takes_the_scan_of_a_killed_one_and_not_its_labels(tmp_path, url):
    with Store.open(url) as store:
        cut_short(store)
    project = Project.create(tmp_path / "a", config(url))
    with project.being_made():
        assert project.store.labels() == project.store.splits() == {}
        project.write()
    project.close()
    with Project.open(tmp_path / "a").store as store:
        assert store.check() == []


def test_a_database_that_cannot_be_opened_leaves_no_folder_behind(tmp_path):
    with pytest.raises(StoreError):
        Project.create(tmp_path / "a", config("postgresql://me:hunter22@127.0.0.1:1/cats"))
    assert not (tmp_path / "a").exists()


def test_passwords_that_old_rounds_kept_in_files_are_taken_out_by_the_next_job(tmp_path):
    file = tmp_path / "rounds" / "0001" / "config.json"
    file.parent.mkdir(parents=True)
    secret = "postgresql://me:hunter22@db/cats"
    kept = {"inputs": "0a", "settings": {"store": secret, "pool": {"source": "p", "max_pixels": 1}}, "seed": 2**62}
    file.write_text(json.dumps(kept))
    broken = tmp_path / "rounds" / "0002" / "config.json"
    broken.parent.mkdir()
    broken.write_text("{")
    tidy(tmp_path, config(secret))
    told = json.loads(file.read_text())
    assert told == {**kept, "settings": {**kept["settings"], "store": "postgresql://me:***@db/cats"}}
    assert broken.read_text() == "{"
