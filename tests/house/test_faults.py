"""The pages of faults name tests; each of them has to be there."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
PAGE = TESTS.parent / "docs" / "choices" / "0004-faults-of-peers.md"


def named_tests():
    """`(file, test)` for every test in the last column; a bare `::name` belongs to the file before it."""
    file = ""
    for line in PAGE.read_text().splitlines():
        if line.count("|") < 5:
            for path, name in re.findall(r"`([\w/]*\.?p?y?)::(\w+)`", line.split("|")[-2] if "|" in line else ""):
                file = path or file
                yield file, name


def test_every_named_test_is_there():
    named = list(named_tests())
    assert len(named) > 20
    missing = [(file, name) for file, name in named if f"def {name}(" not in (TESTS / file).read_text()]
    assert missing == []


def _last(line):
    """The last cell of a table's row; nothing of any other line."""
    return line.rstrip("| ").rpartition("|")[2] if line.startswith("|") else ""


def by_kind():
    """`(file, test)` for every test that `docs/faults.md` names; a bare `::name` belongs to the file before it."""
    file = ""
    for line in (TESTS.parent / "docs" / "faults.md").read_text().splitlines():
        for path, name in re.findall(r"(tests/[\w/]+\.py)?(?:::(\w+))?", _last(line)):
            file = path or file
            if path or name:
                yield file.removeprefix("tests/"), name


def test_every_test_of_a_kind_of_fault_is_there():
    named = list(by_kind())
    assert len(named) > 40
    missing = [
        (file, name)
        for file, name in named
        if not (TESTS / file).exists() or not re.search(rf"(def|class) {name}\b", (TESTS / file).read_text())
    ]
    assert missing == []
