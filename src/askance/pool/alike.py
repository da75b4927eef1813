"""Files under a name that is the same name, though it is written otherwise on the disk."""

import os
from collections.abc import Iterable

from askance.vocab.names import tidy


class Alike:
    """Looks for files whose name is written otherwise: accents composed or not, spaces around it.

    What a folder holds is asked once.
    """

    def __init__(self) -> None:
        self._folders: dict[str, dict[str, list[str]]] = {}

    def find(self, paths: Iterable[str]) -> str | None:
        """The first of some absolute paths that is there; else the only one that is the same name; else None."""
        tried = list(dict.fromkeys(paths))
        return next((path for path in tried if _exists(path)), None) or next(
            filter(None, map(self._alike, tried)), None
        )

    def _alike(self, path: str) -> str | None:
        """The only path that is the same name, folder by folder from the first that is not there."""
        folder, name = os.path.split(path)
        if not name:
            return None
        there: str | None = folder if _exists(folder) else self._alike(folder)
        if there is None:
            return None
        if name in (names := self._names(there).get(tidy(name), [])):
            return os.path.join(there, name)
        return os.path.join(there, names[0]) if len(names) == 1 else None

    def _names(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._folders:
            found = self._folders[folder] = {}
            try:
                names = os.listdir(folder)
            except (OSError, ValueError):
                names = []
            for name in names:
                found.setdefault(tidy(name), []).append(name)
        return self._folders[folder]


def _exists(path: str) -> bool:
    try:
        return os.path.exists(path)
    except (OSError, ValueError):
        return False
