"""The catalogue of selections, and what one of them is."""

from collections.abc import Callable
from typing import TypeAlias

from askance.vocab import Catalogue, Picks

Selection: TypeAlias = Callable[..., Picks]
"""`(scores, ids, n, seed) -> Picks`; one that does not look at scores does not take them, and may take draws."""

selections: Catalogue[Selection] = Catalogue("selection", aliases={"topk": "top-k", "top": "top-k"})
"""Selections by name. What is entered here is offered by the command line and held by the conformance suite."""
