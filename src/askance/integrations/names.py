"""Names of files and folders that any file system takes: of Windows too, and in an archive."""

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from askance.pool.sources import SUFFIXES
from askance.pool.storage import is_url
from askance.vocab import ImageRecord

LONGEST = 150
"""Bytes of a name; Linux takes 255, Windows 260 letters of a whole path."""

_ENDINGS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif", "BMP": "bmp", "GIF": "gif"}
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{i}" for port in ("com", "lpt") for i in range(1, 10))]
)


def safe_name(text: str) -> str:
    """A name as near to the text as every file system takes it; never empty, hidden, or a way out of its folder.

    >>> safe_name("a/b: c?"), safe_name("CON"), safe_name("..."), safe_name("none of these"), safe_name(".x ")
    ('a_b_ c_', 'CON_', '_', 'none of these', '_x')
    """
    name = re.sub(r'[<>:"/|?*\\\x00-\x1f\x7f]', "_", unicodedata.normalize("NFC", text)).strip(" ")
    name = name.rstrip(". ")
    if name.startswith("."):
        name = "_" + name[1:]
    first, dot, rest = name.partition(".")
    if not first or first.lower() in _DEVICES:
        name = f"{first}_{dot}{rest}"
    return _cut(name)


def base_name(uri: str) -> str:
    """The last part of a path or URL, or of a path in an archive, as a name any file system takes.

    >>> base_name("s3://bucket/line 3/0007.jpg"), base_name("https://host/a.png?size=1")
    ('0007.jpg', 'a.png')
    >>> base_name("zip://site/a/1.png::/data/photos.zip")
    '1.png'
    """
    path = urlsplit(uri.partition("::")[0]) if is_url(uri) else None
    inside = uri if path is None else (path.path.strip("/") and path.path) or path.netloc
    return safe_name(PurePosixPath(inside).name or "image")


def image_name(image: ImageRecord) -> str:
    """The base name of an image; one that does not end as images do gets the ending of its format.

    >>> image_name(ImageRecord("0" * 32, "/cache/0a1b", 4, 4, "PNG"))
    '0a1b.png'
    """
    name, ending = base_name(image.uri), _ENDINGS.get(image.format, "")
    return name if name.rpartition(".")[2].lower() in SUFFIXES or not ending else _cut(f"{name}.{ending}")


def folders_for(classes: Iterable[str]) -> dict[str, str]:
    """A folder's name for each class: name -> class. Names differ in more than case.

    >>> folders_for(["cat", "Cat", "a/b"])
    {'cat': 'cat', 'Cat 2': 'Cat', 'a_b': 'a/b'}
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in classes:
        safe, number = safe_name(name), 2
        while same_name(safe) in taken:
            safe, number = f"{safe_name(name)} {number}", number + 1
        taken.add(same_name(safe))
        found[safe] = name
    return found


def same_name(name: str) -> str:
    """What two names have in common that some file system takes for one: accents composed or not, and case."""
    return unicodedata.normalize("NFC", name).casefold()


def _cut(name: str) -> str:
    """At most so many bytes, its ending kept."""
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 5:
        stem, end = name, ""
    else:
        end = dot + ending
    while len((stem + end).encode()) > LONGEST:
        stem = stem[:-1]
    return stem + end
