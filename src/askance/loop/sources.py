"""What code a run was made by: a few digits that change when a person's own function does.

Askance's own functions are not part of it: which version of them a round was made by is said in the round (`made`).
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
import torch

from askance.acquisition import acquisitions
from askance.loop.step import Strategy
from askance.selection import selections

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

    >>> code_of(acquisitions["bald"].function)
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
    thing = inspect.unwrap(thing) if callable(thing) else thing
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, functools.partial):
        inner = list(_parts(thing.func, seen))
        yield from inner
        for one in (*thing.args, *(v for _, v in sorted(thing.keywords.items()))) if inner else ():
            yield from _parts(one, seen)
    elif isinstance(thing, FunctionType):
        if _is_theirs(thing):
            yield _source(thing)
            for one in _named_by(thing):
                yield from _parts(one, seen)
    elif inspect.ismethod(thing):
        yield from _parts(thing.__func__, seen)
    elif inspect.isclass(thing):
        if _is_theirs(thing):
            yield _source(thing)
            for one in (*thing.__bases__, *vars(thing).values()):
                inner = getattr(one, "fget", getattr(one, "__func__", one))  # of a property, of a static method
                yield from _parts(inner, seen) if isinstance(inner, FunctionType | type) else ()
    elif isinstance(thing, np.ndarray | torch.Tensor):
        yield blake2b(np.ascontiguousarray(torch.as_tensor(thing).detach().cpu()).tobytes()).hexdigest()
    elif _is_plain(thing):
        yield repr(thing)
    elif callable(thing) and _is_theirs(type(thing)):  # an object that is called
        yield from _parts(type(thing), seen)
        for one in vars(thing).values() if hasattr(thing, "__dict__") else ():
            yield from _parts(one, seen)


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


def _is_plain(thing: Any) -> bool:
    if isinstance(thing, tuple):
        return all(map(_is_plain, thing))
    return isinstance(thing, _PLAIN) or isinstance(thing, np.generic)


def _is_theirs(thing: Any) -> bool:
    """Whether a person wrote it: neither Askance, nor Python, nor an installed package."""
    room = (getattr(thing, "__module__", None) or "").partition(".")[0]
    if room == "askance" or room in sys.stdlib_module_names:
        return False
    file = getattr(sys.modules.get(thing.__module__), "__file__", None)
    return file is None or not any(Path(file).is_relative_to(place) for place in _INSTALLED)


_INSTALLED = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
