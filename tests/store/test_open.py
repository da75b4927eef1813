import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import DBAPIError

from askance.store import Store, migrate
from askance.store.engine import connect, parse, writer
from askance.store.schema import metadata
from askance.vocab import Label, MissingExtra, StoreError

from .made import NOON, image_id, label, sighting


@pytest.fixture
def raw(url):
    """The database without a store."""
    engine = connect(parse(url))
    yield writer(engine)
    engine.dispose()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "askance.db"


def test_an_empty_database_gets_the_newest_schema(url):
    with Store.open(url) as store:
        assert store.check() == []
        assert store._read(migrate.revision) == migrate.newest()
        assert store.images() == store.labels() == store.splits() == {}
        assert store.rounds() == store.jobs() == []


def test_the_steps_are_alembics(url):
    """They are read from the files, without it."""
    found = ScriptDirectory.from_config(migrate.scripts())
    assert migrate.newest() == found.get_current_head()
    assert migrate.steps() == {step.revision for step in found.walk_revisions()}
    with Store.open(url) as store, store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrate.VERSION_TABLE})
        assert migrate.revision(connection) == context.get_current_revision()


def test_the_migrations_make_exactly_the_schema_of_the_code(url):
    with Store.open(url) as store, store._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": migrate.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_the_first_schema_is_brought_up_with_all_it_holds(url, raw):
    with raw.begin() as connection:
        migrate.upgrade(connection, "0001")
        connection.execute(text("INSERT INTO images VALUES ('0a', 4, 3, 'PNG')"))
        insert = "INSERT INTO labels VALUES (:n, '0a', :value, 'ann', '2025-06-01 12:00:00.250001', 'a.csv')"
        connection.execute(text(insert), [{"n": 1, "value": "cat"}, {"n": 2, "value": "dog"}])
    with raw.begin() as connection:
        connection.execute(text("UPDATE labels SET who = 'bob'"))  # the first schema did not mind
    with Store.open(url) as store:
        assert store._read(migrate.revision) == migrate.newest() != "0001"
        assert [(one.value, one.who) for one in store.history("0a")] == [("cat", "bob"), ("dog", "bob")]
        assert store.check() == []


def test_labels_of_before_there_were_answers_and_opinions_say_what_they_said(url, raw):
    with raw.begin() as connection:
        migrate.upgrade(connection, "0002")
        connection.execute(text("INSERT INTO images VALUES ('0a', 4, 3, 'PNG'), ('0b', 4, 3, 'PNG')"))
        columns = "image_id, value, who, at, source"
        insert = f"INSERT INTO labels ({columns}) VALUES (:i, :value, :who, '2025-06-01 12:00:00.250001', 'a.csv')"
        rows = [("0a", "cat", "ann"), ("0a", "dog", "bob"), ("0b", "cat", "ann"), ("0b", None, "bob")]
        given = [{"i": image, "value": value, "who": who} for image, value, who in rows]
        connection.execute(text(insert), given)
    with Store.open(url) as store:
        assert store.labels() == {"0a": Label("0a", "dog", "bob", NOON, "a.csv")}
        assert [one.answer or one.opinion or one.settles for one in store.revisions()] == [False] * 4
        words = {
            image: {who: (w.value, w.opinion) for who, w in o.items()} for image, o in store.opinions().items()
        }
        assert words == {"0a": {"ann": ("cat", True), "bob": ("dog", False)}, "0b": {"ann": ("cat", True)}}
        assert store.add_labels([Label("0b", "cat", "ann", NOON, "b.csv")]).new == 1
        assert store.check() == []
    with raw.begin() as connection, pytest.raises(DBAPIError, match="is append-only"):
        connection.execute(text("UPDATE labels SET opinion = (1 = 1)"))


def cut_short(connection):
    migrate.upgrade(connection)
    raise KeyboardInterrupt


def test_a_migration_that_is_cut_short_leaves_the_old_schema(raw):
    with pytest.raises(KeyboardInterrupt), raw.begin() as connection:
        cut_short(connection)
    with raw.begin() as connection:
        assert inspect(connection).get_table_names() == []


def test_opening_again_changes_nothing(url):
    with Store.open(url) as store:
        store.record_sightings([sighting(1)])
        store.add_labels([label(1)])
    with Store.open(url) as store:
        assert store.labels() == {image_id(1): label(1)}


def test_many_may_open_a_new_database_at_once(url):
    def visit(n):
        with Store.open(url) as store:
            store.record_sightings([sighting(n)])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(visit, range(6)))
    with Store.open(url) as store:
        assert len(store.images()) == 6
        assert store.check() == []


def test_many_may_bring_an_old_database_up_at_once(url, raw):
    with raw.begin() as connection:
        migrate.upgrade(connection, "0001")
        connection.execute(text("INSERT INTO images VALUES ('0a', 4, 3, 'PNG')"))

    def visit(n):
        with Store.open(url, make=False) as store:
            return store.add_labels([Label("0a", "cat", f"person {n}", NOON, "a.csv")])

    with ThreadPoolExecutor(6) as pool:
        added = list(pool.map(visit, range(6)))
    assert (sum(one.new for one in added), sum(one.agreed for one in added)) == (1, 5)
    with Store.open(url) as store:
        assert store.check() == []


