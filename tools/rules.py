"""The rules of the house that no linter holds, as functions from source text to findings.

`python -m tools.rules` prints what breaks a rule and what is over its aim; tests/house allows nothing broken.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Limit:
    """How many lines: what to aim for, and what is refused."""

    aim: int
    hard: int


FILE = Limit(aim=300, hard=350)
FUNCTION = Limit(aim=40, hard=55)
"""A function's lines are counted without its docstring."""

_UNPICKLERS = {
    ("pickle", "load"),
    ("pickle", "loads"),
    ("pickle", "Unpickler"),
    ("dill", "load"),
    ("joblib", "load"),
    ("torch", "load"),
    ("pandas", "read_pickle"),
    ("pd", "read_pickle"),
}
_ALLOWED = {"src/askance/networks/torch_hub.py": "torch.load"}
"""The one reader of pickles, whose hash is known first, and only as `weights_only=True` (docs/choices/0011)."""

_MACHINE_PATH = re.compile(r"(?<![\w.~$}/-])(?:/(?:work|home|root|Users)/\w|[A-Z]:\\Users)")


def sources(root: Path = ROOT / "src") -> dict[str, str]:
    """Every Python file under a folder: path relative to the repository -> text."""
    return {str(path.relative_to(ROOT)): path.read_text() for path in sorted(root.rglob("*.py"))}


def lengths(source: str) -> Iterator[tuple[str, int, int]]:
    r"""Name, first line and length of each function, docstring not counted.

    >>> list(lengths('def f():\n    "Doc."\n    return 1\n'))
    [('f', 1, 2)]
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = node.body[0] if ast.get_docstring(node) is not None else None
            docstring = (text.end_lineno or 0) - text.lineno + 1 if text else 0
            yield node.name, node.lineno, (node.end_lineno or 0) - node.lineno + 1 - docstring


def too_long(files: Mapping[str, str], *, hard: bool) -> list[str]:
    """Files and functions over the hard limit, or else over what to aim for."""
    found = []
    for path, source in files.items():
        most_file, most_function = (FILE.hard, FUNCTION.hard) if hard else (FILE.aim, FUNCTION.aim)
        if (lines := source.count("\n")) > most_file:
            found.append(f"{path}: {lines} lines, {most_file} at most")
        found += [
            f"{path}:{line}: {name} has {length} lines, {most_function} at most"
            for name, line, length in lengths(source)
            if length > most_function
        ]
    return found


def deep_inheritance(files: Mapping[str, str]) -> list[str]:
    r"""Own classes that inherit from an own class that itself inherits from an own class; errors may.

    An error carries no behaviour that a child could override, and catching by kind is what its parents are for.

    >>> deep_inheritance({"a.py": "class A: ...\nclass B(A): ...\nclass C(B): ..."})
    ['a.py:3: C inherits from B, which inherits from A; one level is enough']
    """
    classes = [
        (path, node)
        for path, source in files.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef)
    ]
    own = {node.name for _, node in classes}
    every = {node.name: [name for name in map(_base_name, node.bases) if name] for _, node in classes}
    errors = _with_children({"Exception"}, every)
    parents = {node.name: [base for base in map(_base_name, node.bases) if base in own] for _, node in classes}
    return [
        f"{path}:{node.lineno}: {node.name} inherits from {parent}, which inherits from {parents[parent][0]}; "
        "one level is enough"
        for path, node in classes
        for parent in parents[node.name]
        if parents[parent] and node.name not in errors
    ]


def _with_children(roots: set[str], bases: Mapping[str, Sequence[str]]) -> set[str]:
    """The roots and every class below them."""
    found = set(roots)
    while more := {name for name, parents in bases.items() if name not in found and found & set(parents)}:
        found |= more
    return found


def unpickling(files: Mapping[str, str]) -> list[str]:
    r"""Calls that run code found in a file: pickles, in whichever coat.

    >>> unpickling({"a.py": "import torch as t\nt.load('model.pt')"})
    ['a.py:2: torch.load unpickles; keep arrays as safetensors, .npy or Parquet']
    """
    found = []
    for path, source in files.items():
        tree = ast.parse(source)
        names = _imported(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (what := _unpickles(node, names)):
                if _ALLOWED.get(path) == what and _weights_only(node):
                    continue
                found.append(
                    f"{path}:{node.lineno}: {what} unpickles; keep arrays as safetensors, .npy or Parquet"
                )
    return found


def _weights_only(call: ast.Call) -> bool:
    given = [word.value for word in call.keywords if word.arg == "weights_only"]
    return bool(given) and isinstance(given[0], ast.Constant) and given[0].value is True


def machine_paths(files: Mapping[str, str]) -> list[str]:
    r"""Absolute paths of one machine, which mean nothing on the next.

    >>> machine_paths({"a.md": "fine: ~/data, {root}/home/x\nnot: /ho" + "me/me/data"})
    ['a.md:2: /ho...']
    """
    return [
        f"{path}:{number}: {found.group()}..."
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        for found in _MACHINE_PATH.finditer(line)
    ]


def _base_name(base: ast.expr) -> str:
    if isinstance(base, ast.Subscript):
        base = base.value
    return base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")


def _imported(tree: ast.Module) -> dict[str, str]:
    """Name used in the file -> dotted name it stands for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _unpickles(call: ast.Call, names: Mapping[str, str]) -> str | None:
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        module = names.get(function.value.id, function.value.id)
        dotted = f"{module}.{function.attr}"
    elif isinstance(function, ast.Name):
        dotted = names.get(function.id, function.id)
    else:
        return None
    allowed = [word.value for word in call.keywords if word.arg == "allow_pickle"]
    if allowed and not (isinstance(allowed[0], ast.Constant) and allowed[0].value is False):
        return f"{dotted}(allow_pickle=...)"
    return dotted if tuple(dotted.split(".")) in _UNPICKLERS else None


def main() -> int:
    """Print findings; 1 if a rule is broken."""
    files = sources()
    broken = too_long(files, hard=True) + deep_inheritance(files) + unpickling(files) + machine_paths(files)
    for finding in broken:
        print("broken:", finding)
    for finding in too_long(files, hard=False):
        print("over the aim:", finding)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
