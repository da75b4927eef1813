import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from askance.report import (
    DoubtedLabel,
    NearImage,
    PickedImage,
    ReportData,
    RoundRow,
    data,
    refuse_other_files,
    write_new_report,
    write_report,
)
from askance.report.data import Beside, Crew, Paid
from askance.report.page import render
from askance.report.project import balance, headline
from askance.vocab import ConfigError, Curve, Sighting
from tests.report.conftest import make_curve, make_diagnosis

VOID = {"meta", "link", "img", "input", "br", "hr"}
EVIL = "<script>alert(1)</script>'\"><img src=x onerror=alert(2)>"


class Page(HTMLParser):
    """What a browser would see: tags in balance, addresses, text, styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.text: list[str] = []
        self.headings: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.addresses += [
            v or "" for name, v in attrs if name in ("src", "href", "xlink:href", "srcset", "action")
        ]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if self._open and self._open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)


SECTIONS = [
    "Did it pay?",
    "Learning curves",
    "Against random, pair by pair",
    "Labels it takes",
    "Rounds of this project",
    "Recall by class",
    "Calibration",
    "Mistakes",
    "Class by class",
    "Class balance",
    "The batch to label next",
    "Labels that may be wrong",
    "Who labelled",
    "Quarantine",
    "Time",
    "Provenance",
]


def quick(full: ReportData, **changes: object) -> ReportData:
    """The same without what takes long to draw."""
    return replace(full, **({"curves": (), "rounds": (), "diagnosis": None} | changes))  # type: ignore[arg-type]


def test_every_section_with_data(full: ReportData) -> None:
    page = Page(render(full))
    assert page.headings[1:] == SECTIONS
    assert page.headings[0] == "bald and random: no difference that 3 seeds can show."
    assert page.tags.count("svg") == 8
    assert page.tags.count("img") == 3


@pytest.mark.parametrize(
    ("gone", "missing"),
    [
        ({"paid": None}, ["Did it pay?"]),
        ({"curves": ()}, SECTIONS[1:4]),
        ({"rounds": ()}, [*SECTIONS[4:6], "Class balance", "Time"]),
        ({"diagnosis": None}, SECTIONS[6:9]),
        ({"picked": ()}, ["The batch to label next"]),
        ({"doubts": ()}, ["Labels that may be wrong"]),
        ({"crew": None}, ["Who labelled"]),
        ({"quarantined": ()}, ["Quarantine"]),
        ({"provenance": {}}, ["Provenance"]),
    ],
)
def test_no_section_without_data(full: ReportData, gone: dict[str, object], missing: list[str]) -> None:
    page = Page(render(replace(full, **gone)))  # type: ignore[arg-type]
    assert page.headings[1:] == [name for name in SECTIONS if name not in missing]


def test_a_section_that_has_nothing_to_show_says_why() -> None:
    html = render(ReportData("t", absent={name: f"because of {name}" for name in data.SECTIONS}))
    page = Page(html)
    headings = ["Rounds of this project", "Calibration", "Mistakes", "The batch to label next"]
    assert page.headings[1:] == [*headings, "Labels that may be wrong", "Who labelled", "Quarantine", "Time"]
    for name in set(data.SECTIONS) - {"near", "paid"}:
        assert f"because of {name}" in html
    assert "because of near" not in html  # there is no batch to stand beside


def test_nothing_at_all_is_a_page_too() -> None:
    page = Page(render(ReportData("Empty")))
    assert page.headings == ["Nothing has been measured yet."]


def test_stands_alone(full: ReportData) -> None:
    html = render(full)
    page = Page(html)
    assert page.addresses
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert "script" not in page.tags
    assert "iframe" not in page.tags
    assert "http" not in html.replace("http-equiv", "")
    assert not re.search(r"@import|url\((?!#)", html)
    assert "default-src 'none'" in html


def test_whatever_stands_in_the_data_is_text(full: ReportData) -> None:
    evil = ReportData(
        title=EVIL,
        curves=[make_curve(name, seed, rate) for name, rate in ((EVIL, 30), ("random", 60)) for seed in (0, 1)],
        rounds=[RoundRow(1, 40, {"error": 0.2, f"recall/{EVIL}": 0.5, EVIL: 1.0}, 9, {EVIL: 1}, {EVIL: 1})],
        picked=[PickedImage(EVIL, 1, 0.1, EVIL, {EVIL: 1}, {EVIL: 1.0}, None, [NearImage(EVIL, 0.5)])],
        diagnosis=make_diagnosis((EVIL, f"{EVIL}2")),
        doubts=[DoubtedLabel(EVIL, "test", EVIL, EVIL, 0.1, 0.8)],
        absent={"near": EVIL},
        paid=Paid(EVIL, (EVIL,), (EVIL,)),
        crew=Crew({EVIL: (1, 1), "b": (1, 0)}, (), None, 1, 0, [(EVIL, {EVIL: EVIL})], [(EVIL,) * 5]),
        answers={EVIL: 1},
        how=EVIL,
        quarantined=[Sighting(EVIL, 1, "", None, EVIL)],
        classes=(EVIL,),
        provenance={EVIL: EVIL},
        targets=(0.1,),
    )
    page = Page(render(evil))
    assert set(page.tags) <= set(Page(render(full)).tags)
    assert page.handlers == []
    assert "script" not in page.tags
    assert sum(EVIL in text for text in page.text) >= 24


def test_same_data_same_bytes(full: ReportData, tmp_path: Path) -> None:
    write_report(tmp_path / "a.html", full)
    write_report(tmp_path / "b.html", full)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_a_picked_image_says_why(full: ReportData) -> None:
    html = render(replace(full, curves=(), rounds=(), quarantined=()))
    assert "glass 60" in html
    assert "glass 60 %" in html
    assert re.findall(r'class="c(\d)" style="width:([\d.]+)%" title="(\w+ \d+)"', html) == [
        ("0", "60.00", "glass 60"),
        ("1", "30.00", "metal 30"),
        ("2", "10.00", "paper 10"),
    ]
    assert "data:image/png;base64," in html
    assert "no picture" in html


def test_a_batch_by_novelty_says_how_strange_its_images_are(full: ReportData) -> None:
    strange = [replace(image, stranger_than=0.9996) for image in full.picked]
    html = render(quick(full, picked=strange))
    assert html.count("less like the labelled images than 99&nbsp;% of those scored") == 2
    assert "less like the labelled" not in render(quick(full))


def test_a_batch_that_is_not_shown_whole_is_counted_whole(full: ReportData) -> None:
    html = render(quick(full, batch=200))
    assert "200 images are picked" in html
    assert "The first 2 of 200, in pick order." in html
    assert "2 images are picked" in render(quick(full))


def test_quarantine_counts_all_and_names_fifty(full: ReportData) -> None:
    html = render(quick(full))
    assert "<strong>60</strong> truncated" in html
    assert html.count("<li><code>") == 50
    assert "The first 50 of 60" in html


def test_rounds_show_intervals_and_training_that_was_cut_short(full: ReportData) -> None:
    text = " ".join(Page(render(replace(full, diagnosis=None, curves=(), paid=None))).text)
    assert "15\xa0% (10.7 to 20.6)" in text
    assert text.count("stopped at its step limit") == 1
    assert "200 images, 3 classes" in text
    assert "test accuracy" not in text  # it says the same as the error
    text = " ".join(Page(render(full)).text)
    assert "Validation labels cost 300 more" in text


def test_few_pairs_are_said_to_be_few(full: ReportData) -> None:
    many: list[Curve] = [make_curve(n, s, r) for n, r in (("bald", 30), ("random", 60)) for s in range(8)]
    assert "take it as a hint" in render(full)
    assert "take it as a hint" not in render(replace(full, curves=many))


def test_the_last_round_stands_beside_the_earliest_it_may_be_compared_with() -> None:
    rounds = [RoundRow(1, 40, {"error": 0.3}), RoundRow(2, 40, {"error": 0.2}), RoundRow(3, 60)]
    page = Page(render(ReportData("t", rounds=rounds)))
    assert page.headings[0] == "Test error 20\xa0%, with 40 training labels."
    assert "With 40 labels, in round 1, it was 30\xa0%." in " ".join(page.text)
    assert "Rounds of this project" in Page(render(ReportData("t", rounds=[RoundRow(1, 40)]))).headings


def test_images_that_both_rounds_saw_are_compared_in_pairs(full: ReportData) -> None:
    beside = Beside(1, 40, 60, 0.4, 0.55, 0.05, 0.25)
    data = replace(full, curves=(), beside=beside)
    said = "On the 60 test images that both saw, round 1 had 40\xa0% right with 40 labels; now it is 55\xa0%: "
    assert f"{said}+15.0 points (+5.0 to +25.0)." in headline(data)
    may_be = replace(data, beside=replace(beside, low=-0.05))
    assert headline(may_be)[1].endswith("which may be chance.")


def test_picked_images_stand_beside_what_they_look_like(full: ReportData) -> None:
    html = render(quick(full))
    assert 'title="cosine 0.93"' in html
    assert html.count('class="near"') == 1  # the second has none


def test_times_are_added_up(full: ReportData) -> None:
    html = render(full)
    assert html.count("1\xa0min 1\xa0s") == 6  # three rounds: the training, and all of it
    assert "&lt;0.1\xa0s" in html


def test_a_doubted_label_says_what_it_is_and_may_be(full: ReportData) -> None:
    text = " ".join(" ".join(Page(render(quick(full, diagnosis=full.diagnosis))).text).split())
    # right with 0, 0.3 and 0.6: of all three 0.9 are expected to be right
    assert "3 of 100 held-out labels contradict the model; about 0.9 of them are expected to be right" in text
    assert "The 3 likeliest to be wrong are worth a look" in text
    assert "The first 1 are shown." in text
    assert "glass or metal? test" in text
    assert "wrong with 90 %; the model says metal 90 %, glass 2 %" in text


NO_TABLES = {"before": None, "after": None, "scores_before": {}, "scores_after": {}}


def test_no_list_of_doubts_is_shown_that_is_mostly_false_alarms(full: ReportData) -> None:
    suspects = tuple(replace(one, right=0.8) for one in full.diagnosis.suspects)  # type: ignore[union-attr]
    data = quick(full, diagnosis=replace(full.diagnosis, **NO_TABLES, suspects=suspects))  # type: ignore[type-var]
    html = render(data)
    assert "about 2 of them are expected to be right" in html
    assert "No list of them is worth a look" in html
    assert "or</span> <span>metal?" not in html


def test_doubts_of_before_they_were_counted_are_shown_as_they_were(full: ReportData) -> None:
    suspects = tuple(replace(one, right=None) for one in full.diagnosis.suspects)  # type: ignore[union-attr]
    data = quick(full, diagnosis=replace(full.diagnosis, **NO_TABLES, suspects=suspects))  # type: ignore[type-var]
    assert "is not known of this round" in render(data)


def test_how_the_batch_was_chosen_is_told(full: ReportData) -> None:
    html = render(quick(full))
    assert "drawn by lot, with chances proportional to BALD" in html
    assert "Chance decides among likely images" in html
    assert "Mean BALD: 0.155 in the batch, 0.133 in the pool, 0.304 in the highest as many; 60 %" in html
    assert "BALD 0.7" in html
    assert "Chance decides" not in render(quick(full, how="max-herding"))
    assert "the first batch, before any model: " in render(quick(full, how="random", batch_labels=0))


def test_who_labelled_and_how_far_they_agree(full: ReportData) -> None:
    text = " ".join(" ".join(Page(render(quick(full))).text).split())
    assert "12 images were labelled by two people or more; Krippendorff's alpha is 0.61" in text
    assert "anna and bob 12 75\xa0% 0.60".replace("\xa0", " ") in text
    assert "anna: glass; bob: metal" in text
    assert "glass, by anna withdrawn, by bob" in text
    assert "Answers that are no class: 2 unreadable." in " ".join(headline(full))
    assert "Who labelled" not in render(quick(full, crew=Crew({"anna": (100, 0)})))


def test_a_report_that_is_there_is_not_replaced_and_nothing_else_is(full: ReportData, tmp_path: Path) -> None:
    data = ReportData("t")
    first = write_new_report(tmp_path / "reports" / "round-0001.html", data)
    assert write_new_report(first, data) == first  # the same again
    assert write_new_report(first, quick(full)).name == "round-0001-2.html"
    refuse_other_files(first)
    (tmp_path / "batch.csv").write_text("my,work")
    for other in (tmp_path / "batch.csv", tmp_path):
        with pytest.raises(ConfigError, match="something else"):
            refuse_other_files(other)


def test_a_path_keeps_its_file_name_whole(full: ReportData) -> None:
    long = "/srv/pool/site-a/2026-11/camera-north/IMG_0422.jpg"
    html = render(quick(full, picked=[replace(full.picked[0], name=long)]))
    assert '<span class="folders">…/2026-11/camera-north/</span><span class="file">IMG_0422.jpg</span>' in html


@pytest.mark.parametrize(
    ("answered", "title", "sentence"),
    [
        (0, "The batch to label next", "50 images are picked to be labelled next."),
        (20, "The batch to label next", "Of 50 picked images 30 wait for a label."),
        (
            50,
            "The last batch, labelled by now",
            "The last batch of 50 is labelled: askance pick asks for the next.",
        ),
    ],
)
def test_a_batch_that_is_labelled_is_not_to_be_labelled(
    full: ReportData, answered: int, title: str, sentence: str
) -> None:
    html = render(quick(full, batch=50, answered=answered))
    assert title in Page(html).headings
    assert sentence in html


def test_the_balance_is_of_the_last_batch_also_after_the_next_training(full: ReportData) -> None:
    rounds = [
        RoundRow(1, 40, {"error": 0.2}, 9, {"cat": 20, "dog": 20}, {"cat": 3}),
        RoundRow(2, 43, {"error": 0.1}, 9, {"cat": 23, "dog": 20}, {}),
    ]
    rows = balance(replace(full, rounds=rounds, classes=("cat", "dog")))
    assert [(row.name, row.labelled, row.picked) for row in rows] == [("cat", 23, 3), ("dog", 20, 0)]
