"""The whole program as an object: what each command does, for Python too."""

from askance.session.session import Session

__all__ = ["Session"]