def test_a_database_of_a_newer_askance_is_left_alone(url, raw):
    Store.open(url).close()
    with raw.begin() as connection:
        connection.execute(text(f"UPDATE {migrate.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"schema 9999.*\n.*pip install --upgrade askance"):
        Store.open(url)


def test_a_database_of_another_program_is_left_alone(url, raw):
    with raw.begin() as connection:
        connection.execute(text("CREATE TABLE customers (name TEXT)"))
    with pytest.raises(StoreError, match="customers"):
        Store.open(url)
    with raw.begin() as connection:
        assert inspect(connection).get_table_names() == ["customers"]


def test_check_tells_what_is_missing(url, raw):
    with Store.open(url) as store:
        with raw.begin() as connection:
            name = "labels_no_update" if url.startswith("sqlite") else "labels_no_change"
            table = "" if url.startswith("sqlite") else " ON labels"
            connection.execute(text(f"DROP TRIGGER {name}{table}"))
            connection.execute(text("DROP TABLE metrics"))
        assert store.check() == [
            "the table metrics is missing",
            f"the trigger {name} that keeps the table append-only is missing",
        ]


def test_a_path_is_a_sqlite_file_whatever_is_in_its_name(tmp_path):
    path = tmp_path / "a b?c%20d#é.db"
    with Store.open(path) as store:
        store.record_sightings([sighting(1)])
    assert path.stat().st_size > 0


def test_sqlite_keeps_every_commit(path):
    with Store.open(path) as store, store._engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


@pytest.mark.parametrize(
    "junk", [b"image,label\n" * 100, b"SQLite format 3\x00" + b"\xff" * 5000], ids=["csv", "head"]
)
def test_a_file_that_is_no_database(path, junk):
    path.write_bytes(junk)
    with pytest.raises(StoreError, match=r"askance\.db"):
        Store.open(path)
    assert path.read_bytes() == junk


def test_a_damaged_file_is_told_by_check(path):
    with Store.open(path) as store:
        store.record_sightings(sighting(n) for n in range(2000))
    whole = bytearray(path.read_bytes())
    whole[30 * 4096 :] = b"\x7f" * len(whole[30 * 4096 :])
    path.write_bytes(whole)
    with Store.open(path) as store:
        assert store.check()
        with pytest.raises(StoreError, match="restore a copy"):
            store.sightings()


def test_check_sees_a_label_whose_image_is_gone(path):
    with Store.open(path) as store:
        store.record_sightings([sighting(1)])
        store.add_labels([label(1)])
        with sqlite3.connect(path) as loose:
            loose.execute("DELETE FROM sightings")
            loose.execute("DELETE FROM images")
        loose.close()
        assert store.check() == [
            "labels, row 1: the table images does not have what this speaks of: "
            "askance scan reads those files anew, "
            "and mends it where they are still in the pool; else restore a copy of the database"
        ]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("my project", "write the database as such a URL"),
        ("sqlite://", "use SQLite in a file"),
        ("sqlite:///:memory:", "use SQLite in a file"),
        ("sqlite:///file:cats?mode=memory&cache=shared&uri=true", "use SQLite in a file"),
        ("mysql://bob:secret@db/cats", "use SQLite in a file, or Postgres"),
        ("postgresql://bob:secret@127.0.0.1:1/cats", "start the server"),
        (f"sqlite:///{Path(__file__)}.db?timeout=soon", "correct what stands behind"),
        ("sqlite:////no/such/folder/askance.db", "mkdir -p /no/such/folder"),
        (f"sqlite:///{Path(__file__).parent}", "give .*askance.db"),
    ],
)
def test_urls_that_lead_nowhere_teach(wrong, told):
    with pytest.raises(StoreError, match=told) as error:
        Store.open(wrong)
    assert "secret" not in str(error.value)


def test_postgres_without_its_driver_names_the_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtra, match=r"pip install askance\[postgres\]"):
        Store.open("postgresql://localhost/cats")


@pytest.mark.parametrize("url", ["postgres", "postgresql", "postgresql+psycopg"])
def test_all_spellings_of_postgres_mean_the_driver_we_ship(url):
    assert parse(f"{url}://me@db/cats").drivername == "postgresql+psycopg"


def limited(store, pragma):
    """Every connection of the store from now on gets the pragma first."""

    def set_it(connection, record):
        connection.execute(f"PRAGMA {pragma}")

    event.listen(store._engine, "connect", set_it)
    store._engine.dispose()


def test_a_full_disk_is_told_and_nothing_is_half_written(path):
    with Store.open(path) as store:
        store.record_sightings(sighting(n) for n in range(3000))
    with Store.open(path) as store:
        pages = path.stat().st_size // 4096
        limited(store, f"max_page_count = {pages + 4}")
        store.add_labels([label(0)])
        with pytest.raises(StoreError, match=r"room on the disk(.|\n)*free some space"):
            store.add_labels(label(n) for n in range(3000))
        assert list(store.labels()) == [image_id(0)]
    with Store.open(path) as store:
        assert store.add_labels(label(n) for n in range(3000)).new == 2999


def test_a_database_that_turned_read_only_is_told(path):
    with Store.open(path) as store:
        store.record_sightings([sighting(1)])
        limited(store, "query_only = ON")
        with pytest.raises(StoreError, match="chmod u\\+w"):
            store.add_labels([label(1)])
        assert list(store.images()) == [image_id(1)]
