"""One rule of names: which are the same, what a class may be called, how a name is shown to a person."""

import os
from unicodedata import category, normalize

LONGEST_CLASS = 200
"""Letters of a class's name."""

SHOWN = 120
"""Letters of a name that a message shows."""

_MARKS = frozenset("\ufeff\u200b\u200e\u200f\u2060")
"""Marks that nobody sees, and that are no part of a name where they stand around it."""

_NO_LETTERS = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of characters, breaks of lines and paragraphs."""


def tidy(name: str) -> str:
    r"""A name as it is compared and kept: accents composed, no spaces or invisible marks around it.

    >>> tidy(" cat ") == tidy("cat"), tidy("Mu\u0308ll") == tidy("M\u00fcll"), tidy("Cat") == tidy("cat")
    (True, True, False)
    """
    if name.isascii() and name.isprintable():
        return name.strip()
    plain = normalize("NFC", name)
    first, end = 0, len(plain)
    while first < end and _is_around(plain[first]):
        first += 1
    while end > first and _is_around(plain[end - 1]):
        end -= 1
    return plain[first:end]


def _is_around(letter: str) -> bool:
    return letter.isspace() or letter in _MARKS


def tidy_place(place: str) -> str:
    r"""A path as it is compared: each part tidy, one kind of separator.

    >>> tidy_place("belt\\ a.png")
    'belt/a.png'
    """
    if place.isascii() and place.isprintable() and " " not in place:
        return place.replace("\\", "/")
    return "/".join(map(tidy, place.replace("\\", "/").split("/")))


def class_fault(name: str) -> str | None:
    r"""Why a text cannot be the name of a class; None where it can.

    >>> class_fault("cat"), class_fault("ca\rt")
    (None, "its class has a line break or a control character in it: 'ca\\rt'")
    """
    if any(category(letter) in _NO_LETTERS for letter in name):
        return f"its class has a line break or a control character in it: {shortened(repr(name))}"
    if len(name) > LONGEST_CLASS:
        return f"its class has {len(name):,} letters, at most {LONGEST_CLASS} are read: {shortened(name)}"
    return None


def is_text(name: str) -> bool:
    """Whether a name can be written down; names on a disk are bytes, and some are not UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(name: str) -> str:
    r"""A name of a disk that can be written and shown anywhere: bytes that are no UTF-8 as `\xff`, zeros too.

    >>> printable("caf\udce9.jpg")
    'caf\\xe9.jpg'
    """
    plain = name.replace("\0", r"\x00")
    if is_text(plain):
        return plain
    try:
        return os.fsencode(plain).decode(errors="backslashreplace")
    except UnicodeEncodeError:
        return plain.encode(errors="backslashreplace").decode()


def shortened(name: str, most: int = SHOWN) -> str:
    """A name that fits into a message; of a long one the beginning, and how long it is.

    >>> shortened("abcdefgh", 5)
    'abcde... (8 letters)'
    """
    return name if len(name) <= most else f"{name[:most]}... ({len(name):,} letters)"
