"""How the names of images and of lists end."""

SUFFIXES = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "jfi", "pjpeg", "pjp", "png", "webp", "tif", "tiff", "bmp", "dib", "gif"}
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
