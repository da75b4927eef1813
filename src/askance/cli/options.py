"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

ProjectDir = Annotated[
    Path, typer.Option("--project", "-p", help="The project's folder, or any folder inside it.")
]
HeldOut = Literal["val", "test"]
Format = Literal["coco", "yolo", "voc", "labelme", "masks", "csv"]


def default_who() -> str:
    """The person at the keyboard, as the system knows them."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def settings_of(texts: list[str]) -> dict[str, Any]:
    """What `--set section.name=value` says, nested; a value is read as TOML, or as text where it is none.

    Raises:
        ConfigError: no `=`, something below a setting that is no section, or half a table or list.

    >>> settings_of(["train.start=warm", "model.size=64", "seed=3"])
    {'train': {'start': 'warm'}, 'model': {'size': 64}, 'seed': 3}
    """
    import tomllib

    from askance.vocab import ConfigError

    settings: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        *sections, name = path.strip().split(".")
        place: Any = settings
        for section in sections:
            place = place.setdefault(section, {}) if isinstance(place, dict) else None
        if not equals or not isinstance(place, dict):
            raise ConfigError("--set section.name=value", text, "as in --set train.start=warm")
        try:
            place[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError as error:
            if value[:1] in ("{", "["):
                example = "--set 'model.options={pad_type=\"same\"}' or --set train.weight_decay=[3,10]"
                raise ConfigError("a table or a list as TOML writes it", f"{value}: {error}", example) from error
            place[name] = value
    return settings
