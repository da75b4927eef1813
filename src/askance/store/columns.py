"""Column types that mean the same in SQLite and Postgres, whatever goes in."""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import DateTime, Dialect, Double, Text, TypeDecorator

from askance.vocab import Annotation, Json
from askance.vocab.annotations import canonical, from_json

T = TypeVar("T")

_ESC = "\x1b"
_FOREIGN = re.compile("[\x00\x1b\ud800-\udfff]")
_ESCAPED = re.compile("\x1b([0-9a-f]{4})")


class Unreadable(Exception):
    """A value in the database that Askance cannot have written there."""


def _guarded(process: Callable[[Any], T | None] | None) -> Callable[[Any], T | None] | None:
    """The same, whatever it raises told as `Unreadable`."""
    if process is None:
        return None

    def told(value: Any) -> T | None:
        try:
            return process(value)
        except (LookupError, ValueError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            kept = repr(value)
            raise Unreadable(f"{kept[:60]}{'...' if len(kept) > 60 else ''} ({error})") from error

    return told


class AnyText(TypeDecorator[str]):
    """Any Python text, file names that are not UTF-8 included.

    Postgres refuses NUL and both databases refuse lone surrogates (how Python spells undecodable bytes of a file
    name). These, and the escape character itself, are kept as ESC and four hex digits; all other text as it is.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape what a database cannot hold."""
        if value is None or not _FOREIGN.search(value):
            return value
        return _FOREIGN.sub(lambda found: f"{_ESC}{ord(found[0]):04x}", value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Undo it."""
        try:
            if value is None or _ESC not in value:
                return value
        except TypeError as error:  # bytes, or a number
            raise Unreadable(f"{value!r} where text belongs") from error
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)


class Utc(TypeDecorator[datetime]):
    """A moment: any time zone goes in, UTC is stored (to the microsecond) and comes out."""

    impl = DateTime
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """What reads a value; one that was not written so is `Unreadable`."""
        return _guarded(super().result_processor(dialect, coltype))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn to UTC; a time without a zone says no moment and is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say that it is UTC."""
        if value is None or value.tzinfo is not None:
            return value and value.astimezone(UTC)
        return value.replace(tzinfo=UTC)


class Real(TypeDecorator[float]):
    """A float64. NaN is stored as NULL, as SQLite does anyway, and comes back as NaN."""

    impl = Double
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """What reads a value; one that was not written so is `Unreadable`."""
        return _guarded(super().result_processor(dialect, coltype))

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """NaN to NULL."""
        return None if value is None or math.isnan(value) else float(value)

    def process_result_value(self, value: float | None, dialect: Dialect) -> float:
        """NULL to NaN."""
        return math.nan if value is None else float(value)


class JsonText(TypeDecorator[Mapping[str, Json]]):
    """A JSON object as text: keeps key order, NaN, infinities and every character, unlike Postgres' own types."""

    impl = Text
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """What reads a value; one that was not written so is `Unreadable`."""
        return _guarded(super().result_processor(dialect, coltype))

    def process_bind_param(self, value: Mapping[str, Json] | None, dialect: Dialect) -> str | None:
        """To ASCII JSON."""
        return None if value is None else json.dumps(dict(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, Json] | None:
        """From JSON."""
        if value is None:
            return None
        found = json.loads(value)
        if not isinstance(found, dict):
            raise ValueError("no JSON object")
        return found


class AnnotationText(TypeDecorator[Annotation]):
    """An annotation as JSON, the same text for the same thing said."""

    impl = Text
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """What reads a value; one that was not written so is `Unreadable`."""
        return _guarded(super().result_processor(dialect, coltype))

    def process_bind_param(self, value: Annotation | None, dialect: Dialect) -> str | None:
        """To ASCII JSON, the objects in an order of their own."""
        return None if value is None else canonical(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Annotation | None:
        """From JSON."""
        return None if value is None else from_json(json.loads(value))


class Seconds(TypeDecorator[float]):
    """A duration, or None where nobody measured."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """As it is."""
        return value
