"""Annotations in: what a foreign file says of objects in images, taken as labels."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from askance.integrations import LabelRow, Questioned, Rejected, match
from askance.integrations.annotated import AnnotationFile, Fault
from askance.integrations.batch_folder import plan, read_mark
from askance.integrations.find import Finder
from askance.integrations.kinds import kind_of
from askance.integrations.labelled_folder import Names, find_batch_folder, read_batch_cells
from askance.integrations.names import same_name
from askance.integrations.objects import (
    FoundObjects,
    Places,
    Rules,
    match_objects,
    object_classes,
    question_objects,
)
from askance.integrations.same import says_nothing_new
from askance.integrations.write import write_faults
from askance.loop.project import Project
from askance.pool import Limits, orientation
from askance.session.labels import (
    REJECTED,
    Imported,
    Taking,
    read_rows,
    speaker,
    told_of,
    with_new_classes,
)
from askance.vocab import Annotation, Answer, ImageRecord, Label, LabelError, says_nothing
from askance.vocab.names import printable, shortened

_NUMBERED = re.compile(r"^\d{3,}_(?=.)")
"""What a batch folder puts before an image's name."""


_ANY = (1000, 1000)
"""A size, pixels, where a file is read for its classes alone."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a file or folder says of images.

    Attributes:
        path: where from.
        file: its annotations; None where it has none.
        rows: what it answers of whole images: nothing there, unreadable.
        names: of a batch folder, whose image a name is.
        small: whether the images of a batch folder may be smaller than those of the pool.
    """

    path: Path
    file: AnnotationFile | None
    rows: Sequence[LabelRow] = ()
    names: Names | None = None
    small: bool = False


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is said of a whole image: that nobody can tell, or that nothing is there."""

    answer: Answer | None = None
    annotation: Annotation | None = None


def read_objects(path: Path, how: Taking, project: Project | None = None) -> Read:
    """Read annotations: a file or folder of a foreign format, a batch folder, or a table of answers alone.

    Args:
        path: of the file or folder.
        how: they are taken.
        project: whose images they are of, for formats that do not say how large an image is; None: nobody knows.

    Raises:
        LabelError: there is no such file, or nothing that can be read as one.
    """
    from askance.integrations.formats import detect_format, read_annotations

    pool = project.store.images() if project is not None else {}
    batch = find_batch_folder(path) if how.format is None else None
    if batch is not None:
        mark, names = read_mark(batch), Names.of(batch, pool)
        small = mark is not None and mark.small
        sizes = None if project is None or small else _places(project, batch, names).size
        file = read_annotations(batch, sizes=sizes) if kind_of(batch) == "objects" else None
        return Read(path, file, read_batch_cells(batch, pool), names, small=small)
    if how.format is None and path.exists() and kind_of(path) == "labels" and not path.is_dir():
        return Read(path, None, read_rows(path, pool))
    form = how.format or detect_format(path)
    if project is not None:
        file = read_annotations(path, form, sizes=_places(project, path, None).size)
    else:  # shares of an image are of any size, until the images are known
        file = read_annotations(path, form, sizes=(lambda name: _ANY) if form == "yolo" else None)
    if project is not None and file.images:  # where the images lie is the pool's business
        faults = [one for one in file.faults if one.image or not one.problem.endswith("is not there")]
        file = replace(file, faults=faults)
    return Read(path, file)


def _places(project: Project, path: Path, names: Names | None) -> Places:
    """Whose image a name in a file is, that lies there."""
    images, path = project.store.images(), Path(os.path.abspath(path))
    roots = (project.source, str(path if path.is_dir() else path.parent))
    finder = Finder(images, project.store.sightings(), roots)
    return Places(finder, names.find if names is not None else _batch_names(project, images))


def question_read(read: Read) -> Questioned:
    """The classes that a first file defines, and names that look like slips."""
    return Questioned() if read.file is None else question_objects(read.file)


def take_objects(project: Project, path: Path, who: str, how: Taking | None = None) -> tuple[Project, Imported]:
    """Read annotations and take what can be taken; see `labels.take_file`."""
    how = how or Taking()
    read = read_objects(path, how, project)
    with project.store.turn():
        project = project.with_classes()
        known = list(project.config.classes)
        asked = question_read(read) if not known and not how.add_classes else Questioned()
        more = object_classes(read.file, known) if how.add_classes and read.file is not None else asked.classes
        project = with_new_classes(project, more)
        return project, take_read(project, read, who, questioned=asked, how=how)


def take_read(
    project: Project, read: Read, who: str, *, questioned: Questioned | None = None, how: Taking | None = None
) -> Imported:
    """Store what can be taken, write the rest aside with file, image, object and reason.

    Raises:
        LabelError: it speaks of whole images alone, where objects are wanted.
    """
    how, asked, images = how or Taking(), questioned or Questioned(), project.store.images()
    path = Path(os.path.abspath(read.path))
    _check_task(read)
    found = _found(project, read, asked, how)
    answered, faults = _answers(project, read, images)
    rejected = [*(read.file.faults if read.file else ()), *found.rejected, *faults]
    both = answered.keys() & found.annotations.keys()
    rejected += [_twice(images[image_id], path) for image_id in sorted(both)]
    given_up = how.whole and bool(rejected)
    source, now, who = printable(path.name), datetime.now(UTC), speaker(project, who)
    said: dict[str, Label] = {
        image_id: Label(image_id, None, who, now, source, annotation=annotation)
        for image_id, annotation in _as_known(project, found.annotations).items()
    }
    for image_id, what in answered.items():
        said[image_id] = Label(image_id, None, who, now, source, what.answer, annotation=what.annotation)
    labels = [] if given_up else [label for image_id, label in said.items() if image_id not in both]
    added = project.store.add_labels(labels, settle=how.settle)
    file = None
    if rejected:
        file = write_faults(project.root / REJECTED / f"{printable(path.stem)}.csv", source, rejected)
    taken = [label.annotation for label in labels if label.annotation is not None]
    return Imported(
        added.new,
        added.changed,
        added.unchanged,
        sum(not row.says and row.problem is None for row in read.rows),
        tuple(_rejected(one) for one in rejected),
        file,
        agreed=added.agreed,
        differed=added.differed,
        settled=added.settled,
        changes=told_of(added.changes, images),
        beside=told_of(added.beside, images),
        answers={"unreadable": n} if (n := sum(label.answer is not None for label in labels)) else {},
        notes=(*asked.notes, *_notes(found)),
        objects=sum(len(one.objects or ()) for one in taken),
        nothing=sum(not one.objects for one in taken),
        given_up=given_up,
    )


def _found(project: Project, read: Read, asked: Questioned, how: Taking) -> FoundObjects:
    if read.file is None:
        return FoundObjects({}, ())
    images, limits = project.store.images(), Limits.of(project.config.pool)
    path = Path(os.path.abspath(read.path))
    roots = (project.source, str(path if path.is_dir() else path.parent))
    finder = Finder(images, project.store.sightings(), roots)
    known = read.names.find if read.names is not None else _batch_names(project, images)
    rules = Rules(
        project.config.classes,
        asked.doubtful,
        lambda uri: orientation(uri, limits=limits),
        how.scale or read.small,
        known,
    )
    return match_objects(read.file, finder, rules)


def _batch_names(project: Project, images: Mapping[str, ImageRecord]) -> Callable[[str], str | None]:
    """Names that images were given in batch folders: tools keep them, and say nothing of ids."""
    from askance.integrations import Batch

    given: dict[str, str | None] = {}
    for one in project.store.rounds():
        picks = [pick for pick in project.store.picks(one.number) if pick.image_id in images]
        for name, image_id in plan(Batch("", picks, images, ())).files.items():
            stem = same_name(name).rpartition(".")[0]
            given[stem] = image_id if given.get(stem, image_id) == image_id else None

    def find(name: str) -> str | None:
        base = name.replace("\\", "/").rpartition("/")[2]
        if not _NUMBERED.match(base):
            return None
        plain = same_name(base)
        return given.get(plain.rpartition(".")[0]) or given.get(plain)

    return find


def _as_known(project: Project, found: Mapping[str, Annotation]) -> dict[str, Annotation]:
    """What is said, in the words that are kept already where it says nothing new."""
    opinions = project.store.opinions(found.keys()) if found else {}
    taken = {}
    for image_id, said in found.items():
        words = [label.annotation for label in opinions.get(image_id, {}).values() if label.annotation is not None]
        taken[image_id] = next((known for known in words if says_nothing_new(said, known)), said)
    return taken


def _answers(
    project: Project, read: Read, images: Mapping[str, ImageRecord]
) -> tuple[dict[str, "_Answer"], list[Fault]]:
    """What is answered of whole images, by id; and what cannot be taken."""
    rows = [replace(row, value="none of these") if says_nothing(row.value or "") else row for row in read.rows]
    path = Path(os.path.abspath(read.path))
    roots = (project.source, str(path if path.is_dir() else path.parent))
    matched = match(rows, images, project.store.sightings(), (), roots=roots)
    faults = [Fault(path.name, one.row.place, "", one.reason) for one in matched.rejected]
    found: dict[str, _Answer] = {}
    for image_id, row in matched.labels.items():
        if row.answer == "unreadable":
            found[image_id] = _Answer("unreadable")
        elif row.answer == "none-of-these":
            image = images[image_id]
            found[image_id] = _Answer(annotation=Annotation((), size=(image.width, image.height)))
        else:
            why = f"{shortened(row.says)} is said of the whole image, where objects are wanted: draw them"
            faults.append(Fault(path.name, row.place, "", why))
    return found, faults


def _check_task(read: Read) -> None:
    """Refuse what speaks of whole images alone."""
    of_images = read.file is not None and read.file.images and not read.file.faults
    if of_images and read.file is not None and all(one.annotation.labels is not None for one in read.file.images):
        raise other_task(read.path, "classes of whole images")
    said = [row for row in read.rows if row.value is not None and row.problem is None]
    if read.file is None and said and not any(_answers_row(row) for row in said):
        raise other_task(read.path, "classes of whole images")


def _answers_row(row: LabelRow) -> bool:
    return says_nothing(row.value or "") or (row.value or "").strip().casefold() == "unreadable"


def other_task(path: Path, what: str) -> LabelError:
    """Labels of another task than the project's."""
    name = shortened(printable(str(path)))
    if what == "objects":
        fix = f"askance init OTHER --pool IMAGES --labels {name} makes a project that finds objects"
        return LabelError("labels of whole images, as this project classifies them", f"{name}, with objects", fix)
    fix = f"askance init OTHER --pool IMAGES --labels {name} makes a project that classifies images"
    return LabelError("objects with boxes, as this project finds them", f"{name}, with {what}", fix)


def _twice(image: ImageRecord, path: Path) -> Fault:
    return Fault(path.name, image.uri, "", "its cell in labels.csv says one thing, and objects are drawn besides")


def _rejected(fault: Fault) -> Rejected:
    name = ", ".join(filter(None, (fault.image, fault.thing))) or fault.place
    return Rejected(LabelRow(fault.image, None, name=name), fault.problem)


def _notes(found: FoundObjects) -> list[str]:
    notes = []
    if found.turned:
        notes.append(
            f"{found.turned} images had been labelled lying on their side, as their pixels are stored: what was "
            "drawn is turned with them, as EXIF says"
        )
    if found.scaled:
        notes.append(
            f"{found.scaled} images had been labelled in another size: what was drawn is scaled to theirs"
        )
    if found.scored:
        notes.append(f"{found.scored} objects carry a model's score, and are taken as labels all the same")
    return notes
