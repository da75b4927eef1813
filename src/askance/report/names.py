"""Paths and addresses as they are shown: the file's name whole, its folders elided in the middle."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A path in parts.

    Attributes:
        whole: as it is.
        file: its last part.
        folders: what is before, short; empty where there is nothing.
    """

    whole: str
    file: str
    folders: str


def name_of(path: str, folders: int = 2) -> Name:
    r"""A path in parts, of whose folders the last are kept whole.

    >>> name_of("/srv/pool/site-a/2026-11/camera/IMG_0422.jpg")
    Name(whole='/srv/pool/site-a/2026-11/camera/IMG_0422.jpg', file='IMG_0422.jpg', folders='…/2026-11/camera/')
    >>> name_of("IMG_0422.jpg").folders, name_of("C:\\photos\\a.jpg").folders
    ('', 'C:\\photos\\')
    """
    mark = "/" if "/" in path else "\\"
    *parents, file = path.split(mark)
    if not file:  # a folder, or nothing to take apart
        return Name(path, path, "")
    kept = parents[-folders:] if len(parents) > folders + 1 else parents
    short = mark.join(kept) + mark if parents else ""
    return Name(path, file, f"…{mark}{short}" if len(kept) < len(parents) else short)
