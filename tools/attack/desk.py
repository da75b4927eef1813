"""A project that label files are given to, one after the other, each time as it was at first."""

import shutil
import sqlite3
import unicodedata
from pathlib import Path
from typing import Any

from tools.attack.cases import Fault
from tools.attack.commands import Places

WHO = "anna"
"""Who brings the files; all labels there are somebody else's, and have to stay."""


class Desk:
    """An open project, and what it was.

    Args:
        places: where `make_stages` was.
        stage: of the project.
    """

    def __init__(self, places: Places, stage: str = "picked") -> None:
        from askance.session import Session

        self.places = places
        shutil.rmtree(places.own, ignore_errors=True)
        places.out.mkdir(parents=True)
        shutil.copytree(places.template(stage), places.project, symlinks=True)
        self._first = sqlite3.connect(places.template(stage) / "askance.db")
        self._toml = (places.project / "askance.toml").read_bytes()
        self.session = Session.open(places.project)
        self._project = self.session.project
        store = self._project.store
        self.labels, self.images = store.labels(), store.images()
        self.names = {Path(image.uri).name: image_id for image_id, image in self.images.items()}
        self._history = store.revisions()
        self.dirty = False

    def restore(self) -> None:
        """Have the project and its folder as they were at first."""
        shutil.rmtree(self.places.out, ignore_errors=True)
        self.places.out.mkdir()
        if not self.dirty:
            return
        self.session.project = self._project
        with sqlite3.connect(self.places.project / "askance.db") as now:
            self._first.backup(now)
        now.close()
        (self.places.project / "askance.toml").write_bytes(self._toml)
        shutil.rmtree(self.places.project / "rejected", ignore_errors=True)
        self.dirty = False

    def take(self, path: Path, *, add_classes: bool = False) -> Any:
        """Import a file or folder, and hold what came of it against what the file's rows were.

        Returns:
            The `Imported`; None where the file was refused.

        Raises:
            Fault: a row unaccounted for, or a label that changed and should not have.
        """
        from askance.session.labels import read_rows
        from askance.vocab import AskanceError

        self.dirty = True
        try:
            rows = read_rows(path, self.images)
            done = self.session.import_labels(path, WHO, add_classes=add_classes)
        except AskanceError as error:
            check_words(error)
            self._nothing_changed()
            return None
        said = len(rows) - done.empty - len(done.rejected)
        if said < done.taken or (said > 0) != (done.taken > 0):
            raise Fault(
                "lost", f"{len(rows)} rows: {done.empty} empty, {len(done.rejected)} rejected, {done.taken}"
            )
        if any(not one.reason.strip() for one in done.rejected):
            raise Fault("lost", "a row was rejected without a reason")
        if done.rejected and (done.rejected_file is None or not done.rejected_file.is_file()):
            raise Fault("lost", f"{len(done.rejected)} rejected rows are written nowhere")
        self._as_before()
        self._as_said({row.says or row.value for row in rows})
        return done

    def _as_before(self) -> None:
        store = self._project.store
        now = store.labels()
        if store.revisions()[: len(self._history)] != self._history:
            raise Fault("lost", "the history of labels has changed")
        for image_id, label in self.labels.items():
            if now.get(image_id) != label:
                raise Fault("lost", f"{image_id} was {label.value}, is {now.get(image_id)}")

    def _as_said(self, words: set[str | None]) -> None:
        plain = {_plain(word) for word in words if word}
        for label in self._project.store.revisions()[len(self._history) :]:
            if label.value is None:
                continue
            if _plain(label.value) not in plain or label.who != WHO:
                raise Fault("lost", f"{label.image_id} is {label.value!r} of {label.who}, which no row said")

    def _nothing_changed(self) -> None:
        self._as_before()
        now = len(self._project.store.revisions())
        if now != len(self._history):
            raise Fault("lost", f"refused, and {now - len(self._history)} labels are in the store")


def _plain(word: str) -> str:
    """A class as it is said, whatever cannot be seen in it."""
    seen = (letter for letter in unicodedata.normalize("NFC", word) if unicodedata.category(letter) != "Cf")
    return " ".join("".join(seen).lower().split())


def check_words(error: BaseException) -> None:
    """An error of ours says what was wanted, what came and what to do.

    Raises:
        Fault: it does not.
    """
    for name in ("wanted", "got", "fix"):
        if not str(getattr(error, name, "")).strip():
            raise Fault("traceback", f"{type(error).__name__} without {name}: {error}")
