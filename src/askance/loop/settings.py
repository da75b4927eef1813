"""`askance.toml` in and out: checked when read, explained when written."""

import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import tomlkit
from pydantic import BaseModel, ValidationError

from askance.vocab import ConfigError
from askance.vocab.config import Config
from askance.vocab.files import write_whole


def read_config(path: Path) -> Config:
    """The configuration in a TOML file.

    Raises:
        ConfigError: no such file, not TOML, an unknown key (the nearest is named) or a value out of range.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            "a project: a folder with askance.toml", str(path.parent), "askance init PROJECT --pool IMAGES"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            "a TOML file", f"{path}: {error}", "mend that line; text values stand in quotes"
        ) from None
    return check_config(raw, str(path))


def check_config(raw: dict[str, Any], where: str) -> Config:
    """A configuration from plain values, or an error that names the first thing wrong."""
    try:
        return Config.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            section = _section(Config, first["loc"][:-1])
            near = get_close_matches(str(first["loc"][-1]), list(section.model_fields), n=1)
            fix = f"did you mean {near[0]}?" if near else f"known here: {', '.join(section.model_fields)}"
            raise ConfigError("a setting that exists", f"{place} in {where}", fix) from None
        got = "nothing" if first["type"] == "missing" else repr(first.get("input"))
        wanted = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{place}: {wanted}", f"{got} in {where}", "change that value") from None


def write_config(path: Path, config: Config) -> None:
    """Write every setting with its meaning beside it; what is unset stays a comment."""
    document = tomlkit.document()
    document.add(tomlkit.comment("Askance: edit freely; `askance status` checks it."))
    _fill(document, config)
    write_whole(path, tomlkit.dumps(document).encode())


def edit_config(path: Path, changes: dict[str, Any]) -> Config:
    """Change some top-level settings of a file in place, its comments kept."""
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    for key, value in changes.items():
        document[key] = value
    config = check_config(document.unwrap(), str(path))
    write_whole(path, tomlkit.dumps(document).encode())
    return config


def edit_classes(path: Path, old: Sequence[str], new: str | None) -> Config:
    """Put one class in the place of the first of some in a file, or none; what is written around them stays.

    Where a class of the new name is there already, that one stays; where there is no old one, the new is last.
    """
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    classes = cast(Any, document["classes"])
    places = [i for i, name in enumerate(classes) if name in old]
    wanted = new is not None and new not in [name for name in classes if name not in old]
    keep = places[0] if wanted and places else None
    if wanted and not places:
        classes.append(new)
    for i in places[::-1]:
        if i == keep:
            classes[i] = new
        else:
            del classes[i]
    config = check_config(document.unwrap(), str(path))
    write_whole(path, tomlkit.dumps(document).encode())
    return config


def _fill(table: Any, section: BaseModel) -> None:
    nested = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            nested.append((name, value))
            continue
        table.add(tomlkit.comment(field.description or name))
        if value is None:
            table.add(tomlkit.comment(f"{name} ="))
        elif isinstance(value, dict):  # inline: a sub-table would swallow the settings after it
            table.add(name, tomlkit.inline_table())
            table[name].update(value)
        else:
            table.add(name, list(value) if isinstance(value, tuple) else value)
    for name, value in nested:
        inner = tomlkit.table()
        _fill(inner, value)
        table.add(name, inner)


def _section(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    for part in loc:
        model = cast(type[BaseModel], model.model_fields[str(part)].annotation)
    return model
