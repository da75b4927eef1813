"""Every test that asks for `url` or `store` runs twice: on SQLite, and on a real Postgres started here."""

import itertools

import pytest

from askance.store import Store
from tools.attack.postgres import binaries, fresh, server

_schemas = itertools.count()


@pytest.fixture(scope="session")
def postgres():
    """The URL of a server of our own, on a socket in a temporary folder."""
    pytest.importorskip("psycopg", reason="the Postgres driver psycopg is not installed")
    if binaries() is None:
        pytest.skip("no PostgreSQL server binaries: neither in /usr/lib/postgresql nor on PATH")
    with server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres):
    """A fresh, empty schema, which is a database for all that Askance sees and much faster to make."""
    return fresh(postgres, f"askance_{next(_schemas)}")


@pytest.fixture
def sqlite_url(tmp_path):
    """The URL of a file that is not there yet."""
    return f"sqlite:///{tmp_path / 'askance.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request):
    """An empty database of either kind."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def store(url):
    """A store on an empty database of either kind."""
    with Store.open(url) as opened:
        yield opened
