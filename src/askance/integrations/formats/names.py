"""Names of images as paths in a new folder: nothing leads out of it."""

import re
from pathlib import PurePosixPath

from askance.vocab.names import printable


def safe_name(name: str) -> str:
    r"""A path below a folder from whatever names an image.

    >>> safe_name("../../etc/a.jpg"), safe_name("C:\\data\\a.jpg"), safe_name("s3://b/a.jpg")
    ('etc/a.jpg', 'data/a.jpg', 'b/a.jpg')
    """
    plain = re.sub(r"^([A-Za-z]:|[a-z0-9+]+://)", "", printable(name).replace("\\", "/"))
    parts = [part for part in PurePosixPath(plain).parts if part not in {"/", "//", "..", "."}]
    return "/".join(parts) or "image"


def with_ending(name: str, ending: str) -> str:
    """A name with another ending.

    >>> with_ending("a/b.jpg", ".txt")
    'a/b.txt'
    """
    return PurePosixPath(name).with_suffix(ending).as_posix()


def below_images(name: str, ending: str) -> str:
    """The same, below the folder that stands beside `images/`.

    >>> below_images("images/train/b.jpg", ".txt")
    'train/b.txt'
    """
    return with_ending(name.removeprefix("images/"), ending)
