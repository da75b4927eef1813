"""Fixtures of the pool."""

import pytest

from askance.pool.storage import Storage


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """The uris whose bytes were read."""
    found: list[str] = []
    real = Storage.read

    def read(self, uri):
        found.append(uri)
        return real(self, uri)

    monkeypatch.setattr(Storage, "read", read)
    return found
