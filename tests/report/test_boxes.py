import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from askance.report import PickedImage, ReportData, RoundRow
from askance.report.box_data import BoxCost, FoundBox, MarkedPicture
from askance.report.boxes import classes_table, cost_sentences, standing, unseen_sentence
from askance.report.judged import judged_table
from askance.report.overlay import doubts, picked_overlay, step
from askance.report.page import render
from askance.report.plot import plot_curves
from askance.vocab import Curve, CurveError, Reliability
from askance.vocab.box_diagnosis import BoxClass, BoxDiagnosis, Marked, MarkedImage
from tests.report.test_page import Page

EVIL = "<script>alert(1)</script>"


def thumbnail() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 24), "grey").save(out, "JPEG")
    return out.getvalue()


def diagnosis(name: str = "lid") -> BoxDiagnosis:
    drawn = (Marked((0, 0, 9, 9), "can", "found"), Marked((20, 0, 29, 9), name, "missed"))
    found = (Marked((0, 0, 9, 8), "can", "right", 0.9), Marked((10, 10, 15, 15), name, "nothing", 0.6))
    return BoxDiagnosis(
        classes=(
            BoxClass("can", 30, 0.8, 0.7, 0.9, 25, 2, 1, 0, 3, 0.04),
            BoxClass(name, 10, 0.5, 0.3, 0.6, 5, 1, 0, 2, 0, 0.1),
            BoxClass("tin", 0, None, None, None, 0, 0, 0, 0, 1),
        ),
        tested=12,
        empty=2,
        ap=0.4,
        ap50=0.65,
        low=0.55,
        high=0.72,
        ap75=0.3,
        recall=0.9,
        least=0.35,
        confused=((0, 0, 0), (1, 0, 0), (0, 0, 0)),
        reliability=Reliability((0.0, 0.5, 1.0), (30, 20), (0.2, 0.8), (0.1, 0.75), (0.0, 0.5), (0.3, 0.9)),
        calibration_error=0.08,
        shown=(MarkedImage("a", (32, 24), drawn, found),),
    )


def boxes() -> list[FoundBox]:
    return [
        FoundBox((1, 2, 9, 9), "can", 0.9, 0.01),
        FoundBox((12, 2, 19, 9), "lid", 0.5, 0.30),
        FoundBox((2, 12, 9, 19), "can", 0.1, 0.02),
    ]


def report(name: str = "lid") -> ReportData:
    found = diagnosis(name)
    metrics = {"ap50": 0.6, "ap": 0.35, "recall": 0.9, "ap50/can": 0.8, f"ap50/{name}": 0.4, "boxes_tested": 40.0}
    rows = [RoundRow(1, 20, metrics, tested=12, objects=300), RoundRow(2, 30, metrics, tested=12, objects=420)]
    picked = [
        PickedImage("a.jpg", 1, 0.3, "2 boxes", thumbnail=thumbnail(), boxes=boxes(), size=(32, 24)),
        PickedImage("b.jpg", 2, 0.1, "nothing found", thumbnail=thumbnail(), size=(32, 24)),
    ]
    cost = BoxCost(30, 420, 3, 900.0, 10, 140, 2, (2, 0), 1)
    return ReportData(
        "cans",
        rounds=rows,
        picked=picked,
        batch=2,
        classes=("can", name, "tin"),
        metric="ap50",
        boxes=found,
        tested=[MarkedPicture(one, "t.jpg", thumbnail()) for one in found.shown],
        cost=cost,
    )


class TestPage:
    def test_shows_boxes_by_doubt_and_test_images_by_what_came_of_them(self) -> None:
        html = render(report())
        assert '<g class="d4"><title>lid 50' in html
        assert '<g class="d0"><title>can 90' in html
        assert "can 10" not in html  # unlikely, and not in doubt: it would hide the picture
        assert html.count('<g class="missed">') == 1
        assert html.count('<g class="nothing">') == 1
        assert 'viewBox="0 0 32 24"' in html

    def test_says_it_in_words(self) -> None:
        words = " ".join(" ".join(Page(render(report())).text).split())
        for said in (
            "30 training images (420 boxes)",
            "12 test images with 40 objects, 2 of them without an object",
            "1 of the 2 picked images (50 %) the model finds no box at all",
            "14 an image; in 3 there is nothing",
            "boxes in training images",
            "detection ECE",
        ):
            assert said in words, said

    def test_nothing_in_it_is_taken_for_html(self) -> None:
        page = Page(render(report(EVIL)))
        assert "script" not in page.tags
        assert page.handlers == []

    def test_without_boxes_nothing_is_said_of_them(self) -> None:
        html = render(ReportData("plain", rounds=[RoundRow(1, 20, {"error": 0.2}, tested=50)]))
        assert "<h2>What it finds" not in html
        assert '<svg class="boxes"' not in html
        assert "boxes in training images" not in html


