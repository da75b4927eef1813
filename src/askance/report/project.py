"""What the rounds of one project say: its own curve, its classes, its balance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from askance.report.boxes import trained_on
from askance.report.compare import Table
from askance.report.data import ReportData, RoundRow
from askance.report.rounds import PRECISION, RECALL, comparable, marks, value_of
from askance.report.words import difference, duration, listing, show, words_for

_COLUMNS = 6
_TIMED = 12

STEPS = {
    "train": "train",
    "measure": "measure",
    "diagnose": "diagnose",
    "score": "score the pool",
    "pick": "pick",
    "neighbours": "find neighbours",
}
"""Steps that are timed, in order, and how a table heads them."""


@dataclass(frozen=True, slots=True)
class Recalls:
    """Recall by class and round.

    Attributes:
        rounds: round numbers, at most six, with the first and the last.
        rows: class name, and for each round its recall in percent, None where it has no test image.
        what: is shown: recall, or of boxes average precision.
    """

    rounds: tuple[int, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]
    what: str = "Recall"


@dataclass(frozen=True, slots=True)
class Share:
    """One class among the labels and among what was picked.

    Attributes:
        labelled: training labels of this class.
        picked: images of the last batch that are predicted to be of this class.
        labelled_share: of all training labels, percent.
        picked_share: of the last batch, percent.
        labelled_bar: the labelled share beside the largest share of the table, percent.
        picked_bar: the picked share beside the largest share of the table, percent.
    """

    name: str
    labelled: int
    picked: int
    labelled_share: float
    picked_share: float
    labelled_bar: float
    picked_bar: float


def headline(data: ReportData) -> list[str]:
    """Where the project stands, what it is compared with, and what it waits for."""
    sentences = []
    measured = [row for row in data.rounds if data.metric in row.metrics]
    if measured:
        last, title = measured[-1], words_for(data.metric).sentence
        on = f" on {last.tested:,} test images" if last.tested else ""
        sentences.append(f"{title} {value_of(last, data.metric)}{on}, with {trained_on(last)}.")
        sentences.append(_compared(data, last))
    if data.picked:
        sentences.append(_batch_sentence(data))
    if data.answers:
        said = listing([f"{n:,} {answer}" for answer, n in data.answers.items()])
        sentences.append(
            f"Answers that are no class: {said}. Nothing is trained on them, and nobody is asked again."
        )
    if data.quarantined:
        n = len(data.quarantined)
        sentences.append(
            f"{n:,} file{'s' * (n > 1)} could not be read and {'are' if n > 1 else 'is'} in quarantine."
        )
    return [sentence for sentence in sentences if sentence]


def finding(data: ReportData) -> str:
    """What the project's own curve shows, as the title of its picture."""
    words = words_for(data.metric)
    rows = comparable(data.rounds, data.metric)
    first, last = rows[0], rows[-1]
    now = f"{show(last.metrics[data.metric], words)} {words.title} with {last.labels:,} labels"
    if first is last:
        return now
    return f"{now}, {show(first.metrics[data.metric], words)} with {first.labels:,}"


def _compared(data: ReportData, last: RoundRow) -> str:
    """The last round beside the earliest that may be compared; or why there is none."""
    if data.beside is not None:
        one, gain = data.beside, data.beside.after - data.beside.before
        low, high = (difference(bound, words_for("accuracy")) for bound in (one.low, one.high))
        text = (
            f"On the {one.n:,} test images that both saw, round {one.earlier} had {_percents(one.before)} right "
        )
        text += f"with {one.labels:,} labels; now it is {_percents(one.after)}: "
        text += f"{difference(gain, words_for('accuracy'))} points ({low} to {high})"
        return text + (", which may be chance." if one.low <= 0 <= one.high else ".")
    found = [mark for mark in marks(data.rounds) if mark.row.number == last.number]
    if found:
        return f"Not to be compared with the round before: {found[0].text}."
    rows = comparable(data.rounds, data.metric)
    if len(rows) > 1:
        first = rows[0]
        value = show(first.metrics[data.metric], words_for(data.metric))
        return f"With {first.labels:,} labels, in round {first.number}, it was {value}."
    return ""


def _percents(share: float) -> str:
    return show(share, words_for("accuracy"))


def batch_title(data: ReportData) -> str:
    """Of the section that shows the last batch."""
    return "The last batch, labelled by now" if data.picked and _waiting(data) == 0 else "The batch to label next"


def _batch_sentence(data: ReportData) -> str:
    n, waiting = _batch_size(data), _waiting(data)
    if not waiting:
        return f"The last batch of {n:,} is labelled: askance pick asks for the next."
    if waiting < n:
        return f"Of {n:,} picked images {waiting:,} wait for a label."
    return f"{_images(n)} picked to be labelled next."


def _batch_size(data: ReportData) -> int:
    return max(data.batch, len(data.picked))


def _waiting(data: ReportData) -> int:
    return _batch_size(data) - data.answered


def recalls(data: ReportData) -> Recalls | None:
    """Recall of each class over the rounds; None where no round knows any."""
    kind = PRECISION if any(name.startswith(PRECISION) for row in data.rounds for name in row.metrics) else RECALL
    measured = [row for row in data.rounds if any(name.startswith(kind) for name in row.metrics)]
    if not measured:
        return None
    places = np.unique(np.linspace(0, len(measured) - 1, _COLUMNS).round().astype(int))
    chosen = [measured[i] for i in places]
    found = [name.removeprefix(kind) for row in chosen for name in row.metrics if name.startswith(kind)]
    names = dict.fromkeys([*(name for name in data.classes if name in found), *found])
    rows = tuple((name, tuple(_percent(row.metrics.get(kind + name)) for row in chosen)) for name in names)
    return Recalls(tuple(row.number for row in chosen), rows, "AP50" if kind == PRECISION else "Recall")


def balance(data: ReportData) -> list[Share]:
    """Classes among the labels of the last round, and among the last batch, of this round or the one before."""
    if not data.rounds or not (data.rounds[-1].labelled or data.rounds[-1].picked):
        return []
    last = data.rounds[-1]
    batch: Mapping[str, int] = next((row.picked for row in reversed(data.rounds) if row.picked), {})
    names = list(dict.fromkeys([*data.classes, *last.labelled, *batch]))
    labelled, picked = _shares(last.labelled, names), _shares(batch, names)
    largest = max([*labelled, *picked, 1e-9])
    return [
        Share(
            name,
            last.labelled.get(name, 0),
            batch.get(name, 0),
            ours,
            theirs,
            100 * ours / largest,
            100 * theirs / largest,
        )
        for name, ours, theirs in zip(names, labelled, picked, strict=True)
    ]


def _shares(counts: Mapping[str, int], names: Sequence[str]) -> list[float]:
    """Percent of all, by name."""
    return [100 * counts.get(name, 0) / (sum(counts.values()) or 1) for name in names]


def times_table(rounds: Sequence[RoundRow]) -> Table | None:
    """What each step of the last rounds took; None where nothing was timed."""
    timed = [row for row in rounds if row.seconds][-_TIMED:]
    if not timed:
        return None
    steps = [step for step in STEPS if any(step in row.seconds for row in timed)]
    rows = [
        (
            str(row.number),
            *(duration(row.seconds[step]) if step in row.seconds else "" for step in steps),
            duration(sum(row.seconds.values())),
        )
        for row in timed
    ]
    return Table(("round", *(STEPS[step] for step in steps), "in all"), tuple(rows))


def _percent(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else 100 * value


def _images(n: int) -> str:
    return f"{n:,} images are" if n != 1 else "1 image is"
