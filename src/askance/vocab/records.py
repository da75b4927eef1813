"""The plain records that rooms hand each other. No torch, no behaviour."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    from askance.vocab.annotations import Annotation

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Split = Literal["train", "val", "test"]
Answer = Literal["unreadable", "none-of-these"]
"""What somebody may say of an image that is no class."""

Progress: TypeAlias = Callable[[str, int, int | None], None]
"""`progress(what, done, total)`: called as long work advances; `total` is None where it is not known."""


def silent(what: str, done: int, total: int | None) -> None:
    """The `Progress` that shows nothing."""


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """One image, whatever it is called and wherever it lies.

    Attributes:
        id: 32 hex digits, BLAKE2b-128 of the file's bytes.
        uri: where it was last seen: an absolute path or an fsspec URL.
        width: pixels, after EXIF rotation.
        height: pixels, after EXIF rotation.
        format: as Pillow names it: `JPEG`, `PNG`...
        group: images of one group (sequence, site, burst) stay on one side of a split.
    """

    id: str
    uri: str
    width: int
    height: int
    format: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One place a scan looked at.

    Attributes:
        uri: absolute path or URL.
        size: bytes, 0 where unknown.
        stamp: changes when the file does (mtime in ns, ETag); same uri, size and stamp = nothing is read again.
        image: what was found, or None: then the file is quarantined.
        problem: why it is quarantined, in words for people; None where `image` is set.
    """

    uri: str
    size: int
    stamp: str
    image: ImageRecord | None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """One revision of what somebody said about an image.

    Attributes:
        image_id: whose label it is.
        value: the class name; None with an answer, and None without one withdraws (an undo is a new row).
        who: the person or tool that said it.
        at: when, in UTC.
        source: where it came from: a file's name, a page.
        answer: what was said instead of a class: counted, never trained on, not asked again.
        opinion: said while another person's label is in force: kept beside it and counted for agreement.
        settles: said to end a difference between people: in force, and no word for the figures of agreement.
        annotation: what was said where it is more than one class: several labels, or objects.
        seconds: how long it took to say; None where nobody measured.

    Raises:
        ValueError: two of a class, an answer and an annotation, or an opinion that settles.
    """

    image_id: str
    value: str | None
    who: str
    at: datetime
    source: str
    answer: Answer | None = None
    opinion: bool = False
    settles: bool = False
    annotation: "Annotation | None" = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        told = [one for one in (self.value, self.answer, self.annotation) if one is not None]
        if len(told) > 1:
            raise ValueError(f"one thing said of an image, not {' and '.join(map(str, told))}")
        if self.opinion and self.settles:
            raise ValueError("an opinion that settles")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Images with what was said of them, aligned; what a task is fitted to and measured on.

    Attributes:
        ids: of the images.
        targets: what the task learns from: a class index, or an `Annotation` of several labels or of objects.
    """

    ids: tuple[str, ...]
    targets: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.targets):
            raise ValueError(f"{len(self.ids)} ids but {len(self.targets)} targets")

    def __len__(self) -> int:
        return len(self.ids)

    def without(self, ids: Collection[str]) -> "Labelled":
        """The same but for some images.

        >>> Labelled(("a", "b"), (0, 1)).without({"a"})
        Labelled(ids=('b',), targets=(1,))
        """
        left = [(name, target) for name, target in zip(self.ids, self.targets, strict=True) if name not in ids]
        return Labelled(tuple(name for name, _ in left), tuple(target for _, target in left))


@dataclass(frozen=True, slots=True)
class Picks:
    """An ordered choice of images to label.

    Attributes:
        ids: image ids, best first.
        positions: their places in the scores they were picked from.
        gains: what each adds, in pick order (nats where the score is an information).
    """

    ids: tuple[str, ...]
    positions: tuple[int, ...]
    gains: tuple[float, ...]

    @classmethod
    def of(cls, positions: Iterable[int], ids: Sequence[str], gains: Sequence[float] | None = None) -> "Picks":
        """The images in these places, in this order.

        Args:
            positions: places in `ids`, best first.
            ids: N, of the images to pick from.
            gains: N, one an image; None: nothing is claimed, each is 0.

        >>> Picks.of([2, 0], ["a", "b", "c"], [0.1, 0.5, 0.9])
        Picks(ids=('c', 'a'), positions=(2, 0), gains=(0.9, 0.1))
        """
        places = tuple(int(place) for place in positions)
        found = tuple(0.0 if gains is None else float(gains[place]) for place in places)
        return cls(tuple(ids[place] for place in places), places, found)

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Pick:
    """One picked image as the store keeps it: its place, its gain, and why.

    Attributes:
        why: what the draws said: predicted classes, votes, scores.
    """

    image_id: str
    rank: int
    gain: float
    why: Mapping[str, Json] = field(default_factory=dict)


RoundState = Literal["trained", "picked"]


@dataclass(frozen=True, slots=True)
class Round:
    """Train, measure, score, pick, ask, label: one turn of the loop.

    Attributes:
        number: from 1.
        state: the last step that was completed.
        labels: how many training labels the model saw.
        seed: what every random choice of this round derives from.
        config: the configuration as run.
        at: when it began, in UTC.
    """

    number: int
    state: RoundState
    labels: int
    seed: int
    config: Mapping[str, Json]
    at: datetime


M = TypeVar("M")
"""A task's own model type."""


@dataclass(frozen=True, slots=True)
class Fitted(Generic[M]):
    """A trained model and how its training went.

    Attributes:
        converged: False when the step limit came first: then comparisons of acquisitions mean little.
        log: steps, final loss, the weight decay chosen, seconds: for people and for `rounds/`.
    """

    model: M
    converged: bool
    log: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Curve:
    """One run of the loop: a strategy, a seed, and how good the model was at each training size.

    Attributes:
        labels: training labels, ascending.
        metrics: metric name -> one value a training size.
    """

    strategy: str
    seed: int
    labels: tuple[int, ...]
    metrics: Mapping[str, tuple[float, ...]]

    def upto(self, labels: int) -> "Curve":
        """The run as far as a budget of training labels goes.

        >>> Curve("random", 0, (20, 30, 40), {"error": (0.4, 0.3, 0.2)}).upto(35).metrics
        {'error': (0.4, 0.3)}
        """
        n = sum(size <= labels for size in self.labels)
        return replace(
            self, labels=self.labels[:n], metrics={name: values[:n] for name, values in self.metrics.items()}
        )
