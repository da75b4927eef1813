"""A project is a folder: `askance.toml`, the store, cached features, and a folder a round."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from sqlalchemy import URL

from askance.loop.settings import read_config, write_config
from askance.loop.tidying import tidy as sweep
from askance.pool.archives import from_folder
from askance.store import MAKING, Store, parse, under
from askance.vocab import (
    Annotation,
    ConfigError,
    ImageRecord,
    Label,
    Labelled,
    Round,
    Sighting,
    Split,
    StoreError,
)
from askance.vocab.config import Config
from askance.vocab.errors import listed
from askance.vocab.files import cannot_write
from askance.vocab.names import is_text, printable, tidy, tidy_place

CONFIG = "askance.toml"
DATABASE = "askance.db"


@dataclass(frozen=True, slots=True)
class Project:
    """An open project.

    Attributes:
        root: its folder, absolute.
        config: `askance.toml`, checked.
        store: labels, rounds and the rest.
    """

    root: Path
    config: Config
    store: Store

    @classmethod
    def create(cls, root: Path, config: Config) -> "Project":
        """Make the folder and the store; it becomes a project with `write`.

        Raises:
            ConfigError: there is a project already, or the folder's name is no UTF-8.
            StoreError: the folder cannot be written.
        """
        root = root.resolve()
        if not is_text(str(root)):
            raise ConfigError(
                "a project's folder with a UTF-8 name", printable(str(root)), "rename it, or take another"
            )
        _refuse_a_second(root)
        new = not root.exists()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(root, error) from None
        try:
            return cls(root, config, _open_store(root, config, make=True))
        except BaseException:
            if new:
                with suppress(OSError):  # something is in it by now
                    root.rmdir()
            raise

    @contextmanager
    def being_made(self) -> Iterator[None]:
        """Be the only one who makes this project, in a database of its own.

        What an earlier attempt scanned is used; what labels it took is not, as they may be of another file.

        Raises:
            Busy: another process makes it.
            ConfigError: it was made meanwhile, or the database is another project's.
        """
        with self.store.job(MAKING):
            _refuse_a_second(self.root)
            whose = self.store.made_by()
            if whose == "project" and self.config.store is not None:  # in the folder: its askance.toml was lost
                raise ConfigError(
                    "a database of its own for the new project",
                    f"{self.store.place}, in which there is a project",
                    "give another file name, or createdb NAME; if this is that project and its askance.toml was "
                    "lost, write one by hand, with `store`, `classes` and `source` under [pool]",
                )
            if whose == "labelled":
                self.store.begin_anew()
            yield

    @contextmanager
    def job(self, kind: str) -> Iterator[None]:
        """Be the one at work on the project while the block runs; what killed jobs left is swept away first.

        Raises:
            Busy: another job lives.
        """
        with self.store.job(kind):
            sweep(self.root, self.config)
            yield

    def write(self) -> None:
        """Write the `askance.toml` of a new project.

        Raises:
            ConfigError: somebody else has made one meanwhile.
        """
        file = self.root / DATABASE
        if self.config.store is None and not file.exists():
            raise StoreError("the new project's database", f"{file}, which is gone", "run it again")
        try:
            write_config(self.root / CONFIG, self.config, new=True)
        except FileExistsError:
            _refuse_a_second(self.root)
            raise

    @classmethod
    def open(cls, root: Path) -> "Project":
        """Open the project that `find_project` finds from a folder.

        Raises:
            ConfigError: there is none, or there are several; or its settings are wrong.
            StoreError: its database cannot be opened.
        """
        folder = find_project(root)
        config = read_config(folder / CONFIG)
        return cls(folder, config, _open_store(folder, config))

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    def discard(self) -> None:
        """Remove a new project's folder again, before it holds anything but an empty store."""
        for file in self.root.glob(f"{DATABASE}*"):
            file.unlink(missing_ok=True)
        with suppress(OSError):  # something else is in it by now
            self.root.rmdir()

    def with_config(self, config: Config) -> "Project":
        """The same project under a changed configuration."""
        return replace(self, config=config)

    def with_classes(self) -> "Project":
        """The same project with the classes that `askance.toml` has by now: others may have added some."""
        classes = read_config(self.root / CONFIG).classes
        return self.with_config(self.config.model_copy(update={"classes": classes}))

    def round_folder(self, number: int) -> Path:
        """Where a round's files lie."""
        return self.root / "rounds" / f"{number:04d}"

    @property
    def source(self) -> str:
        """The pool's source; a relative path, that of an archive too, is taken from the project's folder."""
        source = self.config.pool.source
        if "://" in source or "::" in source:
            return from_folder(source, os.path.abspath(self.root))
        try:
            return str((self.root / source).resolve())
        except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a NUL
            got = f"pool.source = {source!r} in {self.root / CONFIG}: {error}"
            raise ConfigError("a path", got, "change that value") from None

    def last_round(self) -> Round | None:
        """The newest round, if there is one."""
        rounds = self.store.rounds()
        return rounds[-1] if rounds else None

    def labelled(self, split: Split) -> Labelled:
        """The labelled images of a split, by id; what no split claims is `train`.

        What the task does not take is left out: a class where it wants objects, objects where it wants a class.
        """
        splits, target = self.store.splits(), self._target()
        chosen = [
            (image_id, found)
            for image_id, label in sorted(self.store.labels().items())
            if splits.get(image_id, "train") == split and (found := target(label)) is not None
        ]
        return Labelled(tuple(image_id for image_id, _ in chosen), tuple(target for _, target in chosen))

    def _target(self) -> Callable[[Label], "int | Annotation | None"]:
        """What the task learns from a label; None where that is nothing."""
        classes = {name: i for i, name in enumerate(self.config.classes)}
        if self.config.task == "classification" and not self.config.several:
            return lambda label: classes.get(label.value) if label.value is not None else None
        objects = self.config.task != "classification"

        def annotation(label: Label) -> Annotation | None:
            said = label.annotation
            if said is None or (said.objects is None) == objects:
                return None
            return said.renamed(lambda name: name if name in classes else None)

        return annotation

    def answered(self) -> list[str]:
        """Ids of images outside the validation and test sets whose label is an answer, not a class; sorted."""
        splits = self.store.splits()
        found = (image_id for image_id, label in self.store.labels().items() if label.answer is not None)
        return sorted(image_id for image_id in found if splits.get(image_id, "train") == "train")

    def unlabelled(self) -> list[str]:
        """Ids in the pool that may be picked: present, readable, unlabelled, in no frozen split; sorted."""
        labels, splits = self.store.labels(), self.store.splits()
        return sorted(
            image_id
            for image_id in self.store.images()
            if image_id not in labels and splits.get(image_id, "train") == "train"
        )

    def targets(self) -> list[str] | None:
        """Ids of the images that `strategy.targets` names, sorted; None where it is unset.

        `val` or `test`: the readable images of that set, labelled or not. Anything else is a pattern of names
        below the pool's source, or of groups, as `site-b/*`; `*` stands for folders too. It takes no image of the
        validation or the test set.

        Raises:
            ConfigError: there is no such image.
        """
        wanted = self.config.strategy.targets
        if wanted is None:
            return None
        images, splits = self.store.images(), self.store.splits()
        if wanted in ("val", "test"):
            found = [name for name in images if splits.get(name) == wanted]
        else:
            named = _named(wanted, self.source, self.store.sightings(), images)
            found = sorted(name for name in named if splits.get(name, "train") == "train")
        if not found:
            raise ConfigError(
                f"readable images for strategy.targets = {wanted}",
                f"none of {len(images)}",
                f"askance pick --split {wanted} -n 200 makes such a set"
                if wanted in ("val", "test")
                else "val, test, or a pattern of names below the pool's source or of groups, as site-b/*",
            )
        return found


