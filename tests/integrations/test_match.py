import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from askance.integrations import LabelRow, Matched, as_labels, match
from askance.vocab import ImageRecord, Label, Sighting
from tests.integrations.conftest import Pool

CLASSES = ("cat", "dog", "Zebra")


def take(pool: Pool, *rows: LabelRow, roots: tuple[str, ...] = ()) -> Matched:
    return match(rows, pool.images, pool.sightings, CLASSES, roots=(str(pool.root), *roots))


def reason(matched: Matched) -> str:
    assert not matched.labels
    (rejected,) = matched.rejected
    return rejected.reason


class TestFinds:
    @pytest.mark.parametrize(
        "key", ["a.jpg", "./a.jpg", "x/../a.jpg", "{root}/a.jpg", "file://{root}/a.jpg", "elsewhere/a.jpg"]
    )
    def test_one_image_by_many_names(self, pool: Pool, key: str) -> None:
        matched = take(pool, LabelRow(key.format(root=pool.root), "cat"))
        assert list(matched.labels) == [pool.id_of("a.jpg")]
        assert not matched.rejected

    def test_by_content_id(self, pool: Pool) -> None:
        assert list(take(pool, LabelRow(pool.id_of("b.jpg"), "cat")).labels) == [pool.id_of("b.jpg")]

    def test_by_the_place_of_a_duplicate(self, pool: Pool) -> None:
        assert list(take(pool, LabelRow("copy/twin.jpg", "cat")).labels) == [pool.id_of("b.jpg")]

    def test_by_a_windows_path(self, pool: Pool) -> None:
        assert list(take(pool, LabelRow("x\\1.jpg", "cat")).labels) == [pool.id_of("x/1.jpg")]

    def test_by_the_end_of_a_path_where_the_base_name_is_not_enough(self, pool: Pool) -> None:
        matched = match([LabelRow("y/1.jpg", "cat")], pool.images, pool.sightings, CLASSES)
        assert list(matched.labels) == [pool.id_of("y/1.jpg")]

    def test_by_the_folder_of_the_label_file(self, pool: Pool) -> None:
        assert list(take(pool, LabelRow("1.jpg", "cat"), roots=(str(pool.root / "y"),)).labels) == [
            pool.id_of("y/1.jpg")
        ]

    def test_by_content_wherever_it_was_moved_and_renamed(self, pool: Pool, tmp_path: Path) -> None:
        moved = tmp_path / "sorted" / "dog" / "0001_b.jpg"
        moved.parent.mkdir(parents=True)
        moved.write_bytes(b"a")  # the bytes of a.jpg under a name like b's
        assert list(take(pool, LabelRow(str(moved), "dog")).labels) == [pool.id_of("a.jpg")]

    def test_by_content_through_a_link(self, pool: Pool, tmp_path: Path) -> None:
        link = tmp_path / "0001_a.jpg"
        os.symlink(pool.root / "a.jpg", link)
        assert list(take(pool, LabelRow(str(link), "dog")).labels) == [pool.id_of("a.jpg")]

    def test_by_url_below_a_url(self) -> None:
        image = ImageRecord("0" * 32, "s3://bucket/in/1.jpg", 1, 1, "JPEG")
        seen = {image.uri: Sighting(image.uri, 1, "", image)}
        for key in ("in/1.jpg", "s3://bucket/in/1.jpg"):
            matched = match([LabelRow(key, "cat")], {image.id: image}, seen, (), roots=("s3://bucket/",))
            assert list(matched.labels) == [image.id]


