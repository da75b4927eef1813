"""Column types that mean the same in SQLite and Postgres, whatever goes in."""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import BigInteger, DateTime, Dialect, Double, Integer, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

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


class TextIfSo(TypeDecorator[Any]):
    """`AnyText` read by whoever looks himself whether it is text: anything else comes as it is."""

    impl = Text
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """The text, or what stands there."""
        return AnyText().process_result_value(value, dialect) if type(value) is str else value


class Word(TypeDecorator[str]):
    """Plain text: an id, or one of a few words; SQLite, which takes anything, may give something else.

    Args:
        allowed: the words that it may be; none: any text but an empty one.
    """

    impl = Text
    cache_ok = True

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.allowed = allowed

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """As it is; what Askance cannot have written is `Unreadable`."""
        if value is None or (type(value) is str and (value in self.allowed if self.allowed else value)):
            return value
        wanted = f"{', '.join(self.allowed[:-1])} or {self.allowed[-1]}" if self.allowed else "text"
        raise Unreadable(f"{value!r} where {wanted} belongs")


class Whole(TypeDecorator[int]):
    """A whole number.

    Args:
        least: that it may be; None: any.
        big: of 64 bits.
    """

    impl = Integer
    cache_ok = True

    def __init__(self, least: int | None = 0, *, big: bool = False) -> None:
        super().__init__()
        self.least, self.big = least, big

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Of 32 bits or of 64."""
        return dialect.type_descriptor(BigInteger() if self.big else Integer())

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        """As it is; what Askance cannot have written is `Unreadable`."""
        if value is None or (type(value) is int and (self.least is None or value >= self.least)):
            return value
        raise Unreadable(f"{value!r} where a whole number{self.least_in_words} belongs")

    @property
    def least_in_words(self) -> str:
        """The least, behind a noun."""
        return "" if self.least is None else f" of {self.least} or more"


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

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """What reads a value; one that was not written so is `Unreadable`."""
        return _guarded(super().result_processor(dialect, coltype))

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """As it is."""
        return value

    def process_result_value(self, value: float | None, dialect: Dialect) -> float | None:
        """As it is."""
        return None if value is None else float(value)
