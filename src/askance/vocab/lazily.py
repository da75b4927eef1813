"""Names of a package that bring their module with them when they are first used (PEP 562)."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names_from(package: str, modules: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """A package's `__getattr__`.

    Args:
        package: its full name.
        modules: a module below it -> the names that come from there.

    >>> names_from("askance.vocab", {"errors": ("AskanceError",)})("AskanceError").__name__
    'AskanceError'
    """
    homes = {name: f"{package}.{module}" for module, names in modules.items() for name in names}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return get
