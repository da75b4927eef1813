"""Archives around images: where they lie, what is none, and how members are called."""

import os
import re
import stat
from zipfile import ZipFile

from fsspec.spec import AbstractFileSystem

_FIRST = re.compile(r"\A(\.?/)+")
"""What may stand before the path of a member."""

_HERE = ("file://", "local://")


def from_folder(source: str, folder: str) -> str:
    """A source whose local path, that of the archive around it too, is taken from a folder.

    >>> from_folder("zip://site::photos.zip", "/data"), from_folder("zip://::s3://bucket/a.zip", "/data")
    ('zip://site::/data/photos.zip', 'zip://::s3://bucket/a.zip')
    >>> from_folder("photos", "/data"), from_folder("file://photos", "/data")
    ('/data/photos', 'file:///data/photos')
    """
    before, chain, last = source.rpartition("::")
    scheme = next((scheme for scheme in _HERE if last.startswith(scheme)), "")
    path = last.removeprefix(scheme)
    if "://" in path or not path or "://[" in source:  # an address of IPv6 has :: in it
        return source
    return f"{before}{chain}{scheme}{os.path.join(folder, os.path.expanduser(path))}"


def refuse_pipes(url: str) -> None:
    """Opening an archive that is a pipe or a device would wait, or read, for ever.

    Raises:
        OSError: it is one.
    """
    path = from_folder(url.rpartition("::")[2], "") if "::" in url else ""
    for scheme in _HERE:
        path = path.removeprefix(scheme)
    if not path or "://" in path or not os.path.exists(path) or os.path.isdir(path):
        return
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError("it is not a regular file")


def plainly(filesystem: AbstractFileSystem) -> AbstractFileSystem:
    """An archive of `./cats/1.jpg` or `/cats/1.jpg`, as `tar` may make it: its members are called `cats/1.jpg`."""
    if isinstance(members := getattr(filesystem, "zip", None), ZipFile):
        for info in members.infolist():
            if (name := _plain(info.filename)) and name not in members.NameToInfo:
                info.filename, members.NameToInfo[name] = name, info
    index = getattr(filesystem, "index", None)
    if isinstance(index, dict) and any(name != _plain(name) for name in index):
        plain = {_plain(name): entry for name, entry in index.items() if _plain(name)}
        if all(len(entry) > 2 for entry in plain.values()):  # an older fsspec opens members by these names
            for name, entry in plain.items():
                entry[0]["name"] = name
            filesystem.index, filesystem.dir_cache = plain, None
    return filesystem


def _plain(name: str) -> str:
    return _FIRST.sub("", name, count=1) if name not in (".", "..") else ""
