import math

import pytest

from askance.report import ReportData
from askance.report.compare import differences_table, penalties_table, saved_table, targets_table
from askance.report.verdict import area_differences
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

    def test_saved_only_where_it_is_beyond_chance(self) -> None:
        runs = [
            (name, seed, [0.4 + seed / 1000, *errors])
            for name, errors in (("bald", [0.1, 0.1]), ("worse", [0.4, 0.4]), ("random", [0.2, 0.1]))
            for seed in range(8)
        ]
        runs += [("alike", seed, [0.4, 0.2 + 0.01 * (-1) ** seed, 0.1]) for seed in range(8)]
        table = saved_table(data(*runs))
        assert table.head == ("test error", "random needs", "bald", "worse", "alike")
        assert table.rows[1:] == (
            (f"20{NB}%", "20", "not shown", "does not reach it", "not shown"),  # 20 labels bring both there
            (f"10{NB}%", "30", "10 fewer (33 %)", "does not reach it", "not shown"),
        )

    def test_of_few_seeds_no_saving_is_told(self) -> None:
        table = saved_table(data(("bald", 0, [0.4, 0.1, 0.1]), ("random", 0, [0.4, 0.2, 0.1])))
        assert {row[2] for row in table.rows} == {"not shown"}

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


def test_who_beats_whom_is_said_by_row_and_column() -> None:
    made = [
        (name, seed, [level + seed / 1000] * 2) for name, level in (("a", 0.1), ("b", 0.2)) for seed in range(3)
    ]
    table = penalties_table(data(*made))
    assert table.head == ("beats", "a", "b")
    assert table.rows == (("a", "", "1.00"), ("b", "0.00", ""), ("beaten, mean", "0.00", "0.50"))
