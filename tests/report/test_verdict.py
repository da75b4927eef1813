"""What runs show, and what they cannot."""

import numpy as np
import pytest

from askance.maths import smallest_shown
from askance.report import ReportData
from askance.report.levels import levels_of
from askance.report.verdict import finding, headline, judged
from askance.vocab import Curve
from tests.report.conftest import make_curve
from tests.report.test_compare import NB, data

Runs = list[tuple[str, int, list[float]]]


def runs(name: str, *gains: float) -> Runs:
    """A run a seed, better than 40 % and 30 % by this much."""
    return [(name, seed, [0.4 - gain, 0.3 - gain]) for seed, gain in enumerate(gains)]


def flat(n: int) -> Runs:
    return runs("random", *[0.0] * n)


def test_the_verdict_is_the_headline_with_its_interval_and_seeds() -> None:
    gains = [0.04, 0.05, 0.06, 0.05, 0.04, 0.06, 0.05, 0.05]
    first, *grounds = headline(data(*runs("bald", *gains), *flat(8)))
    assert first.startswith("bald is better than random: 5 points less test error (4.")
    assert first.endswith("8 of 8 seeds.")
    assert grounds[-1].endswith("sign flip test: p = 0.0078.")
    assert finding(data(*runs("bald", *gains), *flat(8))).startswith("bald is 5 points (4.")


def test_a_strategy_that_loses_is_said_to_lose() -> None:
    losses = [-0.04, -0.05, -0.06, -0.05, -0.04, -0.06, -0.05, -0.05]
    first, *_ = headline(data(*runs("bald", *losses), *flat(8)))
    assert first.startswith("bald is worse than random: 5 points more test error")


def test_of_five_seeds_nothing_is_claimed_however_large_the_gap() -> None:
    found = data(*runs("bald", 0.1, 0.11, 0.1, 0.11, 0.1), *flat(5))
    first, *grounds = headline(found)
    assert first == "bald and random: no difference that 5 seeds can show."
    assert grounds[0].startswith("bald has 10.4 points less test error (10")
    assert grounds[1] == "5 seeds can show no difference of any size: the test needs 6 at least."
    assert finding(found) == "no difference that 5 seeds can show"


def test_one_seed_says_nothing() -> None:
    assert (
        headline(data(*runs("bald", 0.1), *flat(1)))[0] == "bald and random: no difference that 1 seed can show."
    )


def test_what_so_many_seeds_could_have_shown_is_said() -> None:
    gains = [0.05, -0.05, 0.04, -0.04, 0.03, -0.03, 0.02, -0.02]
    found = data(*runs("bald", *gains), *flat(8))
    seen = 100 * smallest_shown(float(np.std(gains, ddof=1)), 8)
    assert (
        headline(found)[2]
        == f"8 seeds would have shown a difference of {seen:.1f} points or more, in four tries of five."
    )


def test_several_strategies_are_corrected_for_and_the_open_ones_are_named() -> None:
    gains = [0.04, 0.05, 0.06, 0.05, 0.04, 0.06, 0.05, 0.05]
    noise = [0.05, -0.05, 0.04, -0.04, 0.03, -0.03, 0.02, -0.02]
    found = data(*runs("a", *noise), *runs("good", *gains), *runs("bad", *(-gain for gain in gains)), *flat(8))
    first, better, worse, not_shown, could, tested = headline(found)
    assert first == "good alone of 3 strategies is better than random."
    assert better.startswith("Better: good, 5 points less test error (4.")
    assert worse.startswith("Worse: bad, 5 points more test error (4.")
    assert not_shown.startswith("Not shown to differ from random: a, ")
    assert could.startswith("8 seeds would have shown")
    assert "corrected for 3 comparisons (Holm): p = 0.023, " in tested
    assert [one.standing for one in judged(found)] == ["better", "open", "worse"]
    assert finding(found) == "good better than random; bad worse than random; 1 not shown to differ"


def test_none_of_several() -> None:
    noise = [0.05, -0.05, 0.04, -0.04, 0.03, -0.03, 0.02, -0.02]
    first = headline(data(*runs("a", *noise), *runs("b", *noise), *flat(8)))[0]
    assert first == "No difference that 8 seeds can show between random and any of 2 strategies."


def test_labels_saved_are_told_at_a_target_where_they_are_beyond_chance() -> None:
    made = [make_curve(name, seed, rate) for name, rate in (("bald", 30), ("random", 60)) for seed in range(8)]
    said = headline(ReportData("t", made, targets=(0.1,)))
    expected = f"bald reaches 10{NB}% test error with 60 labels, random with 120: 50 % fewer"
    assert said[1] == f"{expected} (medians; fewer in 8 of 8 seeds)."
    few = [curve for curve in made if curve.seed < 3]
    assert not any("fewer" in sentence for sentence in headline(ReportData("t", few, targets=(0.1,))))


def test_without_reference_nothing_is_claimed() -> None:
    first, second = headline(data(("bald", 0, [0.4]), ("margin", 0, [0.3])))
    assert first == "Learning curves of bald and margin."
    assert "No runs of random" in second


def test_better_may_be_above() -> None:
    made = [make_curve(name, seed, rate) for name, rate in (("bald", 30), ("random", 60)) for seed in range(8)]
    first = headline(ReportData("t", made, metric="accuracy"))[0]
    assert first.startswith("bald is better than random: ")
    assert "more test accuracy" in first


def test_a_curve_lacking_the_metric_is_refused(curves: list[Curve]) -> None:
    with pytest.raises(Exception, match="auroc"):
        headline(ReportData("t", curves, metric="auroc"))


@pytest.mark.parametrize(
    ("errors", "levels"),
    [
        ((0.6, 0.4, 0.24), (0.4, 0.25)),
        ((0.5, 0.1, 0.04), (0.15, 0.04)),
        ((0.3, 0.3, 0.3), ()),
        ((0.2, 0.3, 0.4), ()),
    ],
)
def test_levels_are_round_and_reached(errors: tuple[float, ...], levels: tuple[float, ...]) -> None:
    assert levels_of([Curve("a", 0, (10, 20, 30), {"error": errors})], "error") == levels


def test_levels_of_what_is_to_be_large() -> None:
    assert levels_of([Curve("a", 0, (10, 20), {"accuracy": (0.5, 0.92)})], "accuracy") == (0.7, 0.92)
    assert levels_of([], "error") == ()
