"""A batch as a folder: what is in it, and every way it may come back."""

import csv
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from askance.integrations import (
    Batch,
    Matched,
    find_batch_folder,
    match,
    read_batch_folder,
    write_batch_package,
)
from askance.integrations.batch_folder import plan
from askance.integrations.labelled_folder import is_untouched
from askance.pool import scan
from askance.vocab import LabelError, Pick

CLASSES = ("cat", "dog", "a/b")
NAMES = ("x/1.png", "y/1.png", "CON.jpg", "no-ending", "wide.jpg")


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    """Five images; two share a name, one has a name that Windows refuses, one no ending, one is large."""
    root, rng = tmp_path / "pool", np.random.default_rng(0)
    for i, name in enumerate(NAMES):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        size = (40, 1500, 3) if name == "wide.jpg" else (12, 10 + i, 3)
        form = "JPEG" if name.endswith("jpg") else "PNG"
        Image.fromarray(rng.integers(0, 255, size, np.uint8)).save(path, form)
    (tmp_path / "list.txt").write_text("\n".join(f"pool/{name}" for name in NAMES))
    sightings = list(scan(str(tmp_path / "list.txt"), {}, max_pixels=10**8))
    by_name = {s.uri.removeprefix(f"{root}/"): s.image for s in sightings}
    assert all(by_name.values())
    why = {"predicted": "cat", "votes": {"cat": 3, "dog": 1}}
    picks = [Pick(by_name[name].id, rank, 0.5, why) for rank, name in enumerate(NAMES, 1)]  # type: ignore[union-attr]
    images = {image.id: image for image in by_name.values() if image}
    return Batch("batch of round 2", picks, images, CLASSES, source=str(root))


@pytest.fixture
def folder(batch: Batch, tmp_path: Path) -> Path:
    return write_batch_package(tmp_path / "batch-0002", batch).folder


def came_back(folder: Path, batch: Batch) -> Matched:
    classes = [*batch.classes, *batch.answers]
    return match(read_batch_folder(folder), batch.images, {}, classes, roots=[str(folder)])


def values(found: Matched, batch: Batch) -> list[str | None]:
    """What was said of each pick, in order."""
    rows = [found.labels.get(pick.image_id) for pick in batch.picks]
    return [row.value if row else None for row in rows]


