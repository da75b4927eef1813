"""Files in a pool's folder that are taken for no images: counted by their ending, and said."""

from collections import Counter
from collections.abc import Mapping

READ = "JPEG, PNG, WebP, TIFF, BMP and GIF"
"""The formats that are read, in words."""

_NOTHING = frozenset({"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "__macosx"})
"""What systems leave in folders, beside names that begin with a dot."""

_BESIDE = frozenset(
    [
        *("csv", "tsv", "txt", "json", "jsonl", "xml", "yaml", "yml", "toml", "ini", "md", "html", "htm", "log"),
        *("py", "ipynb", "parquet", "npy", "npz", "doc", "docx", "xls", "xlsx", "pdf"),
    ]
)
"""Endings of what lies beside images and is none: nothing is said of these."""


_PACKED = frozenset({"zip", "tar", "tgz", "gz", "bz2", "xz", "zst", "rar", "7z"})
"""Endings of what may have images in it."""


def is_nothing(name: str) -> bool:
    """Whether a file or folder of this name is no part of anybody's pool.

    >>> [is_nothing(name) for name in ("Thumbs.db", ".DS_Store", "__MACOSX", "1.heic")]
    [True, True, True, False]
    """
    return name.startswith(".") or name.lower() in _NOTHING


def is_beside(end: str) -> bool:
    """Whether files of this ending lie beside images and are none.

    >>> is_beside("csv"), is_beside("heic")
    (True, False)
    """
    return end in _BESIDE


def by_ending(counts: Mapping[str, int]) -> str:
    """How many files of each ending, the most frequent first.

    >>> by_ending({"mov": 2, "heic": 12, "": 1})
    '12 .heic files, 2 .mov files, 1 file without an ending'
    """
    words = []
    for ending, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        files = "file" if n == 1 else "files"
        words.append(f"{n:,} .{ending} {files}" if ending else f"{n:,} {files} without an ending")
    return ", ".join(words)


def passed_over(counts: Mapping[str, int]) -> str | None:
    """What to tell a person of the files that were passed over; None where there is nothing to tell.

    >>> passed_over({"heic": 12, "txt": 1})
    '12 .heic files were passed over: convert them to JPEG, as Askance reads JPEG, PNG, WebP, TIFF, BMP and GIF'
    >>> passed_over({"zip": 2})
    '2 .zip files were passed over: unpack them, or make a project of each: zip://::photos.zip'
    >>> passed_over({"csv": 1})
    """
    told = {ending: n for ending, n in counts.items() if ending not in _BESIDE}
    packed = Counter({ending: n for ending, n in told.items() if ending in _PACKED})
    parts = [_told(Counter(told) - packed), _told(packed)]
    return "; ".join(part for part in parts if part) or None


def _told(said: Counter[str]) -> str:
    """Of files that ask for the same: what to do with them."""
    if not said:
        return ""
    one = said.total() == 1
    if set(said) == {""}:
        fix = f"list {'it' if one else 'them'} in a .txt file, one a line, and make that the pool's source"
    elif said.keys() <= _PACKED:
        fix = (
            f"unpack {'it' if one else 'them'}, or make a project of {'it' if one else 'each'}: zip://::photos.zip"
        )
    else:
        fix = f"convert {'it' if one else 'them'} to JPEG, as Askance reads {READ}"
    return f"{by_ending(said)} {'was' if one else 'were'} passed over: {fix}"