class TestRejects:
    def test_unknown_image(self, pool: Pool) -> None:
        assert "unknown image" in reason(take(pool, LabelRow("nowhere.jpg", "cat")))

    def test_another_file_of_the_same_name_is_not_that_image(self, pool: Pool, tmp_path: Path) -> None:
        other = tmp_path / "a.jpg"
        other.write_bytes(b"not a")
        assert "no image with this content" in reason(take(pool, LabelRow(str(other), "cat")))

    def test_ambiguous_name_with_the_candidates(self, pool: Pool) -> None:
        said = reason(take(pool, LabelRow("1.jpg", "cat")))
        assert "ambiguous" in said
        assert str(pool.root / "x/1.jpg") in said
        assert str(pool.root / "y/1.jpg") in said

    @pytest.mark.parametrize(("value", "near"), [("cta", "cat"), ("DOG", "dog"), ("zebra", "Zebra")])
    def test_unknown_class_names_the_nearest(self, pool: Pool, value: str, near: str) -> None:
        assert f"did you mean {near}?" in reason(take(pool, LabelRow("a.jpg", value)))

    def test_any_class_where_none_are_given(self, pool: Pool) -> None:
        assert match([LabelRow("a.jpg", "new")], pool.images, pool.sightings, (), roots=(str(pool.root),)).labels

    def test_quarantined_file(self, pool: Pool) -> None:
        assert "quarantined: truncated" in reason(take(pool, LabelRow("broken.jpg", "cat")))

    def test_quarantined_image(self, pool: Pool) -> None:
        fewer = {name: image for name, image in pool.images.items() if name != pool.id_of("a.jpg")}
        rows = [LabelRow(pool.id_of("a.jpg"), "cat"), LabelRow(str(pool.root / "a.jpg"), "cat")]
        matched = match(rows, fewer, pool.sightings, CLASSES)
        assert ["quarantined" in one.reason for one in matched.rejected] == [True, True]

    def test_all_rows_of_an_image_with_two_labels_and_no_other(self, pool: Pool) -> None:
        rows = [
            LabelRow("b.jpg", "cat", line=2),
            LabelRow("a.jpg", "cat", line=3),
            LabelRow("copy/twin.jpg", "dog", line=4),
        ]
        matched = take(pool, *rows)
        assert list(matched.labels) == [pool.id_of("a.jpg")]
        assert [one.row for one in matched.rejected] == [rows[0], rows[2]]
        assert "cat (line 2), dog (line 4)" in matched.rejected[0].reason

    def test_two_splits_for_one_image(self, pool: Pool) -> None:
        matched = take(pool, LabelRow("a.jpg", "cat", "val"), LabelRow("a.jpg", "cat", "test"))
        assert "2 different splits" in matched.rejected[0].reason

    def test_a_row_that_came_with_a_problem(self, pool: Pool) -> None:
        assert reason(take(pool, LabelRow("a.jpg", "cat", problem="it is bad"))) == "it is bad"


def test_rows_that_agree_count_once_and_complete_each_other(pool: Pool) -> None:
    matched = take(pool, LabelRow("b.jpg", "cat"), LabelRow("copy/twin.jpg", "cat", "test", "g"))
    assert matched.labels == {pool.id_of("b.jpg"): replace(LabelRow("b.jpg", "cat"), split="test", group="g")}
    assert not matched.rejected


def test_empty_rows_are_counted_and_never_looked_up(pool: Pool) -> None:
    matched = take(pool, LabelRow("nowhere.jpg", None), LabelRow("a.jpg", "cat"))
    assert (matched.empty, len(matched.labels), matched.rejected) == (1, 1, ())


def test_as_labels(pool: Pool) -> None:
    at = datetime(2024, 5, 1, tzinfo=UTC)
    labels = as_labels(take(pool, LabelRow("a.jpg", "cat")), who="ann", at=at, source="l.csv")
    assert labels == [Label(pool.id_of("a.jpg"), "cat", "ann", at, "l.csv")]


class TestClasses:
    """Spaces, accents and invisible marks around a class are none of its name; control characters are no name."""

    @pytest.mark.parametrize("value", ["cat", " cat", "cat\u00a0", "\ufeffcat", "cat\u200b", "\tcat "])
    def test_one_class_by_many_spellings(self, pool: Pool, value: str) -> None:
        assert [row.value for row in take(pool, LabelRow("a.jpg", value)).labels.values()] == ["cat"]

    def test_an_old_projects_classes_with_spaces_stay_two(self, pool: Pool) -> None:
        rows = [
            LabelRow("a.jpg", "cat", value_as_written="cat "),
            LabelRow("b.jpg", "cat", value_as_written="cat"),
        ]
        found = match(rows, pool.images, pool.sightings, ["cat ", "cat"], roots=(str(pool.root),))
        assert [row.value for row in found.labels.values()] == ["cat ", "cat"]

    def test_an_old_projects_only_class_with_spaces_is_found_without(self, pool: Pool) -> None:
        found = match([LabelRow("a.jpg", "cat")], pool.images, pool.sightings, ["cat "], roots=(str(pool.root),))
        assert [row.value for row in found.labels.values()] == ["cat "]

    @pytest.mark.parametrize("value", ["ca\rt", "c\nat", "c\x00at", "c\u2028at", "\x1b[31mcat", "x" * 201])
    def test_what_can_be_no_class_is_set_aside(self, pool: Pool, value: str) -> None:
        (one,) = match([LabelRow("a.jpg", value)], pool.images, pool.sightings, ()).rejected
        assert "its class has" in one.reason
        assert one.reason.isprintable()

    def test_many_strange_classes_do_not_take_hours(self, pool: Pool) -> None:
        rows = [LabelRow("a.jpg", f"some words about image {i}") for i in range(5000)]
        known = [f"class {i}" for i in range(300)]
        assert len(match(rows, pool.images, pool.sightings, known, roots=(str(pool.root),)).rejected) == 5000
