import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askance.integrations import LabelRow, class_names, question, read_image_folder, read_label_csv
from askance.vocab import LabelError


def read(tmp_path: Path, text: str | bytes) -> list[LabelRow]:
    path = tmp_path / "labels.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_label_csv(path)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_habits_of_spreadsheets(tmp_path: Path, delimiter: str, encoding: str, newline: str) -> None:
    lines = [delimiter.join(cells) for cells in (("Path", "Label"), ("a.jpg", "Tür"), ('"b, c; d.jpg"', "cat"))]
    rows = read(tmp_path, newline.join(lines).encode(encoding))
    assert rows == [LabelRow("a.jpg", "Tür", line=2), LabelRow("b, c; d.jpg", "cat", line=3)]


@pytest.mark.parametrize("key", ["path", "uri", "image", "file", "File Name", "ID", "image_path"])
@pytest.mark.parametrize("label", ["label", "class", "Category"])
def test_columns_go_by_many_names(tmp_path: Path, key: str, label: str) -> None:
    assert read(tmp_path, f"note,{label},{key}\nx,cat,a.jpg\n") == [LabelRow("a.jpg", "cat", line=2)]


def test_split_and_group(tmp_path: Path) -> None:
    rows = read(tmp_path, "path,label,split,group\na,cat,Validation,g\nb,cat,,\n")
    assert rows == [LabelRow("a", "cat", "val", "g", 2), LabelRow("b", "cat", line=3)]


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [("4.5", 4.5), ("0", 0.0), ("", None), ("long", None), ("-3", None), ("nan", None), ("inf", None)],
)
def test_what_is_no_time_costs_no_label(tmp_path: Path, cell: str, seconds: float | None) -> None:
    row = read(tmp_path, f"path,label,Seconds\na,cat,{cell}\n")[0]
    assert (row.value, row.seconds, row.problem) == ("cat", seconds, None)


def test_a_content_id_wins_over_the_path_a_row_number_does_not(tmp_path: Path) -> None:
    rows = read(tmp_path, f"id,path,label\n{'0a' * 16},a.jpg,cat\n17,b.jpg,cat\n")
    assert [row.key for row in rows] == ["0a" * 16, "b.jpg"]


def test_an_empty_label_is_nobodys_yet_and_an_empty_line_is_nothing(tmp_path: Path) -> None:
    rows = read(tmp_path, "path,label\na.jpg,\n\n,\nb.jpg,  \nc.jpg\n")
    assert [(row.key, row.value, row.problem) for row in rows] == [
        ("a.jpg", None, None),
        ("b.jpg", None, None),
        ("c.jpg", None, None),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a,b.jpg,cat", "3 cells under 2"),
        (",cat", "names no image"),
    ],
)
def test_a_bad_line_is_one_bad_row(tmp_path: Path, line: str, problem: str) -> None:
    rows = read(tmp_path, f"path,label\n{line}\nc.jpg,dog\n")
    assert problem in (rows[0].problem or "")
    assert rows[1] == LabelRow("c.jpg", "dog", line=3)


def test_an_unknown_split_is_said(tmp_path: Path) -> None:
    (row,) = read(tmp_path, "path,label,split\na.jpg,cat,holdout\n")
    assert "holdout" in (row.problem or "")


def test_line_numbers_are_those_of_an_editor(tmp_path: Path) -> None:
    rows = read(tmp_path, 'path,label,note\na,cat,"two\nlines"\n\nb,cat,\n')
    assert [row.line for row in rows] == [2, 5]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"picture,kind\na,b\n", "picture,kind"),
        (b"path,tags\na,b\n", "path,tags"),
        (b"", "nothing"),
        (b"path,label\n\xe9.jpg,cat\n", "line 2"),
        (b"path,label\na\0,cat\n", "zero bytes"),
    ],
)
def test_what_is_no_label_file_is_refused_with_what_was_found(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(LabelError) as caught:
        read(tmp_path, data)
    assert says in caught.value.got


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="No such file"):
        read_label_csv(tmp_path / "none.csv")


CELL = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)


