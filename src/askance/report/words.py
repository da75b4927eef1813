"""Numbers and metrics as people read them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from askance.maths import wilson


@dataclass(frozen=True, slots=True)
class Words:
    """How a metric is written.

    Attributes:
        title: its name in a sentence.
        percent: whether its values are fractions that read better as percentages.
        short: its name at the head of a column, where there is a shorter one.
        below: whether smaller is better.
        most: its largest value; the least of all metrics is 0.
    """

    title: str
    percent: bool
    short: str = ""
    below: bool = True
    most: float = 1.0

    @property
    def head(self) -> str:
        """Its name at the head of a column."""
        return self.short or self.title

    @property
    def sentence(self) -> str:
        """Its name at the start of a sentence."""
        return self.title[:1].upper() + self.title[1:]

    @property
    def heading(self) -> str:
        """The same, with what its values are in."""
        return f"{self.sentence} in %" if self.percent else self.sentence

    @property
    def unit(self) -> str:
        """What a difference of two values is in."""
        return f"points of {self.title}" if self.percent else self.head


_KNOWN = {
    "error": Words("test error", True),
    "accuracy": Words("test accuracy", True, below=False),
    "macro_recall": Words("balanced accuracy", True, below=False),
    "accuracy_deterministic": Words("accuracy, dropout off", True, below=False),
    "auroc": Words("area under the ROC curve (AUROC)", False, "AUROC", below=False),
    "ece": Words("calibration error (ECE)", True, "ECE"),
    "adaptive_ece": Words("adaptive calibration error", True, "adaptive ECE"),
    "classwise_ece": Words("class-wise calibration error", True),
    "nll": Words("negative log-likelihood (nats)", False, "NLL, nats", most=math.inf),
    "brier": Words("Brier score", False, "Brier", most=2.0),
    "macro_f1": Words("macro F1", True, below=False),
    "micro_f1": Words("micro F1", True, below=False),
    "map": Words("mean average precision (mAP)", True, "mAP", below=False),
    "label_accuracy": Words("labels that are right", True, below=False),
    "ap": Words("AP", True, below=False),
    "ap50": Words("AP50", True, below=False),
    "ap75": Words("AP75", True, below=False),
    "recall": Words("recall", True, below=False),
    "boxes_found": Words("boxes found", False, most=math.inf),
    "boxes_tested": Words("boxes there", False, most=math.inf),
}


def words_for(metric: str) -> Words:
    """The words for a metric; one that is not known keeps its own name and plain numbers."""
    if metric.startswith("recall/"):
        return Words(f"recall of {metric.removeprefix('recall/')}", True, below=False)
    if metric.startswith("ap50/"):
        return Words(f"AP50 of {metric.removeprefix('ap50/')}", True, below=False)
    return _KNOWN.get(metric, Words(metric, False, most=math.inf))


def show(value: float, words: Words) -> str:
    r"""A value of a metric.

    >>> show(0.0512, Words("test error", True)), show(math.nan, Words("x", False))
    ('5.1\xa0%', '–')
    """
    if math.isnan(value):
        return "–"
    return f"{trim(100 * value)}\N{NO-BREAK SPACE}%" if words.percent else f"{value:.3g}"


def trim(number: float) -> str:
    """One decimal, none where it is zero.

    >>> trim(5.0), trim(0.25), trim(-0.04)
    ('5', '0.2', '0')
    """
    text = f"{number:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def difference(value: float, words: Words) -> str:
    """A signed difference; of percentages, in points.

    >>> difference(-0.0194, Words("test error", True))
    '−1.9'
    """
    if math.isnan(value):
        return "–"
    text = f"{100 * value:+.1f}" if words.percent else f"{value:+.3g}"
    return text.replace("-", "−")


def count(number: float, budget: float | None = None) -> str:
    """A number of labels; an infinite one is more than the budget.

    >>> count(1240), count(172.5), count(math.inf, 500)
    ('1,240', '172.5', '>500')
    """
    if math.isinf(number):
        return f">{budget:,.0f}" if budget is not None else "never"
    return f"{number:,.1f}".removesuffix(".0")


def share_of(part: float, n: int) -> str:
    r"""A share of n with its 95 % interval.

    >>> share_of(0.9, 50)
    '90\xa0% (78.6 to 95.7)'
    """
    low, high = wilson(part, n)
    return f"{trim(100 * part)}\N{NO-BREAK SPACE}% ({trim(100 * low)} to {trim(100 * high)})"


def duration(seconds: float) -> str:
    r"""Seconds as people say them.

    >>> duration(0.25), duration(75), duration(7260)
    ('0.2\xa0s', '1\xa0min 15\xa0s', '2\xa0h 1\xa0min')
    """
    if seconds < 0.05:
        return "<0.1\N{NO-BREAK SPACE}s"
    if seconds < 60:
        return f"{trim(seconds)}\N{NO-BREAK SPACE}s"
    large, small, names = (*divmod(round(seconds), 60), ("min", "s"))
    if large >= 60:
        large, small, names = (*divmod(round(seconds / 60), 60), ("h", "min"))
    return f"{large}\N{NO-BREAK SPACE}{names[0]} {small}\N{NO-BREAK SPACE}{names[1]}"


def listing(words: Sequence[str]) -> str:
    """Words in a row.

    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table.

    >>> table(("a", "b"), [("1", "2")])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    return [
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]
