"""Where a project stands, in numbers that the database counts."""

from collections import Counter
from dataclasses import dataclass, field

from askance.loop.already import has_annotations
from askance.loop.project import Project
from askance.vocab import ANSWERS, Round, Split


@dataclass(frozen=True, slots=True)
class Status:
    """Where a project stands.

    Attributes:
        images: distinct readable images in the pool.
        quarantined: places that hold none.
        labels: split -> class -> how many.
        asked: split -> images frozen in it, labelled or not.
        lacking: split -> images frozen in it that nobody has labelled or answered, of those still in the pool.
        unlabelled: images that may be picked.
        rounds: all rounds, oldest first.
        metrics: of the last round.
        waiting: picks of the last batch without a label, of those that are still in the pool, by id.
        strange: labels of classes that are not in `askance.toml`; nothing is trained on them.
        answers: `unreadable` and `none of these` -> images that somebody said it of; they are in no other count.
        annotated: split -> images of which objects or several labels are said; None where it is one class each.
        empty: split -> those of them with nothing in them.
    """

    images: int
    quarantined: int
    labels: dict[Split, Counter[str]]
    asked: Counter[str]
    lacking: dict[Split, list[str]]
    unlabelled: int
    rounds: list[Round]
    metrics: dict[str, float]
    waiting: list[str]
    strange: int
    answers: Counter[str] = field(default_factory=Counter)
    annotated: Counter[Split] | None = None
    empty: Counter[Split] = field(default_factory=Counter)

    def said(self, split: Split) -> int:
        """How many images of a split have a label in force."""
        return self.labels[split].total() if self.annotated is None else self.annotated[split]

    @property
    def pending(self) -> int:
        """How many are waiting for a label."""
        return len(self.waiting)

    @property
    def test_size(self) -> int:
        """How many images to ask for as a test set: 200, or a fifth of a small pool."""
        return max(1, min(200, self.unlabelled // 5))


def standing(project: Project) -> Status:
    """Where a project stands."""
    store = project.store
    found, rounds = store.counts(), store.rounds()
    labels: dict[Split, Counter[str]] = {"train": Counter(), "val": Counter(), "test": Counter()}
    for (split, value), n in found.labels.items():
        labels[split][value] += n
    classes = set(project.config.classes)
    return Status(
        images=found.images,
        quarantined=found.quarantined,
        labels=labels,
        asked=Counter(found.frozen),
        lacking={split: found.lacking.get(split, []) for split in labels},
        unlabelled=found.unlabelled,
        rounds=rounds,
        metrics=dict(store.metrics(rounds[-1].number)) if rounds else {},
        waiting=store.waiting(rounds[-1].number) if rounds else [],
        strange=sum(n for (_, value), n in found.labels.items() if value not in classes),
        answers=Counter({ANSWERS[answer]: n for answer, n in found.answers.items()}),
        annotated=Counter(found.annotated) if has_annotations(project.config) else None,
        empty=Counter(found.empty),
    )
