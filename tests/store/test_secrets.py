"""Passwords of databases: in no message, no row, no file of a round."""

import json

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from askance.store import Store, migrate
from askance.store.engine import connect, parse, shown, writer
from askance.store.errors import explained
from askance.vocab import AskanceError, StoreError
from askance.vocab.secrets import masked, masked_url, secrets_of

URLS = [
    "postgresql://bob:hunter22@127.0.0.1:1/cats",
    "postgresql://127.0.0.1:1/cats?user=bob&password=hunter22",
    "postgresql://bob:hunter22@127.0.0.1:1/cats?sslpassword=hunter22",
    "postgresql://bob:hunter22@127.0.0.1:notaport/cats",
    "mysql://bob:hunter22@db/cats",
    "sqlite:////no/such/folder/a.db?key=hunter22",
    "nonsense bob:hunter22@db",
    "postgres//bob:hunter22@db/cats",
    "postgresql://bob:pass@hunter22@127.0.0.1:1/cats",
    "host=db user=bob password=hunter22",
    "host=db password = 'it is hunter22' user=bob",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.filterwarnings("ignore:Query string argument")
def test_no_message_of_a_database_that_cannot_be_opened_has_its_password(url):
    with pytest.raises(StoreError) as error:
        Store.open(url)
    assert "hunter22" not in str(error.value)


def test_what_a_driver_says_is_cleaned_of_the_password_too():
    url = parse("postgresql://bob:hunter%2022@db/cats")
    error = DBAPIError("connect", {}, Exception('invalid dsn "host=db password=hunter 22"'))
    told = str(explained(error, url))
    assert "hunter" not in told
    assert "db/cats" in told


@pytest.mark.parametrize(
    ("url", "open_"),
    [
        ("postgresql://me:p@ss:w/rd@db:5432/cats", "postgresql://me:***@db:5432/cats"),
        ("postgresql://me@db/cats?host=/run/pg&passfile=x", "postgresql://me@db/cats?host=/run/pg&passfile=***"),
        ("sqlite:////data/my labels.db", "sqlite:////data/my labels.db"),
    ],
)
def test_a_url_shows_its_place_and_no_secret(url, open_):
    assert masked_url(url) == open_


def test_text_around_urls_stays():
    said = "a 12:30 note (s3://key:hunter22@bucket/a.png?sig=abc&size=3), mail me@home"
    assert masked(said) == "a 12:30 note (s3://key:***@bucket/a.png?sig=***&size=3), mail me@home"
    assert masked("s3://bucket/a@2x.png") == "s3://bucket/a@2x.png"
    assert secrets_of("sqlite:////a.db") == frozenset()


def test_no_error_has_the_password_of_a_url_in_any_of_its_lines():
    url = "https://me:hunter22@host/list.csv?token=hunter22"
    error = AskanceError(f"a list at {url}", f"gone: {url}", f"askance init {url}")
    assert "hunter22" not in f"{error} {error.wanted} {error.got} {error.fix} {error.args}"
    assert error.got == "gone: https://me:***@host/list.csv?token=***"


def test_shown_says_which_database():
    assert shown(parse("postgres://me:pw%40@db/cats")) == "postgresql+psycopg://me:***@db/cats"


def test_old_rounds_lose_the_password_that_they_kept(url):
    engine = writer(connect(parse(url)))
    kept = {
        "inputs": "0a", "training": {"loss": float("nan")},
        "settings": {
            "store": "postgresql://me:hunter22@db/cats?password=hunter22",
            "pool": {"source": "https://me:hunter22@host/list.csv?token=hunter22", "max_pixels": 5},
        },
    }  # fmt: skip
    others = ["{", "[]", '{"settings": null}', '{"settings": {"store": null, "pool": {"source": "/p"}}}']
    insert = text("INSERT INTO rounds VALUES (:n, 'trained', 3, 1, :config, '2025-06-01 12:00:00.000000')")
    with engine.begin() as connection:
        migrate.upgrade(connection, "0003")
        rows = [json.dumps(kept), *others]
        connection.execute(insert, [{"n": n, "config": config} for n, config in enumerate(rows)])
    with engine.begin() as connection:
        migrate.upgrade(connection)
        found = connection.execute(text("SELECT config FROM rounds ORDER BY number")).scalars().all()
    engine.dispose()
    assert "hunter22" not in found[0]
    clean = json.loads(found[0])
    assert clean["settings"] == {
        "store": "postgresql://me:***@db/cats?password=***",
        "pool": {"source": "https://me:***@host/list.csv?token=***", "max_pixels": 5},
    }
    assert clean["inputs"] == "0a"
    assert list(clean) == list(kept)
    assert found[1:] == others


@pytest.mark.postgres
def test_a_wrong_password_a_host_and_a_database_that_are_not_there_are_told_apart(postgres):
    base = parse(postgres)
    cases = {
        base.set(database="nowhere"): "createdb NAME",
        base.set(username="nobody"): "createuser NAME",
        parse("postgresql://me:hunter22@127.0.0.1:1/cats"): "start the server",
        parse(f"{postgres}&nonsense=hunter22"): "correct what stands behind",
    }
    for url, fix in cases.items():
        with pytest.raises(StoreError) as error:
            Store.open(url)
        assert fix in error.value.fix
        assert "hunter22" not in str(error.value)


@pytest.mark.postgres
def test_a_connection_that_is_cut_in_the_middle_is_told_and_the_next_works(postgres, postgres_url):
    with Store.open(postgres_url) as store:
        admin = create_engine(parse(postgres), isolation_level="AUTOCOMMIT")

        def cut(connection):
            mine = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            with admin.connect() as other:
                other.exec_driver_sql(f"SELECT pg_terminate_backend({mine})")
            return connection.exec_driver_sql("SELECT 1").scalar()

        with pytest.raises(StoreError, match=r"a server that stays(.|\n)*nothing was half written"):
            store._read(cut)
        admin.dispose()
        assert store.rounds() == []
