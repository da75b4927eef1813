"""What the rounds of one project say: its own curve, its classes, its balance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from askance.maths import Band, wilson
from askance.report.compare import Table
from askance.report.data import ReportData, RoundRow
from askance.report.words import duration, share_of, show, words_for

NAME = "this project"
_RECALL = "recall/"
_COLUMNS = 6
_SHARES = ("error", "accuracy", "accuracy_deterministic")
_ORDER = (
    "error",
    "accuracy",
    "accuracy_deterministic",
    "macro_recall",
    "auroc",
    "nll",
    "brier",
    "ece",
    "adaptive_ece",
)
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
    """

    rounds: tuple[int, ...]
    rows: tuple[tuple[str, tuple[float | None, ...]], ...]


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


FEW_DOUBTS = 0.1
"""Share of the held-out labels in doubt beyond which the model is rather wrong than they: not worth a headline."""


def headline(data: ReportData) -> list[str]:
    """Where the project stands, and what it waits for."""
    sentences = []
    measured = [row for row in data.rounds if data.metric in row.metrics]
    if measured:
        last, first = measured[-1], measured[0]
        title = words_for(data.metric).title
        text = f"With {last.labels:,} training labels the {title} is {_value(last, data.metric)}"
        if last is not first:
            text += f"; with {first.labels:,} it was {show(first.metrics[data.metric], words_for(data.metric))}"
        sentences.append(text + ".")
    if data.picked:
        sentences.append(_batch_sentence(data))
    n, of = (len(data.diagnosis.suspects), data.diagnosis.doubtable) if data.diagnosis else (0, 0)
    if 0 < n <= FEW_DOUBTS * of:
        sentences.append(
            f"{n:,} of {of:,} held-out labels contradict a model that is sure of another class: the label may be "
            "wrong, or the model."
        )
    if data.quarantined:
        n = len(data.quarantined)
        sentences.append(
            f"{n:,} file{'s' * (n > 1)} could not be read and {'are' if n > 1 else 'is'} in quarantine."
        )
    return sentences


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


def band(data: ReportData) -> Band | None:
    """The project's own learning curve; of two rounds with the same labels the later counts.

    Error and accuracy have their Wilson interval over the test images, others none.
    """
    rows = {row.labels: row for row in data.rounds if data.metric in row.metrics}
    if not rows:
        return None
    chosen = [rows[n] for n in sorted(rows)]
    bounds = [_bounds(row, data.metric) for row in chosen]
    return Band(
        labels=tuple(row.labels for row in chosen),
        mean=tuple(row.metrics[data.metric] for row in chosen),
        low=tuple(low for low, _ in bounds),
        high=tuple(high for _, high in bounds),
        n=tuple(row.tested for row in chosen),
    )


def rounds_table(rounds: Sequence[RoundRow], metric: str) -> Table:
    """Every round: labels, metrics of the test set, whether training came to rest.

    Of error and accuracy, which say the same, the one the report is about.
    """
    found = dict.fromkeys(name for row in rounds for name in row.metrics if not name.startswith(_RECALL))
    metrics = [*(name for name in _ORDER if name in found), *(name for name in found if name not in _ORDER)]
    other = {"error": "accuracy", "accuracy": "error"}.get(metric, "error")
    if metric in metrics or "accuracy" in metrics:
        metrics = [name for name in metrics if name != other]
    rows = [
        (
            str(row.number),
            f"{row.labels:,}",
            *(_value(row, name) if name in row.metrics else "" for name in metrics),
            "converged" if row.converged else "stopped at its step limit",
        )
        for row in rounds
    ]
    return Table(("round", "labels", *(words_for(name).head for name in metrics), "training"), tuple(rows))


def recalls(data: ReportData) -> Recalls | None:
    """Recall of each class over the rounds; None where no round knows any."""
    measured = [row for row in data.rounds if any(name.startswith(_RECALL) for name in row.metrics)]
    if not measured:
        return None
    places = np.unique(np.linspace(0, len(measured) - 1, _COLUMNS).round().astype(int))
    chosen = [measured[i] for i in places]
    found = [name.removeprefix(_RECALL) for row in chosen for name in row.metrics if name.startswith(_RECALL)]
    names = dict.fromkeys([*(name for name in data.classes if name in found), *found])
    rows = tuple((name, tuple(_percent(row.metrics.get(_RECALL + name)) for row in chosen)) for name in names)
    return Recalls(tuple(row.number for row in chosen), rows)


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


def _bounds(row: RoundRow, metric: str) -> tuple[float, float]:
    """The interval of a share of the test images; NaN where there is none."""
    value = row.metrics[metric]
    if metric not in _SHARES or not row.tested or math.isnan(value):
        return math.nan, math.nan
    return wilson(value, row.tested)


def _value(row: RoundRow, metric: str) -> str:
    """A metric's value, with its interval where it is a share of the test images."""
    if math.isnan(_bounds(row, metric)[0]):
        return show(row.metrics[metric], words_for(metric))
    return share_of(row.metrics[metric], row.tested)


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
