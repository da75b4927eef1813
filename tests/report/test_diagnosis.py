"""What the page says of the last model: calibration and mistakes."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from askance.maths.calibration import COLDEST
from askance.report import ReportData
from askance.report.calibration import bins_table, reliability_svg, scores_table, sentences
from askance.report.mistakes import classes_table, matrix, pairs_table
from askance.report.page import render
from askance.vocab import Diagnosis
from tests.report.conftest import make_diagnosis, make_table

NB = "\N{NO-BREAK SPACE}"
NOTHING = Diagnosis(("a", "b"), 0, 0)


def names(n: int) -> tuple[str, ...]:
    return tuple(f"c{i}" for i in range(n))


class TestCalibration:
    def test_says_how_sure_and_how_right(self) -> None:
        first, second = sentences(make_diagnosis())
        # (5 x 0.3 + 55 x 0.9) / 60 and (5 x 0.2 + 55 x 0.7) / 60
        assert first == (
            f"On the 60 test images its mean confidence is 85{NB}% and it is right in 65.8{NB}%: "
            "too sure by 19.2 points."
        )
        assert second.startswith("A temperature of 1.62, fitted on 40 validation images, takes the negative")
        assert "from 0.61 to 0.305." in second
        assert "nothing is scored or picked with it" in second

    def test_of_several_labels_an_answer_is_counted_and_no_image(self) -> None:
        scores = make_diagnosis().scores_before
        found = Diagnosis((), 20, 0, before=make_table(0.2), scores_before=scores)  # three labels of 20 images
        said = (
            "Over 60 answers, whether each label is there or not in each of 20 test images, its mean confidence is"
        )
        assert sentences(found)[0].startswith(said)
        bins = bins_table(found)
        assert bins is not None
        assert bins.head[1] == "answers"
        page = render(ReportData(diagnosis=found, title="several"))
        assert "bars count the answers" in page
        assert "On the 60 test images" not in page

    def test_a_model_that_is_too_modest(self) -> None:
        first, _ = sentences(replace(make_diagnosis(), before=make_table(-0.05)))
        assert first.endswith("not sure enough by 3.8 points.")

    def test_a_temperature_that_does_not_help_is_not_praised(self) -> None:
        found = make_diagnosis()
        worse = replace(found, scores_after={name: 2 * v for name, v in found.scores_before.items()})
        assert "no gain here" in sentences(worse)[1]

    def test_no_temperature_says_why(self) -> None:
        none = replace(make_diagnosis(), temperature=None, after=None, scores_after={})
        assert "no labelled validation image" in sentences(none)[1]
        assert scores_table(none).head == ("on the test set", "as it is")  # type: ignore[union-attr]
        assert len(bins_table(none).head) == 4  # type: ignore[union-attr]
        assert "where the search ends" in sentences(replace(make_diagnosis(), temperature=COLDEST))[1]

    def test_tables(self) -> None:
        scores, bins = scores_table(make_diagnosis()), bins_table(make_diagnosis())
        assert scores is not None
        assert bins is not None
        assert scores.head == ("on the test set", "as it is", "at temperature 1.62")
        assert ("calibration error (ECE)", f"12{NB}%", f"6{NB}%") in scores.rows
        assert [row[0] for row in bins.rows] == ["0 to 33.3 %", "66.7 to 100 %"]  # the empty one is left out
        assert bins.rows[1][1:4] == ("55", f"90{NB}%", f"70{NB}% (50 to 77)")

    @pytest.mark.parametrize("narrow", [False, True])
    def test_picture_is_xml_with_both_panels_and_their_counts(self, narrow: bool) -> None:
        svg = reliability_svg(make_diagnosis(), narrow=narrow)
        assert svg is not None
        text = list(ElementTree.fromstring(svg.replace("xlink:", "")).itertext())
        assert {"the model as it is", "the model at temperature 1.62"} <= {part.strip() for part in text}
        assert [part.strip() for part in text].count("55") == 2
        assert "#0101" not in svg
        assert "#0102" not in svg

    def test_nothing_measured_nothing_shown(self) -> None:
        assert sentences(NOTHING) == []
        assert (scores_table(NOTHING), bins_table(NOTHING)) == (None, None)
        assert reliability_svg(NOTHING, narrow=False) is None


class TestMistakes:
    def test_matrix_counts_and_heats(self) -> None:
        found = matrix(make_diagnosis(("a", "b", "c")))
        assert found is not None
        (_, first_total, first), (_, total, second), _ = found.rows
        assert (first_total, total) == (8, 9)
        assert [cell.text for cell in second] == ["", "8", "1"]
        assert [cell.right for cell in second] == [False, True, False]
        assert first[0].heat == 50
        assert second[2].heat == pytest.approx(50 * (1 / 9) ** 0.5)
        assert second[2].about == "b taken for c: 1 of 9"
        assert not found.upright

    @pytest.mark.parametrize(("n", "shown", "pairs"), [(2, True, 1), (50, True, 10), (51, False, 20)])
    def test_beyond_fifty_classes_there_are_only_pairs(self, n: int, shown: bool, pairs: int) -> None:
        found = make_diagnosis(names(n))
        assert (matrix(found) is not None) is shown
        table = pairs_table(found)
        assert table is not None
        assert len(table.rows) == pairs
        html = render(ReportData("t", diagnosis=found))
        assert ("too many for a matrix" in html) is not shown

    def test_pairs_are_the_worst_first(self) -> None:
        table = pairs_table(make_diagnosis(names(8)))
        assert table is not None
        assert table.rows[0] == ("c4", "c5", "4", f"33{NB}% of 12")
        assert [int(row[2]) for row in table.rows] == [4, 3, 2, 2, 1, 1]

    def test_classes_by_recall_with_intervals(self) -> None:
        table = classes_table(make_diagnosis(names(5)))
        assert table is not None
        assert [row[0] for row in table.rows] == ["c4", "c3", "c2", "c1", "c0"]
        assert table.rows[0] == ("c4", "12", f"66.7{NB}% (39.1 to 86.2)", "11", f"72.7{NB}% (43.4 to 90.3)")

    def test_classes_without_images_come_last(self) -> None:
        found = replace(
            make_diagnosis(("a", "b")), confusion=((0, 0), (1, 1)), recall=(None, 0.5), precision=(0.0, 1.0)
        )
        table = classes_table(found)
        assert table is not None
        assert table.rows[1][:3] == ("a", "0", "–")

    def test_no_mistake_is_said(self) -> None:
        found = replace(make_diagnosis(("a", "b")), confusion=((3, 0), (0, 3)))
        assert pairs_table(found) is None
        assert "No test image is taken for another class." in render(ReportData("t", diagnosis=found))

    def test_nothing_measured_nothing_shown(self) -> None:
        assert (matrix(NOTHING), pairs_table(NOTHING), classes_table(NOTHING)) == (None, None, None)
