"""Where images are: a folder, a list, or either of them behind a URL -> places, in the order of their uris."""

import os
import posixpath
from collections import Counter
from collections.abc import Container, Iterator
from pathlib import Path

from fsspec.spec import AbstractFileSystem

from askance.pool.endings import LISTS, SUFFIXES, archive_protocol, ending
from askance.pool.folders import BATCH_MARK, OWN, folders_below
from askance.pool.limits import too_deep
from askance.pool.lists import listed
from askance.pool.passed_over import by_ending, is_nothing
from askance.pool.place import NOT_TEXT, Place, unreadable
from askance.pool.storage import Storage, explain, local_path, local_stat, stat_of
from askance.pool.tables import read_bytes
from askance.vocab import PoolError
from askance.vocab.names import is_text, printable


def places(source: str, storage: Storage, passed: Counter[str] | None = None) -> list[Place]:
    """All places under a source, sorted by uri, each once.

    Args:
        source: as for `scan`.
        storage: what opens URLs.
        passed: counts, by its ending, what lies in the folder and is taken for no image.

    Raises:
        PoolError: there is no such source, it is neither folder nor list, or there is no image in it.
        MissingExtra: its storage needs a package that is not installed.
    """
    path, others = local_path(source), Counter[str]() if passed is None else passed
    found = (
        _local(source, path, others, storage.limits.max_depth)
        if path is not None
        else _remote(source, storage, others)
    )
    if not found:
        there = f", but {by_ending(others)}" if others else ""
        raise PoolError(
            "images: files that end in " + ", ".join(f".{suffix}" for suffix in sorted(SUFFIXES)),
            f"{source}, which has none{there}",
            "convert them to JPEG; or list images that have other names in a .txt or .csv file, one a line"
            if others
            else "check the folder's name, or list the images in a .txt or .csv file, one a line",
        )
    return sorted(found)


# ---- local


def _local(source: str, path: str, passed: Counter[str], max_depth: int) -> list[Place]:
    if os.path.isdir(path):
        return list(_walk(path, passed, max_depth))
    if not os.path.exists(path):
        raise PoolError("a folder, a list or a URL of images", f"{source}, which is not there", "check the path")
    if ending(path) not in LISTS:
        raise _neither(source)
    return listed(path, read_bytes(Path(path), "a list of images that can be read", PoolError))


def _neither(source: str) -> PoolError:
    fix = "its folder, or a .txt or .csv file that lists images"
    if archive := archive_protocol(source):
        fix = f"{archive}://::{source}"
    return PoolError("a folder, or a list of images (.txt, .csv, .tsv)", source, f"as source, give {fix}")


def _walk(root: str, passed: Counter[str], max_depth: int) -> Iterator[Place]:
    """Every image under a folder."""
    for folder in folders_below(root, max_depth=max_depth):
        if folder.error is not None:
            if folder.path == root:
                fix = "check the folder's permissions"
                raise PoolError("a folder that can be read", f"{root}: {explain(folder.error)}", fix)
            yield unreadable(folder.path, f"this folder cannot be read: {explain(folder.error)}")
        for entry in folder.files:
            if ending(entry.name) in SUFFIXES:
                yield _found(entry)
            else:
                passed[printable(ending(entry.name))] += 1


def _found(entry: os.DirEntry[str]) -> Place:
    path = entry.path
    if not path.isascii() and not is_text(path):
        return unreadable(path, NOT_TEXT)
    try:
        status = entry.stat()
        if entry.is_file():  # the same as in local_stat, without asking again: this is what a re-scan waits for
            return Place(path, status.st_size, str(status.st_mtime_ns))
        return Place(path, *local_stat(status))
    except OSError as error:
        return unreadable(path, f"cannot be read: {explain(error)}")


# ---- behind a URL


def _remote(source: str, storage: Storage, passed: Counter[str]) -> list[Place]:
    deep = storage.limits.max_depth + 1
    filesystem, path = storage.filesystem(source)
    try:
        filesystem.invalidate_cache()
        is_list = ending(path) in LISTS and storage.ask(source, _is_file)
        content = storage.read(source) if is_list else b""
        found = {} if is_list else storage.listing(source, deep + 1)
    except Exception as error:
        fix = "check the address, the network, and the credentials the storage's own client uses"
        raise PoolError("a storage that can be listed", f"{source}: {explain(error)}", fix) from error
    if is_list:
        return listed(source, content)
    if path in found:  # not a folder: `find` gives a file for itself
        raise _neither(source)
    own = {posixpath.dirname(name) for name in found if posixpath.basename(name) in OWN} - {path.rstrip("/")}
    result = []
    for name, info in found.items():
        if info.get("type") != "file" or _is_left_out(name, path, own):
            continue
        if name.removeprefix(path).strip("/").count("/") >= deep:
            result.append(unreadable(_url(source, path, name), too_deep(storage.limits.max_depth)))
            continue
        if ending(posixpath.basename(name)) not in SUFFIXES:
            passed[printable(ending(posixpath.basename(name)))] += 1
        elif not is_text(name):
            result.append(unreadable(_url(source, path, name), NOT_TEXT))
        else:
            stat = stat_of(info)
            result.append(Place(_url(source, path, name), stat.size, stat.stamp or None))
    return result


def _is_file(filesystem: AbstractFileSystem, path: str) -> bool:
    """Whether a path is a file; of a web server, which has no folders, and may be away, reading it tells."""
    return "http" in filesystem.protocol or bool(filesystem.isfile(path))


def _is_left_out(name: str, path: str, own: Container[str]) -> bool:
    """Whether a file below `path` is hidden, or lies in one of Askance's own folders."""
    parts = name.removeprefix(path).strip("/").split("/")
    above, folder = list[str](), posixpath.dirname(name)
    while len(folder) > len(path) and folder.strip("/"):
        above.append(folder)
        folder = posixpath.dirname(folder)
    return any(map(is_nothing, parts)) or any(folder in own for folder in above)


def _url(source: str, path: str, name: str) -> str:
    """The full URL of the file `name`, found under `source`, which is `path` in the words of its filesystem.

    >>> _url("s3://bucket/cats/", "bucket/cats", "bucket/cats/1.jpg")
    's3://bucket/cats/1.jpg'
    >>> _url("sftp://host/cats", "/cats", "/cats/1.jpg"), _url("zip::/a.zip", "", "cats/1.jpg")
    ('sftp://host/cats/1.jpg', 'zip://cats/1.jpg::/a.zip')
    """
    if "://" in name:
        return name
    inside = name.removeprefix(path).lstrip("/")
    first, chain, around = source.partition("::")
    if "://" in first:
        return f"{first}{'' if first.endswith('/') else '/'}{inside}{chain}{around}"
    return f"{source.rstrip('/')}/{inside}" if path else f"{first}://{inside}{chain}{around}"


__all__ = ["BATCH_MARK", "LISTS", "SUFFIXES", "Place", "places"]
