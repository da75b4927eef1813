"""What tests of the maths share."""

import jaxtyping
import pytest


@pytest.fixture
def as_users_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the runtime shape checks that tests switch on: what users meet is our own door."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
