"""`askance init`: make a project."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from askance.cli.options import Format

if TYPE_CHECKING:
    from askance.loop.refresh import Refreshed
    from askance.session import Session
    from askance.session.labels import Imported


Source = Annotated[
    str,
    typer.Argument(
        help="The images: a folder, a CSV or text file of paths or URLs, or an fsspec URL. With --pool: the "
        "new project's folder."
    ),
]
ModelName = Annotated[
    str | None,
    typer.Option(
        help="A name of `askance models`, any torchvision or timm name, gal-cnn, pixels, "
        "transformers/OWNER/REPO, transformers/TYPE, module:factory; else what suits the images."
    ),
]
WeightsFrom = Annotated[
    str | None, typer.Option(help="pretrained, none, or a safetensors file to start the trunk from.")
]

_Labels = Annotated[
    Path | None,
    typer.Option(
        help="Labels there are: a CSV (path,label[,split]), a folder with a folder a class, or annotations: "
        "COCO, YOLO, Pascal VOC, LabelMe, mask images, a CSV of boxes."
    ),
]
_Task = Annotated[
    Literal["classification", "detection"] | None,
    typer.Option(help="What is predicted; else detection where the labels say where things are."),
]


def init(
    folder: Source,
    project: Annotated[
        Path | None,
        typer.Option("--project", "-p", help="The new project's folder; else NAME-askance in the current folder."),
    ] = None,
    pool: Annotated[
        str | None, typer.Option(help="The images, where the first argument is to be the project's folder.")
    ] = None,
    labels: _Labels = None,
    form: Annotated[
        Format | None, typer.Option("--format", help="Of annotations, where the file does not show it.")
    ] = None,
    task: _Task = None,
    several: Annotated[
        bool, typer.Option("--several", help="Classification: an image may have several classes, or none.")
    ] = False,
    classes: Annotated[
        str | None, typer.Option(help="Class names, comma separated; else those of the labels.")
    ] = None,
    model: ModelName = None,
    weights: WeightsFrom = None,
    size: Annotated[int | None, typer.Option(help="Pixels of the square that images are brought to.")] = None,
    seed: Annotated[int, typer.Option(help="What every random choice derives from.")] = 0,
    store: Annotated[str | None, typer.Option(help="Database URL; unset: a SQLite file in the project.")] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any other setting, as in --set train.start=warm; repeatable."),
    ] = None,
) -> None:
    """Make a project: scan the images, take the labels there are, choose a network that suits them."""
    from askance.cli.options import default_who
    from askance.cli.show import bars
    from askance.session import Session

    root, source = _places(folder, project, pool)
    of_model = {"name": model, "weights": _weights(root, weights), "size": size}
    top = {
        "task": task,
        "several": several or None,
        "seed": seed,
        "store": _store(root, store),
        "classes": [one for one in map(str.strip, (classes or "").split(",")) if one],
    }
    given = {**top, "pool": {"source": _from(root, source)}, "model": _said(of_model)}
    settings = _with(_said(given), setting or [])
    with bars() as progress:
        session, found, imported = Session.init(
            root, settings, labels=labels, who=default_who(), format=form, progress=progress
        )
    with session:
        _print(session, found, imported)


def _said(values: dict[str, Any]) -> dict[str, Any]:
    """Those that somebody said."""
    return {key: value for key, value in values.items() if value is not None}


def _with(settings: dict[str, Any], more: list[str]) -> dict[str, Any]:
    """Settings, and what `--set` says over them."""
    from askance.cli.options import settings_of

    changed = dict(settings)
    for section, values in settings_of(more).items():
        changed[section] = {**changed.get(section, {}), **values} if isinstance(values, dict) else values
    return changed


def _print(session: "Session", found: "Refreshed", imported: "Imported | None") -> None:
    """What was found and chosen, and what comes next."""
    from askance.cli.imported import print_imported
    from askance.cli.next import paste
    from askance.cli.scan import print_found
    from askance.cli.show import console, print_next

    print_found(session, found)
    if found.images == 1:
        scan = paste("scan", session)
        console.print(f"one image alone: there is nothing to choose from; put more into the pool, then {scan}")
    if imported is not None:
        print_imported(imported)
    trainable = imported is not None and imported.new > 0
    for line in (
        f"classes: {', '.join(session.config.classes) or 'none yet'}",
        f"network: {_network(session)}",
        *session.notes,
    ):
        console.print(line)
    print_next(paste("train" if trainable else "pick", session))


def _places(first: str, project: Path | None, pool: str | None) -> tuple[Path, str]:
    """The new project's folder, and where the images are.

    Raises:
        ConfigError: the images' folder is a project itself, or two folders are named for the project.
    """
    from askance.loop.project import CONFIG
    from askance.vocab import ConfigError

    if pool is not None:
        if project is not None:
            got, fix = (
                f"{first} and {project}",
                "leave out --project, or name the images first and leave out --pool",
            )
            raise ConfigError("one folder for the project", got, fix)
        return Path(first), pool
    if (Path(first) / CONFIG).exists():
        raise ConfigError(
            "a folder of images",
            f"{first}, which is a project already",
            f"askance status -p {first}; a new one beside it: askance init IMAGES --project DIR",
        )
    return project or Path(f"{_name(first)}-askance"), first


def _name(source: str) -> str:
    """What a pool is called: the last part of its path or URL, without the ending of a list.

    >>> _name("photos/"), _name("lists/belt.csv"), _name("s3://bucket/site b"), _name("zip://::photos.zip")
    ('photos', 'belt', 'site b', 'photos')
    """
    inside = source.rpartition("::")[2] or source.partition("::")[0]
    path = inside.partition("://")[2] if "://" in inside else str(Path(inside).resolve())
    last = Path(path.rstrip("/")).name
    return (Path(last).stem if Path(last).suffix.lower() in {".csv", ".tsv", ".txt", ".zip"} else last) or "images"


def _weights(root: Path, given: str | None) -> str | None:
    """What `--weights` says, a file's path as the project finds it.

    Raises:
        ConfigError: no such file.
    """
    from askance.networks.hub import fault_of as broken
    from askance.vocab import ConfigError
    from askance.vocab.config import NO_WEIGHTS, PRETRAINED

    if given is None or given in (PRETRAINED, NO_WEIGHTS):
        return given
    if not Path(given).is_file():
        raise ConfigError(
            f"{PRETRAINED}, {NO_WEIGHTS} or a safetensors file for --weights",
            f"no file {given}",
            "correct the path",
        )
    if problem := broken(Path(given)):
        raise ConfigError("a safetensors file for --weights", f"{given}: {problem}", "correct the path")
    return _from(root, given)


def _store(project: Path, given: str | None) -> str | None:
    """What `--store` says, a file's path as the project finds it: given from here, kept from there."""
    if given is None or not given.startswith("sqlite:///"):
        return given
    place, mark, query = given.removeprefix("sqlite:///").partition("?")
    return f"sqlite:///{_from(project, place)}{mark}{query}" if place and not place.startswith(":") else given


def _network(session: "Session") -> str:
    """The project's network in a line."""
    from askance.networks import listed

    model = session.config.model
    known = listed(model.name)
    found = session.config.task == "detection"  # its maps are of a size of their own
    words = [model.name if found else f"{model.name} at {model.size} x {model.size} pixels"]
    words.append(f"weights {model.weights}")
    if known is not None and model.has_weights:
        words.append(f"{known.licence}, frozen" if model.train in (None, "head") else known.licence)
    return ", ".join(words)


def _from(project: Path, source: str) -> str:
    """A local path, relative where it lies beside the project or below it: both can move together."""
    import os

    from askance.pool.archives import from_folder

    if "://" in source or "::" in source:
        before, chain, last = source.rpartition("::")
        is_path = chain and last and "://" not in last
        return f"{before}{chain}{_from(project, last)}" if is_path else from_folder(source, os.getcwd())
    found, root = Path(source).resolve(), project.resolve()
    return os.path.relpath(found, root) if found.is_relative_to(root.parent) else str(found)
