"""Labels in, batches and labels out: files on one side, the store on the other."""

import os
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from askance.integrations import (
    LabelRow,
    Matched,
    Questioned,
    Rejected,
    as_labels,
    class_names,
    find_batch_folder,
    match,
    one_each,
    question,
    read_batch_folder,
    read_image_folder,
    read_label_csv,
    read_several_csv,
    write_rejected,
)
from askance.integrations.names import base_name
from askance.loop.project import CONFIG, Project
from askance.loop.settings import edit_config
from askance.vocab import ImageRecord, Label, LabelError, said
from askance.vocab.names import printable, shortened, tidy

REJECTED = "rejected"
"""The project's folder of rows that could not be taken."""


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one image's label, in words: `before` is what somebody said, `after` what was said now."""

    name: str
    before: str
    after: str
    whose: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file of labels.

    Attributes:
        new: images that had no label.
        changed: images whose label is another now; the old one stays in the history.
        unchanged: images that had this label already.
        empty: rows without a label yet.
        rejected: rows that could not be taken, with the reason.
        rejected_file: where they were written, to be mended and imported again; None where there are none.
        other_groups: images whose row names another group than the pool's source does, or one where it names none.
            Their labels are taken, the groups are not: it is the source that says which images belong together.
        agreed: images of which another person has said the same.
        differed: images of which another person has said something else, whose label stays; both words are kept.
        settled: labels that were confirmed although somebody says otherwise.
        changes: the changed ones, by name.
        beside: the ones that differ, by name.
        answers: `unreadable` and `none of these` -> how many rows said so.
        notes: what a person should look at although it was taken.
        mended: whether the file was one of rejected rows.
        objects: how many objects the annotations that were taken have; None where classes are said.
        nothing: images that are said to have nothing in them: no object, or none of several labels.
        given_up: whether nothing was taken because something could not be, as was asked for.
    """

    new: int
    changed: int
    unchanged: int
    empty: int
    rejected: tuple[Rejected, ...]
    rejected_file: Path | None
    other_groups: int = 0
    agreed: int = 0
    differed: int = 0
    settled: int = 0
    changes: tuple[Told, ...] = ()
    beside: tuple[Told, ...] = ()
    answers: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    mended: bool = False
    objects: int | None = None
    nothing: int = 0
    given_up: bool = False

    @property
    def taken(self) -> int:
        """How many images a row was taken for."""
        return self.new + self.changed + self.unchanged + self.agreed + self.differed + self.settled


@dataclass(frozen=True, slots=True)
class Taking:
    """How labels are taken.

    Attributes:
        add_classes: new class names are taken, as they are written.
        settle: the labels are in force, whoever said otherwise.
        scale: annotations of a copy in another size are brought to the image's.
        whole: nothing is taken if something cannot be.
        format: of annotations: `coco`, `yolo`, `voc`, `labelme`, `masks`, `csv`; None: by the looks of the file.
    """

    add_classes: bool = False
    settle: bool = False
    scale: bool = False
    whole: bool = False
    format: str | None = None


def read_rows(path: Path, pool: Container[str] = frozenset(), *, several: bool = False) -> list[LabelRow]:
    """The rows of a CSV file, a batch folder, or a folder with a folder a class.

    Args:
        path: of the file or folder.
        pool: ids of the pool's images, where there is a pool.
        several: whether an image may have several labels.
    """
    if not _is_there(path):
        got = f"{shortened(printable(str(path)))}, which is not there"
        raise LabelError("a CSV file or a folder with a folder a class", got, "check the path")
    batch = find_batch_folder(path)
    if batch is not None:
        return read_batch_folder(batch, pool, several=several)
    if path.is_dir():
        return read_image_folder(path)
    return read_several_csv(path) if several else read_label_csv(path)


def speaker(project: Project, who: str) -> str:
    """A person as the project knows them: the same name written otherwise (accents, spaces) is the same person."""
    plain = tidy(printable(who))
    known = project.store.speakers()
    return next(
        (name for name in known if name == who), next((name for name in known if tidy(name) == plain), plain)
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that can be none; a folder that may not be looked into
        return False


def take_file(project: Project, path: Path, who: str, how: Taking | None = None) -> tuple[Project, Imported]:
    """Read a file or folder and take what can be taken, as `Session.import_labels` says.

    Classes are read, added and used in one turn: of two imports at once each knows of the other's, and none says a
    class that is renamed at this moment.

    Returns:
        The project with its classes as they are then, and what became of the rows.
    """
    how, several = how or Taking(), project.config.several
    rows = read_rows(path, project.store.images(), several=several)
    with project.store.turn():
        project = project.with_classes()
        known = list(project.config.classes)
        each = one_each(rows) if several else rows
        asked = question(each) if not known and not how.add_classes else None
        named = asked.classes if asked else class_names(each, known) if how.add_classes else ()
        project = with_new_classes(project, named)
        return project, take_rows(project, rows, path, who, questioned=asked, how=how)


def with_new_classes(project: Project, named: Sequence[str]) -> Project:
    """The project with some more classes, in its settings too."""
    known = list(project.config.classes)
    new = [name for name in named if name not in known]
    if not new:
        return project
    edit_config(project.root / CONFIG, {"classes": known + new})
    return project.with_classes()


def take_rows(
    project: Project,
    rows: Sequence[LabelRow],
    path: Path,
    who: str,
    *,
    questioned: Questioned | None = None,
    how: Taking | None = None,
) -> Imported:
    """Store what can be taken, write the rest aside. Taking the same rows again changes nothing.

    Args:
        project: whose labels they are.
        rows: as read.
        path: where from; its name is the labels' source.
        who: who said it.
        questioned: what `question` says of a first file.
        how: they are taken.
    """
    store, how = project.store, how or Taking()
    images, path = store.images(), Path(os.path.abspath(path))
    roots = (project.source, str(path if path.is_dir() else path.parent))
    asked = questioned or Questioned()
    found = match(
        rows,
        images,
        store.sightings(),
        project.config.classes,
        roots=roots,
        doubtful=asked.doubtful,
        several=project.config.several,
    )
    matched = _kept_apart(project, found)
    given_up = how.whole and bool(matched.rejected)
    if given_up:
        matched = replace(matched, labels={})
    for split in ("val", "test"):  # before the labels: a test image must never be a training image for a moment
        store.freeze([image_id for image_id, row in matched.labels.items() if row.split == split], split)
    given = as_labels(matched, who=speaker(project, who), at=datetime.now(UTC), source=printable(path.name))
    again = set() if how.settle else _come_back(project, matched)
    added = store.add_labels([label for label in given if label.image_id not in again], settle=how.settle)
    rejected = tuple(_named(one, images) for one in matched.rejected)
    file = write_rejected(project.root / REJECTED / f"{printable(path.stem)}.csv", rejected) if rejected else None
    return Imported(
        added.new,
        added.changed,
        added.unchanged + len(again),
        matched.empty,
        rejected,
        file,
        sum(row.group not in (None, images[image_id].group) for image_id, row in matched.labels.items()),
        added.agreed,
        added.differed,
        added.settled,
        told_of(added.changes, images),
        told_of(added.beside, images),
        Counter(row.says for row in matched.labels.values() if row.answer is not None),
        asked.notes,
        path.parent == project.root / REJECTED,
        nothing=sum(row.labels == () for row in matched.labels.values()),
        given_up=given_up,
    )


def _come_back(project: Project, matched: Matched) -> set[str]:
    """Images whose row is the label in force, as it was exported: nobody says anything new by handing it back."""
    if not any(row.who for row in matched.labels.values()):
        return set()
    force = project.store.labels()
    return {
        image_id
        for image_id, row in matched.labels.items()
        if (label := force.get(image_id)) is not None and label.who == row.who and said(label) == row.says
    }


def _named(one: Rejected, images: Mapping[str, ImageRecord]) -> Rejected:
    """With a name that a person knows, where the row has an id alone."""
    if one.row.name or one.row.key not in images:
        return one
    return replace(one, row=replace(one.row, name=images[one.row.key].uri))


def told_of(pairs: Sequence[tuple[Label, Label]], images: Mapping[str, ImageRecord]) -> tuple[Told, ...]:
    """Pairs of labels, before and after, in words."""
    told = [
        Told(base_name(images[a.image_id].uri) if a.image_id in images else a.image_id, said(b), said(a), b.who)
        for b, a in pairs
    ]
    return tuple(sorted(told, key=lambda one: one.name))


def _kept_apart(project: Project, matched: Matched) -> Matched:
    """Reject rows that would move an image between splits, or one that a model may have seen into val or test."""
    store = project.store
    splits, seen = store.splits(), set(store.labels())
    seen |= {pick.image_id for one in store.rounds() for pick in store.picks(one.number)}

    def reason(image_id: str, row: LabelRow) -> str | None:
        if row.split is None or row.split == splits.get(image_id, "train" if image_id in seen else row.split):
            return None
        where = splits.get(image_id, "train")
        return f"the image is in the {where} set for good, the row says {row.split}: take `split` out of the row"

    reasons = {image_id: reason(image_id, row) for image_id, row in matched.labels.items()}
    labels = {image_id: row for image_id, row in matched.labels.items() if reasons[image_id] is None}
    moved = tuple(Rejected(row, why) for image_id, row in matched.labels.items() if (why := reasons[image_id]))
    return replace(matched, labels=labels, rejected=(*matched.rejected, *moved))
