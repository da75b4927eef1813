"""Askance: which images to label next, and the proof that it paid.

`import askance as ak` is instant; each name below brings its room with it when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from askance.acquisition import acquisitions, score
    from askance.loop.strategy import Strategy
    from askance.maths import Draws, GaussianLogits, Units, aggregate
    from askance.selection import select, selections
    from askance.session import Session
    from askance.uncertainty import DropoutPosterior, SplitNet, mc_dropout, stochastic_layers
    from askance.vocab import AskanceError, Labelled, Picks

_ROOMS = {
    "askance.acquisition": ("acquisitions", "score"),
    "askance.loop.strategy": ("Strategy",),
    "askance.maths": ("Draws", "GaussianLogits", "Units", "aggregate"),
    "askance.selection": ("select", "selections"),
    "askance.session": ("Session",),
    "askance.uncertainty": ("DropoutPosterior", "SplitNet", "mc_dropout", "stochastic_layers"),
    "askance.vocab": ("AskanceError", "Labelled", "Picks"),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "AskanceError",
    "Draws",
    "DropoutPosterior",
    "GaussianLogits",
    "Labelled",
    "Picks",
    "Session",
    "SplitNet",
    "Strategy",
    "Units",
    "acquisitions",
    "aggregate",
    "mc_dropout",
    "score",
    "select",
    "selections",
    "stochastic_layers",
]


def __getattr__(name: str) -> Any:
    """Bring a name in when it is first used (PEP 562), so that importing askance costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'askance' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
