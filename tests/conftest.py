"""What every test gets: one thread, no screen, no network, the same examples each time."""

import os
import sys
import tempfile

# Before any import of torch or numpy: their thread pools are made as they are imported.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="askance-tests-")  # nobody's own settings are touched

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED_DATA = ROOT.parent / "shared" / "data"

hypothesis.settings.register_profile("askance", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("askance")

_OFFLINE = pytest.MonkeyPatch()


class NetworkUsed(RuntimeError):
    """A test tried to leave the machine. Not an OSError, so that no retry swallows it."""


def _allow(host: object) -> None:
    """Let only this machine through; `host` as `connect` and `getaddrinfo` take it."""
    name = host.decode() if isinstance(host, bytes) else host
    if name in {None, "", "localhost", socket.gethostname()}:
        return
    try:
        local = ipaddress.ip_address(str(name).partition("%")[0]).is_loopback
    except ValueError:
        local = False
    if not local:
        raise NetworkUsed(f"tests reach no further than loopback, this one asked for {name!r}; serve it locally")


def pytest_configure(config: pytest.Config) -> None:
    """Close the network for the whole run, doctests of `src` included."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded(real: Callable[..., object]) -> Callable[..., object]:
        def call(self: socket.socket, address: object) -> object:
            if self.family in {socket.AF_INET, socket.AF_INET6}:
                _allow(address[0])
            return real(self, address)

        return call

    def resolve(host: object, *args: object, **options: object) -> object:
        _allow(host)
        return getaddrinfo(host, *args, **options)

    _OFFLINE.setattr(socket.socket, "connect", guarded(connect))
    _OFFLINE.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    _OFFLINE.setattr(socket, "getaddrinfo", resolve)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Open it again."""
    _OFFLINE.undo()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever asks for the real images, so that `-m 'not shared_data'` leaves it out."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker("shared_data")


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """One thread, whatever the test before did; torch is not imported for it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip("needs the real images, which lie in ../shared/data beside the checkout")
    return SHARED_DATA


@pytest.fixture
def as_users_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the runtime shape checks that tests switch on: what users meet is our own door."""
    monkeypatch.setattr("jaxtyping.config.jaxtyping_disable", True)


@pytest.fixture
def world():
    """Small separable images, and tasks over them."""
    from tests.world import World  # here: it imports torch

    return World()
