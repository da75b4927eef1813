"""What `status` counts, as functions of a connection: the database counts, and no record is made.

Each says what records would say: the label in force of an image is its newest that is no opinion, a withdrawal is
no label, and an image is in the pool where one of its places has no problem.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    case,
    except_,
    func,
    or_,
    select,
    type_coerce,
)

from askance.store.schema import labels, picks, sightings, splits
from askance.vocab import ANSWERS, Answer, Split

_SAYS = or_(labels.c.value.is_not(None), labels.c.answer.is_not(None), labels.c.annotation.is_not(None))
"""Not a withdrawal."""
_SAID = case(
    *((labels.c.answer == name, word) for name, word in ANSWERS.items()),
    (labels.c.annotation.is_not(None), type_coerce(labels.c.annotation, Text)),
    else_=labels.c.value,
)
"""As `askance.vocab.said` has it; an annotation as it is written: the same text for the same thing said."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many images there are, and of what kind.

    Attributes:
        images: distinct readable images in the pool.
        quarantined: places with a problem.
        unlabelled: images that may be picked: in the pool, with neither label nor answer, in no frozen split.
        labels: (split, class) -> labels in force that say that class; of objects, how many of it there are.
        answers: answer that is no class -> images.
        annotated: split -> images of which objects or several labels are said, none of them counted too.
        empty: split -> those of them with none.
        frozen: split -> images frozen in it.
        lacking: split -> ids of images frozen in it, in the pool and with neither label nor answer, sorted.
    """

    images: int
    quarantined: int
    unlabelled: int
    labels: Mapping[tuple[Split, str], int] = field(default_factory=dict)
    answers: Mapping[Answer, int] = field(default_factory=dict)
    annotated: Mapping[Split, int] = field(default_factory=dict)
    empty: Mapping[Split, int] = field(default_factory=dict)
    frozen: Mapping[Split, int] = field(default_factory=dict)
    lacking: Mapping[Split, list[str]] = field(default_factory=dict)


def count(connection: Connection) -> Counts:
    """All of it."""
    quarantined = select(func.count()).select_from(sightings).where(sightings.c.problem.is_not(None))
    held = select(splits.c.image_id).where(splits.c.split != "train")
    free = except_(_pool(), _answered(), held).subquery()
    frozen = connection.execute(select(splits.c.split, func.count()).group_by(splits.c.split)).all()
    found, answers = _labels(connection)
    things, annotated, empty = _annotations(connection)
    return Counts(
        images=connection.scalar(select(func.count()).select_from(_pool().distinct().subquery())) or 0,
        quarantined=connection.scalar(quarantined) or 0,
        unlabelled=connection.scalar(select(func.count()).select_from(free)) or 0,
        labels={**found, **{key: found.get(key, 0) + n for key, n in things.items()}},
        answers=answers,
        annotated=annotated,
        empty=empty,
        frozen={row[0]: row[1] for row in frozen},
        lacking={row[0]: _open(connection, splits, splits.c.split == row[0]) for row in frozen},
    )


def waiting(connection: Connection, number: int) -> list[str]:
    """Ids of a round's picks that are in the pool and have neither label nor answer, sorted."""
    return _open(connection, picks, picks.c.round == number)


def people(connection: Connection) -> dict[str, tuple[int, int]]:
    """Person -> images whose label in force is theirs, and images that have their word beside another's."""
    mine = func.sum(case((labels.c.revision.in_(_newest()), 1), else_=0))
    query = select(labels.c.who, func.count(), mine).where(labels.c.revision.in_(_newest_words()), _SAYS)
    return {who: (of, n - of) for who, n, of in connection.execute(query.group_by(labels.c.who))}


def differing(connection: Connection) -> list[str]:
    """Ids of images of which people's newest words are not all the same, sorted."""
    query = (
        select(labels.c.image_id)
        .where(labels.c.revision.in_(_newest_words()), _SAYS)
        .group_by(labels.c.image_id)
        .having(func.min(_SAID) != func.max(_SAID))
    )
    return sorted(connection.scalars(query))


def ever_settled(connection: Connection) -> set[str]:
    """Ids of images of which somebody once settled what people said."""
    return set(connection.scalars(select(labels.c.image_id).where(labels.c.settles)))


def _labels(connection: Connection) -> tuple[dict[tuple[Split, str], int], dict[Answer, int]]:
    query = (
        select(splits.c.split, labels.c.value, labels.c.answer, func.count())
        .select_from(labels.outerjoin(splits, splits.c.image_id == labels.c.image_id))
        .where(labels.c.revision.in_(_newest()), _SAYS)
        .group_by(splits.c.split, labels.c.value, labels.c.answer)
    )
    found: dict[tuple[Split, str], int] = {}
    answers: dict[Answer, int] = {}
    for split, value, answer, n in connection.execute(query):
        if value is not None:
            key: tuple[Split, str] = (split or "train", value)
            found[key] = found.get(key, 0) + n
        if answer is not None:
            answers[answer] = answers.get(answer, 0) + n
    return found, answers


def _annotations(connection: Connection) -> tuple[Counter[tuple[Split, str]], Counter[Split], Counter[Split]]:
    """Objects and labels by split and class, images that have any annotation, and those with an empty one."""
    query = (
        select(splits.c.split, labels.c.annotation)
        .select_from(labels.outerjoin(splits, splits.c.image_id == labels.c.image_id))
        .where(labels.c.revision.in_(_newest()), labels.c.annotation.is_not(None))
    )
    things: Counter[tuple[Split, str]] = Counter()
    annotated: Counter[Split] = Counter()
    empty: Counter[Split] = Counter()
    for split, annotation in connection.execute(query):
        classes = annotation.classes
        annotated[split or "train"] += 1
        empty[split or "train"] += not annotation.names
        for name, n in classes.items():
            things[split or "train", name] += n
    return things, annotated, empty


def _open(connection: Connection, of: Table, where: ColumnElement[bool]) -> list[str]:
    """Ids of a table's rows that are in the pool and have no word in force, sorted."""
    ids = select(of.c.image_id).where(where, of.c.image_id.in_(_pool()))
    return sorted(connection.scalars(except_(ids, _answered())))


# Sets are taken from each other by EXCEPT and IN: joins of such queries have no index in SQLite and take for ever.


def _pool() -> Select[tuple[str]]:
    """The ids of readable images in the pool, once a place."""
    return select(sightings.c.image_id).where(sightings.c.problem.is_(None), sightings.c.image_id.is_not(None))


def _answered() -> Select[tuple[str]]:
    """The ids of images with a label or an answer in force."""
    return select(labels.c.image_id).where(labels.c.revision.in_(_newest()), _SAYS)


def _newest() -> Select[tuple[int]]:
    """The newest revision of each image that is no opinion."""
    return select(func.max(labels.c.revision)).where(~labels.c.opinion).group_by(labels.c.image_id)


def _newest_words() -> Select[tuple[int]]:
    """The newest revision of each person on each image."""
    return select(func.max(labels.c.revision)).group_by(labels.c.image_id, labels.c.who)
