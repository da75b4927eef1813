"""A database that is gone, that lost something, or holds what Askance cannot have written."""

import os
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from askance.store import Store
from askance.store.engine import connect, parse, under, writer
from askance.vocab import Pick, StoreError

from .made import image_id, label, round_, sighting


def open_again(url):
    return Store.open(url, make=False)


def test_a_database_that_is_not_there_is_refused_and_not_made(url):
    with pytest.raises(StoreError, match=r"the project's database(.|\n)*only `askance init` makes a new one"):
        open_again(url)
    if url.startswith("sqlite"):
        assert not Path(url.removeprefix("sqlite:///")).exists()
    Store.open(url).close()
    open_again(url).close()


def test_an_empty_file_is_no_database_of_a_project(tmp_path):
    (tmp_path / "a.db").touch()
    with pytest.raises(StoreError, match="which is empty"):
        open_again(tmp_path / "a.db")
    assert (tmp_path / "a.db").stat().st_size == 0


def test_a_link_to_a_file_that_is_gone_makes_none_there(tmp_path):
    (tmp_path / "a.db").symlink_to(tmp_path / "away.db")
    with pytest.raises(StoreError, match="only `askance init` makes a new one"):
        open_again(tmp_path / "a.db")
    assert not (tmp_path / "away.db").exists()


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.db")
    with pytest.raises(StoreError, match="which is none"):
        Store.open(tmp_path / "a.db")


def test_a_relative_path_is_taken_from_the_folder_that_is_given():
    assert under(parse("sqlite:///a/b.db?timeout=3"), Path("/p")) == parse("sqlite:////p/a/b.db?timeout=3")
    assert under(parse("sqlite:////x/b.db"), Path("/p")) == parse("sqlite:////x/b.db")
    assert under(parse("sqlite:///file:b.db?uri=true&mode=rw"), Path("/p")).database == "file:/p/b.db"
    assert under(parse("postgresql://me@db/cats"), Path("/p")) == parse("postgresql://me@db/cats")


