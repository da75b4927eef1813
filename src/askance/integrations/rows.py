"""A row of somebody's labels, before it is known which image it is about."""

from dataclasses import dataclass

from askance.vocab import Split


@dataclass(frozen=True, slots=True)
class LabelRow:
    """What one line of a file (or one file of an image folder) says.

    Attributes:
        key: what names the image: content id, absolute path, URL, relative path or base name.
        value: the class name; None where nobody has labelled it yet.
        split: where it has to be: `train`, `val` or `test`; None where the file does not say.
        group: what the file says of it, to be compared with the pool's word, which counts; None where it does not.
        line: in the file, from 1 (the header is 1); 0 for an image folder.
        problem: why the row cannot be taken, where that can be seen from the row alone.
    """

    key: str
    value: str | None
    split: Split | None = None
    group: str | None = None
    line: int = 0
    problem: str | None = None


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