def fill(folder: Path, said: dict[int, str], delimiter: str = ",", **changes: str) -> None:
    """Fill in `labels.csv`: number of the image -> label."""
    with (folder / "labels.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = said.get(int(row["number"]), "")
        row.update(changes)
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def sort(folder: Path, number: int, value: str) -> Path:
    """Move an image into a folder."""
    (file,) = folder.glob(f"{number:03d}_*")
    (folder / value).mkdir(exist_ok=True)
    return file.rename(folder / value / file.name)


def turn(file: Path, to: Path) -> None:
    """Turn an image and save it, as a viewer does."""
    with Image.open(file) as image:
        image.rotate(90).save(to)


class TestWritten:
    def test_what_is_in_it(self, folder: Path, batch: Batch) -> None:
        inside = sorted(path.name for path in folder.iterdir())
        assert inside == sorted([
            *(".askance-batch", "labels.csv", "index.html"),
            *("001_1.png", "002_1.png", "003_CON_.jpg", "004_no-ending.png", "005_wide.jpg"),
            *("cat", "dog", "a_b", "unreadable", "none of these"),
        ])  # fmt: skip
        for pick, name in zip(batch.picks, plan(batch).files, strict=True):
            assert (folder / name).read_bytes() == Path(batch.images[pick.image_id].uri).read_bytes()
        with (folder / "labels.csv").open(newline="") as file:  # as who knows of no byte order mark
            first = next(csv.DictReader(file))
        assert first["path"] == "001_1.png"
        assert first["original"] == "x/1.png"
        assert first["predicted"] == "cat (3 of 4 votes; dog 1)"

    def test_the_page_shows_names_as_text_and_asks_for_nothing(self, batch: Batch, tmp_path: Path) -> None:
        odd = Batch("<b>round</b>", batch.picks, batch.images, ("<script>", "cat"), source=batch.source)
        page = (write_batch_package(tmp_path / "b", odd).folder / "index.html").read_text()
        assert page.count('src="data:image/jpeg;base64,') == len(NAMES)
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "http" not in page.replace("http-equiv", "")
        assert "predicted: cat (3 of 4 votes; dog 1)" in page

    def test_small_copies(self, batch: Batch, tmp_path: Path) -> None:
        folder = write_batch_package(tmp_path / "b", batch, small=True).folder
        with Image.open(folder / "005_wide.jpg") as small:
            assert small.size == (1024, 27)
        assert (folder / "001_1.png").read_bytes() == Path(batch.images[batch.picks[0].image_id].uri).read_bytes()
        sort(folder, 5, "dog")
        assert values(came_back(folder, batch), batch) == [None, None, None, None, "dog"]

    def test_an_image_that_is_gone_is_left_out_and_stops_nothing(self, batch: Batch, tmp_path: Path) -> None:
        gone = batch.images[batch.picks[1].image_id].uri
        Path(gone).unlink()
        done = write_batch_package(tmp_path / "b", batch)
        assert done.images == 4
        assert list(done.left_out) == [gone]
        assert not (done.folder / "002_1.png").exists()
        assert "cannot be shown" in (done.folder / "index.html").read_text()
        shutil.rmtree(batch.source)
        with pytest.raises(LabelError, match="No such file"):
            write_batch_package(tmp_path / "c", batch)
        assert not (tmp_path / "c").exists()
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []

    def test_whether_somebody_has_begun(self, folder: Path, batch: Batch) -> None:
        assert is_untouched(folder, plan(batch))
        assert not is_untouched(folder, plan(batch, small=True))
        fill(folder, {1: "cat"})
        assert not is_untouched(folder, plan(batch))
        fill(folder, {})
        assert is_untouched(folder, plan(batch))
        sort(folder, 2, "dog")
        assert not is_untouched(folder, plan(batch))


class TestBack:
    def test_nothing_said_yet(self, folder: Path, batch: Batch) -> None:
        found = came_back(folder, batch)
        assert (found.labels, found.rejected, found.empty) == ({}, (), len(NAMES))

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_cells_are_filled(self, folder: Path, batch: Batch, delimiter: str) -> None:
        fill(folder, {1: "cat", 3: "none of these", 4: "a/b"}, delimiter)
        found = came_back(folder, batch)
        assert values(found, batch) == ["cat", None, "none of these", "a/b", None]
        assert (found.rejected, found.empty) == ((), 2)

    def test_images_are_sorted(self, folder: Path, batch: Batch) -> None:
        sort(folder, 1, "cat")
        sort(folder, 2, "a_b")  # the folder of a class that can name none
        sort(folder, 3, "unreadable")
        (folder / "cat" / "Thumbs.db").write_bytes(b"x")
        (folder / "cat" / ".DS_Store").write_bytes(b"x")
        (folder / "__MACOSX").mkdir()
        (folder / "__MACOSX" / "._001_1.png").write_bytes(b"x")
        found = came_back(folder, batch)
        assert values(found, batch) == ["cat", "a/b", "unreadable", None, None]
        assert (found.rejected, found.empty) == ((), 2)

    def test_both_ways_at_once_and_a_contradiction(self, folder: Path, batch: Batch) -> None:
        fill(folder, {1: "cat", 2: "dog", 3: "None-of-these"})
        sort(folder, 2, "dog")
        sort(folder, 3, "none of these")
        sort(folder, 4, "cat")
        assert values(came_back(folder, batch), batch) == ["cat", "dog", "none of these", "cat", None]
        sort(folder, 1, "dog")
        found = came_back(folder, batch)
        assert values(found, batch) == [None, "dog", "none of these", "cat", None]
        said = "2 different labels for one image: cat (labels.csv, line 2), dog (dog/001_1.png)"
        assert [one.reason for one in found.rejected] == [said, said]

    def test_classes_that_differ_in_a_sign_are_two(self, folder: Path, batch: Batch) -> None:
        fill(folder, {1: "a-b", 2: "none_of_these"})
        sort(folder, 1, "a_b")  # stands for a/b
        sort(folder, 2, "none of these")
        found = came_back(folder, batch)
        assert values(found, batch) == [None, "none of these", None, None, None]
        assert {one.reason for one in found.rejected} == {
            "2 different labels for one image: a-b (labels.csv, line 2), a/b (a_b/001_1.png)"
        }

    def test_an_image_in_two_folders(self, folder: Path, batch: Batch) -> None:
        file = sort(folder, 1, "cat")
        shutil.copy(file, folder / "dog" / file.name)
        found = came_back(folder, batch)
        assert {one.reason for one in found.rejected} == {
            "2 different labels for one image: cat (cat/001_1.png), dog (dog/001_1.png)"
        }

    def test_an_image_that_was_turned_saved_again_or_copied(self, folder: Path, batch: Batch) -> None:
        for number, name in (
            (1, "001_1.png"),
            (2, "002_1 - Copy.PNG"),
            (3, "003_CON_.webp"),
            (4, "004_no-ending (1).png"),
        ):
            file = sort(folder, number, "dog")
            turn(file, file.with_name(name))
            if file.name != name:
                file.unlink()
        assert values(came_back(folder, batch), batch) == ["dog", "dog", "dog", "dog", None]

    def test_content_comes_before_names(self, folder: Path, batch: Batch) -> None:
        one, two = folder / "001_1.png", folder / "002_1.png"
        one.rename(folder / "cat" / two.name)
        two.rename(folder / "dog" / one.name)
        assert values(came_back(folder, batch), batch)[:2] == ["cat", "dog"]

    def test_an_image_of_another_batch_is_itself_whatever_it_is_called(self, batch: Batch, tmp_path: Path) -> None:
        first, second = (replace(batch, picks=picks) for picks in (batch.picks[:1], batch.picks[1:]))
        stray = write_batch_package(tmp_path / "batch-0001", first).folder / "001_1.png"
        folder = write_batch_package(tmp_path / "batch-0002", second).folder
        assert (folder / "001_1.png").is_file()  # another image of the same name
        stray.rename(folder / "dog" / stray.name)
        rows = read_batch_folder(folder, batch.images)
        found = match(rows, batch.images, {}, CLASSES, roots=[str(folder)])
        assert values(found, batch) == ["dog", None, None, None, None]

    def test_one_column_sorted_without_the_others(self, folder: Path, batch: Batch) -> None:
        table = (folder / "labels.csv").read_text(encoding="utf-8-sig")
        ids = [pick.image_id for pick in batch.picks[:2]]
        swapped = table.replace(ids[0], "-").replace(ids[1], ids[0]).replace("-,", ",").replace(",-", f",{ids[1]}")
        (folder / "labels.csv").write_text(swapped)
        fill(folder, {1: "cat", 2: "cat", 3: "dog"})
        found = came_back(folder, batch)
        assert values(found, batch) == [None, None, "dog", None, None]
        assert all("of two images" in one.reason for one in found.rejected)
        assert len(found.rejected) == 2

    @pytest.mark.parametrize("lost", [".askance-batch", "labels.csv"])
    def test_one_of_the_two_lists_is_enough(self, folder: Path, batch: Batch, lost: str) -> None:
        (folder / lost).unlink()
        file = sort(folder, 1, "dog")
        turn(file, file)
        sort(folder, 2, "cat")
        assert find_batch_folder(folder) == folder
        assert values(came_back(folder, batch), batch) == ["dog", "cat", None, None, None]

    def test_an_id_column_that_is_gone_is_no_loss(self, folder: Path, batch: Batch) -> None:
        fill(folder, {1: "dog"}, id="")
        assert values(came_back(folder, batch), batch)[0] == "dog"

    def test_what_is_not_of_this_batch(self, folder: Path, batch: Batch) -> None:
        (folder / "cat" / "own.png").write_bytes(b"mine")
        (folder / "cat" / "IMG_1.heic").write_bytes(b"mine")
        found = came_back(folder, batch)
        reasons = sorted(one.reason for one in found.rejected)
        assert reasons[0] == "cat/IMG_1.heic is no image that Askance reads"
        assert "no image with this content" in reasons[1]

    def test_a_spreadsheet_saved_as_one(self, folder: Path, batch: Batch) -> None:
        (folder / "labels.xlsx").write_bytes(b"PK")
        (found,) = came_back(folder, batch).rejected
        assert found.reason == "save labels.xlsx as labels.csv, as CSV UTF-8, and import again"

    def test_there_and_back_through_archives(self, folder: Path, batch: Batch, tmp_path: Path) -> None:
        out = shutil.make_archive(str(tmp_path / "out"), "zip", tmp_path, "batch-0002")
        with zipfile.ZipFile(out) as archive:
            archive.extractall(tmp_path / "elsewhere")
        away = tmp_path / "elsewhere" / "batch-0002"
        sort(away, 1, "cat")
        fill(away, {2: "dog"}, ";")
        back = shutil.make_archive(str(tmp_path / "back"), "zip", tmp_path / "elsewhere")
        with zipfile.ZipFile(back) as archive:
            archive.extractall(tmp_path / "home")
        found = find_batch_folder(tmp_path / "home")  # one folder deeper, as archives are unpacked
        assert found == tmp_path / "home" / "batch-0002"
        assert values(came_back(found, batch), batch) == ["cat", "dog", None, None, None]

    def test_a_mark_of_somebody_else_is_no_mark(self, tmp_path: Path) -> None:
        (tmp_path / "b").mkdir()
        for content in ("", "[]", json.dumps({"files": 3})):
            (tmp_path / "b" / ".askance-batch").write_text(content)
            assert find_batch_folder(tmp_path / "b") is None