def find_project(start: Path) -> Path:
    """The project's folder, absolute: `start` itself, the nearest above it, or the only one directly below it.

    Raises:
        ConfigError: no project there, or several directly below.
    """
    try:
        start = start.resolve()
    except (OSError, RuntimeError) as error:  # links that lead in a circle
        raise ConfigError("the folder of a project", f"{start}: {error}", "give another folder") from None
    for folder in (start, *start.parents):
        if os.path.lexists(folder / CONFIG):
            return folder
    below = sorted(file.parent for file in start.glob(f"*/{CONFIG}"))
    if len(below) == 1:
        return below[0]
    if below:
        names = listed([folder.name for folder in below])
        raise ConfigError("one project", f"{len(below)} below {start}: {names}", f"name one: -p {below[0].name}")
    raise ConfigError(
        "a project: a folder with askance.toml",
        f"none in {start}, above it or directly below it",
        "askance init PROJECT --pool IMAGES, or --project DIR",
    )


def _named(
    pattern: str, source: str, sightings: Mapping[str, Sighting], images: Mapping[str, ImageRecord]
) -> set[str]:
    """Images at a place whose name below the source the pattern fits (of a list, the end), or whose group."""
    below, pattern = source.rstrip("/") + "/", tidy(pattern)
    fits = {image_id for image_id, image in images.items() if fnmatchcase(tidy(image.group or ""), pattern)}
    for uri, sighting in sightings.items():
        end, like = (uri.removeprefix(below), pattern) if uri.startswith(below) else (uri, f"*/{pattern}")
        if sighting.image is not None and sighting.image.id in images and fnmatchcase(tidy_place(end), like):
            fits.add(sighting.image.id)
    return fits


def database_of(root: Path, config: Config) -> Path | URL:
    """Where a project's database is; a relative path is taken from its folder.

    Raises:
        StoreError: no URL of a database.
    """
    return root / DATABASE if config.store is None else under(parse(config.store), root)


def _refuse_a_second(root: Path) -> None:
    if os.path.lexists(root / CONFIG):
        raise ConfigError(
            "a new folder",
            f"{root} is a project already",
            f"askance status --project {root}; to begin anew, delete that folder or name another",
        )


def _open_store(root: Path, config: Config, *, make: bool = False) -> Store:
    return Store.open(database_of(root, config), make=make)
