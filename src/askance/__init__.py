"""Askance: which images to label next, and the proof that it paid."""

__version__ = "0.1.0"
