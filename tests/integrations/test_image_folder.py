"""Folders named after classes: links, splits above and below, what lies beside them, names that cannot be."""

import os
from pathlib import Path

import pytest

from askance.integrations import read_image_folder
from askance.integrations.image_folder import split_of
from askance.vocab import LabelError
from tests.pool.pictures import jpeg

CLASSES = ("cat", "dog")


def make(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def said(root):
    return {(row.name, row.value, row.split) for row in read_image_folder(root) if row.problem is None}


def grid(*splits, below=False):
    return [
        f"{kind}/{split}/{i}.png" if below else f"{split}/{kind}/{i}.png"
        for split in splits
        for kind in CLASSES
        for i in range(2)
    ]


class TestLinks:
    def test_a_class_that_lies_elsewhere(self, tmp_path):
        make(tmp_path, "data/cat/1.png", "far/dogs/2.png", "far/dogs/deep/3.png")
        (tmp_path / "data" / "dog").symlink_to(tmp_path / "far" / "dogs")
        assert said(tmp_path / "data") == {
            ("cat/1.png", "cat", None),
            ("dog/2.png", "dog", None),
            ("dog/deep/3.png", "dog", None),
        }

    def test_splits_that_lie_elsewhere(self, tmp_path):
        make(tmp_path, "a/cat/1.png", "b/cat/2.png")
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "train").symlink_to(tmp_path / "a")
        (tmp_path / "data" / "valid").symlink_to(tmp_path / "b")
        assert said(tmp_path / "data") == {("train/cat/1.png", "cat", "train"), ("valid/cat/2.png", "cat", "val")}

    def test_loops_end_and_each_folder_comes_once(self, tmp_path):
        make(tmp_path, "train/cat/1.png", "train/dog/2.png")
        (tmp_path / "train" / "cat" / "up").symlink_to(tmp_path)
        (tmp_path / "train" / "cat" / "self").symlink_to(tmp_path / "train" / "cat" / "self")
        (tmp_path / "val").symlink_to(tmp_path / "train")  # never the same image in two splits
        assert said(tmp_path) == {("train/cat/1.png", "cat", "train"), ("train/dog/2.png", "dog", "train")}


class TestSplits:
    @pytest.mark.parametrize(
        "words",
        [("train", "val", "test"), ("Training", "validation", "TESTING"), ("train2017", "valid", "test_set")],
    )
    @pytest.mark.parametrize(
        "beside", [[], ["overview.png"], ["docs/fig.png"], ["docs/fig/a.png", "x.jpg"], ["unlabeled/1.png"]]
    )
    def test_above_the_classes_whatever_lies_beside(self, tmp_path, words, beside):
        make(tmp_path, *grid(*words), *beside)
        rows = said(tmp_path)
        assert {value for _, value, _ in rows} == {"cat", "dog"} | ({None} if beside else set())
        assert {split for _, value, split in rows if value} == {"train", "val", "test"}
        assert all(split is None for name, _, split in rows if name in beside)

    @pytest.mark.parametrize("around", ["photos", "a/b/photos"])
    def test_in_a_folder_of_their_own_as_archives_have_them(self, tmp_path, around):
        make(tmp_path, *(f"{around}/{name}" for name in grid("train", "test")))
        assert {(value, split) for _, value, split in said(tmp_path)} == {
            (kind, split) for kind in CLASSES for split in ("train", "test")
        }

    def test_below_the_classes(self, tmp_path):
        make(tmp_path, *grid("train", "test", below=True), "loose.png")
        rows = said(tmp_path)
        assert {(value, split) for name, value, split in rows if name != "loose.png"} == {
            (kind, split) for kind in CLASSES for split in ("train", "test")
        }

    @pytest.mark.parametrize(
        "names",
        [
            [*grid("train"), *grid("holdout")],  # a split that nobody knows
            [*grid("train"), "docs/fig/a.png"],
            [*grid("train", "test", below=True), "bird/1.png"],
            grid("fold1", "fold2"),
            [*grid("Part 1", "Part 2"), "loose.png"],
        ],
    )
    def test_what_may_be_either_is_refused(self, tmp_path, names):
        make(tmp_path, *names)
        with pytest.raises(LabelError, match=r"all splits, or all classes|in one of its splits"):
            read_image_folder(tmp_path)

    @pytest.mark.parametrize(
        ("names", "classes"),
        [
            (["train/1.png", "bus/2.png"], {"train", "bus"}),
            (["test/1.png", "test/deep/2.png", "cat/3.png"], {"test", "cat"}),
            (["cat/day/1.png", "dog/day/2.png"], {"cat", "dog"}),
            (["part 1/1.png", "part 2/2.png"], {"part 1", "part 2"}),
        ],
    )
    def test_classes_that_are_called_so_stay_classes(self, tmp_path, names, classes):
        make(tmp_path, *names)
        assert {value for _, value, _ in said(tmp_path)} == classes

    def test_words_for_splits(self):
        assert [split_of(word) for word in ("dev", "Test Images", "01_train", "trainer", "")] == [
            "val",
            "test",
            "train",
            None,
            None,
        ]


class TestNames:
    def test_spaces_around_a_class(self, tmp_path):
        make(tmp_path, "cat /1.png", " cat/2.png")
        assert {value for _, value, _ in said(tmp_path)} == {"cat"}

    def test_images_without_an_ending_are_looked_into_and_others_are_said(self, tmp_path):
        make(tmp_path, "cat/notes.txt", "cat/Thumbs.db", "cat/.DS_Store", "cat/clip.heic", "cat/README")
        (tmp_path / "cat" / "0a1b").write_bytes(jpeg())
        rows = {row.name: row.problem for row in read_image_folder(tmp_path)}
        assert rows.keys() == {"cat/0a1b", "cat/clip.heic"}
        assert rows["cat/0a1b"] is None
        assert "convert it" in (rows["cat/clip.heic"] or "")

    def test_a_name_that_is_no_text_is_one_rejected_row(self, tmp_path):
        make(tmp_path, "cat/1.png")
        (Path(os.fsdecode(os.fsencode(tmp_path) + b"/cat/\xff.png"))).write_bytes(b"x")
        bad = [row for row in read_image_folder(tmp_path) if row.problem]
        assert [row.name for row in bad] == ["cat/\\xff.png"]
        assert "UTF-8" in (bad[0].problem or "")

    def test_askances_own_folders_are_no_classes(self, tmp_path):
        make(tmp_path, "cat/1.png", "batch/dog/2.png", "batch/.askance-batch", "proj/askance.toml", "proj/x/3.png")
        assert said(tmp_path) == {("cat/1.png", "cat", None)}
