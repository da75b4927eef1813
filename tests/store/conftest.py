"""Every test that asks for `url` or `store` runs twice: on SQLite, and on a real Postgres started here."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from askance.store import Store

_schemas = itertools.count()


@pytest.fixture(scope="session")
def postgres():
    """The URL of a server of our own, on a socket in a temporary folder."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    binaries = found[-1].parent if found else Path(shutil.which("initdb") or "/nowhere/initdb").parent
    if not (binaries / "initdb").exists():
        pytest.skip("no PostgreSQL server binaries: neither in /usr/lib/postgresql nor on PATH")
    pytest.importorskip("psycopg", reason="the Postgres driver psycopg is not installed")
    user = "postgres" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name  # the server refuses to be root
    folder = Path(tempfile.mkdtemp(prefix="askance-pg-", dir="/tmp"))  # a socket's path must be short
    if os.getuid() == 0:
        shutil.chown(folder, user)
    as_user = {"user": user, "cwd": folder} if os.getuid() == 0 else {"cwd": folder}

    def run(program, *arguments):
        subprocess.run([binaries / program, *arguments], check=True, stdout=subprocess.DEVNULL, **as_user)

    data, log = folder / "data", folder / "log"
    settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c max_connections=50"
    run("initdb", "-D", data, "-U", user, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    run("pg_ctl", "-D", data, "-l", log, "-o", settings, "-w", "start")
    yield f"postgresql://{user}@/postgres?host={folder}"
    run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres):
    """A fresh, empty schema, which is a database for all that Askance sees and much faster to make."""
    import psycopg

    name = f"askance_{next(_schemas)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{postgres}&options=-csearch_path%3D{name}"


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
