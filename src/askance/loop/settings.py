"""`askance.toml` in and out: checked when read, explained when written."""

import stat
import tomllib
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import tomlkit
from pydantic import BaseModel, ValidationError
from tomlkit.exceptions import TOMLKitError

from askance.loop.names import selections
from askance.vocab import ConfigError, Json
from askance.vocab.config import Config, DetectorConfig
from askance.vocab.files import write_whole
from askance.vocab.secrets import masked, masked_url

MOST_BYTES = 16 << 20
"""Of a settings file: a hundred thousand class names are a sixth of it."""

SHOWN = 120
"""Characters of a value that was refused, at most."""


def read_config(path: Path) -> Config:
    """The configuration in a TOML file.

    Raises:
        ConfigError: no such file, not TOML, an unknown key (the nearest is named) or a value out of range.
    """
    return _checked(_text(path), path)


def check_config(raw: dict[str, Any], where: str) -> Config:
    """A configuration from plain values, or an error that names the first thing wrong."""
    try:
        config = Config.model_validate(raw)
        _check_several(config, where)
        return config
    except (RecursionError, OverflowError) as error:
        raise ConfigError("settings as on the settings page", f"{error} in {where}", "mend the file") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            section = _section(Config, first["loc"][:-1])
            near = get_close_matches(str(first["loc"][-1]), list(section.model_fields), n=1)
            fix = f"did you mean {near[0]}?" if near else f"known here: {', '.join(section.model_fields)}"
            raise ConfigError("a setting that exists", f"{place} in {where}", fix) from None
        got = "nothing" if first["type"] == "missing" else _shown(first.get("input"), place)
        wanted = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{place}: {wanted}", f"{got} in {where}", "change that value") from None


def _check_several(config: Config, where: str) -> None:
    """Refuse what cannot be where an image may have several labels.

    Raises:
        ConfigError: objects besides, a posterior of one class an image, balanced classes, or a selection that
            compares images which are one unit each.
    """
    if not config.several:
        return
    wanted = "several labels an image (several = true)"
    if config.task != "classification":
        fix = "set several = false: an image may have any number of objects"
        raise ConfigError(f"{wanted} in classification", f"task = {config.task} in {where}", fix)
    if config.model.posterior.startswith("laplace"):
        got = (
            f"model.posterior = {config.model.posterior} in {where}, whose curvature is that of one class an image"
        )
        raise ConfigError(f"a posterior for {wanted}", got, "mc-dropout, dropout-moments, swag or ensemble")
    if config.train.balance != "none":
        got = f"train.balance = {config.train.balance} in {where}: an image counts for all of its labels at once"
        raise ConfigError(f'train.balance = "none" for {wanted}', got, 'set train.balance = "none"')
    if _compares_draws(config.strategy.selection):
        got = f"strategy.selection = {config.strategy.selection} in {where}, of images that are one unit each"
        raise ConfigError(f"a selection for {wanted}", got, "power, top-k or uncertainty-herding")


def _compares_draws(selection: str) -> bool:
    """Whether a selection looks at the draws of images together; one that there is not is told of elsewhere."""
    try:
        return "draws" in selections[selection].needs
    except ConfigError:
        return False


def kept_settings(config: Config) -> dict[str, Json]:
    """The settings as a round keeps them: all but passwords."""
    kept: dict[str, Any] = config.model_dump(mode="json")
    if config.store is not None:
        kept["store"] = masked_url(config.store)
    kept["pool"]["source"] = masked(config.pool.source)
    return kept


def holds_a_password(config: Config) -> bool:
    """Whether somebody who reads `askance.toml` learns a password."""
    return kept_settings(config) != config.model_dump(mode="json")


