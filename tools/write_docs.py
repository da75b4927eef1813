"""The pages that are made from the code: settings, commands, catalogues, the Python API.

`python -m tools.write_docs` writes them; `--check` writes nothing and exits 1 if one is stale.
"""

import argparse
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Protocol, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from askance.vocab import Entry
from askance.vocab.config import Config
from tools import api_pages
from tools.rules import ROOT

NOTE = "<!-- Made by `make docs` from the code; change it there. -->"


class Parameter(Protocol):
    """What is read of a command's option or argument."""

    opts: list[str]
    secondary_opts: list[str]
    default: object
    required: bool
    help: str | None
    hidden: bool
    param_type_name: str


class Command(Protocol):
    """What is read of a command."""

    help: str | None
    params: list[Parameter]


def settings_page() -> str:
    """`docs/settings.md`: every field of `askance.toml`."""
    parts = [
        "# Settings",
        NOTE,
        "A project is decided by its `askance.toml`. Every setting is checked when it is read: an unknown name "
        "or a value out of range is an error that says what was wanted.",
        "## Top of the file",
        _settings_table(Config),
    ]
    for name, field in Config.model_fields.items():
        section = field.annotation
        if _is_section(section):
            parts += [f"## [{name}]", inspect.getdoc(section) or "", _settings_table(section)]
    return "\n\n".join(parts) + "\n"


def cli_page() -> str:
    """`docs/cli.md`: every command with its arguments and options."""
    parts = ["# Commands", NOTE, "`askance COMMAND --help` says the same in the terminal."]
    for name, command in commands().items():
        shown = [p for p in command.params if not p.hidden and p.opts != ["--help"]]
        words = [f"askance {name}"]
        words += [p.opts[0].upper() if p.required else f"[{p.opts[0].upper()}]" for p in shown if _positional(p)]
        words += ["[OPTIONS]"] if any(not _positional(p) for p in shown) else []
        parts += [f"## {name}", "```console\n$ " + " ".join(words) + "\n```", inspect.cleandoc(command.help or "")]
        rows = [[_names(p), p.help or "", _default(p)] for p in shown]
        parts += [_table(["name", "meaning", "default"], rows)] if rows else []
    return "\n\n".join(parts) + "\n"


def catalogue_page() -> str:
    """`docs/catalogue.md`: every acquisition and selection by name."""
    from askance.acquisition import acquisitions
    from askance.selection import selections

    names = "The names that `[strategy]` in [the settings](settings.md) takes"
    parts = ["# Catalogue", NOTE, f"{names}, and in Python `score` and `select`."]
    kinds: dict[str, Iterable[Entry[Any]]] = {"Acquisition": acquisitions, "Selection": selections}
    for kind, entries in kinds.items():
        rows = [[f"`{e.name}`", e.summary, ", ".join(f"`{need}`" for need in sorted(e.needs))] for e in entries]
        parts += [f"## {kind}", _table(["name", "what it is", "needs"], rows)]
    return "\n\n".join(parts) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "cli.md": cli_page,
    "catalogue.md": catalogue_page,
    **api_pages.pages(),
}


def commands() -> Mapping[str, Command]:
    """Name -> command, in the order of the program's help."""
    from typer.main import get_command

    from askance.cli.main import app

    group = get_command(app)
    found: Mapping[str, Command] = vars(group)["commands"]
    return found


def stale() -> list[str]:
    """The pages whose file is not what the code says now."""
    return [name for name, page in PAGES.items() if _read(name) != page()]


def kind_of(annotation: object) -> str:
    """A type in a person's words.

    >>> kind_of(Literal["a", 3]), kind_of(int | None), kind_of(tuple[float, ...])
    ('`"a"` or `3`', 'whole number', 'list of numbers')
    """
    plain = {str: "text", int: "whole number", float: "number", bool: "`true` or `false`"}
    if isinstance(annotation, type) and annotation in plain:
        return plain[annotation]
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in arguments)
    if get_origin(annotation) in {Union, UnionType}:
        return " or ".join(kind_of(one) for one in arguments if one is not NoneType)
    if get_origin(annotation) is tuple:
        return {str: "list of texts", float: "list of numbers", int: "list of whole numbers"}[arguments[0]]
    if get_origin(annotation) is dict:
        return "table of names and values"
    raise TypeError(f"say in tools/write_docs.py how {annotation} reads")


def limits_of(field: FieldInfo) -> str:
    """The range a field's value must lie in, or nothing.

    >>> limits_of(Config.model_fields["seed"])
    ', at least 0'
    """
    words = []
    for limit in field.metadata:
        match limit:
            case Gt(gt=value):
                words.append(f"above {value}")
            case Ge(ge=value):
                words.append(f"at least {value}")
            case Lt(lt=value):
                words.append(f"below {value}")
            case Le(le=value):
                words.append(f"at most {value}")
            case MinLen(min_length=value):
                words.append(f"{value} or more of them")
    return "".join(f", {word}" for word in words)


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _settings_table(section: object) -> str:
    fields: Mapping[str, FieldInfo] = vars(section)["__pydantic_fields__"]
    rows = [
        [f"`{name}`", kind_of(field.annotation) + limits_of(field), _toml(field), field.description or ""]
        for name, field in fields.items()
        if not _is_section(field.annotation)
    ]
    return _table(["setting", "value", "default", "meaning"], rows)


def _toml(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    default = field.get_default(call_default_factory=True)
    return "unset" if default is None else f"`{json.dumps(default)}`"


def _positional(parameter: Parameter) -> bool:
    return parameter.param_type_name == "argument"


def _names(parameter: Parameter) -> str:
    if _positional(parameter):
        return f"`{parameter.opts[0].upper()}`"
    return ", ".join(f"`{name}`" for name in [*parameter.opts, *parameter.secondary_opts])


def _default(parameter: Parameter) -> str:
    if parameter.required:
        return "must be given"
    return "" if parameter.default in {None, False} else f"`{parameter.default}`"


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _read(name: str) -> str | None:
    path = ROOT / "docs" / name
    return path.read_text() if path.exists() else None


def main() -> int:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    if parser.parse_args().check:
        for name in (late := stale()):
            print(f"docs/{name} is not what the code says now: run make docs")
        return 1 if late else 0
    for name in stale():
        (ROOT / "docs" / name).write_text(PAGES[name]())
        print(f"docs/{name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
