"""Cells of tables for people: a spreadsheet shows what stands in them, and computes nothing.

A spreadsheet takes a cell that begins with =, +, - or @ for a formula, which may start programs and send what is
in other cells away. Names of files and classes can begin so. They get an apostrophe in front, which spreadsheets
take for "this is text"; it is taken off again when such a table is read.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def guarded(cell: object) -> object:
    """A cell as it can be shown to people: a text that is no number never begins as a formula does.

    >>> [guarded(cell) for cell in ("=1+1", "-0.5", -0.5, "cat", "'@x", "-")]
    ["'=1+1", '-0.5', -0.5, 'cat', "''@x", "'-"]
    """
    if isinstance(cell, str) and _FORMULA.match(cell) and not _is_number(cell):
        return f"'{cell}"
    return cell


def bare(cell: str) -> str:
    """What `guarded` was given.

    >>> [bare(str(guarded(cell))) for cell in ("=1+1", "-0.5", "cat", "'@x", "'cat'")]
    ['=1+1', '-0.5', 'cat', "'@x", "'cat'"]
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