def write_config(path: Path, config: Config, *, new: bool = False) -> None:
    """Write every setting with its meaning beside it; what is unset stays a comment.

    A file that holds a password is readable by its owner alone.

    Args:
        path: of the file.
        config: what it says.
        new: refuse one that is there.

    Raises:
        StoreError: the disk said no.
        FileExistsError: it was to be new, and is there.
    """
    document = tomlkit.document()
    document.add(tomlkit.comment("Askance: edit freely; `askance status` checks it."))
    _fill(document, config)
    write_whole(path, tomlkit.dumps(document).encode(), private=holds_a_password(config), new=new)


def edit_config(path: Path, changes: dict[str, Any]) -> Config:
    """Change some top-level settings of a file in place, its comments kept."""
    document = _document(path)
    for key, value in changes.items():
        document[key] = value
    return _write_edited(path, document)


def edit_classes(path: Path, old: Sequence[str], new: str | None) -> Config:
    """Put one class in the place of the first of some in a file, or none; what is written around them stays.

    Where a class of the new name is there already, that one stays; where there is no old one, the new is last.
    """
    document = _document(path)
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
    return _write_edited(path, document)


def _text(path: Path) -> str:
    """What a settings file says.

    Raises:
        ConfigError: it is not there, no file, not to be read, too large or not UTF-8.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would be waited for, for ever
            kind = "a folder" if stat.S_ISDIR(found.st_mode) else "no file but a pipe or a device"
            raise ConfigError(
                "a TOML file", f"{path}, which is {kind}", "move it away and put the project's askance.toml back"
            )
        if found.st_size > MOST_BYTES:
            got = f"{path} of {found.st_size:,} bytes"
            raise ConfigError(f"a TOML file of at most {MOST_BYTES:,} bytes", got, "put the settings file back")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            "a project: a folder with askance.toml", str(path.parent), "askance init PROJECT --pool IMAGES"
        ) from None
    except UnicodeDecodeError as error:
        at = f"byte {error.start:,} is none of UTF-8"
        raise ConfigError("a TOML file in UTF-8", f"{path}: {at}", "save it as UTF-8 in an editor") from None
    except OSError as error:
        fix = f"chmod u+r {path}, or look who owns it and its folder"
        raise ConfigError("a TOML file that can be read", f"{path}: {error.strerror or error}", fix) from None


def _checked(text: str, path: Path) -> Config:
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        fix = "mend it: settings need two brackets in each other at most"
        raise ConfigError("a TOML file", f"{path}: it nests too deeply", fix) from None
    except ValueError as error:  # of TOML, or a number of thousands of digits
        fix = "mend that line; text values stand in quotes"
        raise ConfigError("a TOML file", f"{path}: {masked(str(error))}", fix) from None
    return check_config(raw, str(path))


def _document(path: Path) -> tomlkit.TOMLDocument:
    """A settings file to be edited, which is one that can be read."""
    text = _text(path)
    _checked(text, path)
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, ValueError, RecursionError) as error:
        fix = "mend that line, or change the setting by hand"
        raise ConfigError("a TOML file that can be edited", f"{path}: {error}", fix) from None


def _write_edited(path: Path, document: tomlkit.TOMLDocument) -> Config:
    config = check_config(document.unwrap(), str(path))
    write_whole(path, tomlkit.dumps(document).encode(), private=holds_a_password(config))
    return config


def _shown(value: object, place: str) -> str:
    """A value that was refused, short, without passwords."""
    text = masked(repr(value))
    if place.partition(".")[0] == "store":
        text = masked_url(str(value)) if isinstance(value, str) else type(value).__name__
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text):,} characters)"


def _fill(table: Any, section: BaseModel) -> None:
    nested = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            if not _idle(section, value):
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


def _idle(whole: BaseModel, section: BaseModel) -> bool:
    """Whether a section says nothing to this project's task, and nobody has said anything in it."""
    if not isinstance(whole, Config) or whole.task != "classification":
        return False
    return isinstance(section, DetectorConfig) and section == DetectorConfig()


def _section(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    for part in loc:
        model = cast(type[BaseModel], model.model_fields[str(part)].annotation)
    return model
