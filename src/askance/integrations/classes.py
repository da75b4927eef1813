"""Which classes a first file of labels defines, and which of its names are more likely no class at all."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from unicodedata import normalize

from askance.integrations.rows import LabelRow
from askance.vocab import answer_of
from askance.vocab.names import class_fault, tidy

NOTHING = frozenset(
    {
        *("n/a", "na", "n.a.", "#n/a", "none", "null", "nil", "nan", "no label", "unlabelled", "unlabeled"),
        *("skip", "skipped", "todo", "to do", "tbd", "fixme", "unknown", "unsure", "not sure", "unclear"),
        *("don't know", "dont know", "dunno", "idk", "can't tell", "cant tell", "undefined"),
    }
)
"""What people write where they have no class to name; `empty`, `other` and `background` are classes to many."""

RARE, OFTEN, TIMES = 2, 5, 5
"""Rows that a slip has at most, that the name it is of has at least, and how many times as many."""

COMPARED = 1000
"""Names that are compared with each other at most, so that a column of sentences does not take hours."""

TAKE = "askance import with --add-classes takes it as a class"
SHOWN = 10
"""Classes that a message lists."""


@dataclass(frozen=True, slots=True)
class Questioned:
    """What a first file says the classes are.

    Attributes:
        classes: the names that are taken, sorted.
        doubtful: name -> why its rows are set aside, and what to write instead.
        notes: what a person should look at although it is taken.
    """

    classes: tuple[str, ...] = ()
    doubtful: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def class_names(rows: Iterable[LabelRow], known: Sequence[str] = ()) -> list[str]:
    """The class names that rows use, as they are written, sorted; answers are none unless a known class.

    >>> class_names([LabelRow("1.jpg", "glass"), LabelRow("2.jpg", "Unreadable"), LabelRow("3.jpg", None)])
    ['glass']
    """
    spell = Spelling(known)
    values = {spell(row) for row in rows if row.problem is None} - {""}
    return sorted(name for name in values if name in spell.known or _may_be(name))


class Spelling:
    """What class a row means, as a project spells it, whatever way accents are encoded and spaces stand around."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.known = frozenset(classes)
        self._spelt = {tidy(name): name for name in sorted(classes, key=lambda name: name == tidy(name))}

    def __call__(self, row: LabelRow) -> str:
        """A class of the project; else the text as it is kept; empty where there is none."""
        if row.value_as_written in self.known:
            return row.value_as_written
        if row.value is None or row.value in self.known:
            return row.value or ""
        plain = tidy(row.value)
        return self._spelt.get(plain, plain)


def _may_be(name: str) -> bool:
    return answer_of(name) is None and class_fault(name) is None


def question(rows: Sequence[LabelRow]) -> Questioned:
    """Find the classes of a first file of labels, and the names that look like slips.

    Set aside are: what people write where they have no answer (`?`, `n/a`, `skip`); another spelling of a name
    that is there more often (case, spaces, hyphens, underscores); and a name in one or two rows that a letter or
    two tell from one in five or more, and in five times as many. Names that differ by digits are different names.

    >>> rows = [LabelRow(f"{i}.jpg", "plastic") for i in range(9)] + [LabelRow("a.jpg", "Plastic")]
    >>> question(rows).doubtful["Plastic"].split("?")[0]
    'the class Plastic: did you mean plastic (9 rows)'
    """
    names = [tidy(row.value) for row in rows if row.value is not None and row.problem is None]
    counts = Counter(name for name in names if name and _may_be(name))
    doubtful = {name: _no_answer(name) for name in counts if _is_nothing(name, counts)}
    spelt: dict[str, str] = {}
    for name in sorted(counts.keys() - doubtful.keys(), key=lambda name: (-counts[name], name)):
        first = spelt.setdefault(_plain(name), name)
        if first != name:
            doubtful[name] = _did_you_mean(name, first, counts)
    taken = list(spelt.values())
    often = [name for name in taken if counts[name] >= OFTEN][:COMPARED]
    rare = [name for name in taken if counts[name] <= RARE][:COMPARED]
    for name in rare[::-1]:
        near = next((other for other in often if _is_slip(name, other, counts)), None)
        if near is not None:
            doubtful[name] = _did_you_mean(name, near, counts)
    classes = tuple(sorted(name for name in taken if name not in doubtful))
    return Questioned(classes, doubtful, _notes(classes, counts))


