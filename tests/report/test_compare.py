import math
from dataclasses import replace

import pytest

from askance.report import ReportData
from askance.report.compare import (
    area_differences,
    differences_table,
    headline,
    penalties_table,
    saved_table,
    targets_table,
)
from askance.vocab import Curve
from tests.report.conftest import make_curve

NB = "\N{NO-BREAK SPACE}"


def data(*curves: tuple[str, int, list[float]], **more: object) -> ReportData:
    """Curves of (strategy, seed, errors) at 10, 20, ... labels."""
    made = [
        Curve(name, seed, tuple(10 * (i + 1) for i in range(len(errors))), {"error": tuple(errors)})
        for name, seed, errors in curves
    ]
    return ReportData("t", made, **more)  # type: ignore[arg-type]


class TestHeadline:
    def test_names_the_labels_at_the_hardest_target_random_reaches(self, curves: list[Curve]) -> None:
        first, second = headline(ReportData("t", curves, targets=(0.1, 0.00001)))
        assert first == f"bald reaches 10{NB}% test error with 60 labels where random needs 120: 50 % fewer."
        assert "3 pairs of runs" in second
        assert "chance" not in second

    def test_a_strategy_that_loses_is_not_praised(self) -> None:
        first, second = headline(
            data(("bald", 0, [0.5, 0.4, 0.3]), ("random", 0, [0.4, 0.3, 0.2]), targets=(0.3,))
        )
        assert first == f"bald reaches 30{NB}% test error with 30 labels; random needs 20: nothing saved."
        assert "+10.0 points. One pair of runs: nothing can be said about chance." in second

    def test_a_strategy_that_never_arrives(self) -> None:
        first, _ = headline(data(("bald", 0, [0.5, 0.5]), ("random", 0, [0.4, 0.2]), targets=(0.2,)))
        assert first == f"bald never stays at 20{NB}% test error; random needs 20 labels for it."

    def test_chance_is_called_chance(self) -> None:
        runs = [("random", s, [0.4, 0.3]) for s in range(4)]
        runs += [("bald", s, [0.4 + d, 0.3 - d]) for s, d in enumerate((0.1, -0.1, 0.05, -0.05))]
        runs += [("a", s, [0.4 + d, 0.3]) for s, d in enumerate((0.1, -0.1, 0.1, -0.11))]
        assert "that may be chance." in headline(data(*runs))[1]

    def test_without_reference_nothing_is_claimed(self) -> None:
        first, second = headline(data(("bald", 0, [0.4]), ("margin", 0, [0.3])))
        assert first == "Learning curves of bald and margin."
        assert "No runs of random" in second

    def test_better_may_be_above(self) -> None:
        made = [make_curve(name, seed, rate) for name, rate in (("bald", 30), ("random", 60)) for seed in range(2)]
        first, _ = headline(ReportData("t", made, metric="accuracy", targets=(0.9,)))
        assert "bald reaches 90" in first
        assert "fewer" in first


class TestTables:
    def test_targets_show_censored_runs(self) -> None:
        table = targets_table(
            data(
                ("bald", 0, [0.3, 0.1]),
                ("bald", 1, [0.1, 0.1]),
                ("bald", 2, [0.1, 0.3]),
                ("random", 0, [0.3, 0.3]),
                targets=(0.1,),
            )
        )
        assert table.head == ("strategy", f"10{NB}%")
        assert table.rows == (
            (f"bald (n{NB}={NB}3)", "20 (10 to >20); 1 of 3 never"),
            (f"random (n{NB}={NB}1)", ">20; 1 of 1 never"),
        )

    def test_saved(self) -> None:
        table = saved_table(
            data(("bald", 0, [0.4, 0.1, 0.1]), ("worse", 0, [0.4, 0.4, 0.4]), ("random", 0, [0.4, 0.2, 0.1]))
        )
        assert table.head == ("test error", "random needs", "bald", "worse")
        assert table.rows == (
            (f"40{NB}%", "10", "as many", "as many"),
            (f"20{NB}%", "20", "as many", "does not reach it"),
            (f"10{NB}%", "30", "10 fewer (33 %)", "does not reach it"),
        )

    def test_strategies_on_other_seeds_share_the_levels(self) -> None:
        table = saved_table(
            data(("a", 0, [0.4, 0.1]), ("b", 1, [0.4, 0.1]), ("random", 0, [0.5, 0.3]), ("random", 1, [0.9, 0.7]))
        )
        assert {len(row) for row in table.rows} == {4}

    def test_differences_count_their_pairs(self) -> None:
        table = differences_table(data(("bald", 0, [0.3, 0.2]), ("bald", 1, [0.3]), *RANDOM))
        assert table.rows[0][1].endswith("n = 2")
        assert table.rows[1] == ("20", "−10.0, n = 1")
        assert table.rows[-1][0] == "whole curve"

    def test_strategies_without_a_partner_are_left_out(self) -> None:
        table = differences_table(data(("bald", 0, [0.3, 0.2]), ("lonely", 9, [0.1, 0.1]), *RANDOM))
        assert table.head == ("labels", "bald")

    def test_long_tables_are_thinned_and_keep_their_end(self) -> None:
        made = [make_curve(name, 0, rate, range(10, 510, 10)) for name, rate in (("bald", 30), ("random", 60))]
        rows = differences_table(ReportData("t", made)).rows
        assert len(rows) == 9
        assert rows[-2][0] == "500"


RANDOM = (("random", 0, [0.4, 0.3]), ("random", 1, [0.4, 0.3]))


def test_area_compares_only_sizes_both_have() -> None:
    found = area_differences(data(("bald", 0, [0.3, 0.3, 0.0]), ("random", 0, [0.4, 0.4])))
    assert found["bald"].mean == pytest.approx(-0.1)
    assert math.isnan(found["bald"].low)
    assert found["bald"].p == 1.0


def test_the_headline_says_that_the_best_of_several_was_taken() -> None:
    runs = [
        (name, seed, [0.4, level]) for name, level in (("a", 0.1), ("b", 0.2), ("random", 0.3)) for seed in (0, 1)
    ]
    assert headline(data(*runs))[1].endswith("that may be chance. The best of 2 was taken, which flatters it.")
    assert "flatters" not in headline(data(*[run for run in runs if run[0] != "b"]))[1]


def test_who_beats_whom_is_said_by_row_and_column() -> None:
    made = [
        (name, seed, [level + seed / 1000] * 2) for name, level in (("a", 0.1), ("b", 0.2)) for seed in range(3)
    ]
    table = penalties_table(data(*made))
    assert table.head == ("beats", "a", "b")
    assert table.rows == (("a", "", "1.00"), ("b", "0.00", ""), ("beaten, mean", "0.00", "0.50"))


def test_a_curve_lacking_the_metric_is_refused(curves: list[Curve]) -> None:
    with pytest.raises(Exception, match="auroc"):
        headline(replace(ReportData("t", curves), metric="auroc"))
