"""Labels taken back: of some images, of one import, of one person, or of one answer."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from askance.integrations import LabelRow, match
from askance.loop.project import Project
from askance.session.labels import speaker
from askance.session.people import source_of
from askance.vocab import Label, LabelError, answer_of, said
from askance.vocab.names import printable


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """What was taken back.

    Attributes:
        labels: class or answer -> how many labels in force of it.
        beside: words that were beside another person's label.
        instead: images whose label is now what somebody else had said of them.
        silent: images that were named and have no such label.
    """

    labels: Mapping[str, int]
    beside: int
    instead: int
    silent: int

    @property
    def total(self) -> int:
        """Labels in force that were withdrawn."""
        return sum(self.labels.values())


def withdraw(
    project: Project,
    *,
    by: str,
    names: Sequence[str] = (),
    source: str | None = None,
    who: str | None = None,
    answer: str | None = None,
) -> Withdrawn:
    """Take back what was said; what is named together has to hold together. Nothing is deleted: it is a new row.

    An image whose label in force is withdrawn may be picked again; unless another person has spoken of it, and
    all who have say the same: then that is its label.

    Args:
        project: whose labels they are.
        by: who takes them back.
        names: file names, paths or ids of images: everybody's words on them.
        source: the name of a file that was imported: what it said, as far as nobody has said otherwise since.
        who: everything this person said.
        answer: images that this was answered of: `unreadable` or `none of these`.

    Raises:
        LabelError: nothing is named; a name that fits no image or several; nothing was ever said that fits.
    """
    if not (names or source or who or answer):
        fix = "askance withdraw IMG_0843.jpg, or --source labels.csv, --who anna, --answer unreadable"
        raise LabelError("which labels to withdraw", "no name, file, person or answer", fix)
    wanted, by = _answer(answer), printable(by)
    who = None if who is None else speaker(project, who)
    source = None if source is None else printable(source)
    ids = _found(project, names) if names else None
    opinions = project.store.opinions()
    gone = [
        label
        for image_id, words in opinions.items()
        for label in words.values()
        if (ids is None or image_id in ids)
        and _is_from(label, source)
        and who in (None, label.who)
        and wanted in (None, label.answer)
    ]
    if not gone:
        raise _nothing(project, source, who)
    now = datetime.now(UTC)
    rows = [Label(label.image_id, None, label.who, now, f"withdrawn by {by}") for label in gone]
    instead = _instead(opinions, gone, now)
    project.store.add_labels([*rows, *instead])
    force = [label for label in gone if not label.opinion]
    heard = {label.image_id for label in gone}
    return Withdrawn(
        Counter(said(label) for label in force),
        len(gone) - len(force),
        len(instead),
        len(ids - heard) if ids is not None else 0,
    )


def _instead(opinions: Mapping[str, Mapping[str, Label]], gone: Sequence[Label], now: datetime) -> list[Label]:
    """What others had said of images whose label in force goes, where they are of one mind."""
    taken = {(label.image_id, label.who) for label in gone}
    found = []
    for label in gone:
        rest = [word for who, word in opinions[label.image_id].items() if (label.image_id, who) not in taken]
        if not label.opinion and len({said(word) for word in rest}) == 1:
            found.append(replace(rest[0], at=now, opinion=False))
    return found


def _answer(text: str | None) -> str | None:
    answer = answer_of(text) if text is not None else None
    if text is not None and answer is None:
        raise LabelError("--answer unreadable or --answer 'none of these'", text, "write one of these two")
    return answer


def _is_from(label: Label, source: str | None) -> bool:
    return source is None or source_of(label.source) in (source, Path(source).name)


def _found(project: Project, names: Sequence[str]) -> set[str]:
    rows = [LabelRow(name.strip(), "any", key_as_written=name) for name in names]
    matched = match(
        rows, project.store.images(), project.store.sightings(), (), roots=(project.source, str(Path.cwd()))
    )
    if matched.rejected:
        shown = "; ".join(f"{one.row.place}: {one.reason}" for one in matched.rejected[:5])
        more = f"; and {len(matched.rejected) - 5} more" if len(matched.rejected) > 5 else ""
        raise LabelError("names of images of the pool", shown + more, "correct these names; nothing was withdrawn")
    return set(matched.labels)


def _nothing(project: Project, source: str | None, who: str | None) -> LabelError:
    words = [label for one in project.store.opinions().values() for label in one.values()]
    if who is not None and not any(label.who == who for label in words):
        people = ", ".join(sorted({label.who for label in words})) or "nobody yet"
        return LabelError(f"labels that {who} said", "none", f"those who said any: {people}")
    if source is not None and not any(_is_from(label, source) for label in words):
        files = sorted({source_of(label.source) for label in words})
        more = f" and {len(files) - 10} more" if len(files) > 10 else ""
        return LabelError(
            f"labels from {source}", "none", f"those there are come from {', '.join(files[:10])}{more}"
        )
    return LabelError(
        "labels to withdraw", "no label fits all that was asked", "askance status shows what there is"
    )
