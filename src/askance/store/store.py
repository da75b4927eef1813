"""The one door to a project's database."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine

from askance.store import beginnings, counts, health, images, jobs, labels, migrate, rounds, said, splits, turns
from askance.store.engine import connect, file_of, is_empty, parse, shown, writer
from askance.store.errors import gone, teaching
from askance.store.jobs import Job
from askance.store.labels import Added
from askance.vocab import Answer, Busy, ImageRecord, Json, Label, Pick, Round, Sighting, Split, StoreError
from askance.vocab.secrets import masked

T = TypeVar("T")

log = logging.getLogger(__name__)


class Store:
    """Who said what and when: images, labels, splits, rounds and jobs of one project.

    Every method is one transaction (`record_sightings` and `forget`: one a thousand rows) and raises `StoreError`
    when the database cannot do it. Threads may share a store; so may processes, each with its own.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = writer(engine)
        self._turn = threading.Lock()

    @classmethod
    def open(cls, url: str | Path | URL, *, make: bool = True) -> "Store":
        """Open a project's database, make it where there is none, and bring an old one to the newest schema.

        Args:
            url: `sqlite:///path`, the path itself as a `Path`, or `postgresql://user@host/name`.
            make: whether there may be none yet. Without it an absent or empty database is refused, and stays so.

        Raises:
            StoreError: not a database, damaged, read-only, another program's, or of a newer Askance; or none.
            MissingExtra: Postgres without its driver.
        """
        parsed = url if isinstance(url, URL) else parse(url)
        file = file_of(parsed)
        if not make and file is not None and is_empty(file):
            raise gone(parsed)
        store = cls(connect(parsed))
        try:
            here = store._read(migrate.revision)
            if here is None and not make and not store._read(migrate.tables):
                raise gone(parsed)
            if here != migrate.newest():
                store._write(migrate.upgrade)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Let go of the database; what was written is safe with or without this."""
        self._engine.dispose()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def place(self) -> str:
        """The database's URL for people, without its password."""
        return shown(self._engine.url)

    def made_by(self) -> beginnings.Beginning:
        """Whose the database is, as far as it says: see `beginnings`."""
        return self._read(beginnings.made_by)

    def begin_anew(self) -> None:
        """Empty the database of what an `init` wrote that never came to its end; the job under way stays.

        Raises:
            StoreError: it is a project's.
        """
        self._write(beginnings.begin_anew)

    # Images and where they lie

    def record_sightings(self, sightings: Iterable[Sighting]) -> None:
        """Keep what a scan saw, as it comes; only what differs is written."""
        for batch in images.batches(sightings):
            self._write(partial(images.record, batch=batch))

    def sightings(self) -> dict[str, Sighting]:
        """Uri -> what was seen there last; quarantined ones have a problem and no image."""
        return self._read(images.all_sightings)

    def forget(self, uris: Iterable[str]) -> None:
        """Drop files that are gone. Their images and labels stay known, and come back if a file does."""
        for batch in images.batches(uris):
            self._write(partial(images.forget, uris=batch))

    def images(self) -> dict[str, ImageRecord]:
        """Image id -> record, for images that lie somewhere in good health; ordered by id.

        An image that lies at many uris is one image, at the smallest of them.
        """
        return images.healthy_images(self.sightings().values())

    def quarantined(self) -> list[Sighting]:
        """Sightings with a problem, ordered by uri."""
        bad = (sighting for sighting in self.sightings().values() if sighting.problem is not None)
        return sorted(bad, key=lambda sighting: sighting.uri)

    def quarantine(self, image_id: str, problem: str) -> None:
        """Set every sighting of an image aside, and say why; the next scan looks afresh at files that changed."""
        self._write(lambda connection: images.quarantine(connection, image_id, problem))

    # What people said

    def add_labels(self, given: Iterable[Label], *, settle: bool = False) -> Added:
        """Append what people said, all or none; what is known already writes nothing.

        The first label of an image is in force, and whoever said it may change it, or withdraw it with neither
        value nor answer. What another person says of it is kept beside as an opinion, the same or not.

        Args:
            given: in the order they were said; `opinion` and `settles` are decided here.
            settle: whoever says it, it is in force now, and the difference between people is settled.

        Raises:
            LabelError: an image that no scan has met, or a time without a zone.
        """
        revisions = list(given)
        return self._write(lambda connection: labels.add(connection, revisions, settle=settle))

    def labels(self) -> dict[str, Label]:
        """Image id -> label in force, answers included, ordered by id; withdrawn ones left out."""
        newest = self._read(said.in_force).values()
        found = {label.image_id: label for label in newest if not said.withdraws(label)}
        return dict(sorted(found.items()))

    def opinions(
        self, ids: Collection[str] | None = None, *, settling: bool = True
    ) -> dict[str, dict[str, Label]]:
        """Image id -> person -> their newest word on it, the oldest word first; what they withdrew is gone.

        `opinion` is False for the word that is in force and True for all others.

        Args:
            ids: of these images only.
            settling: whether what was said to settle a difference counts; without, what people said before they
                had seen each other's answers, as figures of agreement need it.
        """
        return self._read(lambda connection: said.opinions(connection, ids, settling=settling))

    def rewrite_labels(
        self,
        values: Sequence[str],
        new: tuple[str | None, Answer | None],
        *,
        at: datetime,
        source: Callable[[str], str],
    ) -> int:
        """Say every word of some classes anew under another name, or as an answer; who said it stays.

        Args:
            values: the classes.
            new: the class it is now, or None and an answer.
            at: when.
            source: the source a label had -> the one it gets.

        Returns:
            How many labels in force were said anew; opinions and what was settled are too, and are not counted.
        """
        return self._write(lambda connection: labels.rewrite(connection, values, new, at, source))

    def history(self, image_id: str) -> list[Label]:
        """Every revision of an image's label, oldest first, opinions and withdrawals included."""
        return self._read(lambda connection: said.revisions(connection, image_id))

    def speakers(self) -> list[str]:
        """Everybody who ever said something of an image, sorted."""
        return self._read(said.speakers)

    def revisions(self) -> list[Label]:
        """Every revision of every image's label, oldest first."""
        return self._read(said.revisions)

    def freeze(self, ids: Collection[str], split: Split) -> None:
        """Set images apart for good; again with the same split is nothing.

        Raises:
            StoreError: an id is unknown or frozen in another split; nothing is written.
        """
        self._write(lambda connection: splits.freeze(connection, ids, split))

    def splits(self) -> dict[str, Split]:
        """Image id -> the split it is frozen in, ordered by id."""
        return self._read(splits.frozen)

    # Counted by the database, so that a large pool is not read for it

    def counts(self) -> counts.Counts:
        """How many images there are, and of what kind."""
        return self._read(counts.count)

    def people(self) -> dict[str, tuple[int, int]]:
        """Person -> images whose label in force is theirs, and images that have their word beside another's."""
        return self._read(counts.people)

    def differing(self) -> list[str]:
        """Ids of images of which people do not all say the same, settled or not, sorted."""
        return self._read(counts.differing)

    def ever_settled(self) -> set[str]:
        """Ids of images of which somebody once settled what people said, whatever was said since."""
        return self._read(counts.ever_settled)

    def waiting(self, number: int) -> list[str]:
        """Ids of a round's picks that are in the pool and have no label, sorted."""
        return self._read(lambda connection: counts.waiting(connection, number))

    # Rounds

    def save_round(self, round: Round, metrics: Mapping[str, float]) -> None:
        """Keep a trained round and what it measured; a rerun of one that has not picked takes its place.

        Raises:
            StoreError: the round has picked already.
        """
        self._write(lambda connection: rounds.save_round(connection, round, metrics))

    def save_picks(self, number: int, picks: Sequence[Pick], config: Mapping[str, Json] | None = None) -> None:
        """Keep a round's picks in place of any it had, and its configuration if given; move it to `picked`."""
        self._write(lambda connection: rounds.save_picks(connection, number, picks, config))

    def rounds(self) -> list[Round]:
        """All rounds, ordered by number."""
        return self._read(rounds.all_rounds)

    def rounds_in_short(self) -> list[tuple[int, str, int]]:
        """Number, state and labels of all rounds, whatever their configuration says."""
        return self._read(rounds.in_short)

    def metrics(self, number: int) -> dict[str, float]:
        """Metric name -> value of a round; empty where there is none."""
        return self._read(lambda connection: rounds.measured(connection, number))

    def picks(self, number: int) -> list[Pick]:
        """Picks of a round, best first; empty where there are none."""
        return self._read(lambda connection: rounds.picked(connection, number))

    # Work

    @contextmanager
    def job(self, kind: str) -> Iterator[Job]:
        """Be the one at work on the project while the block runs, and show it with a heartbeat.

        Raises:
            Busy: another job lives; or, at the end, this one was thought dead and another took over.
        """
        job = self._write(lambda connection: jobs.begin(connection, kind))
        stop = threading.Event()
        heart = threading.Thread(target=self._beat, args=(job.id, stop), name=f"heartbeat of {kind}", daemon=True)
        heart.start()
        try:
            yield job
        except BaseException as error:
            self._hush(stop, heart)
            message = masked(f"{type(error).__name__}: {error}")
            with suppress(StoreError):  # what went wrong in the block matters more
                self._write(lambda connection: jobs.end(connection, job.id, "failed", message))
            raise
        self._hush(stop, heart)
        if not self._write(lambda connection: jobs.end(connection, job.id, "done", None)):
            raise Busy(f"{kind} to stay the only job", "silence, and another took over", "run it again")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only one to take labels in or to change classes while the block runs; others wait.

        Jobs and all other reading and writing go on besides. A turn within a turn would wait for itself.

        Raises:
            Busy: it was not this one's turn for five minutes.
        """
        with teaching(self._engine.url), turns.turn(self._engine):
            yield

    def jobs(self) -> list[Job]:
        """All jobs there ever were, oldest first."""
        return self._read(jobs.everything)

    # Health

    def check(self) -> list[str]:
        """What is wrong with the database, in words for people; empty when it is sound."""
        return health.problems(self._read)

    def _read(self, work: Callable[[Connection], T]) -> T:
        with teaching(self._engine.url), self._engine.begin() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        with teaching(self._engine.url), self._turn, self._writer.begin() as connection:
            return work(connection)

    def _beat(self, number: int, stop: threading.Event) -> None:
        while not stop.wait(jobs.HEARTBEAT):
            try:
                self._write(lambda connection: jobs.beat(connection, number))
            except StoreError as error:
                log.warning("no heartbeat this time: %s", error)

    @staticmethod
    def _hush(stop: threading.Event, heart: threading.Thread) -> None:
        stop.set()
        heart.join()
