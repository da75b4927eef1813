import math

import pytest

from askance.report.words import count, difference, listing, show, trim, words_for


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [("error", 0.051, "5.1\xa0%"), ("accuracy", 1.0, "100\xa0%"), ("nll", 0.1234, "0.123"), ("mine", 12.0, "12")],
)
def test_values(metric: str, value: float, text: str) -> None:
    assert show(value, words_for(metric)) == text


def test_recalls_and_differences() -> None:
    assert words_for("recall/a/b").title == "recall of a/b"
    assert difference(-0.0194, words_for("error")) == "−1.9"
    assert difference(0.5, words_for("nll")) == "+0.5"
    assert difference(math.nan, words_for("nll")) == "–"


def test_the_area_under_a_curve_has_its_words() -> None:
    words = words_for("auroc")
    assert (words.title, words.head) == ("area under the ROC curve (AUROC)", "AUROC")
    assert (show(0.8123, words), difference(0.021, words)) == ("0.812", "+0.021")


def test_counts() -> None:
    assert (count(1234), count(math.inf, 1000), count(math.inf)) == ("1,234", ">1,000", "never")
    assert (trim(2.0), trim(-0.01), trim(2.25)) == ("2", "0", "2.2")
    assert (listing(["a"]), listing(["a", "b"]), listing(["a", "b", "c"])) == ("a", "a and b", "a, b and c")
