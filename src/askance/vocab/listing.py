"""What a catalogue holds, read from its source: names are checked before what they name is imported."""

import ast
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from askance.vocab.catalogue import Catalogue, Entry


@cache
def listed(package: str, name: str) -> Catalogue[Callable[..., object]]:
    """The catalogue of that name in a package, without its functions; none of its modules is imported.

    Args:
        package: its modules enter functions by decorating them with the catalogue.
        name: of the catalogue; one of the modules makes it, with its kind and its aliases.

    >>> listed("askance.selection", "selections")["topk"].name
    'top-k'
    """
    spec = find_spec(package)
    places = [] if spec is None else spec.submodule_search_locations or []
    files = [path for place in places for path in sorted(Path(place).glob("*.py"))]
    body = [node for path in files for node in ast.parse(path.read_bytes()).body]
    found: Catalogue[Callable[..., object]] = next(_made(node) for node in body if _makes(node, name))
    for node in body:
        if isinstance(node, ast.FunctionDef) and any(_names(one, name) for one in node.decorator_list):
            found.enter(_entry(node))
    return found


def _makes(node: ast.stmt, name: str) -> bool:
    """Whether this is `name: Catalogue[...] = Catalogue(...)`."""
    return isinstance(node, ast.AnnAssign) and _names(node.target, name) and isinstance(node.value, ast.Call)


def _made(node: ast.stmt) -> Catalogue[Callable[..., object]]:
    """The same catalogue, still empty."""
    assert isinstance(node, ast.AnnAssign)
    assert isinstance(node.value, ast.Call)
    words = {word.arg: ast.literal_eval(word.value) for word in node.value.keywords}
    return Catalogue(ast.literal_eval(node.value.args[0]), aliases=words.get("aliases", {}))


def _names(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _entry(node: ast.FunctionDef) -> Entry[Callable[..., object]]:
    """What is known of a function by its signature and its docstring."""
    arguments = node.args
    plain = [one.arg for one in (*arguments.posonlyargs, *arguments.args)]
    needs = plain[: len(plain) - len(arguments.defaults)]
    needs += [
        one.arg
        for one, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    options = {*plain, *(one.arg for one in arguments.kwonlyargs)} - {*needs}
    summary = (ast.get_docstring(node) or "").split("\n")[0]
    name = node.name.replace("_", "-")
    return Entry(name, _not_here, frozenset(needs), frozenset(options), summary)


def _not_here(*_: object) -> NoReturn:
    raise AssertionError("only the names are known: import the room for its functions")
