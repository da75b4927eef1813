"""Errors that teach: what was wanted, what came, what to do."""

from collections.abc import Sequence

from askance.vocab.secrets import masked


class AskanceError(Exception):
    """The base of every error a user can mend.

    Args:
        wanted: what would have been right.
        got: what came instead.
        fix: the next thing to do, as a command or a change where one is known.

    Passwords of URLs are left out of all three.

    >>> print(AskanceError("a label file", "labels.xls", "save it as CSV"))
    wanted: a label file
    got:    labels.xls
    fix:    save it as CSV
    """

    def __init__(self, wanted: str, got: str, fix: str) -> None:
        wanted, got, fix = masked(wanted), masked(got), masked(fix)
        super().__init__(f"wanted: {wanted}\ngot:    {got}\nfix:    {fix}")
        self.wanted, self.got, self.fix = wanted, got, fix

    def __reduce__(self) -> tuple[type["AskanceError"], tuple[str, str, str]]:
        """Cross process borders whole."""
        return type(self), (self.wanted, self.got, self.fix)


def listed(items: Sequence[str], most: int = 5) -> str:
    """The first of some names, and how many more there are.

    >>> listed(["a", "b", "c", "d"], 2), listed(["a", "b"])
    ('a, b and 2 more', 'a, b')
    """
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


class ConfigError(AskanceError):
    """`askance.toml` or an option says something that cannot be done."""


class PoolError(AskanceError):
    """The place the images are in cannot be read as a whole (one bad image is quarantined instead)."""


class StoreError(AskanceError):
    """The project's database cannot be opened, written or migrated."""


class Damaged(StoreError):
    """A file that Askance wrote is not as it was written: whoever can make it anew does, anybody else says so."""


class LabelError(AskanceError):
    """Labels that cannot be taken or are not enough for what was asked."""


class ModelError(AskanceError):
    """A model, or its weights, does not fit what was asked of it."""


class WeightsMissing(ModelError):
    """Pretrained weights that cannot be had: neither in the cache nor to be fetched, or broken; `fix` says how."""


class Diverged(ModelError):
    """Training, or a network, came to a number that is none, or too large to be kept."""


class CurveError(AskanceError):
    """Learning curves that are malformed or cannot be compared."""


class DrawsError(AskanceError):
    """Numbers that are not log-probabilities of draws, or draws that cannot serve this score."""


class SelectionError(AskanceError):
    """A batch that cannot be picked."""


class MissingExtra(AskanceError):
    """An optional dependency is not installed; `fix` is the install command."""


class Busy(AskanceError):
    """Another process is at work on the same project."""
