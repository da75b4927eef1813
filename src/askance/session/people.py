"""Who said what: each person's words, how far people agree, where they differ, and who changed what."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path

import numpy as np

from askance.integrations.files import FOR_PEOPLE, csv_bytes
from askance.integrations.read import LABELS, PATHS, plain_name
from askance.integrations.same import alike
from askance.loop.project import Project
from askance.store.said import is_settled
from askance.vocab import ImageRecord, Label, said
from askance.vocab.files import write_free

_REWRITTEN = re.compile(r"( \(classes (rename|merge): [^\n]*, by [^\n]*\))\Z")
"""At the end of the source of a label that was said anew as its class was renamed; nobody changed their mind."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person's words as they stand.

    Attributes:
        who: as `--who` named them.
        labels: images whose label in force they said.
        beside: images that have another person's label in force, and theirs beside it.
    """

    who: str
    labels: int
    beside: int


@dataclass(frozen=True, slots=True)
class Pair:
    """How far two people agree on the images that both labelled, before anybody settled anything.

    Attributes:
        a: one person.
        b: the other.
        n: images that both labelled.
        agreement: share of them on which they say the same, in [0, 1].
        kappa: Cohen's kappa, in [-1, 1]; None where both put all n in one class.
    """

    a: str
    b: str
    n: int
    agreement: float
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Differing:
    """An image of which people say different things, and nobody has settled it.

    Attributes:
        image_id: which.
        name: its path or URL, or its id where no file of it is there.
        words: person -> what they say, a class or an answer; the oldest word first.
        in_force: whose word is in force; None where nobody's is.
    """

    image_id: str
    name: str
    words: Mapping[str, str]
    in_force: str | None


@dataclass(frozen=True, slots=True)
class ChangeOfLabel:
    """One label in force that became another, or was withdrawn.

    Attributes:
        name: the image's path or URL, or its id.
        before: what was said before, a class or an answer.
        after: what is said since; empty where it was withdrawn.
        whose: who had said what was before.
        who: who changed it.
        at: when, in UTC.
        source: a file's name, a page.
    """

    name: str
    before: str
    after: str
    whose: str
    who: str
    at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class People:
    """Who said what in a project; plain values, for a report or a terminal.

    Attributes:
        people: everybody who said something that stands, most labels first.
        pairs: of people who labelled some of the same images, most shared images first.
        shared: images that two people or more labelled.
        alpha: Krippendorff's alpha over everybody, nominal; at most 1, 0 as by chance; None where it has no value.
        disagreements: images to be settled, by name.
        settled: images of which people differ still, and somebody settled which word is in force.
        changes: of labels in force, the newest first; renamed classes are none.
    """

    people: tuple[Person, ...] = ()
    pairs: tuple[Pair, ...] = ()
    shared: int = 0
    alpha: float | None = None
    disagreements: tuple[Differing, ...] = ()
    settled: int = 0
    changes: tuple[ChangeOfLabel, ...] = ()


def people(project: Project) -> People:
    """Everything that is known of the people who label a project.

    Agreement is of what people said before they settled a difference; answers (`unreadable`, `none of these`)
    count as categories of their own.
    """
    store = project.store
    words, images = store.opinions(), store.images()
    open_, settled = _differing(words, images)
    pairs, shared, alpha = _figures(store.opinions(settling=False))
    return People(
        _persons(words), pairs, shared, alpha, open_, settled, tuple(_changes(store.revisions(), images))
    )


def source_of(source: str) -> str:
    """Where a label came from at first, without what renamed classes added to it.

    >>> source_of("a.csv (classes rename: 1 to one, by eve) (classes merge: one into few, by eve)")
    'a.csv'
    >>> source_of("labels (classes rename: 1-5).csv")
    'labels (classes rename: 1-5).csv'
    """
    return _REWRITTEN.sub("", source)


def persons_and_differences(project: Project) -> tuple[tuple[Person, ...], int]:
    """Everybody who said something that stands, most labels first, and how many images are to be settled."""
    found = [Person(who, labels, beside) for who, (labels, beside) in project.store.people().items()]
    differ = project.store.differing()
    perhaps = project.store.ever_settled().intersection(differ)  # few: of these alone the words are read
    return _by_labels(found), len(differ) - _differing(project.store.opinions(perhaps), {})[1]


def disagreements(project: Project) -> tuple[Differing, ...]:
    """The images of which people say different things, to be settled, by name."""
    return _differing(project.store.opinions(), project.store.images())[0]


def write_disagreements(project: Project, path: Path) -> Path:
    """Write the images of which people differ as a CSV file: fill in the empty `label`, import it with `--settle`.

    Columns: id, path, label, and one a person with what they say; `counts` names whose word is in force. A file of
    that name that says something else stays, and the next free name is taken.

    Returns:
        The file.

    Raises:
        StoreError: the disk said no.
    """
    found = disagreements(project)
    who = sorted({name for one in found for name in one.words})
    taken = {"id", "split", "group", "who", "counts", *PATHS, *LABELS}
    heads = [f"{name} said" if plain_name(name) in taken else name for name in who]
    rows = [
        [one.image_id, one.name, "", one.in_force or "", *(one.words.get(name, "") for name in who)]
        for one in found
    ]
    data = csv_bytes(["id", "path", "label", "counts", *heads], rows, encoding=FOR_PEOPLE)
    return write_free(path, data)


def name_of(image_id: str, images: Mapping[str, ImageRecord]) -> str:
    """An image's path or URL; its id where no file of it is there."""
    return images[image_id].uri if image_id in images else image_id