def test_a_database_of_an_earlier_version_that_lies_where_the_command_was_run_is_pointed_at(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Store.open(tmp_path / "a.db").close()
    with pytest.raises(StoreError, match="earlier versions looked in the folder of the command"):
        open_again(tmp_path / "project" / "a.db")


def spoilt(url, *statements):
    """A database with a label and a round, in which these were run by somebody."""
    with Store.open(url) as store:
        store.record_sightings([sighting(1)])
        store.add_labels([label(1)])
        store.save_round(round_(1), {"test_accuracy": 0.5})
        store.save_round(round_(2), {})
    engine = writer(connect(parse(url)))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
    return Store.open(url, make=False)


def test_a_column_that_is_gone_is_named_and_what_needs_it_teaches(url):
    with spoilt(url, "ALTER TABLE labels DROP COLUMN source") as store:
        assert "the table labels has no column source" in store.check()
        with pytest.raises(StoreError, match=r"tables and columns of Askance(.|\n)*askance doctor"):
            store.labels()


def test_a_table_that_is_gone_is_told_by_what_needs_it(url):
    with spoilt(url, "DROP TABLE metrics") as store:
        assert "the table metrics is missing" in store.check()
        with pytest.raises(StoreError, match="tables and columns of Askance"):
            store.metrics(1)


@pytest.mark.parametrize("config", ["{", "[1]", "", "[" * 100_000])
def test_a_configuration_that_is_no_json_is_named_by_its_round(url, config):
    with spoilt(url, f"UPDATE rounds SET config = '{config}' WHERE number = 2") as store:
        assert store.check() == [
            "the column config of the table rounds is no JSON in round 2: restore a copy of the database"
        ]
        assert store.rounds_in_short() == [(1, "trained", 20), (2, "trained", 20)]
        with pytest.raises(StoreError, match=r"rows as Askance writes them(.|\n)*askance doctor"):
            store.rounds()


@pytest.mark.parametrize(
    ("statement", "named", "read"),
    [
        ("UPDATE rounds SET at = 'noon'", "column at of the table rounds has 2 values", Store.rounds),
        ("UPDATE metrics SET value = 'high'", "column value of the table metrics has 1 values", None),
        ("UPDATE images SET width = 'wide'", "column width of the table images has 1 values", None),
        ("UPDATE sightings SET stamp = x'00ff'", "stamp of the table sightings has 1 values", None),
    ],
)
def test_sqlite_which_takes_anything_is_looked_through_for_it(sqlite_url, statement, named, read):
    with spoilt(sqlite_url, statement) as store:
        assert any(named in one for one in store.check())
        if read is not None:
            with pytest.raises(StoreError, match="rows as Askance writes them"):
                read(store)


def meddled(path, *statements):
    """A whole project's database in which somebody wrote with a program that knows nothing of Askance."""
    with Store.open(path) as store:
        store.record_sightings([sighting(1), sighting(2)])
        store.add_labels([label(1)])
        store.freeze([image_id(1)], "train")
        store.save_round(round_(1), {"test_accuracy": 0.5})
        store.save_picks(1, [Pick(image_id(1), 1, 0.5)])
        with store.job("train"):
            pass
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA ignore_check_constraints = ON")
        for name in [row[0] for row in other.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]:
            other.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            other.execute(statement)
    other.close()
    return Store.open(path, make=False)


@pytest.mark.parametrize(
    ("table", "change", "read"),
    [
        ("sightings", "uri = x'00ff' WHERE uri LIKE '%1.jpg'", Store.sightings),
        ("labels", "image_id = x'00ff'", Store.labels),
        ("labels", "answer = 'perhaps', value = NULL", Store.labels),
        ("labels", "seconds = 'long'", Store.labels),
        ("splits", "split = 'foo'", Store.splits),
        ("splits", "image_id = x'00ff'", Store.splits),
        ("rounds", "labels = 'many'", Store.rounds),
        ("rounds", "labels = -3", Store.rounds),
        ("rounds", "seed = 'luck'", Store.rounds),
        ("rounds", "state = 'odd'", Store.rounds_in_short),
        ("picks", "rank = 'first'", lambda store: store.picks(1)),
        ("picks", "image_id = x'00'", lambda store: store.picks(1)),
        ("jobs", "pid = 'mine'", Store.jobs),
        ("jobs", "host = x'00ff'", Store.jobs),
        ("jobs", "state = 'idle'", Store.jobs),
    ],
)
def test_a_value_of_another_kind_is_named_and_never_given_out(tmp_path, table, change, read):
    with meddled(tmp_path / "a.db", f"UPDATE {table} SET {change}") as store:
        column = change.split()[0]
        assert f"the column {column} of the table {table} has 1 values" in " ".join(store.check())
        with pytest.raises(StoreError, match=r"rows as Askance writes them(.|\n)*askance doctor"):
            read(store)


@pytest.mark.parametrize("change", ["answer = 'unreadable'", "opinion = 1, settles = 1"])
def test_a_label_that_says_two_things_is_named_by_its_revision(tmp_path, change):
    with (
        meddled(tmp_path / "a.db", f"UPDATE labels SET {change}") as store,
        pytest.raises(StoreError, match="revision 1 of the labels"),
    ):
        store.revisions()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("UPDATE images SET width = 'wide'", "width of the table images has 2 values"),
        ("UPDATE images SET width = -5", "width of the table images has 2 values"),
        ("UPDATE images SET height = 0", "height of the table images has 2 values"),
        ("UPDATE images SET format = x'ff'", "format of the table images has 2 values"),
        ("UPDATE sightings SET size = 'large'", "size of the table sightings has 2 values"),
        ("UPDATE sightings SET size = -1", "size of the table sightings has 2 values"),
        ("UPDATE sightings SET stamp = x'00ff'", "stamp of the table sightings has 2 values"),
        ("UPDATE sightings SET group_name = x'00ff'", "group_name of the table sightings has 2 values"),
        ("UPDATE sightings SET problem = x'00ff'", "problem of the table sightings has 2 values"),
        ("DELETE FROM images", "sightings, row 1, 2: the table images does not have"),
    ],
)
def test_what_a_scan_can_see_again_is_set_aside_and_mended_by_the_next(tmp_path, change, named):
    with meddled(tmp_path / "a.db", change) as store:
        told = next(one for one in store.check() if named in one)
        assert "askance scan reads those files anew" in told
        spoilt_ = store.sightings().values()
        assert all(one.image is None and one.stamp == "" and "mends" in str(one.problem) for one in spoilt_)
        assert store.images() == {}
        store.record_sightings([sighting(1), sighting(2)])
        assert list(store.sightings().values()) == [sighting(1), sighting(2)]
        assert not [one for one in store.check() if "trigger" not in one]


def test_no_look_hinders_the_next(sqlite_url):
    with spoilt(
        sqlite_url,
        "UPDATE rounds SET config = '{' WHERE number = 1",
        "DROP TRIGGER labels_no_update",
        "DROP TABLE picks",
        "ALTER TABLE jobs DROP COLUMN message",
    ) as store:
        found = store.check()
    for part in ("no JSON in round 1", "trigger labels_no_update", "table picks", "no column message"):
        assert any(part in one for one in found)


def test_one_that_is_held_by_another_program_is_told_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr("askance.store.engine.PATIENCE", 0.05)
    with Store.open(tmp_path / "a.db") as store, sqlite3.connect(tmp_path / "a.db") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program holds the database"):
            store.record_sightings([sighting(1)])
        other.rollback()
        store.record_sightings([sighting(1)])
    other.close()
