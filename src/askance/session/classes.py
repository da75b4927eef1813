"""A project's classes: counted, renamed, merged, taken away. Every label keeps who said it.

The store is written first, `askance.toml` after: a command that was killed between them is simply run again.
"""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from askance.integrations import LabelRow
from askance.integrations.classes import Spelling
from askance.loop.project import CONFIG, Project
from askance.loop.settings import edit_classes
from askance.vocab import Label, LabelError, Split, answer_of
from askance.vocab.config import Config
from askance.vocab.errors import listed
from askance.vocab.names import class_fault, tidy


@dataclass(frozen=True, slots=True)
class ClassCount:
    """A class and its labels in force, a split.

    Attributes:
        name: the class.
        labels: split -> how many labels; of objects, how many of them.
        known: whether it is among `classes` in `askance.toml`; nothing is trained on others.
    """

    name: str
    labels: dict[Split, int]
    known: bool


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What came of renaming or merging.

    Attributes:
        config: the settings with the new classes.
        labels: how many labels in force were said anew.
        into: the class, or the answer, they say now.
    """

    config: Config
    labels: int
    into: str


def tidy_classes(given: Any) -> Any:
    """The classes that somebody names for a new project, without spaces around them.

    Raises:
        LabelError: one of them is empty, there twice, or no name.
    """
    if not isinstance(given, list | tuple):
        return given  # what is wrong with it is said where all settings are checked
    names = [_class(name) if isinstance(name, str) else name for name in given]
    twice = sorted({str(name) for name in names if names.count(name) > 1})
    if twice:
        raise LabelError("classes with different names", f"{listed(twice)} twice", "name each class once")
    return names


def class_counts(project: Project) -> list[ClassCount]:
    """The classes of `askance.toml` in their order, then those that only labels have."""
    splits = project.store.splits()
    counts: dict[str, Counter[Split]] = {name: Counter() for name in project.config.classes}
    for image_id, label in project.store.labels().items():
        found = Counter([label.value]) if label.value is not None else Counter()
        found = label.annotation.classes if label.annotation is not None else found
        for name, n in found.items():
            counts.setdefault(name, Counter())[splits.get(image_id, "train")] += n
    return [ClassCount(name, dict(of), name in project.config.classes) for name, of in counts.items()]


def rename_class(project: Project, old: str, new: str, by: str) -> Rewritten:
    """Give a class another name; into `unreadable` or `none of these`, its labels become that answer.

    Raises:
        LabelError: there is no class of the old name, or there is one of the new.
    """
    with project.store.turn():
        project, new = project.with_classes(), _class(new)
        (old,) = _as_spelt(project, [old])
        if new in project.config.classes and old in project.config.classes:
            fix = f"{_merge(old, new, into=new)} puts both together"
            raise LabelError(f"a name that is free for {old}", f"{new} is a class already", fix)
        return _rewrite(project, [old], new, f"classes rename: {old} to {new}, by {by}")


def merge_classes(project: Project, old: Sequence[str], into: str, by: str) -> Rewritten:
    """Put classes together, under one of their names or a new one, at the place of the first.

    Raises:
        LabelError: one of them is no class, or the new name is that of a class that is not among them.
    """
    with project.store.turn():
        project = project.with_classes()
        old = _as_spelt(project, old)
        into = into if into in old else _class(into)
        if into in project.config.classes and into not in old:
            fix = _merge(*old, into, into=into)
            raise LabelError("a name that is free, or one of those that are merged", f"the class {into}", fix)
        return _rewrite(project, list(old), into, f"classes merge: {', '.join(old)} into {into}, by {by}")


def remove_class(project: Project, name: str) -> Config:
    """Take a class away that no label in force uses.

    Raises:
        LabelError: there is no such class, or it is in use.
    """
    with project.store.turn():
        project = project.with_classes()
        (name,) = _as_spelt(project, [name])
        used = sum(_says(label, name) for label in project.store.labels().values())
        if used:
            fix = f"{_merge(name, 'OTHER', into='OTHER')}, or label those images anew"
            raise LabelError("a class that no label uses", f"{name} with {used} labels", fix)
        if name not in project.config.classes:
            raise _no_class(project, [name])
        return edit_classes(project.root / CONFIG, [name], None)


def _says(label: Label, name: str) -> bool:
    """Whether a label names a class."""
    return name in label.annotation.names if label.annotation is not None else label.value == name


def _as_spelt(project: Project, names: Sequence[str]) -> list[str]:
    """Classes as the project spells them: accents and spaces around may be written otherwise."""
    spell = Spelling([count.name for count in class_counts(project)])
    return [spell(LabelRow("", name, value_as_written=name)) for name in names]


def _class(name: str) -> str:
    """A class's new name as it is kept."""
    plain = tidy(name)
    if not plain:
        raise LabelError("a name for the class", "an empty one", "write it behind the old one")
    if fault := class_fault(plain):
        raise LabelError("a name for the class in one line", fault, "write another name")
    return plain


def _rewrite(project: Project, old: list[str], new: str, why: str) -> Rewritten:
    used = {count.name for count in class_counts(project)}
    if missing := [name for name in old if name not in used]:
        raise _no_class(project, missing)
    answer = answer_of(new) if new not in project.config.classes else None
    with project.job("classes"):
        told = project.store.rewrite_labels(
            [name for name in old if name != new],
            (None, answer) if answer else (new, None),
            at=datetime.now(UTC),
            source=lambda was: f"{was} ({why})",
        )
        config = edit_classes(project.root / CONFIG, old, None if answer else new)
    return Rewritten(config, told, new)


def _merge(*names: str, into: str) -> str:
    return shlex.join(["askance", "classes", "merge", *names, "--into", into])


def _no_class(project: Project, missing: list[str]) -> LabelError:
    named = ", ".join(project.config.classes) or "none yet"
    return LabelError("a class of this project", ", ".join(missing), f"the classes are {named}")
