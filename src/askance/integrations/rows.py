"""A row of somebody's labels, before it is known which image it is about."""

from dataclasses import dataclass, field

from askance.vocab import ANSWERS, Answer, Split
from askance.vocab.answers import written
from askance.vocab.names import printable, shortened


@dataclass(frozen=True, slots=True)
class LabelRow:
    """What one line of a file (or one file of an image folder) says.

    Attributes:
        key: what names the image: content id, absolute path, URL, relative path or base name.
        value: the class name; None where nobody has labelled it yet, or where there is an answer.
        split: where it has to be: `train`, `val` or `test`; None where the file does not say.
        group: what the file says of it, to be compared with the pool's word, which counts; None where it does not.
        line: in the file, from 1 (the header is 1); 0 for an image folder.
        problem: why the row cannot be taken, where that can be seen from the row alone.
        answer: what is said instead of a class; found by `match`, which knows the classes.
        name: what a person calls the image where the key is not it: the path beside an id, the path in a folder.
        key_as_written: the key with the spaces around it that the file has.
        value_as_written: the same of the class.
        who: said it, where the file tells: in labels that were exported.
        labels: its classes where an image may have several; empty: none of them; None where one class is said.
        seconds: how long it took to say, where the file tells.
    """

    key: str
    value: str | None
    split: Split | None = None
    group: str | None = None
    line: int = 0
    problem: str | None = None
    answer: Answer | None = None
    name: str = field(default="", compare=False)
    key_as_written: str = field(default="", compare=False)
    value_as_written: str = field(default="", compare=False)
    who: str = field(default="", compare=False)
    labels: tuple[str, ...] | None = None
    seconds: float | None = field(default=None, compare=False)

    @property
    def says(self) -> str:
        """The class, the classes or the answer, as people write it; empty where it says nothing."""
        if self.labels is not None:
            return written(self.labels)
        return ANSWERS[self.answer] if self.answer is not None else self.value or ""

    @property
    def place(self) -> str:
        """Where it is, in words for people: `line 7, IMG_0843.jpg`."""
        name = shortened(printable(self.name or self.key))
        return ", ".join(filter(None, (f"line {self.line}" if self.line else "", name)))


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that could not be taken, and why, in words for people."""

    row: LabelRow
    reason: str


@dataclass(frozen=True, slots=True)
class Matched:
    """Rows that found their image.

    Attributes:
        labels: image id -> its row; rows that say the same of one image count once.
        rejected: the rest, in file order; good rows never wait for them.
        empty: rows without a label yet.
    """

    labels: dict[str, LabelRow]
    rejected: tuple[Rejected, ...]
    empty: int
