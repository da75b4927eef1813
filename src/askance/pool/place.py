"""Somewhere to look for an image."""

from typing import NamedTuple

from askance.vocab.names import printable


class Place(NamedTuple):
    """Somewhere to look.

    Attributes:
        size: bytes.
        stamp: as in `Stat`; None where finding out is a request of its own, left to the scan's threads.
        problem: what is already known to be wrong.
        group: the list's word on it.
    """

    uri: str
    size: int = 0
    stamp: str | None = None
    problem: str | None = None
    group: str | None = None


NOT_TEXT = "its name is not valid UTF-8: rename it"
"""Linux names are bytes; one that is no text cannot be kept in a database or written down."""


def unreadable(path: str, problem: str) -> Place:
    """A place that is set aside before it is looked at, under a name that can be written down."""
    return Place(printable(path), 0, "", problem)
