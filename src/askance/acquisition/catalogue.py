"""The catalogue of acquisitions, and what one of them is."""

from collections.abc import Callable
from typing import TypeAlias

from torch import Tensor

from askance.vocab import Catalogue

Acquisition: TypeAlias = Callable[..., Tensor]
"""A score of each unit alone, float64 `[N]`: higher always means more worth labelling."""

acquisitions: Catalogue[Acquisition] = Catalogue(
    "acquisition",
    aliases={
        "entropy": "predictive-entropy",
        "max-entropy": "predictive-entropy",
        "mutual-information": "bald",
        "var-ratios": "variation-ratios",
        "confidence": "least-confidence",
        "uniform": "random",
    },
)
"""Acquisitions by name. What is entered here is offered by the command line and held by the conformance suite."""
