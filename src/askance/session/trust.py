"""What a project may run: code that its settings name runs only where the person at the keyboard has said so.

Settings are data, but `model.name = "module:factory"` and some options have Python run what is not Askance's: a
project that came from somebody else could do anything. So what is run is trusted by its words, for one folder, in
a file of the user's own outside all projects. Who makes a project trusts what they typed.
"""

import json
import os
from hashlib import blake2b
from pathlib import Path

from askance.loop.project import CONFIG
from askance.vocab import ConfigError, StoreError
from askance.vocab.config import ModelConfig
from askance.vocab.files import read_json, write_json

VARIABLE = "ASKANCE_TRUST"
"""The variable that trusts every project, for a machine where nobody else's are opened."""

OPTIONS = frozenset({"trust_remote_code", "code_revision", "auto_map", "checkpoint_path", "custom_load"})
OPTIONS |= {"pretrained_cfg", "pretrained_cfg_overlay"}
"""Options of networks by which their libraries run code, or read pickles, of somebody else's."""

_here: set[tuple[str, str]] = set()
"""Folder and words that are trusted until this process ends."""


def runs(model: ModelConfig) -> tuple[str, ...]:
    """What of somebody else's code a network has run, as the settings say it; empty for most.

    >>> runs(ModelConfig(name="resnet18"))
    ()
    >>> runs(ModelConfig(name="torch.hub:load", options={"repo_or_dir": "x"}))
    ('model.name = torch.hub:load', "model.options = {'repo_or_dir': 'x'}")
    """
    named = (f"model.name = {model.name}",) if ":" in model.name else ()
    asked = OPTIONS & {key for key, value in model.options.items() if value is not False}
    return (*named, f"model.options = {model.options}") if asked or (named and model.options) else named


def check_trust(folder: Path, model: ModelConfig) -> None:
    """Refuse to run what a project names, unless it is trusted.

    Raises:
        ConfigError: that it is not: what it would run, and how to say that it may.
    """
    words = runs(model)
    if not words or os.environ.get(VARIABLE, "") not in ("", "0") or _is_trusted(folder, words):
        return
    raise ConfigError(
        "a project that runs nothing but Askance, or whose code you trust",
        f"{folder / CONFIG} has it run {', '.join(words)}",
        f"if it is yours, or you have read that code: askance doctor --trust -p {folder}; "
        "in Python: Session.open(folder, trust=True)",
    )


def trust(folder: Path, model: ModelConfig, *, lasting: bool = True) -> tuple[str, ...]:
    """Let a project run what its settings name now; what that is, in words.

    Args:
        folder: the project's.
        model: its settings. Other words in them, or another folder, have to be trusted anew.
        lasting: also in other processes of this user.

    Raises:
        StoreError: the file of trusted projects cannot be written; it is trusted in this process.
    """
    words = runs(model)
    if words:
        _here.add(_key(folder, words))
        if lasting:
            _remember(*_key(folder, words))
    return words


def _is_trusted(folder: Path, words: tuple[str, ...]) -> bool:
    place, digest = _key(folder, words)
    return (place, digest) in _here or _known().get(place) == digest


def _key(folder: Path, words: tuple[str, ...]) -> tuple[str, str]:
    return str(folder.resolve()), blake2b(json.dumps(words).encode(), digest_size=16).hexdigest()


def trusted_file() -> Path | None:
    """Where a user's trusted projects are named; None for a user without a home."""
    given = os.environ.get("XDG_CONFIG_HOME") or (os.environ.get("APPDATA") if os.name == "nt" else None)
    if given and Path(given).is_absolute():
        return Path(given) / "askance" / "trusted.json"
    try:
        return Path.home() / ".config" / "askance" / "trusted.json"
    except RuntimeError:
        return None


def _known() -> dict[str, str]:
    path = trusted_file()
    try:
        return read_json(path, dict[str, str]) if path is not None else {}
    except StoreError:  # none yet, or a damaged one, which trusts nothing
        return {}


def _remember(folder: str, digest: str) -> None:
    path = trusted_file()
    if path is None:
        raise StoreError("a file of trusted projects", "no home folder", f"set XDG_CONFIG_HOME, or {VARIABLE}=1")
    write_json(path, {**_known(), folder: digest})
