"""What code a run was made by: a few digits that change when a person's own function does.

Askance's own functions are not part of it: the version that a round was made by is said in the round (`made`).
"""

import ast
import functools
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from askance.loop.names import acquisitions, selections
from askance.loop.strategy import Strategy

_KNOWN: WeakKeyDictionary[Callable[..., object], str] = WeakKeyDictionary()
"""Function -> its digits, read once: what it counts or keeps in globals changes nothing while a process runs."""

_PLAIN = (int, float, complex, str, bytes, bool, type(None))


def code_of_strategy(strategy: str) -> str:
    """Eight hex digits of the functions of a strategy that are not Askance's own; nothing where all are.

    >>> code_of_strategy("power:bald")
    ''
    """
    parsed = Strategy.parse(strategy)
    found = [acquisitions[parsed.acquisition].function, selections[parsed.selection].function]
    codes = [code for function in found if (code := code_of(function))]
    return blake2b("".join(codes).encode(), digest_size=4).hexdigest() if codes else ""


def code_of(function: Callable[..., object]) -> str:
    """32 hex digits of a function's source, and of what it uses of its own module; nothing for Askance's own.

    Comments, docstrings and layout are not part of it. What it uses: functions and classes of people's own code
    that it names, and plain values (numbers, texts, tuples, arrays) that it names, encloses or has as a default.

    >>> from askance.acquisition import bald
    >>> code_of(bald)
    ''
    """
    if function in _KNOWN:
        return _KNOWN[function]
    parts = list(_parts(function, set()))
    code = blake2b("\n".join(parts).encode(), digest_size=16).hexdigest() if parts else ""
    _remember(function, code)
    return code


def _remember(function: Callable[..., object], code: str) -> None:
    """Remember, where Python can: a partial cannot always be referred to weakly."""
    try:
        _KNOWN[function] = code
    except TypeError:
        return


def _parts(thing: Any, seen: set[int]) -> Iterator[str]:
    """What tells a thing from another: sources and values, of it and of what it names."""
    if callable(thing):
        thing = inspect.unwrap(thing)
        if id(thing) in seen:
            return
        seen.add(id(thing))
    texts, further = _looked_at(thing)
    yield from texts
    for one in further:
        yield from _parts(one, seen)


def _looked_at(thing: Any) -> tuple[list[str], list[Any]]:
    """What a thing itself says, and what it leads to."""
    if (value := _value_of(thing)) is not None:
        return [value], []
    if isinstance(thing, functools.partial):  # its own module is functools
        keywords = [one for pair in sorted(thing.keywords.items()) for one in pair]
        return [], [thing.func, *thing.args, *keywords] if _is_theirs(inspect.unwrap(thing.func)) else []
    if inspect.ismethod(thing):
        return [], [thing.__func__, thing.__self__]
    named = isinstance(thing, FunctionType | type)
    if not _is_theirs(thing if named else type(thing)):
        return [], []
    if named:
        return [_source(thing)], list(_made_of(thing) if isinstance(thing, type) else _named_by(thing))
    held = sorted(vars(thing).items()) if callable(thing) and hasattr(thing, "__dict__") else []
    return [], [type(thing), *(value for _, value in held)] if callable(thing) else []


def _made_of(one: type) -> Iterator[Any]:
    """The bases of a class, and its functions."""
    for part in (*one.__bases__, *vars(one).values()):
        inner = getattr(part, "fget", getattr(part, "__func__", part))  # of a property, of a static method
        if isinstance(inner, FunctionType | type):
            yield inner


def _named_by(function: FunctionType) -> Iterator[Any]:
    """What a function encloses, has as defaults, or names in its module."""
    for cell in function.__closure__ or ():
        yield cell.cell_contents
    yield from function.__defaults__ or ()
    yield from (value for _, value in sorted((function.__kwdefaults__ or {}).items()))
    for name in sorted(set(_names(function.__code__))):
        if name in function.__globals__:
            yield function.__globals__[name]


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _source(thing: Any) -> str:
    """The source without comments, docstrings and layout; of what has none, its instructions."""
    code = getattr(thing, "__code__", None)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError, ValueError):
        tree = None
    if tree is None or (code is not None and code.co_name == "<lambda>"):  # whose line holds other things too
        return repr((code.co_code, code.co_names, _constants(code))) if code else repr(thing)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            node.decorator_list = []
            if ast.get_docstring(node, clean=False) is not None and body:
                node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _constants(code: CodeType) -> list[Any]:
    return [_constants(one) if isinstance(one, CodeType) else one for one in code.co_consts[1:]]


def _value_of(thing: Any) -> str | None:
    """What a plain value or an array says; None of what is neither."""
    torch = sys.modules.get("torch")  # where it was not imported nothing is a tensor
    if torch is not None and isinstance(thing, torch.Tensor):
        thing = np.asarray(thing.detach().cpu().tolist())
    if isinstance(thing, np.ndarray):
        return blake2b(np.ascontiguousarray(thing).tobytes()).hexdigest()
    return repr(thing) if _is_plain(thing) else None


def _is_plain(thing: Any) -> bool:
    if isinstance(thing, tuple):
        return all(map(_is_plain, thing))
    return isinstance(thing, (*_PLAIN, np.generic))


def _is_theirs(thing: Any) -> bool:
    """Whether a person wrote it: neither Askance, nor Python, nor an installed package."""
    room = (getattr(thing, "__module__", None) or "").partition(".")[0]
    if room == "askance" or room in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(thing.__module__), "__file__", None)
    return file is None or not any(Path(file).is_relative_to(place) for place in _INSTALLED)


_INSTALLED = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