def unknown_class(value: str, classes: Sequence[str], *, near: bool = True) -> str:
    """Why a name that is none of a project's classes is not taken, and what to do.

    Args:
        value: the name.
        classes: of the project.
        near: whether one that it may be a slip of is looked for, which takes long for many names.

    >>> unknown_class("plastc", ["glass", "plastic"])
    'unknown class plastc: did you mean plastic? If not, --add-classes takes it as a new class'
    """
    if _is_nothing(value, dict.fromkeys((value, *classes), 1)):
        return _no_answer(value)
    plain = {_plain(name): name for name in classes}
    found = get_close_matches(_plain(value), plain, n=1) if near else []
    if found:
        return (
            f"unknown class {value}: did you mean {plain[found[0]]}? If not, --add-classes takes it as a new class"
        )
    more = f" and {len(classes) - SHOWN} more" if len(classes) > SHOWN else ""
    listed = ", ".join(classes[:SHOWN]) + more
    return f"unknown class {value}: the classes are {listed}; --add-classes takes it as a new one"


def _no_answer(name: str) -> str:
    return f"{name} looks like no class: write unreadable, or none of these, or a class; else {TAKE}"


def _did_you_mean(name: str, other: str, counts: Mapping[str, int]) -> str:
    return f"the class {name}: did you mean {other} ({_rows(counts[other])})? If not, {TAKE}"


def _rows(n: int) -> str:
    return f"{n} row" + ("s" if n != 1 else "")


def _notes(classes: Sequence[str], counts: Mapping[str, int]) -> tuple[str, ...]:
    single = [name for name in classes if counts[name] == 1]
    if not single:
        return ()
    shown = ", ".join(single[:SHOWN]) + (f" and {len(single) - SHOWN} more" if len(single) > SHOWN else "")
    one = "in one row only" if len(single) == 1 else "in one row each"
    return (f"taken as classes though {one}: {shown}. A slip? askance classes rename, merge or remove mends it",)


def _is_nothing(name: str, counts: Mapping[str, int]) -> bool:
    """Whether a name is what people write for want of one.

    `x` is one of the letters where those are classes, and a class where there is no other.
    """
    plain = " ".join(re.sub(r"[_-]+", " ", name.casefold()).split())
    if plain == "x":
        others = [other for other in counts if other.casefold() != "x"]
        return bool(others) and not any(len(other) == 1 and other.isalpha() for other in others)
    return name.casefold() in NOTHING or plain in NOTHING or not any(letter.isalnum() for letter in name)


def _plain(name: str) -> str:
    """A name without what people vary: case, and spaces, hyphens and underscores beside a letter.

    >>> _plain("Waste_Paper") == _plain("waste paper"), _plain("-1") == _plain("1"), _plain("1-2") == _plain("12")
    (True, False, False)
    """
    text = normalize("NFC", name).strip().casefold()
    return re.sub(r"(?<=[^\W\d_])[\s_-]+(?=\w)|(?<=\w)[\s_-]+(?=[^\W\d_])", "", text)


def _is_slip(name: str, other: str, counts: Mapping[str, int]) -> bool:
    rare, often = counts[name], counts[other]
    if rare > RARE or often < OFTEN or often < TIMES * rare:
        return False
    a, b = _plain(name), _plain(other)
    most = min(2, len(b) // 4)
    return re.sub(r"\D", "", a) == re.sub(r"\D", "", b) and 0 < edits(a, b) <= most


def edits(a: str, b: str) -> int:
    """Letters to put in, take out, change, or swap with their neighbour, to make one word of the other.

    >>> edits("plastc", "plastic"), edits("glas", "lgass"), edits("cat", "cat")
    (1, 2, 0)
    """
    before, row = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        earlier, before, row = before, row, [i] + [0] * len(b)
        for j, other in enumerate(b, start=1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                row[j] = min(row[j], earlier[j - 2] + 1)
    return row[-1]
