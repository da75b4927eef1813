"""Where images are: a folder, a list, or either of them behind a URL -> places, in the order of their uris."""

import csv
import io
import os
import posixpath
from collections import Counter
from collections.abc import Container, Iterator
from typing import NamedTuple

from askance.pool.passed_over import by_ending, is_nothing
from askance.pool.storage import Storage, explain, is_url, local_path, local_stat, stat_of
from askance.vocab import PoolError

SUFFIXES = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "jfi", "pjpeg", "pjp", "png", "webp", "tif", "tiff", "bmp", "dib", "gif"}
)
"""What counts as an image in a folder, by the end of its name, in any case. In a list, every entry counts."""

LISTS = frozenset({"csv", "tsv", "txt"})
"""Ends of names of files that list images."""

BATCH_MARK = ".askance-batch"
"""A file that says: Askance wrote this folder for somebody to label, its images are copies."""

_OWN = ("askance.toml", BATCH_MARK)
"""What stands in folders of Askance's own, a project and a batch: they are no part of a pool they lie in."""

_COLUMNS = ("path", "uri", "image", "file")


class Place(NamedTuple):
    """Somewhere to look.

    Attributes:
        size: bytes.
        stamp: as in `Stat`; None where finding out is a request of its own, left to the scan's threads.
        problem: what is already known to be wrong.
        group: the list's word on it.
    """

    uri: str
    size: int = 0
    stamp: str | None = None
    problem: str | None = None
    group: str | None = None


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
    found = _local(source, path, others) if path is not None else _remote(source, storage, others)
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


def _suffix(name: str) -> str:
    _, dot, end = name.rpartition(".")
    return end.lower() if dot else ""


# ---- local


def _local(source: str, path: str, passed: Counter[str]) -> list[Place]:
    if os.path.isdir(path):
        return list(_walk(path, passed))
    if not os.path.exists(path):
        raise PoolError("a folder, a list or a URL of images", f"{source}, which is not there", "check the path")
    if _suffix(path) not in LISTS:
        raise _neither(source)
    try:
        with open(path, "rb") as file:
            return _listed(path, file.read())
    except OSError as error:
        raise PoolError("a list that can be read", f"{path}: {explain(error)}", "check its permissions") from error


def _neither(source: str) -> PoolError:
    better = "its folder, or a .txt or .csv file that lists images"
    fix = f"zip://::{source}" if _suffix(source) == "zip" else better
    return PoolError("a folder, or a list of images (.txt, .csv, .tsv)", source, f"as source, give {fix}")


def _walk(root: str, passed: Counter[str]) -> Iterator[Place]:
    """Every image under a folder. Each real folder is read once, by its own name before any link to it."""
    folders, links, seen = [root], list[str](), set[tuple[int, int]]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                listing = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if folder == root:
                fix = "check the folder's permissions"
                raise PoolError("a folder that can be read", f"{root}: {explain(error)}", fix) from error
            yield _unreadable(folder, f"this folder cannot be read: {explain(error)}")
            continue
        if folder != root and any(entry.name in _OWN for entry in listing):
            continue
        for entry in listing:
            if is_nothing(entry.name):
                continue
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append(entry.path)
            elif _suffix(entry.name) in SUFFIXES:
                yield _found(entry)
            else:
                passed[_suffix(entry.name)] += 1


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _found(entry: os.DirEntry[str]) -> Place:
    path = entry.path
    if not path.isascii() and not _is_text(path):
        return _unreadable(path, "its name is not valid UTF-8: rename it")
    try:
        status = entry.stat()
        if entry.is_file():  # the same as in local_stat, without asking again: this is what a re-scan waits for
            return Place(path, status.st_size, str(status.st_mtime_ns))
        return Place(path, *local_stat(status))
    except OSError as error:
        return _unreadable(path, f"cannot be read: {explain(error)}")


