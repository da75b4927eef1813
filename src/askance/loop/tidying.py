"""A project's folder put in order by whoever holds its job: what kills left, what old versions kept openly."""

import json
import time
from contextlib import suppress
from pathlib import Path

from askance.vocab import StoreError
from askance.vocab.config import Config
from askance.vocab.files import write_json
from askance.vocab.leftovers import YOUNG, below, leftovers, sweep
from askance.vocab.secrets import masked, masked_url

OURS = ("rounds", "features", "training", "rejected", "reports", "exports", "simulation")
"""Folders of a project that Askance writes into, of its own or where people have it write."""


def tidy(root: Path, config: Config) -> None:
    """Remove what killed writers left, and take passwords out of what rounds kept of their settings.

    What cannot be removed or written stays for the next time: no job fails for it.
    """
    for folder in below(root, OURS):
        sweep(folder)
    for file in _old_metas(root):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime >= YOUNG:
                file.unlink()
    if config.store is not None or masked(config.pool.source) != config.pool.source:
        for file in sorted((root / "rounds").glob("*/config.json")):
            with suppress(OSError, StoreError, ValueError, KeyError, TypeError, RecursionError):
                _without_passwords(file)


def left_by_kills(root: Path) -> list[Path]:
    """What `tidy` will remove when it is no longer young."""
    return [path for folder in below(root, OURS) for path in leftovers(folder)] + _old_metas(root)


def _old_metas(root: Path) -> list[Path]:
    """What earlier versions left in caches of features when they were killed at a certain moment."""
    return sorted((root / "features").glob("*/meta.new"))


def _without_passwords(file: Path) -> None:
    kept = json.loads(file.read_bytes())
    settings = kept["settings"]
    clean = dict(settings)
    if settings.get("store"):
        clean["store"] = masked_url(settings["store"])
    clean["pool"] = {**settings["pool"], "source": masked(settings["pool"]["source"])}
    if clean != settings:
        write_json(file, {**kept, "settings": clean})
