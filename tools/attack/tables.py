"""Label files as people write them, and damaged: each row is taken or set aside, or the file is refused."""

import csv
import io
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.attack import folders
from tools.attack.cases import End, Fault, Result, chance, told
from tools.attack.commands import CLASSES, class_of
from tools.attack.desk import WHO, Desk, check_words

ODD = (
    *("\u202eone", "o\u200bne", "a\x0bb", "cafe\u0301", "\U0001f5d1 bin", "=1+1", "[red]x[/red]", "a" * 3000),
    *("one\rtwo", "../one", "CON", "None", "nan", "0", "-", "\ufeffone", "\u2028", "\x1b[31m", "one ", "ONE"),
)
"""Things that stand in cells and are no class of the project."""


@dataclass(slots=True)
class Written:
    """A label file, and what has to come of it where it is whole.

    Attributes:
        text: the table.
        taken: image id -> class.
        empty: rows without a label.
        bad: rows that cannot be taken.
    """

    text: str = ""
    taken: dict[str, str] = field(default_factory=dict)
    empty: int = 0
    bad: int = 0


def written(chosen: random.Random, names: dict[str, str], folder: Path) -> Written:
    """A whole table over some images, in one of the many habits."""
    made, rows = Written(), []
    some = chosen.sample(sorted(names), chosen.randrange(1, 25))
    for name in some:
        cell = _named(chosen, name, names[name], folder)
        match chosen.choices(("good", "empty", "class", "image", "twice"), (12, 2, 2, 1, 1))[0]:
            case "empty":
                rows.append([cell, ""])
                made.empty += 1
            case "class":
                rows.append([cell, chosen.choice(("four", "zwei", "unknown", "dog"))])
                made.bad += 1
            case "image":
                rows.append([f"nowhere/{chosen.random()}.png", chosen.choice(CLASSES)])
                made.bad += 1
            case kind:
                value = class_of(int(name[:3])) if chosen.random() < 0.8 else chosen.choice(CLASSES)
                rows += [[cell, value]] * (1 + (kind == "twice"))
                made.taken[names[name]] = value
    header = [chosen.choice(("path", "file", "Image", "filename")), chosen.choice(("label", "Class", "category"))]
    made.text = _table(chosen, header, rows)
    return made


def _named(chosen: random.Random, name: str, image_id: str, folder: Path) -> str:
    return str(chosen.choice((name, name, name, f"./{name}", f"pool/{name}", folder / name, image_id)))


