"""One reader of tables: what it takes, what it sets aside, and that no row is swallowed."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askance.pool import tables
from askance.pool.tables import open_table, read_bytes, rows_of, text_of
from askance.vocab import LabelError

HEAD = "path,label\n"


def cells(text, delimiter=",", width=2):
    return [(row.line, row.cells, row.fault is not None) for row in rows_of(text, delimiter, width=width)]


def text(data):
    return text_of(data, "t.csv", "a table", LabelError)


@pytest.mark.parametrize(
    ("body", "good", "bad"),
    [
        ('a.png,"cat\nb.png,dog\nc.png,dog\n', [2, 3], [1]),  # never closed
        ('"a.png,cat\nb.png,dog\n', [2], [1]),
        ('a.png,cat\nb.png,"dog', [1], [2]),
        ('a.png,"cat\nb.png,dog\n"c.png",dog\nd.png,cat\n', [2, 3, 4], [1]),  # closed by the next one's opening
        ('a.png,"cat\nb.png,dog\nc.png,"\nd.png,cat\n', [2, 4], [1, 3]),  # closed, with whole rows inside
        ('"a.png,cat\nb.png",dog\nc.png,cat\n', [3], [1]),
        ('a.png,"ca"t\nb.png,dog\n', [2], [1]),  # a quote inside a cell that is not doubled
        ('a.png,"cat"" \nb.png,dog\n', [2], [1]),
    ],
)
def test_a_wrong_quote_costs_its_own_row_and_no_other(body, good, bad):
    rows = cells(body)
    assert [line for line, _, fault in rows if not fault and line in good] == good
    assert set(bad) <= {line for line, _, fault in rows if fault}
    assert {line for line, *_ in rows} == set(range(1, body.rstrip("\n").count("\n") + 2))  # each is said


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('"a\nb.png",cat\n', ("a\nb.png", "cat")),
        ('a.png,"first, good\nsecond, bad"\n', ("a.png", "first, good\nsecond, bad")),
        ('"say ""hi"".png","c,t"\n', ('say "hi".png', "c,t")),
        ('"a.png" , "cat"\n', ("a.png", "cat")),  # as people write by hand
        ('a.png,5" pipe\r\n', ("a.png", '5" pipe')),
        ('a.png,""\r\n', ("a.png", "")),
    ],
)
def test_quotes_that_are_right(body, wanted):
    assert cells(body) == [(1, wanted, False)]


@given(
    st.lists(st.sampled_from(["cat", "dog", "a b", 'say "x"', "x, y"]), min_size=1, max_size=12),
    st.integers(0, 200),
)
def test_whatever_quote_is_lost_or_added_every_image_is_taken_right_or_set_aside(values, place):
    """A table with one stray quote: no row says another class than it did, and none is gone without a word."""
    out = io.StringIO()
    rows = [(f"{i}.png", value) for i, value in enumerate(values)]
    csv.writer(out, lineterminator="\n").writerows(rows)
    whole = out.getvalue()
    at = place % len(whole)
    broken = whole[:at] + '"' + whole[at:]
    truth, lines, rest = dict(rows), set(), list(rows_of(broken, ",", width=2))
    for row in rest:
        lines.add(row.line)
        if row.fault is None and len(row.cells) == 2 and "\n" not in "".join(row.cells):
            name, value = row.cells
            assert name not in truth or value.replace('"', "") == truth[name].replace('"', "")
    assert lines == set(range(1, len(values) + 1))


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings(coding):
    assert text("path,label\nMüll.png,Tür\n".encode(coding)).removeprefix("\ufeff") == "path,label\nMüll.png,Tür\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("path,label\na.png,Müll\n".encode("cp1252"), "line 2"),
        ("path,label\na.png,Müll\n".encode("latin-1"), "Windows-1252"),
        (b"path,label\na.png,c\0t\n", "zero bytes in it, at line 2"),
        (b"PK\x03\x04....", "a spreadsheet"),
        (b"PAR1....", "a Parquet file"),
        (b"\x1f\x8b....", "a gzip archive"),
        (b"\xff\xfep\0a\0t", "in UTF-8"),  # half a letter of UTF-16
        (b"a\xed\xb2\x80b", "line 1"),  # half a character, written as if it were one
    ],
)
def test_what_is_no_text_is_refused_with_what_it_is(data, said):
    with pytest.raises(LabelError, match=said):
        text(data)


def test_line_ends_of_all_times():
    for end in ("\n", "\r\n", "\r"):
        assert [one for _, one, _ in cells(text(f"a,b{end}c,d{end}".encode()))] == [("a", "b"), ("c", "d")]
    (row,) = rows_of(text(b"a.png,ca\rt\n"), ",")  # alone among others it is a letter of its cell
    assert row.cells == ("a.png", "ca\rt")


def test_a_spreadsheets_first_line_tells_the_delimiter():
    found = open_table("sep=|\npath|label\na,b.png|cat\n", "t.csv", tuple, LabelError)
    assert found is not None
    assert found.columns == ("path", "label")
    assert [(row.line, row.cells) for row in found.rows] == [(3, ("a,b.png", "cat"))]


def test_limits(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "MOST_BYTES", 100)
    monkeypatch.setattr(tables, "LONGEST_CELL", 50)
    monkeypatch.setattr(tables, "MOST_COLUMNS", 9)
    (tmp_path / "large.csv").write_bytes(b"x" * 101)
    with pytest.raises(LabelError, match="split it"):
        read_bytes(tmp_path / "large.csv", "a table", LabelError)
    long, good = rows_of(f'a.png,"{"x" * 60}"\nb.png,cat\n', ",")
    assert "not closed within 50 letters" in (long.fault or "")
    assert good.cells == ("b.png", "cat")
    with pytest.raises(LabelError, match="with 10"):
        open_table("a," * 9 + "\n", "t.csv", tuple, LabelError)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("pipe.csv", ".", "none.csv", "x" * 300, "a\0b"):
        with pytest.raises(LabelError, match="a table"):
            read_bytes(tmp_path / name, "a table", LabelError)


def test_a_column_that_is_there_twice_is_refused():
    with pytest.raises(LabelError, match="2 of them in t"):
        tables.column_of(["path", "label", "label"], ["label"], LabelError, "t.csv")
