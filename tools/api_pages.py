"""The pages of the Python API: every public name of the package and of its rooms, from their docstrings."""

import inspect
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

NOTE = "<!-- Made by `make docs` from the code; change it there. -->"

ROOMS = (
    "acquisition",
    "selection",
    "uncertainty",
    "maths",
    "networks",
    "pool",
    "store",
    "session",
    "report",
    "integrations",
    "vocab",
)
"""Rooms that export what they are for in their `__init__`."""

ELSEWHERE = {
    "simulation": (
        "loop.contract",
        "loop.strategy",
        "simulation.experiment",
        "simulation.simulate",
        "studies.problems",
    ),
    "tasks": ("tasks.classification", "vocab.config"),
}
"""Pages of rooms whose public names are those that `askance` exports, or that one folder below does."""


def public(module: str) -> list[str]:
    """The full names of what a module exports; of one without `__all__`, of what `askance` takes of it.

    >>> "askance.maths.draws.Draws" in public("maths")
    True
    """
    whole = f"askance.{module}"
    names = getattr(import_module(whole), "__all__", None) or _taken_from(whole)
    return [place(whole, name) for name in names]


def place(module: str, name: str) -> str:
    """Where a name that a module exports is written: a function may be called as the file that it is in.

    >>> place("askance.acquisition", "bald")
    'askance.acquisition.bald.bald'
    """
    thing = getattr(import_module(module), name)
    if inspect.isfunction(thing) or inspect.isclass(thing):
        return f"{thing.__module__}.{thing.__qualname__}"
    return f"{module}.{name}"


def pages() -> dict[str, Callable[[], str]]:
    """Path under docs/ -> what makes the page."""
    found: dict[str, Callable[[], str]] = {"api/index.md": index_page}
    for room in ROOMS:
        found[f"api/{room}.md"] = lambda room=room: room_page(room, (room,))  # type: ignore[misc]
    for room, modules in ELSEWHERE.items():
        found[f"api/{room}.md"] = lambda room=room, modules=modules: room_page(room, modules)  # type: ignore[misc]
    return found


def room_page(title: str, modules: tuple[str, ...]) -> str:
    """A page with every public name of some modules."""
    parts = [f"# {title.capitalize()}", NOTE]
    for module in modules:
        parts += [f"`askance.{module}`: {_says(import_module(f'askance.{module}'))}"]
        parts += [f"::: {name}" for name in public(module)]
    return "\n\n".join(parts) + "\n"


def index_page() -> str:
    """A page with the names of `import askance as ak`."""
    import askance

    lines = [
        "# Python API",
        NOTE,
        "`import askance as ak` offers these names. They are stable: what is behind them may move, they stay. "
        "Each name leads to its description; [the guides](../guide/index.md) show how they go together.",
        "| name | what it is |\n| --- | --- |",
    ]
    rows = []
    for name in askance.__all__:
        home = askance._HOME[name]
        summary = _summary(getattr(import_module(home), name))
        rows.append(f"| [`ak.{name}`][{place(home, name)}] | {summary} |")
    return "\n\n".join(lines) + "\n" + "\n".join(rows) + "\n"


def _taken_from(whole: str) -> list[str]:
    import askance

    return [name for name in askance.__all__ if askance._HOME[name] == whole]


def _says(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").split("\n\n")[0].replace("\n", " ")


def _summary(thing: object) -> str:
    """The first sentence of a docstring, for a cell."""
    if not (inspect.isfunction(thing) or inspect.isclass(thing)):
        return f"The catalogue of {type(thing).__name__ == 'Catalogue' and vars(thing)['kind']}s."
    return (inspect.getdoc(thing) or "").split("\n\n")[0].replace("\n", " ").replace("|", "\\|")