def _is_text(path: str) -> bool:
    """Whether a name can be written down; Linux names are bytes, and some are not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(path: str, problem: str) -> Place:
    return Place(os.fsencode(path).decode(errors="backslashreplace"), 0, "", problem)


# ---- behind a URL


def _remote(source: str, storage: Storage, passed: Counter[str]) -> list[Place]:
    filesystem, path = storage.filesystem(source)
    filesystem.invalidate_cache()
    try:
        if _suffix(path) in LISTS and filesystem.isfile(path):
            return _listed(source, storage.read(source))
        found = filesystem.find(path, detail=True)
    except Exception as error:
        fix = "check the address, the network, and the credentials the storage's own client uses"
        raise PoolError("a storage that can be listed", f"{source}: {explain(error)}", fix) from error
    if path in found:  # not a folder: `find` gives a file for itself
        raise _neither(source)
    own = {posixpath.dirname(name) for name in found if posixpath.basename(name) in _OWN} - {path.rstrip("/")}
    result = []
    for name, info in found.items():
        if info.get("type") != "file" or _is_left_out(name, path, own):
            continue
        if _suffix(posixpath.basename(name)) in SUFFIXES:
            stat = stat_of(info)
            result.append(Place(_url(source, path, name), stat.size, stat.stamp or None))
        else:
            passed[_suffix(posixpath.basename(name))] += 1
    return result


def _is_left_out(name: str, path: str, own: Container[str]) -> bool:
    """Whether a file below `path` is hidden, or lies in one of Askance's own folders."""
    parts = name.removeprefix(path).strip("/").split("/")
    above, folder = list[str](), posixpath.dirname(name)
    while len(folder) > len(path):
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


# ---- lists


def _listed(uri: str, content: bytes) -> list[Place]:
    """The entries of a list, relative ones from the list's own folder."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PoolError("a list in UTF-8", f"{uri}: {error}", "save it as UTF-8") from error
    entries = _lines(text) if _suffix(uri.partition("::")[0]) == "txt" else _rows(text)
    groups: dict[str, str | None] = {}
    for entry, group in entries:
        place = _resolve(uri, entry)
        if groups.setdefault(place, group) != group:
            said = f"{entry} in {groups[place]!r} and in {group!r}"
            raise PoolError("one group for an image", said, f"correct its rows in {uri}")
    return [_listed_place(place, group) for place, group in groups.items()]


def _lines(text: str) -> list[tuple[str, str | None]]:
    return [(line, None) for line in (line.strip() for line in text.split("\n")) if line]


def _rows(text: str) -> list[tuple[str, str | None]]:
    """Entries and groups of a table; without a header, the first column."""
    first_line = text.partition("\n")[0]
    delimiter = next((mark for mark in ("\t", ",", ";") if mark in first_line), ",")
    rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    named = next((header.index(name) for name in _COLUMNS if name in header), None)
    if named is None and header and (is_url(header[0]) or _suffix(header[0]) in SUFFIXES):
        return [(row[0].strip(), None) for row in rows if row[0].strip()]
    column, group = named or 0, header.index("group") if "group" in header else None
    return [
        (row[column].strip(), (row[group].strip() or None) if group is not None and group < len(row) else None)
        for row in rows[1:]
        if column < len(row) and row[column].strip()
    ]


def _resolve(uri: str, entry: str) -> str:
    """A list's entry as an absolute path or a full URL.

    >>> _resolve("/data/list.txt", "a/1.jpg"), _resolve("s3://b/x/list.txt", "../1.jpg")
    ('/data/a/1.jpg', 's3://b/1.jpg')
    """
    path = local_path(entry)
    if path is None:
        return entry
    if entry.startswith(("/", "~", "file://", "local://")):
        return path
    if not is_url(uri):
        return os.path.normpath(os.path.join(os.path.dirname(uri), entry))
    first, chain, around = uri.partition("::")
    protocol, _, inside = first.partition("://")
    return f"{protocol}://{posixpath.normpath(posixpath.join(posixpath.dirname(inside), entry))}{chain}{around}"


def _listed_place(uri: str, group: str | None) -> Place:
    if is_url(uri):
        return Place(uri, group=group)
    try:
        return Place(uri, *local_stat(os.stat(uri)), None, group)
    except (OSError, ValueError) as error:
        return Place(uri, 0, "", f"cannot be read: {explain(error)}", group)
