"""Batches and labels out: what was picked on one side, files that people can work with on the other."""

import itertools
from collections.abc import Callable, Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from askance.integrations import (
    Batch,
    write_batch_folder,
    write_batch_package,
    write_labels_csv,
    write_labels_image_folder,
)
from askance.integrations.batch_folder import plan, read_mark
from askance.integrations.labelled_folder import is_untouched
from askance.integrations.sheet import render_sheet
from askance.integrations.write import batch_csv, batch_file_name, labels_csv
from askance.loop.project import Project
from askance.pool import Limits
from askance.session.objects_out import export_objects
from askance.vocab import ANSWERS, LabelError, Pick, Progress, Round, SelectionError, Split, silent
from askance.vocab.answers import NOTHING
from askance.vocab.config import Config
from askance.vocab.files import free_name, write_whole


@dataclass(frozen=True, slots=True)
class Where:
    """Where a batch goes: a CSV file, a plain folder of links or copies, or both."""

    csv: Path | None
    folder: Path | None
    copy: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of a batch.

    Attributes:
        images: how many there are to be labelled.
        written: the files and folders, each under the name it has got.
        taken: names that were asked for and are somebody's work already: they were left alone.
        there: whether just this was there already, with nothing said in it yet.
        left_out: place -> why an image of the batch is not there.
    """

    images: int
    written: tuple[Path, ...]
    taken: tuple[Path, ...] = ()
    there: bool = False
    left_out: Mapping[str, str] = field(default_factory=dict)


def export_package(
    project: Project,
    beside: Path,
    *,
    small: bool = False,
    split: Split | None = None,
    number: int | None = None,
    progress: Progress = silent,
) -> Exported:
    """Write a batch as one folder in the folder `beside`."""
    batch = _batch(project, split, number)
    wanted = beside / batch_name(project, split, number)
    mark = plan(batch, small=small)
    taken: list[Path] = []
    for place in _names(wanted):
        if place.is_dir() and is_untouched(place, mark):
            return Exported(len(mark.files), (place,), tuple(taken), there=True)
        if not place.exists() and not place.is_symlink():
            break
        taken.append(place)
    done = write_batch_package(place, batch, small=small, progress=progress)
    return Exported(done.images, (place,), tuple(taken), left_out=done.left_out)


def export_batch(
    project: Project,
    where: Where,
    *,
    split: Split | None = None,
    number: int | None = None,
    progress: Progress = silent,
) -> Exported:
    """Write a batch as a CSV file with a page of thumbnails beside it, as a plain folder, or both."""
    batch = _batch(project, split, number)
    written: list[Path] = []
    old: list[bool] = []
    if where.csv is not None:
        csv = _write(where.csv, batch_csv(batch.picks, batch.images), old)
        names = [batch.original(pick.image_id) for pick in batch.picks]
        page = csv.with_suffix(".html")
        written += [csv, _write(page, render_sheet(batch, names, csv=csv.name, progress=progress), [])]
    if where.folder is not None:
        folder, there = _free_folder(where.folder, batch)
        old.append(there)
        if not there:
            write_batch_folder(folder, batch.picks, batch.images, "copy" if where.copy else "link")
        written.append(folder)
    wanted = [place for place in (where.csv, where.folder) if place is not None]
    taken = tuple(place for place in wanted if place not in written)
    return Exported(len(batch.picks), tuple(written), taken, there=all(old))


def export_labels(
    project: Project, path: Path, form: str | None = None, tell: Callable[[str], None] = lambda note: None
) -> tuple[int, Path]:
    """Write all current labels: a `.csv` file, or a folder with a folder a class below a folder a split.

    Where objects are said: in a foreign format, see `export_objects`.

    Returns how many were written, and where: the next free name where this one is taken.

    Raises:
        LabelError: a format of objects, of a project that has none.
    """
    if project.config.task == "detection":
        return export_objects(project, path, form, tell)
    if form not in (None, "csv"):
        got = f"--format {form}, and this project says classes of whole images"
        raise LabelError("a .csv file, or a folder with a folder a class", got, "leave --format out")
    labels, images, splits = project.store.labels(), project.store.images(), project.store.splits()
    if path.suffix.lower() == ".csv":
        place = free_name(path, labels_csv(labels, images, splits))
        write_labels_csv(place, labels, images, splits)
        return len(labels), place
    place = path if _is_empty(path) else free_name(path)
    return len(write_labels_image_folder(place, labels, images, splits)), place


def batch_name(project: Project, split: Split | None = None, number: int | None = None) -> str:
    """What the folder of a batch is called: by its round, or by the split it is for."""
    return f"batch-{split}" if split is not None else f"batch-{_round(project, number).number:04d}"


def batch_round(project: Project, number: int | None = None) -> int:
    """The round whose batch is meant: that one, or the last that has one."""
    return _round(project, number).number


def find_package(wanted: Path, ids: Collection[str]) -> Path | None:
    """The first folder under a batch's name, or one that `export_package` takes next, that holds all these images.

    None where there is none: a folder of that name may be of another batch, or of another project.
    """
    for place in _names(wanted):
        if not place.exists() and not place.is_symlink():
            return None
        mark = read_mark(place)
        if mark is not None and set(ids) <= set(mark.files.values()):
            return place
    return None


def lacking(
    split: Split, splits: Mapping[str, Split], images: Container[str], labels: Container[str]
) -> list[str]:
    """Images of a split that nobody has labelled or answered yet, of those that are in the pool, by id.

    >>> lacking("test", {"c": "test", "b": "val", "a": "test", "gone": "test"}, {"a", "b", "c"}, {"a"})
    ['c']
    """
    frozen = (image_id for image_id, where in splits.items() if where == split)
    return sorted(image_id for image_id in frozen if image_id in images and image_id not in labels)


def _batch(project: Project, split: Split | None, number: int | None) -> Batch:
    if split is not None:
        picks, title = _lacking(project, split), f"{'test' if split == 'test' else 'validation'} set"
    else:
        found = _round(project, number)
        picks, title = project.store.picks(found.number), f"batch of round {found.number}"
    images = project.store.images()
    present = [pick for pick in picks if pick.image_id in images]  # what has gone since cannot be labelled
    classes = project.config.classes
    asks, answers = _asks(project.config), list(ANSWERS.values())
    if asks != "class":
        answers = ["unreadable", NOTHING]
    answers = [name for name in answers if name not in classes]
    pool = project.config.pool
    limits = Limits.of(pool)
    return Batch(title, present, images, classes, answers, project.source, pool.max_pixels, limits, asks)


def _asks(config: Config) -> Literal["class", "labels", "objects"]:
    """What is asked of an image."""
    return "objects" if config.task != "classification" else "labels" if config.several else "class"


def _round(project: Project, number: int | None) -> Round:
    rounds = [one for one in project.store.rounds() if one.state == "picked" and number in (None, one.number)]
    if not rounds:
        asked = "no batch has been picked" if number is None else f"round {number} has no batch"
        raise SelectionError("a picked batch", asked, "askance pick")
    return rounds[-1]


def _lacking(project: Project, split: Split) -> list[Pick]:
    store = project.store
    ids = lacking(split, store.splits(), store.images(), store.labels())
    if not ids:
        raise SelectionError(
            f"unlabelled images in the {split} set", "none", f"askance pick --split {split} -n 200"
        )
    return [Pick(image_id, rank, 0.0, {}) for rank, image_id in enumerate(ids, start=1)]


def _names(wanted: Path) -> Iterator[Path]:
    """A name and those that follow where it is taken, as `free_name` has them."""
    yield wanted
    yield from (wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}") for number in itertools.count(2))


def _write(wanted: Path, data: bytes, old: list[bool]) -> Path:
    """Write a file under the first free name; notes whether just this was there."""
    place = free_name(wanted, data)
    old.append(place.exists())
    if not old[-1]:
        write_whole(place, data)
    return place


def _free_folder(wanted: Path, batch: Batch) -> tuple[Path, bool]:
    """The first free name of a plain folder, and whether just this batch lies there unsorted."""
    files = {batch_file_name(place, batch.images[pick.image_id]) for place, pick in enumerate(batch.picks, 1)}
    for place in _names(wanted):
        if _is_empty(place):
            break
        if place.is_dir() and {entry.name for entry in place.iterdir()} == files:
            return place, True
    return place, False


def _is_empty(folder: Path) -> bool:
    """Whether a folder of this name can be filled: it is absent, or has nothing in it."""
    if folder.is_dir():
        return not any(folder.iterdir())
    return not (folder.exists() or folder.is_symlink())
