"""A project, its task and its files, wired: one method a command."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from askance.loop.already import (
    Picked,
    Trained,
    check_labels,
    check_pick,
    picked_already,
    trained_already,
)
from askance.loop.project import CONFIG, Project
from askance.loop.refresh import Refreshed, refresh
from askance.loop.settings import check_config
from askance.session.choosing import check_new, choose, look_of_new
from askance.session.evidence import has_diagnosis, keep_diagnosis, keep_neighbours, wants_neighbours
from askance.session.exporting import (
    Exported,
    Where,
    batch_name,
    batch_round,
    export_batch,
    export_labels,
    export_package,
)
from askance.session.importing import read_first, take
from askance.session.labels import Imported, Taking
from askance.session.objects_out import export_prelabels
from askance.session.standing import Status, standing
from askance.session.trust import check_trust
from askance.session.trust import trust as let_run
from askance.vocab import ImageRecord, PoolError, Progress, SelectionError, Split, StoreError, silent
from askance.vocab.config import Config
from askance.vocab.faults import door

if TYPE_CHECKING:  # rooms with torch in them are met where they are used: most commands need none
    from askance.loop.contract import Task


class Session:
    """An open project with everything that can be done to it.

    >>> import tempfile
    >>> Session.open(tempfile.mkdtemp())  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    askance.vocab.errors.ConfigError: wanted: a project: a folder with askance.toml
    """

    def __init__(self, project: Project, notes: tuple[str, ...] = ()) -> None:
        self.project = project
        self.notes = notes
        """What a person should know of how it was made: `init` says here what it chose, and what is missing."""

    @classmethod
    @door
    def init(
        cls,
        root: str | Path,
        settings: dict[str, Any],
        *,
        labels: str | Path | None = None,
        who: str = "init",
        format: str | None = None,  # as the command has it
        progress: Progress = silent,
    ) -> tuple["Session", Refreshed, Imported | None]:
        """Make a project, scan its pool and take the labels there are.

        Args:
            root: the new folder.
            settings: as in `askance.toml`; `pool.source` is needed, the rest has defaults. Without `classes` they
                are those of the labels, sorted, and names that look like slips are set aside. What `model` leaves
                open is chosen, see `choose_model`.
            labels: a CSV, a folder with a folder a class, or annotations in a format of `read_annotations`. Where
                these say objects and `task` is not set, the project is one of detection.
            who: who said these labels.
            format: of annotations; None: by the looks of the file.
            progress: called as work advances.

        Raises:
            ConfigError: a setting that does not exist or cannot be; there is a project already.
            PoolError: no images there.
            ModelError: a network that nobody knows.
        """
        first = read_first(settings, Path(labels) if labels is not None else None, format)
        settings = look_of_new({**settings, **first.settings})
        config = check_new(settings)
        new = not os.path.exists(root)
        project = Project.create(Path(root), config)
        try:
            with project.being_made():
                try:
                    found = refresh(project, progress)
                except PoolError:
                    if new:
                        project.discard()
                    raise
                settings, notes = choose(settings, config, project.store.images())
                project = project.with_config(check_config(settings, CONFIG))
                imported = first.take(project, who)
                project.write()  # last: an init that was killed can simply be run again
        except BaseException:
            project.close()
            raise
        return cls(project, (*first.notes, *notes, *_trusted(project))), found, imported

    @classmethod
    @door
    def open(cls, root: str | Path = ".", *, trust: bool = False) -> "Session":
        """Open the project in a folder, or in the nearest above it.

        Args:
            root: the folder.
            trust: let it run what its settings name and is not Askance's, `model.name = "module:factory"`; else it
                has to be trusted already, as one is that was made here. Nothing is run to open it.
        """
        project = Project.open(Path(root))
        if trust:
            let_run(project.root, project.config.model, lasting=False)
        return cls(project)

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.project.close()

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.project.config

    def override(self, section: str, **changes: Any) -> "Session":
        """The same session under some settings changed for now; the file stays as it is."""
        raw = self.config.model_dump()
        raw[section] = {**raw[section], **{key: value for key, value in changes.items() if value is not None}}
        project = self.project.with_config(check_config(raw, "the options"))
        if section == "model" and {"name", "options"} & changes.keys():
            let_run(project.root, project.config.model, lasting=False)  # the caller's own words
        return Session(project)

    @door
    def task(self) -> "Task[Any]":
        """The project's task over the pool's files."""
        from askance.session.tasks import task_of

        return task_of(self.project)

    @door
    def scan(self, progress: Progress = silent) -> Refreshed:
        """Look at the pool again: what is new, changed, broken, gone."""
        with self.project.job("scan"):
            return refresh(self.project, progress)

    @door
    def train(self, progress: Progress = silent) -> Trained:
        """Scan, fit the model to the labels there are, measure it, and keep a diagnosis for the report."""
        with self.project.job("train"):
            refresh(self.project, progress)
            if (known := trained_already(self.project)) and has_diagnosis(self.project, known.round):
                return known
            check_labels(self.project)
            check_trust(self.project.root, self.project.config.model)
            _load(progress)
            from askance.loop.rounds import train_round

            task = self.task()
            done = train_round(self.project, task, progress=progress)
            keep_diagnosis(self.project, task, done.round, progress)
        return done

    @door
    def pick(self, n: int | None = None, progress: Progress = silent) -> Picked:
        """Scan, score, and pick the next n images worth labelling."""
        n = self.config.strategy.batch if n is None else n
        with self.project.job("pick"):
            refresh(self.project, progress)
            known = picked_already(self.project, n)
            if known and not wants_neighbours(self.project, known.number, known.picks):
                return known
            if known is None:
                check_pick(self.project, n)
            check_trust(self.project.root, self.project.config.model)
            _load(progress)
            from askance.loop.rounds import pick_round

            task = self.task()
            done = pick_round(self.project, task, n, progress=progress)
            keep_neighbours(self.project, task, done.number, done.picks)
        return done

    @door
    def pick_for_split(self, split: Split, n: int) -> list[str]:
        """Bring the test or validation set to n random images, frozen: they are to be labelled and never picked.

        Images that a batch asked for already stay where they are; images of one group come together, so that there
        may be a few more than n. Returns the ids that are new; asking again for the same n adds none.

        Raises:
            SelectionError: not a number of images for val or test, or more than half of those that are left.
        """
        from askance.maths import keyed_uniform

        store = self.project.store
        with self.project.job("pick"):
            refresh(self.project)
            frozen = sum(where == split for where in store.splits().values())
            asked = {pick.image_id for one in store.rounds() for pick in store.picks(one.number)}
            ids = [image_id for image_id in self.project.unlabelled() if image_id not in asked]
            if n <= 0 or split == "train" or n - frozen > len(ids) // 2:
                most = frozen + len(ids) // 2
                raise SelectionError(
                    f"1 to {most} images for val or test", f"{n} for {split}", "change -n or --split"
                )
            keys = keyed_uniform(ids, self.config.seed, f"split {split}")
            order = [ids[i] for i in keys.argsort()]
            chosen = _with_groups(order, max(0, n - frozen), store.images())
            store.freeze(chosen, split)
        return chosen

    @door
    def import_labels(
        self,
        path: str | Path,
        who: str,
        *,
        add_classes: bool = False,
        settle: bool = False,
        scale: bool = False,
        whole: bool = False,
        format: str | None = None,  # as the command has it
    ) -> Imported:
        """Take labels from a CSV, a folder with a folder a class, or annotations; what is bad is written aside.

        Args:
            path: the file or folder.
            who: who said it. Where another person's label is in force, this one is kept beside it.
            add_classes: take class names that are new, as they are written. Without it, a first import defines the
                classes and sets names aside that look like slips; a later one sets new names aside.
            settle: these labels are in force, whoever said otherwise.
            scale: take annotations of copies in another size, brought to the size of the image.
            whole: take nothing if something cannot be taken.
            format: of annotations: `coco`, `yolo`, `voc`, `labelme`, `masks`, `csv`; None: by the looks of it.

        Raises:
            LabelError: nothing that can be read, or labels of another task than the project's.
        """
        how = Taking(add_classes, settle, scale, whole, format)
        self.project, done = take(self.project, Path(path), who, how)
        return done

    @door
    def export_batch(
        self,
        *,
        csv: Path | None,
        folder: Path | None,
        copy: bool,
        split: Split | None = None,
        number: int | None = None,
        progress: Progress = silent,
    ) -> Exported:
        """Write a batch as a CSV file with a page beside it, as a plain folder, or both: see `export_package`."""
        where = Where(csv, folder, copy=copy)
        return export_batch(self.project, where, split=split, number=number, progress=progress)

    @door
    def export_package(
        self,
        beside: Path = Path("."),
        *,
        small: bool = False,
        split: Split | None = None,
        number: int | None = None,
        progress: Progress = silent,
    ) -> Exported:
        """Write a batch as one folder that anybody can label: the last (or that) round's, or what a split lacks.

        A name that is taken by something else is left alone, and the next free one is used.

        Raises:
            SelectionError: nothing was picked, or the split lacks nothing.
        """
        return export_package(self.project, beside, small=small, split=split, number=number, progress=progress)

    def batch_name(self, split: Split | None = None, number: int | None = None) -> str:
        """What `export_package` calls a folder: `batch-0002`, or `batch-test`."""
        return batch_name(self.project, split, number)

    @door
    def export_labels(
        self, path: Path, format: str | None = None, tell: Callable[[str], None] = lambda note: None
    ) -> tuple[int, Path]:
        """Write all current labels: how many images, and where.

        Args:
            path: a CSV or a folder with a folder a class; of objects a file or folder in a foreign format.
            format: of objects: `coco`, `yolo`, `voc`, `labelme`, `masks`, `csv`; None: as `export_objects` says.
            tell: told what could not be written.
        """
        return export_labels(self.project, path, format, tell)

    @door
    def export_prelabels(self, package: Path, format: str = "coco", number: int | None = None) -> tuple[Path, int]:
        """Write the boxes that the model sees in a batch beside its folder: where, and how many.

        Args:
            package: the batch folder that `export_package` wrote.
            format: `coco`, `yolo`, `voc`, `labelme` or `csv`.
            number: of its round; None for the last.

        Raises:
            LabelError: no model had seen that batch.
        """
        picks = self.project.store.picks(batch_round(self.project, number))
        return export_prelabels(self.project, package, picks, format)

    @door
    def status(self) -> Status:
        """Where the project stands."""
        return standing(self.project)


def _trusted(project: Project) -> tuple[str, ...]:
    """Who makes a project may run what they typed; what to know where that cannot be kept."""
    try:
        let_run(project.root, project.config.model)
    except StoreError as error:
        return (f"askance asks again whether it may run {project.config.model.name}: {error.wanted}: {error.got}",)
    return ()


def _load(progress: Progress) -> None:
    """Import what models need; it takes seconds, so that it is said."""
    progress("loading PyTorch", 0, None)
    import askance.tasks.classification  # noqa: F401 - its import is the work, of every task

    progress("loading PyTorch", 1, 1)


def _with_groups(order: list[str], n: int, images: Mapping[str, ImageRecord]) -> list[str]:
    """The first n of an order, and whoever shares a group with one of them."""
    groups = {images[image_id].group for image_id in order[:n]} - {None}
    return [image_id for i, image_id in enumerate(order) if i < n or images[image_id].group in groups]
