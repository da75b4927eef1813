"""A catalogue of functions: the one registry the CLI, the docs and the conformance suite read."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Generic, TypeVar

from askance.vocab.errors import ConfigError

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Entry(Generic[F]):
    """A function of a catalogue, its name, and what it needs.

    Attributes:
        needs: names of the parameters without a default: what the caller has to bring.
        options: names of the parameters with one.
        summary: the first line of its docstring.
    """

    name: str
    function: F
    needs: frozenset[str]
    options: frozenset[str]
    summary: str


class Catalogue(Generic[F]):
    """Functions by name; entering is decorating, needs are read from the signature.

    >>> scores = Catalogue("score")
    >>> @scores
    ... def least_confidence(draws): "One minus the best probability."
    >>> scores["least-confidence"].needs
    frozenset({'draws'})
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry[F]] = {}

    def __call__(self, function: F) -> F:
        """Enter a function under its own name, with hyphens."""
        name = function.__name__.replace("_", "-")
        parameters = inspect.signature(function).parameters.values()
        needs = frozenset(p.name for p in parameters if p.default is p.empty)
        options = frozenset(p.name for p in parameters) - needs
        summary = (inspect.getdoc(function) or "").split("\n")[0]
        self._entries[name] = Entry(name, function, needs, options, summary)
        return function

    def __getitem__(self, name: str) -> Entry[F]:
        """The entry of that name, or an error that names the nearest."""
        key = name.replace("_", "-")
        if key not in self._entries:
            near = get_close_matches(key, self._entries, n=1)
            raise ConfigError(
                f"a {self.kind} of the catalogue: {', '.join(self._entries)}",
                name,
                f"did you mean {near[0]}?" if near else "choose one of these names",
            )
        return self._entries[key]

    def __iter__(self) -> Iterator[Entry[F]]:
        return iter(self._entries.values())

    def names(self) -> list[str]:
        """All names, in the order they were entered."""
        return list(self._entries)
