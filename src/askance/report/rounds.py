"""The rounds of a project, and which of them may be compared: same test images, same model and settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from askance.maths import Band, wilson
from askance.report.compare import Table
from askance.report.data import RoundRow
from askance.report.words import share_of, show, words_for
from askance.vocab.metrics import METRICS

RECALL = "recall/"
PRECISION = "ap50/"
_SHARES = ("error", "accuracy")
_PER_CLASS = (RECALL, PRECISION, "ap/", "ece/", "f1/")
_ELSEWHERE = ("accuracy_deterministic", "boxes_tested", "boxes_found")
"""Metrics that the table leaves out: a second accuracy, told with the calibration, and counts."""

_CHANGES = 4
"""Settings that a mark names; all are counted."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Why a round is not to be compared with the one before it.

    Attributes:
        letter: stands beside the round's number.
        row: the round.
        tested: what is another about the test set, in words; empty where it is the same.
        changed: which settings changed; empty where none did.
    """

    letter: str
    row: RoundRow
    tested: str
    changed: str

    @property
    def text(self) -> str:
        """Both, in a sentence."""
        return "; ".join(filter(None, (self.tested, self.changed)))


def marks(rounds: Sequence[RoundRow]) -> list[Mark]:
    """Each round with a model that is not to be compared with the one before, in order."""
    found: list[Mark] = []
    for before, after in pairwise([row for row in rounds if row.labels]):
        tested, changed = _tested(before, after), _changed(before, after)
        if tested or changed:
            found.append(Mark(_letter(len(found)), after, tested, changed))
    return found


def segments(rounds: Sequence[RoundRow], metric: str) -> list[Band]:
    """The project's own learning curve, broken where rounds are not to be compared.

    Of two rounds with the same labels the later counts, or the one after the break. Error and accuracy have their
    Wilson interval over the test images, others none.
    """
    broken = {mark.row.number for mark in marks(rounds)}
    parts: list[list[RoundRow]] = []
    for row in rounds:
        if metric not in row.metrics or not row.labels:
            continue
        if not parts or row.number in broken:
            parts.append([])
        parts[-1] = [one for one in parts[-1] if one.labels != row.labels] + [row]
    return [_band(sorted(part, key=lambda row: row.labels), metric) for part in parts if part]


def comparable(rounds: Sequence[RoundRow], metric: str) -> list[RoundRow]:
    """The measured rounds since the last mark, the last of all at the end."""
    measured = [row for row in rounds if metric in row.metrics and row.labels]
    broken = [mark.row.number for mark in marks(rounds)]
    return [row for row in measured if not broken or row.number >= broken[-1]]


def rounds_table(rounds: Sequence[RoundRow], metric: str) -> Table:
    """Every round: labels, how it was tested, metrics, whether training came to rest; letters refer to `marks`.

    Of error and accuracy, which say the same, the one the report is about.
    """
    found = dict.fromkeys(name for row in rounds for name in row.metrics if not name.startswith(_PER_CLASS))
    metrics = [*(name for name in METRICS if name in found), *(name for name in found if name not in METRICS)]
    other = {"error": "accuracy", "accuracy": "error"}.get(metric, "error")
    if metric in metrics or "accuracy" in metrics:
        metrics = [name for name in metrics if name != other]
    metrics = [name for name in metrics if name not in _ELSEWHERE]
    letters = {mark.row.number: mark.letter for mark in marks(rounds)}
    boxes = any(row.objects for row in rounds)
    rows = [
        (
            f"{row.number}\N{NO-BREAK SPACE}{letters.get(row.number, '')}".strip(),
            f"{row.labels:,}" if row.labels else "–",
            *((f"{row.objects:,}" if row.objects else "–",) if boxes else ()),
            _tested_on(row),
            *(value_of(row, name) if name in row.metrics else "" for name in metrics),
            _training(row),
        )
        for row in rounds
    ]
    labels = ("images", "boxes") if boxes else ("labels",)
    return Table(
        ("round", *labels, "tested on", *(words_for(name).head for name in metrics), "training"), tuple(rows)
    )


def value_of(row: RoundRow, metric: str) -> str:
    """A metric's value, with its interval where it is a share of the test images."""
    if math.isnan(_bounds(row, metric)[0]):
        return show(row.metrics[metric], words_for(metric))
    return share_of(row.metrics[metric], row.tested)


def _training(row: RoundRow) -> str:
    if not row.labels:
        return "first batch, no model"
    return "converged" if row.converged else "stopped at its step limit"


def _tested_on(row: RoundRow) -> str:
    if not row.tested:
        return "–"
    return f"{row.tested:,} images" + (f", {row.classes_tested} classes" if row.classes_tested else "")


def _tested(before: RoundRow, after: RoundRow) -> str:
    if not before.tested and not after.tested:
        return ""
    if (before.tested, before.classes_tested) != (after.tested, after.classes_tested):
        return f"tested on {_tested_on(after)}, before on {_tested_on(before).replace('–', 'none')}"
    if before.test and after.test and before.test != after.test:
        return "tested on other images, or on other labels of them"
    return ""


def _changed(before: RoundRow, after: RoundRow) -> str:
    if not before.settings or not after.settings:
        return ""
    both = [name for name in before.settings if name in after.settings]  # others are of another version of Askance
    names = [name for name in both if before.settings[name] != after.settings[name]]
    said = [f"{name} {before.settings[name]} → {after.settings[name]}" for name in names]
    more = f" and {len(said) - _CHANGES} more" if len(said) > _CHANGES else ""
    return f"other settings, {', '.join(said[:_CHANGES])}{more}" if said else ""


def _letter(n: int) -> str:
    """a, b, ... z, then aa, ab, ...

    >>> _letter(0), _letter(26)
    ('a', 'aa')
    """
    return (_letter(n // 26 - 1) if n >= 26 else "") + "abcdefghijklmnopqrstuvwxyz"[n % 26]


def _band(rows: Sequence[RoundRow], metric: str) -> Band:
    bounds = [_bounds(row, metric) for row in rows]
    return Band(
        labels=tuple(row.labels for row in rows),
        mean=tuple(row.metrics[metric] for row in rows),
        low=tuple(low for low, _ in bounds),
        high=tuple(high for _, high in bounds),
        n=tuple(row.tested for row in rows),
    )


def _bounds(row: RoundRow, metric: str) -> tuple[float, float]:
    """The interval of a share of the test images; NaN where there is none."""
    value = row.metrics[metric]
    if metric not in _SHARES or not row.tested or math.isnan(value):
        return math.nan, math.nan
    return wilson(value, row.tested)