def _persons(words: Mapping[str, Mapping[str, Label]]) -> tuple[Person, ...]:
    said_by = [label for one in words.values() for label in one.values()]
    labels = Counter(label.who for label in said_by if not label.opinion)
    beside = Counter(label.who for label in said_by if label.opinion)
    found = [Person(who, labels[who], beside[who]) for who in labels.keys() | beside.keys()]
    return _by_labels(found)


def _by_labels(found: Iterable[Person]) -> tuple[Person, ...]:
    return tuple(sorted(found, key=lambda one: (-one.labels, -one.beside, one.who)))


def _differing(
    words: Mapping[str, Mapping[str, Label]], images: Mapping[str, ImageRecord]
) -> tuple[tuple[Differing, ...], int]:
    """Those to be settled, and how many are settled."""
    found, settled = [], 0
    for image_id, one in words.items():
        first, *others = one.values()
        if all(_agree(first, label) for label in others):
            continue
        force = next((label for label in one.values() if not label.opinion), None)
        if is_settled(force, one):
            settled += 1
            continue
        told = {who: said(label) for who, label in one.items()}
        found.append(Differing(image_id, name_of(image_id, images), told, force.who if force else None))
    return tuple(sorted(found, key=lambda differing: differing.name)), settled


def _agree(one: Label, other: Label) -> bool:
    """Whether two people say the same of an image."""
    if one.annotation is not None and other.annotation is not None:
        return alike(one.annotation, other.annotation)
    return said(one) == said(other)


def _categories(words: list[Label]) -> list[str]:
    """What each says of one image, by a name; of those who count alike and see it elsewhere by several."""
    found: list[str] = []
    for i, label in enumerate(words):
        like = next((found[j] for j in range(i) if _agree(words[j], label)), None)
        name = said(label)
        while like is None and name in found:
            name += ", elsewhere"
        found.append(name if like is None else like)
    return found


def _figures(words: Mapping[str, Mapping[str, Label]]) -> tuple[tuple[Pair, ...], int, float | None]:
    """Pairs, how many images two people or more saw, and alpha over them."""
    from askance.maths.agreement import agreement, cohen_kappa, krippendorff_alpha

    shared = [one for one in words.values() if len(one) > 1]
    raters = sorted({who for one in shared for who in one})
    told = [_categories(list(one.values())) for one in shared]
    categories = {name: i for i, name in enumerate(sorted({name for names in told for name in names}))}
    table = np.full((len(shared), len(raters)), -1, dtype=np.int64)
    for i, one in enumerate(shared):
        for who, name in zip(one, told[i], strict=True):
            table[i, raters.index(who)] = categories[name]
    pairs = []
    for i, j in combinations(range(len(raters)), 2):
        both = (table[:, i] >= 0) & (table[:, j] >= 0)
        if both.any():
            a, b = table[both, i], table[both, j]
            figures = agreement(a, b), _known(cohen_kappa(a, b))
            pairs.append(Pair(raters[i], raters[j], int(both.sum()), *figures))
    alpha = _known(krippendorff_alpha(table)) if shared else None
    return tuple(sorted(pairs, key=lambda pair: (-pair.n, pair.a, pair.b))), len(shared), alpha


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _changes(revisions: Iterable[Label], images: Mapping[str, ImageRecord]) -> list[ChangeOfLabel]:
    force: dict[str, Label] = {}
    found = []
    for label in revisions:
        if label.opinion:
            continue
        before = force.get(label.image_id)
        force[label.image_id] = label
        if before is None or not said(before) or said(before) == said(label) or _REWRITTEN.search(label.source):
            continue
        name = name_of(label.image_id, images)
        found.append(ChangeOfLabel(name, said(before), said(label), before.who, label.who, label.at, label.source))
    return found[::-1]
