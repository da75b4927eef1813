"""Modules that have moved since 0.1, under the names they had: an old import goes on working, and says so.

A finder knows the old names; it costs nothing where nobody asks for one.
"""

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_ROOMS = (
    (
        "tasks.classification",
        "networks",
        "backbones checkpoint huggingface looks model torch_hub trunks weights data=pixels predict=features",
    ),
    (
        "tasks.classification",
        "training",
        "adam augment balance devices folds members posteriors rates resume several worker "
        "train=steps fit=choice kept=averages",
    ),
    ("loop", "simulation", "experiment runs simulate sources"),
    ("session", "studies", "machine papers problems rounds_file simulations studies study_files"),
)
"""The room they were in, the one they are in, and their names: `old=new` where it is another now."""

MOVED = {
    f"askance.{old}.{name.partition('=')[0]}": f"askance.{new}.{name.rpartition('=')[2]}"
    for old, new, names in _ROOMS
    for name in names.split()
}
"""Where each module is now."""


class Moved(MetaPathFinder, Loader):
    """Finds a module by its old name, and gives the one there is."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Of an old name."""
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """The module itself, not a copy of it."""
        now = MOVED[spec.name]
        warnings.warn(f"{spec.name} has moved to {now}", DeprecationWarning, stacklevel=2)
        module = importlib.import_module(now)
        spec.loader_state = module.__spec__
        for name in [name for name in sys.modules if name.startswith(f"{now}.")]:  # a package and what is in it
            sys.modules.setdefault(spec.name + name.removeprefix(now), sys.modules[name])
        return module

    def exec_module(self, module: ModuleType) -> None:
        """It has run already; only its own name is given back to it."""
        spec = module.__spec__
        if spec is not None and isinstance(spec.loader, Moved):
            module.__spec__ = spec.loader_state


def install() -> None:
    """Let Python ask here when it finds a module nowhere else; once."""
    if not any(isinstance(finder, Moved) for finder in sys.meta_path):
        sys.meta_path.append(Moved())
