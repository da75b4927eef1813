"""Which rounds may be compared, and what stands beside those that may not."""

from dataclasses import replace

from askance.report import RoundRow
from askance.report.rounds import comparable, marks, rounds_table, segments

NB = "\N{NO-BREAK SPACE}"


def row(number: int, accuracy: float = 0.5, **more: object) -> RoundRow:
    made = RoundRow(
        number,
        30 * number,
        {"accuracy": accuracy},
        200,
        classes_tested=6,
        test="a",
        settings={"model.size": "224"},
    )
    return replace(made, **more)  # type: ignore[arg-type]


def test_rounds_that_are_alike_have_no_mark() -> None:
    rounds = [row(1), row(2), row(3)]
    assert marks(rounds) == []
    assert len(segments(rounds, "accuracy")) == 1


def test_another_test_set_is_marked_and_the_curve_breaks() -> None:
    rounds = [row(1, tested=189, classes_tested=5, test="b"), row(2), row(3)]
    (mark,) = marks(rounds)
    assert (mark.letter, mark.text) == ("a", "tested on 200 images, 6 classes, before on 189 images, 5 classes")
    assert [band.labels for band in segments(rounds, "accuracy")] == [(30,), (60, 90)]
    assert [one.number for one in comparable(rounds, "accuracy")] == [2, 3]
    table = rounds_table(rounds, "accuracy")
    assert [line[:3] for line in table.rows] == [
        ("1", "30", "189 images, 5 classes"),
        (f"2{NB}a", "60", "200 images, 6 classes"),
        ("3", "90", "200 images, 6 classes"),
    ]


def test_as_many_other_images_are_another_test_set() -> None:
    (mark,) = marks([row(1), row(2, test="b")])
    assert mark.text == "tested on other images, or on other labels of them"
    assert marks([row(1, test=""), row(2)]) == []  # of the first it is not known


def test_other_settings_are_named() -> None:
    changed = {"model.size": "160", "train.stop": "settled"}
    (mark,) = marks([row(1), row(2, settings=changed)])
    assert mark.text == "other settings, model.size 224 → 160"  # what an older version did not have is no change
    assert marks([row(1, settings={}), row(2)]) == []
    many = {f"model.s{i}": "1" for i in range(6)}
    (mark,) = marks([row(1, settings=many), row(2, settings=dict.fromkeys(many, "2"))])
    assert mark.text.endswith(" and 2 more")


def test_a_first_batch_has_no_model_and_did_not_converge() -> None:
    first = RoundRow(0, 0, picked={})
    table = rounds_table([first, row(1, converged=False)], "accuracy")
    assert table.rows[0] == ("0", "–", "–", "", "first batch, no model")
    assert table.rows[1][-1] == "stopped at its step limit"
    assert marks([first, row(1)]) == []


def test_there_is_one_accuracy() -> None:
    metrics = {"accuracy": 0.5, "error": 0.5, "accuracy_deterministic": 0.6, "macro_recall": 0.4}
    head = rounds_table([row(1, metrics=metrics)], "accuracy").head
    assert head == ("round", "labels", "tested on", "test accuracy", "balanced accuracy", "training")


def test_of_two_rounds_with_the_same_labels_the_later_counts() -> None:
    (band,) = segments([row(1), row(2, 0.6, labels=30), row(3)], "accuracy")
    assert (band.labels, band.mean) == ((30, 90), (0.6, 0.5))
