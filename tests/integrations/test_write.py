import csv
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import pytest

from askance.integrations import (
    LabelRow,
    Rejected,
    as_labels,
    match,
    read_image_folder,
    read_label_csv,
    write_batch_csv,
    write_batch_folder,
    write_labels_csv,
    write_labels_image_folder,
    write_rejected,
)
from askance.pool import content_id
from askance.vocab import ImageRecord, Label, LabelError, Pick, StoreError
from tests.integrations.conftest import Pool

NAMES = ("a.jpg", "b.jpg", "x/1.jpg", "y/1.jpg")
AT = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def picks(pool: Pool) -> list[Pick]:
    why = {"predicted": "cat", "Class": "dog", "entropy": 0.25, "votes": {"cat": 3}}
    return [Pick(pool.id_of(name), rank, 1 / rank, why) for rank, name in enumerate(NAMES, start=1)]


@pytest.fixture
def labels(pool: Pool) -> dict[str, Label]:
    values = ("cat", "dog", "cat", "cat")
    return {pool.id_of(n): Label(pool.id_of(n), v, "ann", AT, "page") for n, v in zip(NAMES, values, strict=True)}


def cells(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


class TestBatchCsv:
    def test_columns(self, pool: Pool, picks: list[Pick], tmp_path: Path) -> None:
        write_batch_csv(tmp_path / "b.csv", picks, pool.images)
        first = cells(tmp_path / "b.csv")[0]
        assert first == {
            "id": pool.id_of("a.jpg"),
            "path": str(pool.root / "a.jpg"),
            "rank": "1",
            "gain": "1",
            "predicted": "cat",
            "why Class": "dog",
            "entropy": "0.25",
            "label": "",
        }

    def test_filled_in_it_is_imported(self, pool: Pool, picks: list[Pick], tmp_path: Path) -> None:
        path = tmp_path / "b.csv"
        write_batch_csv(path, picks, pool.images)
        assert match(read_label_csv(path), pool.images, pool.sightings, ()).empty == 4
        rows = cells(path)
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
            writer.writeheader()
            writer.writerows(row | {"label": "dog", "path": "moved/" + row["path"]} for row in rows[:3])
        matched = match(read_label_csv(path), pool.images, pool.sightings, ("dog", "cat"))
        assert list(matched.labels) == [pick.image_id for pick in picks[:3]]
        assert {row.value for row in matched.labels.values()} == {"dog"}

    def test_a_batch_that_was_filled_in_is_not_written_over(
        self, pool: Pool, picks: list[Pick], tmp_path: Path
    ) -> None:
        path = tmp_path / "b.csv"
        write_batch_csv(path, picks, pool.images)
        write_batch_csv(path, picks, pool.images)  # the same again is no change
        path.write_text(path.read_text() + "work")
        with pytest.raises(LabelError, match="other content"):
            write_batch_csv(path, picks, pool.images)
        assert path.read_text().endswith("work")

    def test_an_image_that_is_gone(self, pool: Pool, tmp_path: Path) -> None:
        with pytest.raises(LabelError, match="is gone"):
            write_batch_csv(tmp_path / "b.csv", [Pick("f" * 32, 1, 0.5)], pool.images)


class TestBatchFolder:
    def test_sorted_by_hand_it_is_imported(self, pool: Pool, picks: list[Pick], tmp_path: Path) -> None:
        folder = tmp_path / "batch"
        files = write_batch_folder(folder, picks, pool.images)
        assert [file.name for file in files] == ["0001_a.jpg", "0002_b.jpg", "0003_1.jpg", "0004_1.jpg"]
        assert all(file.is_symlink() for file in files)
        for file, value in zip(files, ("dog", "cat", "dog"), strict=False):
            (folder / value).mkdir(exist_ok=True)
            file.rename(folder / value / f"renamed {file.name}")
        matched = match(read_image_folder(folder), pool.images, pool.sightings, ("cat", "dog"))
        assert {name: row.value for name, row in matched.labels.items()} == {
            pool.id_of("a.jpg"): "dog",
            pool.id_of("b.jpg"): "cat",
            pool.id_of("x/1.jpg"): "dog",
        }
        assert (matched.empty, matched.rejected) == (1, ())

    def test_copies(self, pool: Pool, picks: list[Pick], tmp_path: Path) -> None:
        files = write_batch_folder(tmp_path / "batch", picks, pool.images, "copy")
        assert [file.is_symlink() for file in files] == [False] * 4
        assert [file.read_bytes() for file in files] == [b"a", b"b", b"x1", b"y1"]

    def test_copies_where_links_cannot_be_made(
        self, pool: Pool, picks: list[Pick], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError("no links here")

        monkeypatch.setattr(os, "symlink", refuse)
        files = write_batch_folder(tmp_path / "batch", picks, pool.images)
        assert [file.read_bytes() for file in files] == [b"a", b"b", b"x1", b"y1"]

    def test_remote_images_are_copied(self, tmp_path: Path) -> None:
        with fsspec.open("memory://cam/é 1.jpg", "wb") as file:
            file.write(b"remote")
        image = ImageRecord("1" * 32, "memory://cam/é 1.jpg", 1, 1, "JPEG")
        (made,) = write_batch_folder(tmp_path / "batch", [Pick(image.id, 1, 0.1)], {image.id: image})
        assert (made.name, made.read_bytes()) == ("0001_é 1.jpg", b"remote")

    def test_a_folder_with_work_in_it_is_left_alone(self, pool: Pool, picks: list[Pick], tmp_path: Path) -> None:
        (tmp_path / "batch").mkdir()
        write_batch_folder(tmp_path / "batch", picks, pool.images)  # empty: fine
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(LabelError, match="new or empty"):
            write_batch_folder(tmp_path / "batch", picks[:1], pool.images)
        assert sorted(tmp_path.rglob("*")) == before

    @pytest.mark.parametrize("how", ["link", "copy"])
    def test_nothing_is_left_of_a_batch_that_failed(
        self, pool: Pool, picks: list[Pick], tmp_path: Path, how: str
    ) -> None:
        (pool.root / "y/1.jpg").unlink()
        with pytest.raises(LabelError, match=r"1\.jpg"):
            write_batch_folder(tmp_path / "out" / "batch", picks, pool.images, how)  # type: ignore[arg-type]
        assert list((tmp_path / "out").iterdir()) == []


class TestRejected:
    def test_mended_it_is_imported_as_it_is(self, pool: Pool, tmp_path: Path) -> None:
        rows = [LabelRow("a.jpg", "cta", "val", "g", 7), LabelRow("b.jpg", "cat")]
        matched = match(rows, pool.images, pool.sightings, ("cat",), roots=(str(pool.root),))
        path = tmp_path / "rejected.csv"
        write_rejected(path, matched.rejected)
        assert cells(path)[0]["line"] == "7"
        assert "did you mean cat?" in cells(path)[0]["reason"]
        path.write_text(path.read_text(encoding="utf-8-sig").replace("cta,", "cat,", 1), encoding="utf-8-sig")
        again = match(read_label_csv(path), pool.images, pool.sightings, ("cat",), roots=(str(pool.root),))
        assert again.labels == {pool.id_of("a.jpg"): replace(rows[0], value="cat", line=2)}

    def test_a_file_that_somebody_may_be_mending_stays(self, tmp_path: Path) -> None:
        one, two = ([Rejected(LabelRow("a", "b"), reason)] for reason in ("one", "two"))
        names = [write_rejected(tmp_path / "r.csv", rows).name for rows in (one, two, one, two)]
        assert names == ["r.csv", "r-2.csv", "r.csv", "r-2.csv"]
        assert [cells(tmp_path / name)[0]["reason"] for name in ("r.csv", "r-2.csv")] == ["one", "two"]

    def test_an_image_named_by_its_id_keeps_id_and_name(self, pool: Pool, tmp_path: Path) -> None:
        row = LabelRow(pool.id_of("b.jpg"), "cow", line=2, name="b.jpg")
        path = write_rejected(tmp_path / "r.csv", [Rejected(row, "why")])
        assert (cells(path)[0]["id"], cells(path)[0]["path"]) == (row.key, "b.jpg")
        (again,) = read_label_csv(path)
        assert (again.key, again.name, again.place) == (row.key, "b.jpg", "line 2, b.jpg")


class TestLabels:
    def test_answers_go_out_as_they_come_in(self, pool: Pool, tmp_path: Path) -> None:
        answers = dict(zip(("a.jpg", "b.jpg"), ("unreadable", "none-of-these"), strict=True))
        given = {
            pool.id_of(n): Label(pool.id_of(n), None, "ann", AT, "page", answer)  # type: ignore[arg-type]
            for n, answer in answers.items()
        }
        write_labels_csv(tmp_path / "l.csv", given, pool.images)
        files = write_labels_image_folder(tmp_path / "out", given, pool.images)
        assert {str(file.relative_to(tmp_path / "out")) for file in files} == {
            "unreadable/a.jpg",
            "none of these/b.jpg",
        }
        for rows in (read_label_csv(tmp_path / "l.csv"), read_image_folder(tmp_path / "out")):
            found = match(rows, pool.images, pool.sightings, ("cat",), roots=(str(pool.root),))
            assert {image_id: row.answer for image_id, row in found.labels.items()} == {
                image_id: label.answer for image_id, label in given.items()
            }

    def test_csv_round_trip(self, pool: Pool, labels: dict[str, Label], tmp_path: Path) -> None:
        gone = Label("e" * 32, "cat", "ann", AT, "page")
        withdrawn = replace(gone, image_id="d" * 32, value=None)
        every = labels | {gone.image_id: gone, withdrawn.image_id: withdrawn}
        write_labels_csv(tmp_path / "l.csv", every, pool.images, {pool.id_of("b.jpg"): "test"})
        rows = read_label_csv(tmp_path / "l.csv")
        assert {row.key: row.value for row in rows} == {name: one.value for name, one in labels.items()} | {
            "e" * 32: "cat"
        }
        assert {row.key for row in rows if row.split == "test"} == {pool.id_of("b.jpg")}
        assert cells(tmp_path / "l.csv")[1]["at"] == "2024-05-01T12:00:00+00:00"

    def test_how_long_labels_took_goes_out_and_comes_back(
        self, pool: Pool, labels: dict[str, Label], tmp_path: Path
    ) -> None:
        first = pool.id_of("a.jpg")
        every = labels | {first: replace(labels[first], seconds=4.5)}
        write_labels_csv(tmp_path / "l.csv", every, pool.images)
        found = match(read_label_csv(tmp_path / "l.csv"), pool.images, pool.sightings, ("cat", "dog"))
        back = as_labels(found, who="bob", at=AT, source="l.csv")
        assert {one.image_id: one.seconds for one in back} == {name: one.seconds for name, one in every.items()}
        write_labels_csv(tmp_path / "plain.csv", labels, pool.images)
        assert "seconds" not in (tmp_path / "plain.csv").read_text("utf-8")

    def test_image_folder_round_trip(self, pool: Pool, labels: dict[str, Label], tmp_path: Path) -> None:
        files = write_labels_image_folder(tmp_path / "l", labels, pool.images)
        assert len(files) == len(labels)  # two images are named 1.jpg
        matched = match(read_image_folder(tmp_path / "l"), pool.images, pool.sightings, ("cat", "dog"))
        assert {name: row.value for name, row in matched.labels.items()} == {
            name: label.value for name, label in labels.items()
        }

    def test_image_folder_with_splits(self, pool: Pool, labels: dict[str, Label], tmp_path: Path) -> None:
        write_labels_image_folder(tmp_path / "l", labels, pool.images, {pool.id_of("b.jpg"): "test"})
        matched = match(read_image_folder(tmp_path / "l"), pool.images, pool.sightings, ())
        assert {name for name, row in matched.labels.items() if row.split == "test"} == {pool.id_of("b.jpg")}
        assert matched.labels[pool.id_of("a.jpg")].split == "train"

    @pytest.mark.parametrize("value", ["..", "a/b", "a\\b", "."])
    def test_a_class_never_leads_out_of_the_folder(self, pool: Pool, tmp_path: Path, value: str) -> None:
        label = Label(pool.id_of("a.jpg"), value, "ann", AT, "page")
        with pytest.raises(LabelError, match="name a folder"):
            write_labels_image_folder(tmp_path / "out" / "l", {label.image_id: label}, pool.images)
        assert not (tmp_path / "out").exists()


def test_a_local_name_that_looks_like_a_chained_url_is_copied(tmp_path):
    odd = tmp_path / "belt::7.jpg"
    odd.write_bytes(b"pixels")
    images = {"a" * 32: ImageRecord("a" * 32, str(odd), 1, 1, "JPEG")}
    files = write_batch_folder(tmp_path / "batch", [Pick("a" * 32, 1, 0.5, {})], images, "copy")
    assert [file.read_bytes() for file in files] == [b"pixels"]


FORMULAS = ("=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(A1)", "'=x", "-", "-0.5", "cat", "'cat'")


def test_no_cell_of_a_table_for_people_is_a_formula(tmp_path: Path) -> None:
    rows = [Rejected(LabelRow(f"{name}.jpg", name, line=i), "why") for i, name in enumerate(FORMULAS, 2)]
    file = write_rejected(tmp_path / "rows.csv", rows)
    shown = [cell for row in cells(file) for cell in row.values() if cell]
    assert not [cell for cell in shown if cell[0] in "=+@" or (cell[0] == "-" and cell != "-0.5")]
    back = read_label_csv(file)
    assert [(row.key, row.value) for row in back] == [(f"{name}.jpg", name) for name in FORMULAS]


@pytest.mark.parametrize("value", [".hidden", "a\0b", "a\nb", "..", "a/b"])
def test_a_class_that_cannot_name_a_folder_is_told(
    pool: Pool, labels: dict[str, Label], tmp_path: Path, value: str
) -> None:
    key = pool.id_of("a.jpg")
    named = {**labels, key: replace(labels[key], value=value)}
    with pytest.raises(LabelError, match="classes that can name a folder"):
        write_labels_image_folder(tmp_path / "out", named, pool.images)
    assert not (tmp_path / "out").exists()


def test_a_class_of_300_letters_is_told_and_leaves_nothing(
    pool: Pool, labels: dict[str, Label], tmp_path: Path
) -> None:
    key = pool.id_of("a.jpg")
    named = {**labels, key: replace(labels[key], value="x" * 300)}
    with pytest.raises(StoreError, match="shorter name"):
        write_labels_image_folder(tmp_path / "out", named, pool.images)
    assert list(tmp_path.glob("*out*")) == []


def test_labels_as_folders_come_back_whatever_the_images_are_called(tmp_path: Path) -> None:
    """Without an ending, in capitals or small, accents composed or not: no image takes another's place."""
    images = {}
    for i, name in enumerate(("0a1b", "é", "e\u0301", "sub/A", "a")):
        place = tmp_path / "pool" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bytes([i]))
        image_id = content_id(bytes([i]))
        images[image_id] = ImageRecord(image_id, str(place), 4, 4, "PNG")
    given = {image_id: Label(image_id, "cat", "ann", AT, "page") for image_id in images}
    files = write_labels_image_folder(tmp_path / "l", given, images)
    assert all(file.suffix == ".png" for file in files)
    assert len({str(file).casefold() for file in files}) == 5
    found = match(read_image_folder(tmp_path / "l"), images, {}, ("cat",), roots=(str(tmp_path / "pool"),))
    assert found.labels.keys() == images.keys()


def test_a_rejected_row_keeps_the_spaces_of_its_path(tmp_path: Path) -> None:
    row = LabelRow("a.jpg", "cat", key_as_written=" a.jpg")
    (back,) = read_label_csv(write_rejected(tmp_path / "r.csv", [Rejected(row, "why")]))
    assert (back.key, back.key_as_written) == ("a.jpg", " a.jpg")
