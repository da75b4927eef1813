"""Labels in, whatever they say: classes of whole images, several labels, or objects."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from askance.integrations import LabelRow, Questioned, find_batch_folder, one_each, question
from askance.integrations.kinds import Kind, kind_of
from askance.loop.project import Project
from askance.session.classes import tidy_classes
from askance.session.labels import Imported, Taking, read_rows, take_file, take_rows
from askance.session.objects import Read, other_task, question_read, read_objects, take_objects, take_read


def take(project: Project, path: Path, who: str, how: Taking) -> tuple[Project, Imported]:
    """Read a file or folder and take what can be taken, as `Session.import_labels` says.

    Returns:
        The project with its classes as they are then, and what became of what was said.

    Raises:
        LabelError: nothing that can be read, or labels of another task than the project's.
    """
    if project.config.task == "detection":
        return take_objects(project, path, who, how)
    if _kind(path, how.format) == "objects":
        raise other_task(path, "objects")
    return take_file(project, path, who, how)


@dataclass(frozen=True, slots=True)
class First:
    """The labels that a new project begins with.

    Attributes:
        settings: what they say of the project: its task and its classes.
        notes: what a person should know of that.
    """

    settings: dict[str, Any]
    notes: tuple[str, ...] = ()
    _path: Path | None = None
    _rows: list[LabelRow] = field(default_factory=list)
    _read: Read | None = None
    _asked: Questioned | None = None
    _how: Taking = field(default_factory=Taking)

    def take(self, project: Project, who: str) -> Imported | None:
        """Store them; None where there are none."""
        if self._read is not None and self._path is not None:
            read = read_objects(self._path, self._how, project)  # now that it is known how large images are
            return take_read(project, read, who, questioned=self._asked)
        if self._path is None:
            return None
        return take_rows(project, self._rows, self._path, who, questioned=self._asked)


def read_first(settings: dict[str, Any], path: Path | None, form: str | None = None) -> First:
    """Read the labels of a new project, and what they say of its task and its classes.

    Args:
        settings: those that somebody made; they stay.
        path: of the labels, if there are any.
        form: of annotations; None: by the looks of the file.

    Raises:
        LabelError: labels that cannot be read, or of another task than was asked for.
    """
    kind = _kind(path, form) if path is not None else None
    task = settings.get("task") or ("detection" if kind == "objects" else "classification")
    if path is not None and (kind == "objects") != (task == "detection"):
        raise other_task(path, "objects" if kind == "objects" else "classes of whole images")
    chosen: dict[str, Any] = {"task": task}
    notes: tuple[str, ...] = ()
    if kind == "objects" and "task" not in settings:
        notes = (f"{path} says where things are: this project finds objects (--task detection)",)
    several, named = bool(settings.get("several")), settings.get("classes")
    if named:
        chosen["classes"] = tidy_classes(named)
    if path is None or kind == "objects":
        read = read_objects(path, Taking(format=form)) if path is not None else None
        asked = question_read(read) if read is not None and not named else None
        chosen.setdefault("classes", list(asked.classes) if asked else [])
        return First(chosen, notes, path, _read=read, _asked=asked, _how=Taking(format=form))
    rows = read_rows(path, several=several)
    asked = None if named else question(one_each(rows) if several else rows)
    chosen.setdefault("classes", list(asked.classes) if asked else [])
    return First(chosen, notes, path, rows, _asked=asked)


def _kind(path: Path, form: str | None) -> Kind:
    """What is said there: classes, or objects as of every format that is named."""
    if form is not None:
        return "objects"
    try:
        return "labels" if find_batch_folder(path) is not None else kind_of(path)
    except (OSError, ValueError):  # a name that can be none; a folder that may not be looked into
        return "labels"
