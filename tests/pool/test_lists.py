"""Lists of images: the columns, encodings and names that tables of labels have; one bad line is one bad place."""

import os
import unicodedata

import pytest

from askance.pool import scan
from askance.vocab import PoolError
from tests.pool.looking import PLENTY, seen
from tests.pool.pictures import jpeg, write


def names(path):
    found = seen(path)
    return [os.path.basename(uri) for uri, one in found.items() if one.image], [
        one.problem for one in found.values() if one.problem
    ]


@pytest.fixture
def folder(tmp_path):
    for i, name in enumerate(("a.jpg", "b.jpg", "Müll.jpg", " c.jpg", "d.jpg ")):
        write(tmp_path / "in" / name, jpeg(i))
    return tmp_path


@pytest.mark.parametrize(
    "header", ["id,Image Path,label", "id,FILE_NAME,label", "id,key,label", "id,img,label", "id,Image URL,label"]
)
@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_columns_and_encodings_are_those_of_labels(folder, header, coding):
    text = f"{header}\n1,in/a.jpg,x\n2,in\\b.jpg,y\n"
    assert names(write(folder / "l.csv", text.encode(coding))) == (["a.jpg", "b.jpg"], [])


def test_of_two_columns_the_one_with_names_counts(folder):
    assert names(write(folder / "l.csv", b"image,file_name\n1,in/a.jpg\n2,in/b.jpg\n")) == (["a.jpg", "b.jpg"], [])


def test_a_header_without_images_is_refused_and_not_guessed_at(folder):
    with pytest.raises(PoolError, match="column that names images"):
        scan(str(write(folder / "l.csv", b"number,whatever\n1,in/a.jpg\n")), {}, max_pixels=PLENTY)
    with pytest.raises(PoolError, match="2 of them"):
        scan(str(write(folder / "l.csv", b"path,Path\nin/a.jpg,in/b.jpg\n")), {}, max_pixels=PLENTY)


@pytest.mark.parametrize("ending", ["txt", "csv"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_same_name_written_otherwise(folder, ending, form):
    lines = ["path"] * (ending == "csv") + [unicodedata.normalize(form, "in/Müll.jpg"), "in/ c.jpg", "in/d.jpg "]
    assert names(write(folder / f"l.{ending}", "\n".join(lines).encode()))[1] == []


def test_of_two_names_that_are_the_same_each_finds_its_own(tmp_path):
    both = [unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD")]
    for i, name in enumerate(both):
        write(tmp_path / name, jpeg(i))
    assert len(seen(write(tmp_path / "l.txt", "\n".join(both).encode()))) == 2
    ids = {one.image.id for one in seen(tmp_path / "l.txt").values()}
    assert len(ids) == 2


def test_bad_lines_are_bad_places_and_the_others_are_read(folder):
    rows = ["path,label", 'in/a.jpg,"x', ",y", "in/b.jpg,y,z", f"{'z' * 5000}.jpg,x", "in/b.jpg,x"]
    good, problems = names(write(folder / "l.csv", "\n".join(rows).encode()))
    assert good == ["b.jpg"]  # one of its two lines is good
    assert len(problems) == 3
    for word in ("line 2: a quote", "line 3: it names no image", "line 5: 5,004 letters"):
        assert any(word in said for said in problems), word


def test_old_line_ends_and_long_notes(folder):
    assert names(write(folder / "l.txt", b"in/a.jpg\rin/b.jpg\r"))[0] == ["a.jpg", "b.jpg"]
    long = b"path,note\nin/a.jpg," + b"x" * 500_000 + b"\n"
    assert names(write(folder / "l.csv", long)) == (["a.jpg"], [])


def test_a_list_that_is_no_text_says_so_behind_a_url_too(tmp_path):
    path = write(tmp_path / "l.csv", "path\nMüll.jpg\n".encode("latin-1"))
    for source in (path, f"file://{path}"):
        with pytest.raises(PoolError, match="a list in UTF-8"):
            scan(str(source), {}, max_pixels=PLENTY)
