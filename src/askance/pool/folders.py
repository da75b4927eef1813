"""Folders below a folder, as a pool and labels both see them: links followed, each real folder once."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from askance.pool.limits import Limits, too_deep
from askance.pool.passed_over import is_nothing

BATCH_MARK = ".askance-batch"
"""A file that says: Askance wrote this folder for somebody to label, its images are copies."""

OWN = ("askance.toml", BATCH_MARK)
"""What stands in folders of Askance's own, a project and a batch: they are no part of a pool they lie in."""


MAX_DEPTH = Limits().max_depth


class Folder(NamedTuple):
    """A folder that was looked into.

    Attributes:
        path: of the folder, by the way it was reached.
        files: what lies in it and is no folder, by name; hidden files and those of systems left out.
        error: why it cannot be looked into.
    """

    path: str
    files: list[os.DirEntry[str]]
    error: OSError | None = None


def folders_below(root: str, *, own: bool = False, max_depth: int = MAX_DEPTH) -> Iterator[Folder]:
    """The folder and all below it. Each real folder comes once, by its own name before any link to it.

    Args:
        root: the folder.
        own: whether Askance's own folders below it count too; hidden ones never do.
        max_depth: folders in folders; one that lies deeper comes with an error in place of its files.
    """
    folders, links, seen = [(root, 0)], list[tuple[str, int]](), set[tuple[int, int]]()
    while folders or links:
        folder, depth = folders.pop() if folders else links.pop(0)
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            if depth > max_depth:
                raise OSError(too_deep(max_depth))
            with os.scandir(folder) as entries:
                listing = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Folder(folder, [], error)
            continue
        if not own and folder != root and any(entry.name in OWN for entry in listing):
            continue
        files = []
        for entry in listing:
            if is_nothing(entry.name):
                continue
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append((entry.path, depth + 1))
            else:
                files.append(entry)
        yield Folder(folder, files)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
