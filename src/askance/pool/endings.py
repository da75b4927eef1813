"""How the names of images and of lists end."""

SUFFIXES = frozenset(
    [
        *("jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjp", "mpo", "png", "apng", "webp"),
        *("tif", "tiff", "btf", "bmp", "dib", "gif"),
    ]
)
"""What counts as an image in a folder, by the end of its name, in any case. In a list, every entry counts."""

LISTS = frozenset({"csv", "tsv", "txt"})
"""Ends of names of files that list images."""


def ending(name: str) -> str:
    """What stands behind the last dot, small; empty where there is none.

    >>> ending("a.b.JPG"), ending("no suffix")
    ('jpg', '')
    """
    _, dot, end = name.rpartition(".")
    return end.lower() if dot else ""


def is_image_name(name: str) -> bool:
    """Whether a name ends as images do.

    >>> is_image_name("1.JPG "), is_image_name("notes.txt")
    (True, False)
    """
    return ending(name.rstrip()) in SUFFIXES


_ARCHIVES = {"zip": "zip", "tar": "tar", "tgz": "tar", "tbz2": "tar", "txz": "tar", "7z": "libarchive"}
_PACKED = (".tar.gz", ".tar.bz2", ".tar.xz")


def archive_protocol(name: str) -> str | None:
    """What opens an archive of this name as a pool; None for what is none.

    >>> archive_protocol("photos.ZIP"), archive_protocol("a.tar.gz"), archive_protocol("a.gz")
    ('zip', 'tar', None)
    """
    return "tar" if name.lower().endswith(_PACKED) else _ARCHIVES.get(ending(name))
