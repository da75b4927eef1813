"""Askance: which images to label next, and the proof that it paid.

`import askance as ak` is instant; each name below brings its room with it when it is first used. These names are
stable: a room may be built anew, what is exported here stays.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from askance import moved

__version__ = "0.1.0"

if TYPE_CHECKING:
    from askance.acquisition import acquisitions, score
    from askance.loop.contract import Task
    from askance.loop.strategy import Strategy
    from askance.maths import Chunk, Draws, GaussianLogits, Units, aggregate, labels_to
    from askance.pool import ArrayImages, FileImages, Look
    from askance.report import plot_curves
    from askance.selection import select, selections
    from askance.session import Session
    from askance.simulation.experiment import Experiment, Problem
    from askance.simulation.simulate import Lab, simulate
    from askance.studies.problems import classification
    from askance.uncertainty import (
        DropoutPosterior,
        SplitNet,
        StochasticNet,
        ensemble_draws,
        mc_dropout,
        stochastic_layers,
    )
    from askance.vocab import AskanceError, Curve, Fitted, Labelled, Picks
    from askance.vocab.config import ModelConfig, TrainConfig

_ROOMS = {
    "askance.acquisition": ("acquisitions", "score"),
    "askance.loop.contract": ("Task",),
    "askance.simulation.experiment": ("Experiment", "Problem"),
    "askance.simulation.simulate": ("Lab", "simulate"),
    "askance.loop.strategy": ("Strategy",),
    "askance.maths": ("Chunk", "Draws", "GaussianLogits", "Units", "aggregate", "labels_to"),
    "askance.pool": ("ArrayImages", "FileImages", "Look"),
    "askance.report": ("plot_curves",),
    "askance.selection": ("select", "selections"),
    "askance.session": ("Session",),
    "askance.studies.problems": ("classification",),
    "askance.uncertainty": (
        "DropoutPosterior",
        "SplitNet",
        "StochasticNet",
        "ensemble_draws",
        "mc_dropout",
        "stochastic_layers",
    ),
    "askance.vocab": ("AskanceError", "Curve", "Fitted", "Labelled", "Picks"),
    "askance.vocab.config": ("ModelConfig", "TrainConfig"),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "ArrayImages",
    "AskanceError",
    "Chunk",
    "Curve",
    "Draws",
    "DropoutPosterior",
    "Experiment",
    "FileImages",
    "Fitted",
    "GaussianLogits",
    "Lab",
    "Labelled",
    "Look",
    "ModelConfig",
    "Picks",
    "Problem",
    "Session",
    "SplitNet",
    "StochasticNet",
    "Strategy",
    "Task",
    "TrainConfig",
    "Units",
    "acquisitions",
    "aggregate",
    "classification",
    "ensemble_draws",
    "labels_to",
    "mc_dropout",
    "plot_curves",
    "score",
    "select",
    "selections",
    "simulate",
    "stochastic_layers",
]


moved.install()


def __getattr__(name: str) -> Any:
    """Bring a name in when it is first used (PEP 562), so that importing askance costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module 'askance' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
