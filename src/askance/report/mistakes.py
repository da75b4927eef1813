"""Which classes are taken for which: the matrix while it can be read, the worst pairs always."""

from dataclasses import dataclass

from askance.report.compare import Table
from askance.report.words import share_of
from askance.vocab import Diagnosis

READABLE = 50
"""Classes up to which the whole matrix is shown."""

PAIRS = 10
"""Worst pairs that are listed; twice as many where there is no matrix."""

CLASSES = 30
"""Classes whose recall and precision are listed: those of the lowest recall."""

_SHORT = 3
"""Letters of a class name up to which columns are headed across."""

_HEAT = 50
"""Percent of colour behind a cell that holds its whole row: text stays readable."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the matrix.

    Attributes:
        text: the count, empty for none.
        heat: how much colour stands behind it, percent.
        right: whether it is on the diagonal.
        about: what it says, in words.
    """

    text: str
    heat: float
    right: bool
    about: str


@dataclass(frozen=True, slots=True)
class Matrix:
    """A confusion matrix as it is shown.

    Attributes:
        classes: column heads.
        upright: whether they are to be read upwards, because they are long or many.
        rows: the class, its test images, its cells.
    """

    classes: tuple[str, ...]
    upright: bool
    rows: tuple[tuple[str, int, tuple[Cell, ...]], ...]


def matrix(found: Diagnosis) -> Matrix | None:
    """Rows the label, columns the prediction; None where there are no test images or more than 50 classes."""
    if not found.confusion or len(found.classes) > READABLE:
        return None
    rows = tuple(
        (name, sum(counts), tuple(_cell(found, i, j) for j in range(len(counts))))
        for i, (name, counts) in enumerate(zip(found.classes, found.confusion, strict=True))
    )
    upright = len(found.classes) > 15 or max(map(len, found.classes)) > _SHORT
    return Matrix(found.classes, upright, rows)


def pairs_table(found: Diagnosis) -> Table | None:
    """The pairs that are confused most, by images; None where nothing is."""
    most = PAIRS if len(found.classes) <= READABLE else 2 * PAIRS
    pairs = [
        (n, i, j) for i, row in enumerate(found.confusion) for j, n in enumerate(row) if n and i != j
    ]  # rows keep the order of the classes, and sorting is stable
    pairs.sort(key=lambda pair: -pair[0])
    rows = [
        (
            found.classes[i],
            found.classes[j],
            f"{n:,}",
            f"{100 * n / sum(found.confusion[i]):.0f}\N{NO-BREAK SPACE}% of {sum(found.confusion[i]):,}",
        )
        for n, i, j in pairs[:most]
    ]
    return Table(("labelled", "taken for", "images", "share"), tuple(rows)) if rows else None


def classes_table(found: Diagnosis) -> Table | None:
    """Recall and precision of each class with intervals, the lowest recall first."""
    if not found.confusion:
        return None
    said = [sum(row[j] for row in found.confusion) for j in range(len(found.classes))]
    order = sorted(range(len(found.classes)), key=lambda c: (found.recall[c] is None, found.recall[c] or 0.0))
    rows = []
    for c in order[:CLASSES]:
        true = sum(found.confusion[c])
        rows.append(
            (
                found.classes[c],
                f"{true:,}",
                _share(found.recall[c], true),
                f"{said[c]:,}",
                _share(found.precision[c], said[c]),
            )
        )
    return Table(
        ("class", "test images", "of them found (recall)", "predicted", "of them right (precision)"), tuple(rows)
    )


def _cell(found: Diagnosis, i: int, j: int) -> Cell:
    n, of = found.confusion[i][j], sum(found.confusion[i])
    share = n / of if of else 0.0
    about = f"{found.classes[i]} taken for {found.classes[j]}: {n:,} of {of:,}"
    heat = _HEAT * (share if i == j else share**0.5)  # the square root: few mistakes are to be seen as well
    return Cell(f"{n:,}" if n else "", heat, i == j, about)


def _share(part: float | None, n: int) -> str:
    return "–" if part is None else share_of(part, n)