class TestWords:
    def test_kinds_of_errors_add_up(self) -> None:
        first, second = standing(diagnosis())
        assert "AP50 65\N{NO-BREAK SPACE}% (55 to 72)" in first
        assert "30 boxes are right, 10 wrong" in second
        assert "(4 on nothing, 3 badly placed, 2 found twice, 1 of another class)" in second
        assert "10 objects are missed" in second

    def test_the_weakest_class_is_first_and_what_is_not_there_last(self) -> None:
        rows = classes_table(diagnosis()).rows
        assert [row[0] for row in rows] == ["lid", "can", "tin"]
        assert rows[2][2] == "–"
        assert rows[0][4] == "5"

    def test_cost(self) -> None:
        cost = BoxCost(images=4, boxes=50, seconds=100.0, timed=4, timed_boxes=50, picked=2, expected=(10, 20))
        said = cost_sentences(cost)
        assert said[0] == "Labelled so far: 4 images with 50 boxes, 12.5 an image."
        assert said[1] == "That took 25\N{NO-BREAK SPACE}s an image, 2\N{NO-BREAK SPACE}s a box."
        assert said[2].startswith(
            "In the picked images the model finds 15 boxes an image at even odds, against 12.5"
        )
        assert unseen_sentence(cost) == "In each of them the model finds something."
        assert unseen_sentence(BoxCost()) == ""

    def test_no_object_at_all(self) -> None:
        none = replace(diagnosis(), classes=(), confused=(), ap50=None)
        assert standing(none) == ["There is no object in the 12 test images: average precision has no value."]


class TestDoubt:
    def test_is_beside_the_most_doubted_of_the_batch(self) -> None:
        assert doubts([boxes(), []]) == [pytest.approx([1 / 30, 1.0, 2 / 30]), []]

    def test_without_draws_that_differ_it_is_how_near_to_even(self) -> None:
        flat = [replace(one, bald=0.0) for one in boxes()]
        assert doubts([flat]) == [pytest.approx([0.2, 1.0, 0.2])]

    def test_the_most_doubted_is_drawn_last(self) -> None:
        drawn = str(picked_overlay((32, 24), boxes(), [0.0, 1.0, 0.9]))
        assert drawn.index('class="d0"') < drawn.index('class="d4"')
        assert [step(x / 10) for x in range(0, 11, 2)] == [0, 1, 2, 3, 4, 4]


def arm(name: str, seed: int, each: int, gain: float) -> Curve:
    sizes = (10, 20, 30, 40, 50)
    ap = tuple(0.8 - 0.6 * math.exp(-gain * i) + 0.003 * (seed % 3) for i in range(5))
    return Curve(name, seed, sizes, {"ap50": ap, "boxes": tuple(float(100 + each * i) for i in range(5))})


class TestCurvesByBoxes:
    def test_a_simulation_is_judged_by_boxes_too(self) -> None:
        curves = [arm("count", s, 300, 0.5) for s in range(8)] + [arm("random", s, 100, 0.4) for s in range(8)]
        html = render(ReportData("boxes", curves=curves, metric="ap50"))
        words = " ".join(" ".join(Page(html).text).split())
        assert "count is better than random" in words
        assert "count is worse than random" in words
        assert "By boxes" in words
        assert "would have shown" in words

    def test_the_smallest_difference_stands_beside_each(self) -> None:
        curves = [arm("count", s, 300, 0.5) for s in range(8)] + [arm("random", s, 100, 0.4) for s in range(8)]
        table = judged_table(ReportData("boxes", curves=curves, metric="ap50"))
        assert table is not None
        assert table.rows[0][0] == "count"
        assert float(table.rows[0][4]) < 1
        few = judged_table(ReportData("boxes", curves=[c for c in curves if c.seed < 3], metric="ap50"))
        assert few is not None
        assert few.rows[0][4] == "nothing"

    def test_a_plot_of_them(self, tmp_path: Path) -> None:
        curves = [arm("random", s, 100, 0.4) for s in range(3)]
        plot_curves(curves, tmp_path / "boxes.svg", metric="ap50", across="boxes")
        assert "<svg" in (tmp_path / "boxes.svg").read_text()
        none = Curve("a", 0, (1, 2), {"ap50": (0.1, 0.2)})
        with pytest.raises(CurveError, match="boxes"):
            plot_curves([none], tmp_path / "b.svg", metric="ap50", across="boxes")
