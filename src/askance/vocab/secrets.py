"""Passwords in URLs, left out of whatever is shown or kept."""

import re
from urllib.parse import unquote

HIDDEN = "***"

_URL = re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]*://)(\S*)")
_USER = re.compile(r"([^/?#:@]*):(.*)@", re.DOTALL)
_NAMED = re.compile(
    r"(?i)(?<![^?&;\s])([\w.-]*(?:pass|pwd|secret|token|key|sig|signature|credential|auth)[\w.-]*)=([^&;#\s]+)"
)
_WORDS = re.compile(r"(?i)\b(\w*pass(?:word|wd)?|pwd)(\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&;#]+)")
"""A password in `host=db password=...`, as other programs of Postgres take it."""
_PLAIN = frozenset(
    {"host", "port", "user", "dbname", "database", "sslmode", "mode", "uri", "timeout", "options", "service"}
    | {"connect_timeout", "application_name", "target_session_attrs", "sslrootcert", "sslcert"}
)
"""What the query of a database's URL may say openly."""


def masked(text: str) -> str:
    """A text with the passwords of its URLs left out.

    >>> masked("postgresql://me:s3cret@db/cats: no such host")
    'postgresql://me:***@db/cats: no such host'
    >>> masked("s3://bucket/a.jpg?x-token=abc&size=3")
    's3://bucket/a.jpg?x-token=***&size=3'
    """
    if "://" not in text:
        return text
    return _URL.sub(lambda found: found[1] + _NAMED.sub(rf"\1={HIDDEN}", _without_password(found[2])), text)


def masked_url(url: str) -> str:
    """The URL of a database without its password, and without what its query says beyond the place.

    It need not be a URL: whatever stands between the first colon after `//` and the last `@` is left out.

    >>> masked_url("postgresql://me:p@ss word@db/cats?sslmode=require&password=x")
    'postgresql://me:***@db/cats?sslmode=require&password=***'
    >>> masked_url("host=db password='s3 cret' user=me")
    'host=db password=*** user=me'
    """
    if "//" not in url:
        url = _WORDS.sub(rf"\1\2{HIDDEN}", url)
    start, slashes, rest = url.partition("//")
    if not slashes:
        start, rest = "", url
    place, mark, query = _without_password(rest).partition("?")
    said = [one.partition("=") for one in query.split("&")]
    shown = "&".join(key if not equals else f"{key}={_open(key, value)}" for key, equals, value in said)
    return f"{start}{slashes}{place}{mark}{shown}"


def secrets_of(url: str) -> frozenset[str]:
    """What `masked_url` leaves out of a URL, as it stands there and as it is meant.

    >>> sorted(secrets_of("postgresql://me:a%20b@db/cats"))
    ['a b', 'a%20b']
    """
    _, _, rest = url.partition("//")
    user = _USER.match(rest)
    found = [user[2]] if user else []
    for one in rest.partition("?")[2].split("&"):
        key, equals, value = one.partition("=")
        if equals and _open(key, value) != value:
            found.append(value)
    return frozenset(word for one in found for word in (one, unquote(one)) if word)


def _open(key: str, value: str) -> str:
    return value if key.lower() in _PLAIN or not value else HIDDEN


def _without_password(rest: str) -> str:
    return _USER.sub(rf"\1:{HIDDEN}@", rest, count=1) if _USER.match(rest) else rest