def _table(chosen: random.Random, header: list[str], rows: list[list[str]]) -> str:
    order = chosen.choice(((0, 1), (0, 1), (1, 0)))
    extra = chosen.choice((None, None, "note", "id"))
    out = io.StringIO(newline="")
    quoting: Any = chosen.choice((csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    end = chosen.choice(("\n", "\n", "\r\n"))
    writer = csv.writer(out, delimiter=chosen.choice(",,;\t"), quoting=quoting, lineterminator=end)
    notes = ("", "seen, twice", 'a "quoted" word', "two\nlines", "ümläut")
    writer.writerow([header[i] for i in order] + ([extra] if extra else []))
    for number, row in enumerate(rows):
        more = [chosen.choice(notes) if extra == "note" else str(number)] if extra else []
        writer.writerow([row[i] for i in order] + more)
        if chosen.random() < 0.05:
            out.write(end)
    return out.getvalue()


def _letters(text: str, chosen: random.Random) -> str:
    place, some = chosen.randrange(len(text) + 1), ('"', "'", ",", ";", "\t", "\n", "\r", "\0", "\x1a", *ODD)
    return text[:place] + chosen.choice(some) + text[place:]


def _lose(text: str, chosen: random.Random) -> str:
    place = chosen.randrange(len(text))
    return text[:place] + text[place + chosen.choice((1, 1, 2, 30)) :]


def _quote(text: str, chosen: random.Random) -> str:
    """A quote that nobody closes, or closes late."""
    places = [m.start() for m in re.finditer(r"(?<=[,;\t\n])\w", text)] or [0]
    place = chosen.choice(places)
    return text[:place] + '"' + text[place:]


def _value(text: str, chosen: random.Random) -> str:
    places = [m.span() for m in re.finditer("|".join(CLASSES), text)] or [(0, 0)]
    first, last = chosen.choice(places)
    return text[:first] + chosen.choice(ODD) + text[last:]


def _shuffled(text: str, chosen: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    chosen.shuffle(lines)
    return "".join(lines)


def _giant(text: str, chosen: random.Random) -> str:
    place = chosen.randrange(len(text) + 1)
    return text[:place] + chosen.choice("xé,\n") * chosen.choice((5_000, 140_000)) + text[place:]


DAMAGE: dict[str, Callable[[str, random.Random], str]] = {
    "letters": _letters,
    "left out": _lose,
    "quote": _quote,
    "odd class": _value,
    "shuffled": _shuffled,
    "giant cell": _giant,
}
READ = ("utf-8", "utf-8-sig", "utf-16")
ENCODINGS = (*READ, "latin-1", "utf-16-le", "utf-32", "cp037")


class Tables:
    """Writes label files and has them taken.

    Args:
        desk: the project that takes them.
        others: whether there are folders, lists and settings too.
    """

    def __init__(self, desk: Desk, *, others: bool = True) -> None:
        self.desk = desk
        self.tries: dict[str, folders.Try] = {"table": (20, self._whole), "damaged table": (50, self._damaged)}
        if others:
            self.tries |= folders.Others(desk).tries

    def attempt(self, seed: int) -> Result:
        """One file or folder."""
        chosen = chance("table", seed)
        what = chosen.choices(list(self.tries), [weight for weight, _ in self.tries.values()])[0]
        end: End = "ok"
        how = note = ""
        try:
            self.desk.restore()
            how = self.tries[what][1](chosen)
        except Fault as fault:
            end, note = fault.end, fault.note
        except Exception as error:
            end, note = "traceback", told(error)
        return Result("table", seed, what, how, end, note)

    def _whole(self, chosen: random.Random) -> str:
        made = written(chosen, self.desk.names, self.desk.places.pool)
        encoding = chosen.choice(READ)
        path = self.desk.places.out / f"labels{chosen.choice(('.csv', '.csv', '.tsv', '.txt'))}"
        path.write_bytes(made.text.encode(encoding))
        done = self.desk.take(path)
        if done is None:
            raise Fault("lost", f"a good {encoding} table of {len(made.taken)} labels was refused")
        got = (done.taken, done.empty, len(done.rejected))
        if got != (wanted := (len(made.taken), made.empty, made.bad)):
            raise Fault("lost", f"taken, empty and rejected are {got} instead of {wanted}")
        words = self.desk.session.project.store.opinions()
        anna = {i: said[WHO].value for i, said in words.items() if WHO in said}
        wrong = {i: value for i, value in made.taken.items() if anna.get(i) != value}
        if wrong:
            raise Fault("lost", f"{len(wrong)} labels are others than in the file, as {next(iter(wrong.items()))}")
        return encoding

    def _damaged(self, chosen: random.Random) -> str:
        made = written(chosen, self.desk.names, self.desk.places.pool)
        text, done = made.text, []
        for _ in range(chosen.choice((1, 1, 1, 2, 4))):
            name = chosen.choice(list(DAMAGE))
            text = DAMAGE[name](text, chosen) if text else text
            done.append(name)
        encoding = chosen.choice(("utf-8", *ENCODINGS))
        data = bytearray(text.encode(encoding, errors="replace"))
        if chosen.random() < 0.3 and data:
            for _ in range(chosen.choice((1, 3))):
                data[chosen.randrange(len(data))] = chosen.randrange(256)
            done.append("bytes")
        path = self.desk.places.out / "labels.csv"
        path.write_bytes(data)
        imported = self.desk.take(path, add_classes=chosen.random() < 0.1)
        if imported is not None:
            told = {one.row.line for one in imported.rejected}
            _swallowed(path, bytes(data).decode(encoding, errors="replace"), self.desk, told)
        return ", ".join([*dict.fromkeys(done), encoding])


def _swallowed(path: Path, text: str, desk: Desk, told: set[int]) -> None:
    """Every image that a line of the file begins with was met by a row, or that line was set aside with a reason.

    Raises:
        Fault: an image is named in the file and no row is about it.
    """
    from askance.session.labels import read_rows
    from askance.vocab import AskanceError

    try:
        rows = read_rows(path, desk.images)
    except AskanceError as error:
        check_words(error)
        return
    if any(row.problem for row in rows):
        return  # somebody is told to look at the file
    if not any(row.value for row in rows):
        return  # no label is in it that could be lost
    lines = enumerate(re.split(r"\r\n|\r|\n", text), 1)
    begins = {number: re.match(r"\"?(\d{3}\.png)\"?[,;\t]", line) for number, line in lines if number > 1}
    met = " ".join(f"{row.key} {row.name}" for row in rows if "\n" not in row.key)
    named = [(number, found[1]) for number, found in begins.items() if found]
    ends = tuple(row.key.strip() for row in rows if "\n" in row.key)  # closed cells over several lines
    missing = [
        name
        for number, name in named
        if name in desk.names
        and name not in met
        and number not in told
        and not any(end.endswith(name) for end in ends)
    ]
    if missing:
        raise Fault("lost", f"{len(missing)} rows were swallowed, as that of {missing[0]}")
