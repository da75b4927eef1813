"""A catalogue of functions: the one registry the CLI, the docs and the conformance suite read."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
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

    def arguments(
        self, offered: Mapping[str, object], options: Mapping[str, object] | None = None
    ) -> dict[str, object]:
        """What to call `function` with: its needs out of what is offered, and the options that were named.

        Args:
            offered: by parameter name; what it does not need is left out, None counts as not offered.
            options: by parameter name; all of them must be its own.

        Raises:
            ConfigError: a need that is not met, or an option it does not have.
        """
        missing = sorted(need for need in self.needs if offered.get(need) is None)
        if missing:
            raise ConfigError(
                f"{self.name} with {', '.join(sorted(self.needs))}",
                f"no {' and no '.join(missing)}",
                f"give {', '.join(f'{need}=...' for need in missing)}",
            )
        foreign = sorted(set(options or {}) - self.options)
        if foreign:
            known = ", ".join(sorted(self.options))
            raise ConfigError(
                f"options of {self.name}: {known or 'it has none'}", ", ".join(foreign), "leave it out"
            )
        return {need: offered[need] for need in self.needs} | dict(options or {})


class Catalogue(Generic[F]):
    """Functions by name; entering is decorating, needs are read from the signature.

    Args:
        kind: what its entries are, in the singular, for messages.
        aliases: other names that people type -> the name of the entry. An alias is found, never listed.

    >>> scores = Catalogue("score", aliases={"lc": "least-confidence"})
    >>> @scores
    ... def least_confidence(draws): "One minus the best probability."
    >>> scores["least-confidence"].needs
    frozenset({'draws'})
    >>> scores["lc"].name
    'least-confidence'
    """

    def __init__(self, kind: str, *, aliases: Mapping[str, str] = MappingProxyType({})) -> None:
        self.kind = kind
        self.aliases = MappingProxyType(dict(aliases))
        self._entries: dict[str, Entry[F]] = {}

    def __call__(self, function: F) -> F:
        """Enter a function under its own name, with hyphens.

        A function of your own may be defined again, as in a notebook: the newer takes the older's place.

        Raises:
            ConfigError: the name is taken by another function.
        """
        name = function.__name__.replace("_", "-")
        if self._again(function, name):
            del self._entries[name]
        parameters = inspect.signature(function).parameters.values()
        needs = frozenset(p.name for p in parameters if p.default is p.empty)
        options = frozenset(p.name for p in parameters) - needs
        summary = (inspect.getdoc(function) or "").split("\n")[0]
        self.enter(Entry(name, function, needs, options, summary))
        return function

    def enter(self, entry: Entry[F]) -> None:
        """Take an entry as it is.

        Raises:
            ConfigError: its name is taken.
        """
        if entry.name in self._entries or entry.name in self.aliases:
            raise ConfigError(
                f"a {self.kind} with a name of its own",
                f"{entry.name}, which is in the catalogue already",
                f"give the function another name, as my_{entry.name.replace('-', '_')}",
            )
        self._entries[entry.name] = entry

    def _again(self, function: F, name: str) -> bool:
        """Whether it is a person's own function, defined anew."""
        if name not in self._entries or function.__module__.partition(".")[0] == "askance":
            return False
        before = self._entries[name].function
        return (before.__module__, before.__qualname__) == (function.__module__, function.__qualname__)

    def __getitem__(self, name: str) -> Entry[F]:
        """The entry of that name or alias, or an error that names the nearest."""
        key = name.replace("_", "-")
        key = self.aliases.get(key, key)
        if key not in self._entries:
            near = get_close_matches(key, [*self._entries, *self.aliases], n=1)
            raise ConfigError(
                f"one of the catalogue's {self.kind}s: {', '.join(self._entries)}",
                name,
                f"did you mean {near[0]}?" if near else "choose one of these names",
            )
        return self._entries[key]

    def __contains__(self, name: object) -> bool:
        """Whether a name or an alias is found, with hyphens or underscores."""
        key = str(name).replace("_", "-")
        return self.aliases.get(key, key) in self._entries

    def __iter__(self) -> Iterator[Entry[F]]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def names(self) -> list[str]:
        """All names, in the order they were entered; aliases are left out."""
        return list(self._entries)
