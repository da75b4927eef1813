"""Doctests of docstrings as blocks of code on the API pages: Markdown would read `>>>` as three quotations."""

import re
from typing import Any

import griffe

_BLOCK = re.compile(r"^( *)>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)


def fenced(docstring: str) -> str:
    """The docstring with each run of doctest lines between fences.

    >>> fenced("Adds.").count("pycon"), fenced("Adds." + chr(10) * 2 + ">" * 3 + " 1 + 1").count("pycon")
    (0, 1)
    """
    plain = re.sub(r"::$", ":", docstring, flags=re.MULTILINE)  # what stands indented below is a block anyway
    return _BLOCK.sub(lambda found: f"{found[1]}```pycon\n{found[0]}\n{found[1]}```", plain)


class Doctests(griffe.Extension):
    """What mkdocstrings calls with each object that it has read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Fence the doctests of an object's docstring."""
        if obj.docstring is not None:
            obj.docstring.value = fenced(obj.docstring.value)
