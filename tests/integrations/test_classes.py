from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from askance.integrations import LabelRow, class_names, match, question
from tests.integrations.conftest import Pool


def rows(**counts: int) -> list[LabelRow]:
    return named({name.replace("__", " "): n for name, n in counts.items()})


def named(counts: dict[str, int]) -> list[LabelRow]:
    return [LabelRow(f"{name}{i}.jpg", name) for name, n in counts.items() for i in range(n)]


def test_the_typos_of_a_first_file_are_questioned() -> None:
    counts = {"plastic": 41, "glass": 30, "Plastic": 2, "plastc": 1, "?": 3, "skip": 2, "n/a": 1, "unreadable": 4}
    found = question(named(counts))
    assert found.classes == ("glass", "plastic")
    assert set(found.doubtful) == {"Plastic", "plastc", "?", "skip", "n/a"}
    assert "did you mean plastic (41 rows)? If not, askance import with --add-classes" in found.doubtful["plastc"]
    assert "did you mean plastic (41 rows)?" in found.doubtful["Plastic"]
    assert "write unreadable, or none of these" in found.doubtful["?"]
    assert "--add-classes" in found.doubtful["?"]


@pytest.mark.parametrize(
    "nothing",
    ["?", "??", "-", "--", "N/A", "na", "None", "NULL", "skip", "TODO", "Unknown", "not_sure", "x", "..."],
)
def test_what_people_write_for_want_of_a_class(nothing: str) -> None:
    assert question(named({"cat": 9, nothing: 3})).classes == ("cat",)


@pytest.mark.parametrize("name", ["empty", "other", "background", "0", "-1", "A-", "x-ray", "nah", "\u732b", "+1"])
def test_what_may_well_be_a_class(name: str) -> None:
    assert set(question(named({"cat": 9, name: 3})).classes) == {"cat", name}


def test_x_is_a_letter_among_letters() -> None:
    assert question(named({"w": 4, "x": 4, "y": 4})).classes == ("w", "x", "y")


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ("waste paper", "Waste_Paper"),
        ("waste paper", "waste-paper"),
        ("waste paper", "wastepaper"),
        ("ruß", "RUSS"),
    ],
)
def test_another_spelling_is_questioned_and_the_frequent_one_is_taken(other: str, name: str) -> None:
    found = question(named({name: 2, other: 3}))
    assert found.classes == (other,)
    assert f"did you mean {other} (3 rows)?" in found.doubtful[name]


@pytest.mark.parametrize(
    "counts",
    [
        {"cat": 40, "car": 40},
        {"cat": 40, "car": 1},  # three letters: one of them is too much of the word
        {"plastic": 40, "plastics": 3},
        {"plastic": 4, "plastics": 1},
        {"type 10": 40, "type 11": 1},
        {"-1": 9, "1": 9},
        {"1-2": 9, "12": 1},
        {"ripe": 40, "unripe": 1},
    ],
    ids=str,
)
def test_names_that_are_not_questioned(counts: dict[str, int]) -> None:
    assert set(question(named(counts)).classes) == set(counts)


def test_swapped_letters_are_one_slip() -> None:
    assert set(question(named({"plastic": 40, "plasitc": 2})).doubtful) == {"plasitc"}


def test_a_class_with_one_row_is_taken_and_said() -> None:
    found = question(rows(glass=9, wood=1, metal=1))
    assert found.classes == ("glass", "metal", "wood")
    (note,) = found.notes
    assert "in one row each: metal, wood" in note
    assert "askance classes rename" in note


def test_accents_are_one_class_whatever_way_they_are_encoded(pool: Pool) -> None:
    composed, apart = (normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    assert question(named({composed: 1, apart: 2})).classes == (composed,)
    for known, said in ((composed, apart), (apart, composed)):
        found = match([LabelRow("a.jpg", said)], pool.images, pool.sightings, (known,), roots=(str(pool.root),))
        assert [row.value for row in found.labels.values()] == [known]


def test_names_as_they_are_written() -> None:
    assert class_names(named({"?": 1, "Plastic": 1, "plastic": 5, "Unreadable": 1})) == ["?", "Plastic", "plastic"]
    assert class_names(named({"unreadable": 1}), ("unreadable",)) == ["unreadable"]


def test_doubtful_rows_are_set_aside_and_answers_taken(pool: Pool) -> None:
    said = [LabelRow("a.jpg", "cat"), LabelRow("b.jpg", "?", line=3), LabelRow("x/1.jpg", "None_of THESE")]
    asked = question(said)
    found = match(
        said, pool.images, pool.sightings, asked.classes, roots=(str(pool.root),), doubtful=asked.doubtful
    )
    assert {row.says for row in found.labels.values()} == {"cat", "none of these"}
    (one,) = found.rejected
    assert one.row.value == "?"
    assert "looks like no class" in one.reason


def test_an_answer_and_a_class_for_one_image_differ(pool: Pool) -> None:
    said = [LabelRow("b.jpg", "cat", line=2), LabelRow("copy/twin.jpg", "unreadable", line=3)]
    found = match(said, pool.images, pool.sightings, ("cat",), roots=(str(pool.root),))
    assert "cat (line 2), unreadable (line 3)" in found.rejected[0].reason


def test_a_class_may_be_called_what_an_answer_is(pool: Pool) -> None:
    said = [LabelRow("a.jpg", "unreadable")]
    found = match(said, pool.images, pool.sightings, ("cat", "unreadable"), roots=(str(pool.root),))
    assert [(row.value, row.answer) for row in found.labels.values()] == [("unreadable", None)]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("trash", "the classes are c0, c1, c2, c3, c4, c5, c6, c7, c8, c9 and 2 more; --add-classes takes it"),
        ("?", "write unreadable, or none of these"),
    ],
)
def test_later_a_class_that_is_unknown_names_the_way_to_take_it(pool: Pool, value: str, says: str) -> None:
    classes = [f"c{i}" for i in range(12)]
    found = match([LabelRow("a.jpg", value)], pool.images, pool.sightings, classes, roots=(str(pool.root),))
    assert says in found.rejected[0].reason
    assert "--add-classes" in found.rejected[0].reason


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)


@given(st.dictionaries(names.filter(str.strip), st.integers(1, 12), max_size=6))
def test_every_name_is_a_class_or_doubtful_or_an_answer(counts: dict[str, int]) -> None:
    found = question(named(counts))
    said = set(class_names(named(counts)))
    assert set(found.classes) | set(found.doubtful) == said
    assert not set(found.classes) & set(found.doubtful)
