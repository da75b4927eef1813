"""Numbers and metrics as people read them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """How a metric is written.

    Attributes:
        title: its name in a sentence.
        percent: whether its values are fractions that read better as percentages.
    """

    title: str
    percent: bool


_KNOWN = {
    "error": Words("test error", True),
    "accuracy": Words("test accuracy", True),
    "macro_recall": Words("balanced accuracy", True),
    "ece": Words("calibration error (ECE)", True),
    "nll": Words("negative log-likelihood (nats)", False),
}


def words_for(metric: str) -> Words:
    """The words for a metric; one that is not known keeps its own name and plain numbers."""
    if metric.startswith("recall/"):
        return Words(f"recall of {metric.removeprefix('recall/')}", True)
    return _KNOWN.get(metric, Words(metric, False))


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

    >>> count(1240), count(math.inf, 500)
    ('1,240', '>500')
    """
    if math.isinf(number):
        return f">{budget:,.0f}" if budget is not None else "never"
    return f"{number:,.0f}"


def listing(words: Sequence[str]) -> str:
    """Words in a row.

    >>> listing(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