@given(st.lists(st.tuples(CELL, CELL)), st.sampled_from(",;\t"))
def test_reads_what_the_csv_module_writes(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], delimiter: str
) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([("path", "label"), *cells])
    rows = read(tmp_path_factory.mktemp("csv"), out.getvalue())
    wanted = [(key.strip(), value.strip() or None) for key, value in cells if key.strip() or value.strip()]
    assert [(row.key, row.value) for row in rows] == wanted


class TestImageFolder:
    def make(self, root: Path, *names: str) -> list[tuple[str, str | None, str | None]]:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        return [
            (Path(row.key).relative_to(root).as_posix(), row.value, row.split) for row in read_image_folder(root)
        ]

    def test_class_is_the_first_folder(self, tmp_path: Path) -> None:
        rows = self.make(tmp_path, "cat/1.jpg", "cat/deep/2.PNG", "dog/1.jpg")
        assert rows == [
            ("cat/1.jpg", "cat", None),
            ("cat/deep/2.PNG", "cat", None),
            ("dog/1.jpg", "dog", None),
        ]

    def test_splits_above_the_classes(self, tmp_path: Path) -> None:
        rows = self.make(tmp_path, "train/cat/1.jpg", "valid/cat/2.jpg", "test/3.jpg")
        assert rows == [
            ("test/3.jpg", None, "test"),
            ("train/cat/1.jpg", "cat", "train"),
            ("valid/cat/2.jpg", "cat", "val"),
        ]

    def test_a_class_named_test_among_others_is_a_class(self, tmp_path: Path) -> None:
        assert self.make(tmp_path, "test/1.jpg", "cat/1.jpg")[1] == ("test/1.jpg", "test", None)

    def test_what_lies_loose_is_not_labelled_and_what_is_no_image_is_passed_over(self, tmp_path: Path) -> None:
        assert self.make(tmp_path, "1.jpg", ".x.jpg", "Thumbs.db", ".hidden/2.jpg", "cat/notes.txt") == [
            ("1.jpg", None, None)
        ]

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(LabelError, match="no image under"):
            read_image_folder(tmp_path)
        with pytest.raises(LabelError, match="folder"):
            read_image_folder(tmp_path / "none")


class TestColumnsAndCells:
    @pytest.mark.parametrize("column", ["Image Path", "filename", "KEY", "img", "file_path", "image_url", "uri"])
    def test_one_reader_for_labels_and_lists(self, tmp_path: Path, column: str) -> None:
        assert read(tmp_path, f"id,{column},label\n1,a.jpg,cat\n") == [LabelRow("a.jpg", "cat", line=2)]

    @pytest.mark.parametrize("header", ["path,label,Label", "path,Path,label", "id,path,label,split,Split"])
    def test_a_column_that_is_there_twice_is_refused(self, tmp_path: Path, header: str) -> None:
        with pytest.raises(LabelError, match="2 of them"):
            read(tmp_path, f"{header}\na,b,c,d,e\n")

    def test_a_row_with_another_delimiter_is_said(self, tmp_path: Path) -> None:
        rows = read(tmp_path, "path,label\na.jpg,cat\nb.jpg;dog\nc.jpg\n")
        assert [row.problem is None for row in rows] == [True, False, True]
        assert "another delimiter" in (rows[1].problem or "")

    def test_a_row_with_a_problem_names_no_class(self, tmp_path: Path) -> None:
        rows = read(tmp_path, 'path,label\na.jpg,cat\nb,c.jpg,dog\nd.jpg,"bird\n')
        assert [row.problem is None for row in rows] == [True, False, False]
        assert class_names(rows) == ["cat"]
        assert question(rows).classes == ("cat",)

    def test_what_was_written_is_kept_beside_what_is_read(self, tmp_path: Path) -> None:
        (row,) = read(tmp_path, 'path,label\n" a.jpg",cat \n')
        assert (row.key, row.key_as_written, row.value, row.value_as_written) == ("a.jpg", " a.jpg", "cat", "cat ")

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "labels.csv")
        with pytest.raises(LabelError, match="no regular file"):
            read_label_csv(tmp_path / "labels.csv")

    def test_a_header_that_is_there_again_is_no_class(self, tmp_path: Path) -> None:
        rows = read(tmp_path, "path,label\na.jpg,cat\n\ufeffPath,label\nb.jpg,dog\n")
        assert [row.problem for row in rows] == [None, "it is the first line once more", None]
        assert class_names(rows) == ["cat", "dog"]
