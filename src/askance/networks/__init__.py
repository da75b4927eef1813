"""Networks by name: those that are known by heart, and where weights come from. No torch."""

from askance.networks.hub import HubFile, cached, fetched
from askance.networks.listed import DEFAULT, LISTED, Listed, listed
from askance.networks.names import GAL, PIXELS, TRANSFORMERS, check_library, has_library_weights, library_of

__all__ = [
    "DEFAULT",
    "GAL",
    "LISTED",
    "PIXELS",
    "TRANSFORMERS",
    "HubFile",
    "Listed",
    "cached",
    "check_library",
    "fetched",
    "has_library_weights",
    "library_of",
    "listed",
]
